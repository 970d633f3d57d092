import Glibc
import MartletServer
import ServerTesting
import Testing

/// Goal: whatever sockets do, each connection's commands are answered once, in order, and nothing else grows. The
/// command used is one that the server does not know: the transport does not care, and `ERROR` is easy to count.
@Suite("A connection")
struct ConnectionTests {
    private static let line = "nonsense\r\n"
    private static let reply = "ERROR\r\n"

    private static func lines(_ count: Int) -> String { String(repeating: line, count: count) }
    private static func replies(_ count: Int) -> String { String(repeating: reply, count: count) }

    @Test("understands a command that arrives byte by byte")
    func byteByByte() throws {
        let server = try TestServer()
        let client = try server.client()

        for byte in Self.line.utf8 {
            try client.send([byte])
            usleep(200)
        }

        #expect(try client.receiveText(Self.reply.utf8.count) == Self.reply)
        // Given back after the reply was sent.
        #expect(eventually { server.context.pointee.budget.copiedBytes == 0 })
    }

    @Test("understands commands whatever a read brings", arguments: [1, 2, 3, 7, 11, 64])
    func shortReads(bytes: Int) throws {
        let syscalls = FaultySyscalls()
        let server = try TestServer(syscalls: syscalls.table)
        syscalls.receiveBytesMax.store(bytes, ordering: .relaxed)
        let client = try server.client()

        #expect(try client.exchange(Self.lines(50), Self.replies(50)))
    }

    @Test("sends the rest of its replies wherever the socket stopped taking them")
    func partialWrites() throws {
        let syscalls = FaultySyscalls()
        let server = try TestServer(syscalls: syscalls.table)
        let client = try server.client()
        let expected = Array(Self.replies(5).utf8)

        for taken in 1...expected.count {
            syscalls.sendBytesLeft.store(taken, ordering: .relaxed)
            try client.send(Self.lines(5))
            #expect(try client.receive(taken) == Array(expected[..<taken]))
            syscalls.sendBytesLeft.store(-1, ordering: .relaxed)
            #expect(try client.receive(expected.count - taken) == Array(expected[taken...]))
        }
        #expect(eventually { server.context.pointee.budget.copiedBytes == 0 })
    }

    @Test("sends one byte at a time when the socket takes no more")
    func byteWrites() throws {
        let syscalls = FaultySyscalls()
        let server = try TestServer(syscalls: syscalls.table)
        let client = try server.client()
        syscalls.sendBytesMax.store(1, ordering: .relaxed)

        #expect(try client.exchange(Self.lines(200), Self.replies(200)))
    }

    @Test("survives being woken for nothing")
    func spuriousWakeups() throws {
        let syscalls = FaultySyscalls()
        let server = try TestServer(syscalls: syscalls.table)
        let client = try server.client()

        for _ in 0..<20 {
            syscalls.receivesRefused.store(3, ordering: .relaxed)
            syscalls.sendsRefused.store(2, ordering: .relaxed)
            #expect(try client.exchange(Self.lines(3), Self.replies(3)))
        }
    }

    @Test("answers everything that came before the client's end of stream")
    func halfClosed() throws {
        let server = try TestServer()
        let client = try server.client()

        try client.send(Self.lines(10_000))
        shutdown(client.descriptor, Int32(SHUT_WR))

        #expect(String(decoding: try client.receiveAll(), as: UTF8.self) == Self.replies(10_000))
    }

    @Test("is forgotten after a reset, also one in the middle of its replies")
    func reset() throws {
        let server = try TestServer()
        for count in [0, 1, 20_000] {
            let client = try server.client()
            try client.send(Self.lines(count) + "half a comm")
            var hard = linger(l_onoff: 1, l_linger: 0)
            setsockopt(client.descriptor, SOL_SOCKET, SO_LINGER, &hard, socklen_t(MemoryLayout<linger>.size))
            client.close()
        }

        #expect(eventually { server.sum { $0.closed.value } == 3 })
        #expect(eventually { server.context.pointee.budget.copiedBytes == 0 })
    }

    @Test("reads and sends once per batch of commands")
    func systemCalls() throws {
        let syscalls = FaultySyscalls()
        let server = try TestServer(syscalls: syscalls.table)
        let client = try server.client()

        for _ in 0..<100 { #expect(try client.exchange(Self.lines(16), Self.replies(16))) }

        // A batch may arrive in two segments; on loopback it does not.
        #expect(syscalls.receiveCalls.load(ordering: .relaxed) <= 105)
        #expect(syscalls.sendCalls.load(ordering: .relaxed) <= 105)
    }

    @Test("gives others a turn after its share of commands", arguments: [1, 7, 64])
    func fairness(commandsPerTurn: Int) throws {
        let server = try TestServer {
            $0.threadCount = 1
            $0.commandsPerTurn = commandsPerTurn
        }
        let greedy = try server.client()
        let count = 5_000

        try greedy.send(Self.lines(count))
        #expect(try greedy.receiveText(count * Self.reply.utf8.count) == Self.replies(count))

        let turns = count / commandsPerTurn
        let yields = Int(server.sum { $0.yields.value })
        #expect(yields >= turns * 8 / 10 && yields <= turns + 1)
    }

    @Test("needs at most 512 bytes while it is idle")
    func idleSize() {
        // libevent's tables add a pointer per descriptor and a small structure of its own.
        #expect(UnsafeMutablePointer<Connection>.allocationBytes <= 512 - 64)
    }
}
