import Glibc
import MartletServer
import ServerTesting
import Synchronization
import Testing

@Suite("A server in this process")
struct ServerTests {
    private static let lines = String(repeating: "nonsense\r\n", count: 500)
    private static let replies = String(repeating: "ERROR\r\n", count: 500)
    /// Longer than a busy machine may keep a thread from running: what a graceful stop waits for comes in time.
    private static let slowSecondsMax: UInt32 = 120

    @Test("answers over TCP and stops")
    func answers() throws {
        let server = try TestServer()
        let client = try server.client()

        #expect(try client.exchange("nonsense\r\n", "ERROR\r\n"))

        server.stop()
        #expect(try client.receiveAll().isEmpty)
    }

    @Test("closes after quit, with all replies before it sent")
    func quits() throws {
        let server = try TestServer()
        let client = try server.client()

        try client.send("nonsense\r\nnonsense\r\nquit\r\nnonsense\r\n")

        #expect(String(decoding: try client.receiveAll(), as: UTF8.self) == "ERROR\r\nERROR\r\n")
    }

    @Test("serves a thousand connections")
    func thousand() throws {
        let server = try TestServer { $0.connectionsMax = 1100 }
        let clients = try (0..<1000).map { _ in try server.client() }

        for client in clients { try client.send("nonsense\r\n") }
        for client in clients { #expect(try client.receiveText(7) == "ERROR\r\n") }
        #expect(server.context.pointee.connectionCount == 1000)
        for client in clients { client.close() }

        #expect(eventually { server.context.pointee.connectionCount == 0 })
    }

    @Test("stops at once while many connections are busy", arguments: [1, 4])
    func stopsUnderLoad(threads: Int) throws {
        for _ in 0..<5 {
            let server = try TestServer { $0.threadCount = threads }
            let clients = try (0..<40).map { _ in try server.client() }
            for client in clients { _ = client.sendNow(Array(Self.lines.utf8)) }

            server.stop()

            // Whole replies up to the end of the stream, or a reset because of what was not read any more.
            for client in clients {
                if let bytes = try? client.receiveAll() {
                    #expect(Array(Self.replies.utf8).starts(with: bytes))
                }
            }
        }
    }

    @Test("a graceful stop answers what has arrived, and closes idle connections")
    func stopsGracefully() throws {
        let syscalls = FaultySyscalls()
        let server = try TestServer(syscalls: syscalls.table) { $0.threadCount = 1 }
        server.context.pointee.gracefulStopSecondsMax = Self.slowSecondsMax
        let idle = try server.client()
        let busy = try server.client()
        let holding = try server.client()
        for client in [idle, busy, holding] { #expect(try client.exchange("nonsense\r\n", "ERROR\r\n")) }

        // Not read before it is told to stop: until then the worker stands in the read of somebody else.
        let before = syscalls.receiveCalls.load(ordering: .relaxed)
        syscalls.holdsReceives.store(true, ordering: .releasing)
        defer { syscalls.holdsReceives.store(false, ordering: .releasing) }
        try holding.send("mn\r\n")
        #expect(eventually { syscalls.receiveCalls.load(ordering: .relaxed) > before })
        try busy.send(Self.lines)
        #expect(busy.hasArrived())
        server.server.stop(.graceful)
        syscalls.holdsReceives.store(false, ordering: .releasing)

        #expect(try idle.receiveAll().isEmpty)
        #expect(String(decoding: try busy.receiveAll(), as: UTF8.self) == Self.replies)
        #expect(String(decoding: try holding.receiveAll(), as: UTF8.self) == "MN\r\n")
        server.stop(.graceful)
    }

    /// Requests that have begun, and how they go on.
    private static let halves: [(half: String, rest: String, reply: String)] = [
        ("set k 0 0 4\r\nab", "cd\r\n", "STORED\r\n"),
        ("set k 0 0 100000\r\n", String(repeating: "v", count: 100_000) + "\r\n", "STORED\r\n"),
        ("get " + String(repeating: "k ", count: 100), "k\r\n", "END\r\n"),
        // Longer than is waited for: its keys are answered as they come.
        ("get " + String(repeating: "k ", count: 20_000), "k\r\n", "END\r\n"),
    ]

    @Test("a graceful stop waits for the rest of a request that has begun", arguments: halves)
    func stopsBehindRequest(half: String, rest: String, reply: String) throws {
        let server = try TestServer { $0.threadCount = 1 }
        server.context.pointee.gracefulStopSecondsMax = Self.slowSecondsMax
        // Looked at last when idle connections are closed.
        let idle = try server.client()
        #expect(try idle.exchange("mn\r\n", "MN\r\n"))
        let busy = try server.client()
        try busy.send(half)
        #expect(eventually { server.sum { $0.bytesRead.value } == half.utf8.count + 4 })

        server.server.stop(.graceful)
        #expect(try idle.receiveAll().isEmpty)
        #expect(try busy.exchange(rest, reply))

        #expect(try busy.receiveAll().isEmpty)
    }

    @Test("a graceful stop waits for a token whose login has begun")
    func stopsBehindLogin() throws {
        let file = try TemporaryFile("ann:secret\n")
        let server = try TestServer {
            $0.threadCount = 1
            $0.protocolName = "ascii"
            $0.authFilePath = file.path
        }
        server.context.pointee.gracefulStopSecondsMax = Self.slowSecondsMax
        let (line, token) = ("set a 0 0 10\r\n", "ann secret\r\n")
        let idle = try server.client()
        #expect(try idle.exchange(line + token, "STORED\r\n"))
        let busy = try server.client()
        try busy.send(line)
        #expect(eventually { server.sum { $0.bytesRead.value } == 2 * line.utf8.count + token.utf8.count })

        server.server.stop(.graceful)
        #expect(try idle.receiveAll().isEmpty)
        #expect(try busy.exchange(token, "STORED\r\n"))

        #expect(try busy.receiveAll().isEmpty)
    }

    @Test("a graceful stop answers what follows on replies that were pending when it began")
    func stopsBehindReplies() throws {
        let syscalls = FaultySyscalls()
        let server = try TestServer(syscalls: syscalls.table) { $0.threadCount = 1 }
        server.context.pointee.gracefulStopSecondsMax = Self.slowSecondsMax
        let idle = try server.client()
        #expect(try idle.exchange("mn\r\n", "MN\r\n"))
        let (uploading, waiting) = (try server.client(), try server.client())
        syscalls.sendBytesLeft.store(0, ordering: .relaxed)
        try uploading.send("nonsense\r\nset k 0 0 100000\r\n")
        try waiting.send("nonsense\r\n")
        #expect(eventually { server.context.pointee.budget.copiedBytes == 14 })
        // Not read while the replies are pending.
        try waiting.send("mn\r\n")
        #expect(waiting.hasArrived())

        server.server.stop(.graceful)
        #expect(try idle.receiveAll().isEmpty)
        syscalls.sendBytesLeft.store(-1, ordering: .relaxed)

        #expect(String(decoding: try waiting.receiveAll(), as: UTF8.self) == "ERROR\r\nMN\r\n")
        #expect(try uploading.receiveText(7) == "ERROR\r\n")
        #expect(try uploading.exchange(String(repeating: "v", count: 100_000) + "\r\n", "STORED\r\n"))
        #expect(try uploading.receiveAll().isEmpty)
    }

    @Test("a graceful stop does not wait for ever")
    func gracefulStopEnds() throws {
        // At a path of its own: at a port that is free again somebody else may listen.
        let server = try TestServer(clock: ServerClock(manualWithWall: 1_800_000_000)) {
            $0.unixSocketPath = TestServer.freshSocketPath()
        }
        let client = try server.client()
        try client.send("nonsense\r\nhalf a comm")
        #expect(try client.receiveText(7) == "ERROR\r\n")

        server.server.stop(.graceful)
        #expect(eventually { (try? server.client()) == nil })
        server.context.pointee.clock.advance(seconds: Limits.gracefulStopSecondsMax)
        server.stop(.graceful)

        #expect(try client.receiveAll().isEmpty)
    }

    @Test("a graceful stop is told of when it begins, and ends though the clock stands still")
    func gracefulStopWithoutClock() throws {
        let isTold = SharedFlag()
        let server = try TestServer(clock: ServerClock(manualWithWall: 1_800_000_000)) { _ in
        } prepare: {
            $0.context.pointee.stopNotice = { isTold.set() }
        }
        let client = try server.client()
        try client.send("nonsense\r\nhalf a comm")
        #expect(try client.receiveText(7) == "ERROR\r\n")
        #expect(!isTold.isSet)

        server.server.stop(.graceful)
        #expect(eventually { isTold.isSet })
        #expect(server.context.pointee.connectionCount == 1)
        server.stop(.graceful)

        #expect(try client.receiveAll().isEmpty)
    }

    @Test("logs in and stops gracefully at the end of the clock's range, where a client may bring it in tests")
    func endOfTime() throws {
        let file = try TemporaryFile("ann:secret\n")
        let server = try TestServer(clock: ServerClock(manualWithWall: 1_800_000_000)) {
            $0.protocolName = "ascii"
            $0.authFilePath = file.path
            $0.allowsTestCommands = true
        }
        let login = "set a 0 0 10\r\nann secret\r\n"
        let first = try server.client()
        #expect(try first.exchange(login, "STORED\r\n"))

        let farAhead = "debugtime 4294967295\r\n"
        #expect(try first.exchange(farAhead + farAhead, "OK\r\nOK\r\n"))
        let second = try server.client()
        #expect(try second.exchange(login, "STORED\r\n"))
        server.stop(.graceful)

        #expect(server.context.pointee.clock.second == ServerClock.lastSecond)
        #expect(try first.receiveAll().isEmpty && second.receiveAll().isEmpty)
    }

    @Test("leaves nothing behind when it cannot start")
    func failsToStart() throws {
        let error = #expect(throws: StartError.self) {
            try TestServer { $0.unixSocketPath = "/nonexistent/socket" }
        }

        #expect(error?.status == ExitStatus.system)
        #expect(error?.message.contains("/nonexistent/socket") == true)
    }

    @Test("lists its sockets for stats conns")
    func listsConnections() throws {
        let server = try TestServer(clock: ServerClock(manualWithWall: 1_800_000_000)) { $0.threadCount = 1 }
        let clients = try (0..<3).map { _ in try server.client() }
        for client in clients { #expect(try client.exchange("nonsense\r\n", "ERROR\r\n")) }

        // In any order: descriptors are those that others in this process have just given back.
        #expect(
            eventually {
                server.context.pointee.connectionSnapshots().map(\.state).sorted()
                    == ["conn_listening", "conn_read", "conn_read", "conn_read"]
            })
        let snapshots = server.context.pointee.connectionSnapshots()
        #expect(snapshots.map(\.descriptor) == snapshots.map(\.descriptor).sorted())
        let (name, listener) = ("tcp:127.0.0.1:\(server.port)", snapshots.first { $0.state == "conn_listening" })
        #expect(listener?.address == name)
        #expect(listener != nil && listener?.listenAddress == nil)
        let others = snapshots.filter { $0.state == "conn_read" }
        #expect(others.map(\.listenAddress) == [name, name, name])
        #expect(others.allSatisfy { $0.address.hasPrefix("tcp:127.0.0.1:") && $0.address != name })
        #expect(Set(others.map(\.address)).count == 3)
        #expect(others.map(\.secondsSinceLastCommand) == [0, 0, 0])
    }
}

/// Set by a server's thread and read by the test.
private final class SharedFlag: Sendable {
    private let value = Atomic(false)

    var isSet: Bool { value.load(ordering: .acquiring) }

    func set() { value.store(true, ordering: .releasing) }
}
