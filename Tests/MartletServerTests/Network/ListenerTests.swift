import ExecutionTesting
import Glibc
import MartletServer
import ServerTesting
import Synchronization
import Testing

@Suite("The listener")
struct ListenerTests {
    private static let refusal = "ERROR Too many open connections\r\n"

    private static func freshPath() -> String {
        "/tmp/martlet-test-\(getpid())-\(UInt32.random(in: 0 ... .max))"
    }

    private static func answers(_ client: TestClient) throws -> Bool {
        try client.exchange("nonsense\r\n", "ERROR\r\n")
    }

    @Test("refuses connections over the limit with a word, and accepts again when one has gone")
    func refusesOverLimit() throws {
        let server = try TestServer { $0.connectionsMax = 5 }
        var clients = try (0..<5).map { _ in try server.client() }
        for client in clients { #expect(try Self.answers(client)) }

        for _ in 0..<3 {
            #expect(String(decoding: try server.client().receiveAll(), as: UTF8.self) == Self.refusal)
        }
        #expect(server.context.pointee.listenerCounters.rejected.value == 3)
        #expect(server.context.pointee.listenerCounters.accepted.value == 5)

        clients.removeLast().close()
        #expect(eventually { server.context.pointee.connectionCount == 4 })
        #expect(try Self.answers(server.client()))
        for client in clients { #expect(try Self.answers(client)) }
    }

    @Test("without maxconns_fast keeps connections over the limit waiting")
    func pausesOverLimit() throws {
        let server = try TestServer {
            $0.connectionsMax = 3
            $0.rejectsOverLimit = false
        }
        let counters = server.context
        var clients = try (0..<3).map { _ in try server.client() }
        for client in clients { #expect(try Self.answers(client)) }

        let waiting = try server.client()
        try waiting.send("nonsense\r\n")
        #expect(eventually { counters.pointee.listenerCounters.pauses.value > 0 })
        #expect(counters.pointee.listenerCounters.isPaused.value == 1)
        #expect(counters.pointee.listenerCounters.pauses.value == 1)
        clients.removeLast().close()

        #expect(try waiting.receiveText(7) == "ERROR\r\n")
        #expect(counters.pointee.listenerCounters.pausedMicroseconds.value > 0)
        #expect(counters.pointee.listenerCounters.rejected.value == 0)
    }

    @Test("out of descriptors, refuses with a word instead of spinning", arguments: [EMFILE, ENFILE])
    func outOfDescriptors(error: Int32) throws {
        let syscalls = FaultySyscalls()
        let server = try TestServer(syscalls: syscalls.table)
        let client = try server.client()
        #expect(try Self.answers(client))
        syscalls.acceptError.store(error, ordering: .relaxed)

        // The first accept fails; the one in the place of the reserved descriptor succeeds.
        syscalls.acceptsFailing.store(1, ordering: .relaxed)
        #expect(String(decoding: try server.client().receiveAll(), as: UTF8.self) == Self.refusal)

        #expect(try Self.answers(server.client()))
        #expect(try Self.answers(client))
    }

    @Test("out of descriptors for good, pauses between its tries")
    func pausesWithoutDescriptors() throws {
        let syscalls = FaultySyscalls()
        let server = try TestServer(syscalls: syscalls.table)
        syscalls.acceptsFailing.store(1_000_000, ordering: .relaxed)

        let client = try server.client()
        #expect(eventually { server.context.pointee.listenerCounters.pauses.value >= 3 })
        // In this order: it goes on trying meanwhile. Two accepts a try, with the reserved descriptor's.
        let calls = syscalls.acceptCalls.load(ordering: .relaxed)
        let tries = server.context.pointee.listenerCounters.pauses.value
        #expect(calls <= Int(tries + 2) * 3)
        syscalls.acceptsFailing.store(0, ordering: .relaxed)

        #expect(try Self.answers(client))
    }

    @Test("passes over a connection that was gone before it was accepted")
    func passesOverAborted() throws {
        let syscalls = FaultySyscalls()
        let server = try TestServer(syscalls: syscalls.table)
        syscalls.acceptError.store(ECONNABORTED, ordering: .relaxed)
        syscalls.acceptsFailing.store(3, ordering: .relaxed)

        #expect(try Self.answers(server.client()))
        #expect(server.context.pointee.listenerCounters.failures.value == 3)
    }

    @Test("hands connections to the workers in turn")
    func inTurn() throws {
        let server = try TestServer { $0.threadCount = 3 }
        let clients = try (0..<30).map { _ in try server.client() }
        for client in clients { #expect(try Self.answers(client)) }

        let opened = server.context.pointee.workerCounters.map { $0.pointee.network.opened.value }

        #expect(opened == [10, 10, 10])
    }

    @Test("keeps connections waiting, and refuses none, while the only worker's inbox is full")
    func fullInbox() throws {
        let syscalls = FaultySyscalls()
        let server = try TestServer(syscalls: syscalls.table) {
            $0.threadCount = 1
            $0.connectionsMax = 10_000
        }
        let first = try server.client()
        syscalls.holdsReceives.store(true, ordering: .releasing)
        defer { syscalls.holdsReceives.store(false, ordering: .releasing) }
        try first.send("mn\r\n")
        #expect(eventually { syscalls.receiveCalls.load(ordering: .relaxed) > 0 })

        let clients = try (0..<Limits.inboxCapacity + 20).map { _ in try server.client() }
        #expect(eventually { server.context.pointee.listenerCounters.pauses.value > 0 })
        syscalls.holdsReceives.store(false, ordering: .releasing)

        for client in clients.suffix(40) { #expect(try Self.answers(client)) }
        #expect(server.context.pointee.listenerCounters.rejected.value == 0)
    }

    @Test("serves a Unix socket with the mode asked for, and removes it in the end")
    func unixSocket() throws {
        let path = Self.freshPath()
        let server = try TestServer {
            $0.unixSocketPath = path
            $0.unixSocketMode = 0o750
        }

        #expect(try Self.answers(TestClient(path: path)))
        var status = stat()
        #expect(stat(path, &status) == 0 && status.st_mode == S_IFSOCK | 0o750)
        #expect(server.server.tcpPort == nil)
        server.stop()

        #expect(lstat(path, &status) != 0)
    }

    @Test("replaces a socket left over, but no other file")
    func leftOver() throws {
        let path = Self.freshPath()
        defer { unlink(path) }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let stale = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        _ = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(stale, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        close(stale)

        let server = try TestServer { $0.unixSocketPath = path }
        #expect(try Self.answers(TestClient(path: path)))
        server.stop()

        close(open(path, O_CREAT | O_WRONLY, 0o600))
        #expect(throws: StartError.self) { try TestServer { $0.unixSocketPath = path } }
        var status = stat()
        #expect(lstat(path, &status) == 0)
    }

    @Test("serves IPv4 and IPv6 on the same port by default")
    func bothFamilies() throws {
        // Again if somebody else happens to have just that port of IPv6.
        let haveOnePort = try (0..<5).contains { _ in
            let server = try TestServer { $0.listenAddresses = [] }
            let sockets = server.context.pointee.listeningSockets
            #expect(sockets.first?.name == "tcp:127.0.0.1:\(server.port)")
            // A machine without IPv6 has the one socket only.
            return sockets.count == 1 || sockets.last?.name == "tcp6:[::1]:\(server.port)"
        }

        #expect(haveOnePort)
    }

    @Test("tells when the port is taken, and leaves nothing behind")
    func portTaken() throws {
        let first = try TestServer()

        let error = #expect(throws: StartError.self) {
            try TestServer {
                $0.listenAddresses = []
                $0.tcpPort = Int(first.port)
            }
        }

        #expect(error?.status == ExitStatus.system)
        #expect(error?.message.contains("\(first.port)") == true)
        #expect(try Self.answers(first.client()))
    }

    @Test("listens nowhere on TCP when the port is 0")
    func noPort() throws {
        let server = try TestServer { $0.tcpPort = 0 }

        #expect(server.context.pointee.listeningSockets.isEmpty)
    }

    @Test("writes the ports it got to the file that the environment names")
    func portFile() throws {
        // A program of its own: other servers of this process would follow the variable, too.
        let folder = try TemporaryFolder()
        let program = try Program(
            Program.user + ["-p", "-1", "-l", "127.0.0.1"],
            environment: ["MEMCACHED_PORT_FILENAME": folder.path + "/ports"])
        #expect(eventually { folder.exists("ports") })

        let text = try #require(folder.text("ports"))
        let port = try #require(text.split(whereSeparator: { !$0.isNumber }).last.flatMap { UInt16($0) })

        #expect(text == "TCP INET: \(port)\n")
        #expect(!folder.exists("ports.lck"))
        #expect(try Self.answers(TestClient(port: port)))
        program.signal(SIGTERM)
        #expect(program.end().status == 0)
    }

    @Test("lets each address have a protocol of its own")
    func protocols() throws {
        let server = try TestServer {
            $0.protocolName = "ascii"
            $0.listenAddresses = ["proto[binary]:127.0.0.1:0", "127.0.0.1:0", "proto[negotiating]:127.0.0.1:0"]
        }
        let ports = server.context.pointee.listeningSockets.map(\.port)
        let noop = BinaryPacket(0x0A).bytes

        func answers(_ port: UInt16, _ request: [UInt8]) throws -> Bool {
            let client = try TestClient(port: port)
            try client.send(request)
            shutdown(client.descriptor, Int32(SHUT_WR))
            return try client.receiveAll().count > 0
        }
        #expect(try ports.map { try answers($0, noop) } == [true, false, true])
        #expect(try ports.map { try answers($0, Array("mn\r\n".utf8)) } == [false, true, true])
    }
}
