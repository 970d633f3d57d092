import Glibc
import MartletServer
import ServerTesting
import Testing

/// Goal: uploads that hold all the room there is, and bring a byte now and then, are ended in time for who waits; one
/// that comes steadily is not, and nobody is while nobody waits. (They could hold it for ever: who sends a byte a
/// second has never stalled.)
///
/// Method: a server without threads, its clock and its turns by hand, real sockets.
@Suite("Large values that come slowly")
struct UploadPaceTests {
    /// What somebody else wants to store: more than one chunk, which every value may have.
    private static let small = "set small 0 0 100000\r\n" + String(repeating: "v", count: 100_000) + "\r\n"

    private static func server(megabytes: Int, workers: Int, _ syscalls: Syscalls = .system) throws -> SteppedServer {
        var settings = ServerSettings()
        settings.memoryBytes = megabytes << 20
        settings.threadCount = workers
        return try SteppedServer(settings, secret: (1, 2), syscalls: syscalls)
    }

    private static func reservedBytes(_ server: SteppedServer) -> Int {
        server.context.pointee.store.makeSession().reservedBytes
    }

    @Test("give way within the time that others wait, but for those that come steadily", arguments: [1, 2])
    func dripping(workers: Int) throws {
        let server = try Self.server(megabytes: 64, workers: workers)
        let steady = try SteppedClient(server, worker: 0)
        steady.send("set steady 0 0 30000\r\n" + String(repeating: "s", count: 3000))
        // 17 hold more than the share, and the one that goes first has what it may beyond.
        let dripping = try (0..<18).map { number in
            let client = try SteppedClient(server, worker: number % workers)
            client.send("set drip\(number) 0 0 1000000\r\n" + String(repeating: "d", count: 990_000))
            return client
        }
        #expect(Self.reservedBytes(server) > 17 << 20)
        #expect(server.parkedCount == 0)
        let waiting = try SteppedClient(server, worker: workers - 1)
        waiting.send(Self.small)
        #expect(server.parkedCount == 1)

        var reply = ""
        var waitedSeconds: UInt32 = 0
        while reply.isEmpty, waitedSeconds < Limits.roomlessSecondsMax {
            waitedSeconds += 1
            server.advance(seconds: 1)
            for client in dripping { client.send("d") }
            steady.send(String(repeating: "s", count: 2500))
            reply = waiting.reply()
        }

        #expect(reply == "STORED\r\n")
        #expect(waitedSeconds < Limits.roomlessSecondsMax - 2)
        #expect(server.kicks.budget > 0)
        steady.send(String(repeating: "s", count: 27_000 - 2500 * Int(waitedSeconds)) + "\r\n")
        #expect(steady.reply() == "STORED\r\n")
    }

    @Test("are waited for as long as nobody else waits")
    func alone() throws {
        let server = try Self.server(megabytes: 64, workers: 1)
        let client = try SteppedClient(server, worker: 0)
        client.send("set slow 0 0 20000\r\n")

        for _ in 0..<100 {
            server.advance(seconds: 10)
            client.send("s")
        }
        client.send(String(repeating: "s", count: 19_900) + "\r\n")

        #expect(client.reply() == "STORED\r\n")
        #expect(server.kicks.budget == 0)
    }

    @Test("give way also behind replies that are not read")
    func unread() throws {
        let syscalls = FaultySyscalls()
        let server = try Self.server(megabytes: 8, workers: 1, syscalls.table)
        syscalls.sendBytesLeft.store(0, ordering: .relaxed)
        // Two pieces of 32 KB each: a little more than the share, 2 MB.
        let unread = try (0..<33).map { number in
            let client = try SteppedClient(server, worker: 0)
            client.send("mn\r\nset unread\(number) 0 0 1000000\r\n" + String(repeating: "u", count: 60_000))
            return client
        }
        syscalls.sendBytesLeft.store(-1, ordering: .relaxed)
        #expect(Self.reservedBytes(server) > 2 << 20)
        let first = try SteppedClient(server, worker: 0)
        first.send("set first 0 0 1000000\r\n" + String(repeating: "f", count: 100_000))
        let waiting = try SteppedClient(server, worker: 0)
        waiting.send(Self.small)
        #expect(server.parkedCount == 1)

        for _ in 0..<8 {
            server.advance(seconds: 1)
            first.send(String(repeating: "f", count: 70_000))
        }

        #expect(waiting.reply() == "STORED\r\n")
        first.send(String(repeating: "f", count: 340_000) + "\r\n")
        #expect(first.reply() == "STORED\r\n")
        #expect(unread.allSatisfy { !$0.isOpen })
    }

    @Test("take nothing of what only the first one may have, though its turn comes before theirs")
    func first() throws {
        let server = try Self.server(megabytes: 8, workers: 1)
        // Two pieces of 32 KB each: a little more than the share, 2 MB.
        let others = try (0..<33).map { number in
            let client = try SteppedClient(server)
            client.send("set other\(number) 0 0 1000000\r\n" + String(repeating: "o", count: 60_000))
            return client
        }
        let first = try SteppedClient(server)
        first.send("set first 0 0 1000000\r\n" + String(repeating: "f", count: 100_000))
        let parkedBefore = server.parkedCount

        // Byte by byte, so that the other one's piece ends with a turn, and the next begins with asking for another.
        var roundCount = 0
        while server.parkedCount == parkedBefore, roundCount < 8000 {
            first.leave("f")
            others[0].leave("o")
            server.round(of: 0)
            roundCount += 1
        }

        #expect(server.parkedCount == parkedBefore + 1)
        #expect(server.wants(others[0]) == .nothing)
        #expect(server.wants(first) == .input)
        // So it is with those who begin, in turns that are taken together behind the first one's.
        let beginning = try (0..<3).map { _ in
            let client = try SteppedClient(server)
            client.send("mn\r\n")
            return client
        }
        first.leave("f")
        for client in beginning { client.leave("mn\r\nset new 0 0 100000\r\n" + String(repeating: "n", count: 2000)) }
        server.round(of: 0)
        #expect(beginning.map { server.wants($0) } == [.nothing, .nothing, .nothing])
        #expect(server.wants(first) == .input)
    }
}
