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

    /// Has a second pass whenever nothing has ended for some seconds of ours: for that one waits who has begun to wait
    /// just when the last value ended. So nobody has waited for long by the server's clock, however slow the machine is.
    private static func keepGoing(_ server: Server, while isGoingOn: () -> Bool, endedCount: () -> Int) {
        var (seen, looks) = (0, 0)
        while isGoingOn() {
            usleep(10_000)
            let count = endedCount()
            looks = count == seen ? looks + 1 : 0
            seen = count
            guard looks == 500 else { continue }
            server.context.pointee.clock.advance(seconds: 1)
            server.tick()
        }
    }

    @Test("is found for every one of many uploads at once, far beyond the memory", arguments: [1, 4])
    func burst(_ threads: Int) throws {
        let server = try TestServer(clock: ServerClock(manualWithWall: 1_800_000_000)) {
            Self.settings(&$0)
            $0.threadCount = threads
        }
        let clients = Clients(try (0..<40).map { _ in try server.client() })
        let stored = Atomic<Int>(0)
        let running = Atomic<Int>(clients.all.count)
        let own = server.server

        onThreads(clients.all.count + 1) { index in
            guard index < clients.all.count else {
                return Self.keepGoing(own) {
                    running.load(ordering: .relaxed) > 0
                } endedCount: {
                    stored.load(ordering: .relaxed)
                }
            }
            defer { running.subtract(1, ordering: .relaxed) }
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

    @Test(
        "is kept for one upload although others have stalled, and small values need none", arguments: [1, 2])
    func besidesStalled(workers: Int) throws {
        var settings = Self.loaded()
        settings.threadCount = workers
        let server = try SteppedServer(settings, secret: (1, 2), syscalls: .system)
        let stalled = try (0..<10).map { number in
            let client = try SteppedClient(server, worker: number % workers)
            client.send("set stalled\(number) 0 0 \(Self.length)\r\n" + String(repeating: "s", count: 700_000))
            return client
        }
        // More than the share of unfinished values, which is a quarter of the memory.
        #expect(server.context.pointee.store.makeSession().reservedBytes > (Self.megabytes << 20) / 4)
        #expect(server.parkedCount > 0)
        let client = try SteppedClient(server, worker: workers - 1)
        let value = String(repeating: "v", count: Self.length)
        client.send("set small 0 0 5000\r\n\(value.prefix(5000))\r\n")
        #expect(client.reply() == "STORED\r\n")

        // Those that wait for their clients are closed, and it is for those that have waited for room until then.
        client.send("set large 0 0 \(Self.length)\r\n" + value.prefix(50_000))
        for _ in 0..<8 {
            server.advance(seconds: 1)
            client.send("vvvvv")
        }
        #expect(server.kicks.budget > 0)
        #expect(stalled.contains { !$0.isOpen })
        client.send(value.dropFirst(50_040) + "\r\n")
        #expect(client.reply() == "STORED\r\n")
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
