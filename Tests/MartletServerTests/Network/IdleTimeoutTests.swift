import Glibc
import MartletServer
import ServerTesting
import Testing

@Suite("The idle timeout")
struct IdleTimeoutTests {
    private static func server(seconds: Int) throws -> TestServer {
        try TestServer(clock: ServerClock(manualWithWall: 1_800_000_000)) { $0.idleTimeoutSeconds = seconds }
    }

    private static func pass(_ seconds: UInt32, _ server: TestServer) {
        server.context.pointee.clock.advance(seconds: seconds)
        server.server.tick()
    }

    @Test("closes a silent connection, not one that was used since")
    func closesSilent() throws {
        let server = try Self.server(seconds: 3)
        let silent = try server.client()
        let busy = try server.client()
        #expect(try silent.exchange("nonsense\r\n", "ERROR\r\n"))

        Self.pass(3, server)
        #expect(try busy.exchange("nonsense\r\n", "ERROR\r\n"))
        #expect(server.sum { $0.idleKicks.value } == 0)
        Self.pass(1, server)

        #expect(try silent.receiveAll().isEmpty)
        #expect(try busy.exchange("nonsense\r\n", "ERROR\r\n"))
        #expect(server.sum { $0.idleKicks.value } == 1)
    }

    @Test("covers a request of which only a part has arrived")
    func coversHalfRequests() throws {
        let server = try Self.server(seconds: 3)
        let client = try server.client()
        try client.send("nonsense\r\nnons")
        #expect(try client.receiveText(7) == "ERROR\r\n")

        Self.pass(4, server)

        #expect(try client.receiveAll().isEmpty)
        #expect(eventually { server.context.pointee.budget.copiedBytes == 0 })
    }

    @Test("lets clients on a Unix socket be silent between requests, but not within one")
    func unixSocket() throws {
        let server = try TestServer(clock: ServerClock(manualWithWall: 1_800_000_000)) {
            $0.unixSocketPath = TestServer.freshSocketPath()
            $0.threadCount = 1
            $0.idleTimeoutSeconds = 3
        }
        let (silent, stalled) = (try server.client(), try server.client())
        #expect(try silent.exchange("nonsense\r\n", "ERROR\r\n"))
        #expect(try stalled.exchange("nonsense\r\nnons", "ERROR\r\n"))

        Self.pass(1000, server)

        #expect(try stalled.receiveAll().isEmpty)
        #expect(try silent.exchange("nonsense\r\n", "ERROR\r\n"))
        #expect(server.sum { $0.idleKicks.value } == 1)
    }

    /// A server on a Unix socket.
    private static func local(
        _ syscalls: FaultySyscalls = FaultySyscalls(), _ change: (inout ServerSettings) -> Void = { _ in }
    ) throws -> TestServer {
        try TestServer(syscalls: syscalls.table, clock: ServerClock(manualWithWall: 1_800_000_000)) {
            $0.unixSocketPath = TestServer.freshSocketPath()
            $0.threadCount = 1
            $0.idleTimeoutSeconds = 3
            change(&$0)
        }
    }

    @Test("on a Unix socket, ends an upload that stalls behind replies that had been pending")
    func stalledBehindReplies() throws {
        let syscalls = FaultySyscalls()
        let server = try Self.local(syscalls)
        let client = try server.client()
        syscalls.sendBytesLeft.store(0, ordering: .relaxed)
        try client.send("nonsense\r\nset k 0 0 100000\r\nhalf")
        #expect(eventually { server.context.pointee.budget.copiedBytes == 7 })
        syscalls.sendBytesLeft.store(-1, ordering: .relaxed)
        #expect(try client.receiveText(7) == "ERROR\r\n")
        #expect(eventually { server.context.pointee.connectionSnapshots().contains { $0.state == "conn_nread" } })

        Self.pass(4, server)

        #expect(try client.receiveAll().isEmpty)
        #expect(eventually { server.context.pointee.store.makeSession().reservedBytes == 0 })
    }

