import Glibc
import MartletEvent
import ServerTesting
import Testing

/// Who may stay connected to the HTTP server, and for how long; the time is the test's.
struct HTTPPatienceTests {
    /// A server on a loop that the test turns.
    private final class Fixture {
        private static let listenersMax: Int32 = 1024
        // Fields end in the order of their declaration.
        private var http: HTTPServer?
        private let loop: EventLoop
        let port: UInt16
        /// Second of the test's clock.
        var second: UInt64 = 1

        init(connectionsMax: Int = 4) throws {
            let bound = try LoopbackSocket(backlog: Self.listenersMax, flags: SOCK_NONBLOCK)
            let listening = bound.descriptor
            port = bound.port
            guard let loop = EventLoop() else { throw CancellationError() }
            self.loop = loop
            var bounds = HTTPServer.Bounds()
            bounds.connectionsMax = connectionsMax
            bounds.requestSecondsMax = 10
            // Of the real time, which nothing here depends on.
            bounds.silentSecondsMax = 3600
            // As in the server's process: writing to who has gone is an error like any other.
            signal(SIGPIPE, SIG_IGN)
            http = HTTPServer(
                loop: self.loop, bounds: bounds,
                callback: { request, context in
                    guard let request, let context else { return }
                    Unmanaged<Fixture>.fromOpaque(context).takeUnretainedValue().answer(HTTPRequest(request))
                }, context: Unmanaged.passUnretained(self).toOpaque())
            http?.countOwnDescriptors()
            #expect(http?.listen(listening) == true)
            http?.countOwnDescriptors()
        }

        private(set) var answeredCount = 0

        private func answer(_ request: HTTPRequest) {
            answeredCount += 1
            http?.noteRequest(request, now: now)
            let bytes = request.target == "/large" ? 32 << 20 : 2
            request.reply(status: 200, reason: "OK", fields: [], body: [UInt8](repeating: 0x61, count: bytes))
        }

        private var now: UInt64 { second * 1_000_000_000 }
        var count: Int { http?.connectionCount ?? 0 }

        private var mayWait = true

        /// Does what is due.
        func turn(waits: Bool = true) {
            loop.turn(waits: waits && mayWait)
            mayWait = http?.tend(now: now) ?? true
        }

        /// Turns until there are so many connections.
        func turn(until count: Int) { while self.count != count { turn() } }

        func client(_ text: String = "") throws -> TestClient {
            let client = try TestClient(port: port)
            try client.send(text)
            return client
        }

        /// Whether the client has been closed, as far as it can know by now.
        func isClosed(_ client: TestClient) -> Bool {
            var byte: UInt8 = 0
            let count = recv(client.descriptor, &byte, 1, Int32(MSG_DONTWAIT))
            return count == 0 || (count < 0 && errno == ECONNRESET)
        }
    }

    @Test func `a byte now and then does not keep a connection`() throws {
        let server = try Fixture()
        let slow = try server.client("GET /")
        server.turn(until: 1)

        for second in 2...10 as ClosedRange<UInt64> {
            server.second = second
            try slow.send("a")
            server.turn()
            #expect(server.count == 1 && !server.isClosed(slow))
        }
        server.second = 11
        try slow.send("a")
        server.turn()
        server.turn(until: 0)

        #expect(((try? slow.receiveAll()) ?? []).isEmpty)
    }

    @Test func `a line that tells a chunk's size, and has no end, is not read for ever`() throws {
        let server = try Fixture()
        let flood = try server.client("GET / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n")
        server.turn(until: 1)

        let some = [UInt8](repeating: 0x61, count: 4096)
        var sent = 0
        while server.count > 0, sent < 64 << 20 {
            sent += max(0, flood.sendNow(some))
            server.turn(waits: false)
        }

        // Closed for what it sent, at a second at which nothing else is due.
        #expect(server.count == 0)
        #expect(sent < 4 << 20)
    }

    @Test func `who asks again and again stays`() throws {
        let server = try Fixture()
        let scraper = try server.client()
        server.turn(until: 1)

        for second in stride(from: 9, to: 90, by: 8) as StrideTo<UInt64> {
            server.second = second
            try scraper.send("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            var reply = ""
            while !reply.hasSuffix("\r\n\r\naa") {
                server.turn(waits: false)
                var room = [UInt8](repeating: 0, count: 4096)
                let count = recv(scraper.descriptor, &room, room.count, Int32(MSG_DONTWAIT))
                if count == 0 { break }
                reply += String(decoding: room.prefix(max(count, 0)), as: UTF8.self)
            }
            #expect(reply.hasPrefix("HTTP/1.1 200 OK"))
        }
        #expect(server.count == 1)
    }

    @Test func `who does not read a reply goes`() throws {
        let server = try Fixture()
        let deaf = try server.client("GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n")
        while server.answeredCount == 0 { server.turn() }
        // As much as fits on the way is sent.
        for _ in 0..<10 { server.turn(waits: false) }
        #expect(server.count == 1)

        server.second = 11
        server.turn(waits: false)
        server.turn(until: 0)

        #expect(try deaf.receiveAll().count < 32 << 20)
    }

    @Test func `when all places are taken those go that have been there for nothing the longest`() throws {
        let server = try Fixture()
        var idle: [TestClient] = []
        for count in 1...4 {
            server.second = UInt64(count)
            idle.append(try server.client("GET /"))
            server.turn(until: count)
        }

        server.second = 5
        let scraper = try server.client("GET / HTTP/1.0\r\n\r\n")
        server.turn(until: 5)
        server.turn(until: 3)

        #expect(String(decoding: try scraper.receiveAll(), as: UTF8.self).hasSuffix("aa"))
        #expect(server.isClosed(idle[0]))
        #expect(idle.dropFirst().allSatisfy { !server.isClosed($0) })
    }

    @Test func `who asks is served although a crowd comes in the same moment`() throws {
        let server = try Fixture()
        let before = try (0..<100).map { _ in try server.client("G") }
        let scraper = try server.client("GET / HTTP/1.0\r\n\r\n")
        let behind = try (0..<100).map { _ in try server.client("G") }

        server.turn()
        server.turn(until: 4)

        #expect(String(decoding: try scraper.receiveAll(), as: UTF8.self).hasSuffix("aa"))
        withExtendedLifetime((before, behind)) {}
    }

    @Test func `a crowd that comes at once is cut to what there is room for, and who comes after it is served`() throws
    {
        let server = try Fixture()
        let crowd = try (0..<200).map { _ in try server.client("G") }
        server.turn()
        server.turn(until: 4)
        while crowd.count(where: server.isClosed) < 196 { server.turn(waits: false) }

        server.second = 2
        let scraper = try server.client("GET / HTTP/1.0\r\n\r\n")
        server.turn(until: 5)
        server.turn(until: 3)

        #expect(String(decoding: try scraper.receiveAll(), as: UTF8.self).hasSuffix("aa"))
    }
}
