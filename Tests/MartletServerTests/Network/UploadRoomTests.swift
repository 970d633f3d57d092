import ExecutionTesting
import Glibc
import MartletServer
import ServerTesting
import StoreTesting
import Synchronization
import Testing

/// Goal: uploads that together are larger than their share of the memory are served one after the other; stalled ones
/// cost the others seconds, never a place for ever.
@Suite("Room for large values")
struct UploadRoomTests {
    private static let length = 1_000_000
    private static let megabytes = 8

    private static func settings(_ settings: inout ServerSettings) {
        settings.memoryBytes = megabytes << 20
    }

    /// Uploads that hold all that unfinished values may, and stall.
    private static func stalled(_ connect: () throws -> TestClient) throws -> [TestClient] {
        try (0..<6).map { number in
            let client = try connect()
            try client.send("set stalled\(number) 0 0 \(length)\r\n" + String(repeating: "s", count: 700_000))
            return client
        }
    }

    /// More than the share of unfinished values, which is a quarter of the memory.
    private static func isOverShare(_ server: TestServer) -> Bool {
        server.context.pointee.store.makeSession().reservedBytes > (megabytes << 20) / 4
    }

    /// Whether nothing has been read for a while: what the stalled have sent has arrived, or waits outside.
    private static func isQuiet(_ server: TestServer) -> Bool {
        let before = server.sum { $0.bytesRead.value }
        usleep(100_000)
        return server.sum { $0.bytesRead.value } == before
    }

    @Test("is found for every one of many uploads at once, far beyond the memory", arguments: [1, 4])
    func burst(_ threads: Int) throws {
        let server = try TestServer {
            Self.settings(&$0)
            $0.threadCount = threads
        }
        let clients = Clients(try (0..<40).map { _ in try server.client() })
        let stored = Atomic<Int>(0)

        onThreads(clients.all.count) { index in
            let client = clients.all[index]
            let value = [UInt8](repeating: UInt8(index), count: Self.length) + [13, 10]
            for number in 0..<3 {
                guard (try? client.send(Array("set k\(index).\(number) 0 0 \(Self.length)\r\n".utf8) + value)) != nil,
                    (try? client.receiveText(8)) == "STORED\r\n"
                else { return }
                stored.add(1, ordering: .relaxed)
            }
        }

        #expect(stored.load(ordering: .relaxed) == 120)
        #expect(server.context.pointee.store.makeSession().reservedBytes == 0)
        #expect(try clients.all[0].exchange("mn\r\n", "MN\r\n"))
    }

    @Test("is kept for one upload although others have stalled, and small values need none")
    func besidesStalled() throws {
        let server = try TestServer(clock: ServerClock(manualWithWall: 1_800_000_000), Self.settings)
        let stalled = try Self.stalled(server.client)
        #expect(eventually { Self.isOverShare(server) && Self.isQuiet(server) })
        let client = try server.client()
        let value = String(repeating: "v", count: Self.length)
        #expect(try client.exchange("set small 0 0 5000\r\n\(value.prefix(5000))\r\n", "STORED\r\n"))

        // Those that wait for their clients are closed, then those that have waited for room until then.
        try client.send("set large 0 0 \(Self.length)\r\n" + value.prefix(50_000))
        for _ in 0..<8 {
            server.context.pointee.clock.advance(seconds: 1)
            // Whoever is not parked shows that it lives before the workers look round.
            try client.send("vvvvv")
            #expect(eventually { Self.isQuiet(server) })
            server.server.tick()
        }
        #expect(eventually { server.sum { $0.budgetKicks.value } >= 1 })
        try client.send(value.dropFirst(50_040) + "\r\n")
        #expect(try client.receiveText(8) == "STORED\r\n")
        #expect(stalled.count == 6)
    }

    @Test("that does not come in time is refused, and the connection stays in step")
    func refused() throws {
        let server = try LogicServer(Self.loaded())
        let holders = (0..<3).map { number in
            let holder = server.connect()
            holder.send("set h\(number) 0 0 \(Self.length)\r\n" + String(repeating: "h", count: 990_000))
            return holder
        }
        let late = server.connect()
        late.send("set late 0 0 \(Self.length)\r\n")
        #expect(late.dispositions.last == .lacksRoom)
        #expect(late.takeReplies().isEmpty)

        server.advance(seconds: Limits.roomlessSecondsMax - 1)
        late.retry()
        #expect(late.dispositions.last == .lacksRoom)
        server.advance(seconds: 1)
        late.retry()
        #expect(late.ask("") == "SERVER_ERROR out of memory storing object\r\n")
        #expect(late.ask(String(repeating: "l", count: Self.length) + "\r\nmn\r\n") == "MN\r\n")

        // Those that hold something are finished with it all the same.
        #expect(holders[0].ask(String(repeating: "h", count: 10_000) + "\r\n") == "STORED\r\n")
    }

    @Test("is taken as soon as there is some, by the command that waited for it")
    func taken() throws {
        let server = try LogicServer(Self.loaded())
        var holders: [LogicConnection] = (0..<3).map { number in
            let holder = server.connect()
            holder.send("set h\(number) 0 0 \(Self.length)\r\n" + String(repeating: "h", count: 990_000))
            return holder
        }
        let late = server.connect()
        late.send("mn\r\nset late 0 0 \(Self.length)\r\n" + String(repeating: "l", count: 1000))
        #expect(late.ask("") == "MN\r\n")
        #expect(late.dispositions.last == .lacksRoom)

        holders.removeAll()
        late.retry()

        #expect(
            late.ask(String(repeating: "l", count: Self.length - 1000) + "\r\nmg late s\r\n")
                == "STORED\r\nHD s1000000\r\n")
    }

    private static func loaded() -> ServerSettings {
        var settings = ServerSettings()
        Self.settings(&settings)
        return settings
    }

    private struct Clients: @unchecked Sendable {
        // Sendable: each thread uses the one with its own number.
        let all: [TestClient]

        init(_ all: [TestClient]) { self.all = all }
    }
}