    /// On Unix sockets, whose buffers in the kernel are small: the socket really takes no more.
    @Test("is not for a client that takes what the kernel holds for it, however little", arguments: [0, 3])
    func slowReader(seconds: Int) throws {
        let syscalls = FaultySyscalls()
        let server = try Self.local(syscalls) { $0.idleTimeoutSeconds = seconds }
        let client = try server.client()
        let value = String(repeating: "v", count: 600_000)
        #expect(try client.exchange("set k 0 0 600000\r\n\(value)\r\n", "STORED\r\n"))
        try client.send("get k\r\n")
        #expect(eventually { server.context.pointee.connectionSnapshots().contains { $0.state == "conn_mwrite" } })

        for look in 1...5 {
            syscalls.unsentBytes.store(100_000 - look, ordering: .relaxed)
            server.context.pointee.clock.advance(seconds: 2)
            let isLookedAt = eventually {
                server.server.tick()
                return syscalls.unsentCalls.load(ordering: .relaxed) == look
            }
            #expect(isLookedAt)
        }
        // So it does not give way for the budget either.
        let isActive = eventually {
            let all = server.context.pointee.connectionSnapshots()
            return all.contains { $0.state == "conn_mwrite" && $0.secondsSinceLastCommand == 0 }
        }
        #expect(isActive)
        #expect(server.sum { $0.idleKicks.value } == 0)

        if seconds > 0 {
            Self.pass(4, server)
            #expect(eventually { server.sum { $0.idleKicks.value } == 1 })
        }
        let bytes = try seconds > 0 ? client.receiveAll() : client.receive(600_000)
        #expect(seconds == 0 ? bytes.count == 600_000 : bytes.count < 600_000)
    }

    @Test("learns from the kernel what a client has not taken")
    func unsentBytes() throws {
        var ends: [Int32] = [0, 0]
        try #require(socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &ends) == 0)
        defer { for end in ends { close(end) } }
        var bytes = [UInt8](repeating: 1, count: 1000)

        #expect(Syscalls.systemUnsentBytes(ends[0]) == 0)
        #expect(send(ends[0], bytes, 1000, 0) == 1000)
        #expect(Syscalls.systemUnsentBytes(ends[0]) >= 1000)
        #expect(recv(ends[1], &bytes, 1000, 0) == 1000)

        #expect(Syscalls.systemUnsentBytes(ends[0]) == 0)
        #expect(Syscalls.systemUnsentBytes(-1) == -Int(EBADF))
    }

    @Test("on a Unix socket, ends a list of keys that stalls, though all that came of it is answered")
    func stalledList() throws {
        let server = try Self.local()
        let client = try server.client()
        let list = "get " + String(repeating: "k123 ", count: 8000)
        #expect(list.utf8.count > Limits.listWindowBytes)
        try client.send(list)
        #expect(eventually { server.sum { $0.bytesRead.value } == list.utf8.count })

        // While the keys are looked up, which takes several turns, it is not stalled.
        let isEnded = eventually {
            Self.pass(4, server)
            return server.sum { $0.idleKicks.value } == 1
        }

        #expect(isEnded)
        #expect(try client.receiveAll().isEmpty)
    }

    @Test("on a Unix socket, ends a login whose token does not come")
    func stalledLogin() throws {
        let file = try TemporaryFile("ann:secret\n")
        let server = try Self.local {
            $0.protocolName = "ascii"
            $0.authFilePath = file.path
        }
        let client = try server.client()
        let line = "set a 0 0 10\r\n"
        try client.send(line)
        #expect(eventually { server.sum { $0.bytesRead.value } == line.utf8.count })

        Self.pass(4, server)

        #expect(try client.receiveAll().isEmpty)
        #expect(server.sum { $0.idleKicks.value } == 1)
    }

    @Test("is off by default")
    func offByDefault() throws {
        let server = try Self.server(seconds: 0)
        let client = try server.client()
        #expect(try client.exchange("nonsense\r\n", "ERROR\r\n"))

        Self.pass(1_000_000, server)

        #expect(try client.exchange("nonsense\r\n", "ERROR\r\n"))
    }
}
