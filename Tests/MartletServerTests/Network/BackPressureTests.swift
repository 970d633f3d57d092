import MartletServer
import ServerTesting
import Testing

/// Goal: a client that does not read costs the server a bounded amount of memory and the other clients nothing.
/// Method: such a client sends until nothing is taken any more, which proves that the server stopped reading it. On
/// Unix sockets, whose buffers in the kernel are small.
@Suite("A client that does not read")
struct BackPressureTests {
    private static let line = Array("nonsense\r\n".utf8)
    private static let reply = Array("ERROR\r\n".utf8)

    /// Sends lines until nothing is taken and the server waits for room to send, or has closed the connection. Returns
    /// the bytes sent.
    private static func sendUntilStuck(_ client: TestClient, _ server: TestServer) -> Int {
        let lines = Array(repeatElement(line, count: 6_000).joined())
        var sent = 0
        let isStuck = eventually {
            // In this order: who waits for room reads nothing more, and there is none before the client reads.
            let isWaiting = server.context.pointee.connectionSnapshots().contains { $0.state == "conn_mwrite" }
            let count = client.sendNow(Array(lines[(sent % lines.count)...]))
            sent += count
            return count == 0 && (isWaiting || server.sum { $0.closed.value } > 0)
        }
        #expect(isStuck)
        return sent
    }

    @Test("is not read any further, and gets every reply in the end")
    func stopsReading() throws {
        let server = try TestServer.onUnixSocket()
        let client = try server.client()
        let other = try server.client()

        let sent = Self.sendUntilStuck(client, server)
        let kept = server.context.pointee.budget.copiedBytes
        #expect(kept > 0)
        #expect(kept <= Limits.outputBytesFull + Limits.reserveBytesMax + Limits.readBytesMax)
        #expect(try other.exchange("nonsense\r\n", "ERROR\r\n"))

        // Half a line may be left over, which has no reply.
        let replies = sent / Self.line.count
        let bytes = try client.receive(replies * Self.reply.count)
        #expect(bytes == Array(repeatElement(Self.reply, count: replies).joined()))
        // It is charged at the size of its memory, at least the smallest piece.
        #expect(eventually { server.context.pointee.budget.copiedBytes <= InputMemory.bytesMin })
    }

    @Test("is closed when the budget for unsent replies is used up")
    func overBudget() throws {
        let server = try TestServer.onUnixSocket { $0.connectionBufferBytesMax = 1000 }
        let client = try server.client()

        _ = Self.sendUntilStuck(client, server)

        #expect(eventually { server.context.pointee.connectionCount == 0 })
        #expect(server.sum { $0.budgetKicks.value } == 1)
        #expect(server.context.pointee.budget.copiedBytes == 0)
        #expect(try server.client().exchange("nonsense\r\n", "ERROR\r\n"))
    }

    @Test("gives way to one that reads when the budget is short")
    func stalledGivesWay() throws {
        let syscalls = FaultySyscalls()
        let server = try TestServer(syscalls: syscalls.table, clock: ServerClock(manualWithWall: 1_800_000_000)) {
            $0.threadCount = 1
            $0.connectionBufferBytesMax = 100
        }
        let stalled = try server.client()
        let reader = try server.client()
        syscalls.sendBytesLeft.store(0, ordering: .relaxed)
        try stalled.send(Array(repeatElement(Self.line, count: 10).joined()))
        #expect(eventually { server.context.pointee.budget.copiedBytes == 70 })
        server.context.pointee.clock.advance(seconds: Limits.stalledSecondsMin)

        try reader.send(Array(repeatElement(Self.line, count: 10).joined()))
        #expect(eventually { server.sum { $0.budgetKicks.value } == 1 })
        syscalls.sendBytesLeft.store(-1, ordering: .relaxed)

        #expect(try reader.receive(70).count == 70)
        #expect(try stalled.receiveAll().isEmpty)
    }

    @Test("is given less as many do the same, so that all of them fit in the budget")
    func manyFit() throws {
        let syscalls = FaultySyscalls()
        let server = try TestServer(syscalls: syscalls.table) {
            $0.threadCount = 1
            $0.commandsPerTurn = 100_000
            $0.connectionBufferBytesMax = 4 << 20
        }
        let lines = Array(repeatElement(Self.line, count: 6_000).joined())
        syscalls.sendBytesLeft.store(0, ordering: .relaxed)
        let clients = try (0..<80).map { _ in try server.client() }
        for client in clients { _ = client.sendNow(lines) }
        #expect(eventually { server.context.pointee.connectionSnapshots().count { $0.state == "conn_mwrite" } == 80 })

        // Without their shares, each could keep 64 KiB of commands and 42,000 bytes of replies.
        #expect(server.context.pointee.budget.copiedBytes <= 4 << 20)
        #expect(server.sum { $0.budgetKicks.value } == 0)
        syscalls.sendBytesLeft.store(-1, ordering: .relaxed)

        for client in clients { #expect(try client.receive(42_000).count == 42_000) }
    }

    @Test("is refused replies beyond a thread's share of the buffers, if they are limited")
    func replyShare() throws {
        let server = try TestServer.onUnixSocket {
            ($0.connectionBufferBytesMax, $0.boundsReplies) = (64 << 10, true)
            ($0.threadCount, $0.commandsPerTurn) = (2, 500)
        }
        let client = try server.client()
        let keys = String(repeating: " k", count: 32)
        #expect(try client.exchange("get\(keys)\r\n", "END\r\n"))
        #expect(try client.exchange("get\(keys) k\r\n", "SERVER_ERROR out of memory writing get response\r\n"))

        let other = try server.client()
        try other.send(String(repeating: "mn\r\n", count: 400))
        #expect(try other.receiveAll() == [])

        #expect(Administration.statistics([], server: server.context).text.contains("STAT response_obj_oom 2\r\n"))
    }

    @Test("is given more turns, not more replies, if nobody asked for long turns")
    func replyShareOfATurn() throws {
        let server = try TestServer.onUnixSocket {
            ($0.connectionBufferBytesMax, $0.boundsReplies, $0.threadCount) = (64 << 10, true, 2)
        }
        let client = try server.client()

        try client.send(String(repeating: "mn\r\n", count: 400))

        #expect(try client.receive(1600).count == 1600)
    }

    @Test("is dropped with everything it held when it goes away")
    func goesAway() throws {
        let server = try TestServer.onUnixSocket()
        let client = try server.client()
        _ = Self.sendUntilStuck(client, server)

        client.close()

        #expect(eventually { server.context.pointee.connectionCount == 0 })
        #expect(server.context.pointee.budget.copiedBytes == 0)
    }
}
