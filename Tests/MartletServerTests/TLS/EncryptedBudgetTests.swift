#if TLS

import MartletServer
import ServerTesting
import Testing

/// Goal: what OpenSSL keeps for those who send half a packet, or half a handshake, has the bound of all buffers.
@Suite("TLS: the buffer budget")
struct EncryptedBudgetTests {
    private static let halfHello: [UInt8] = [0x16, 3, 1, 0, 200, 1, 0, 0, 196, 3, 3]

    private static func charged(_ server: TestServer) -> Int { server.context.pointee.budget.copiedBytes }

    /// A server with room for four handshakes, which is half of what there is, and the clients that have it.
    private static func full() throws -> (server: TestServer, settled: TLSClient, holders: [TestClient]) {
        let clock = ServerClock(manualWithWall: 1_800_000_000)
        let server = try TestServer(try Certificates(), clock: clock) {
            $0.threadCount = 1
            $0.connectionBufferBytesMax = 8 * Limits.handshakeBytesMax
        }
        let settled = try server.tlsClient()
        #expect(settled.isServed())
        let holders = try (0..<4).map { _ in try server.client() }
        for holder in holders { try holder.send(halfHello) }
        #expect(eventually { charged(server) == 4 * Limits.handshakeBytesMax })
        return (server, settled, holders)
    }

    @Test("is charged for a packet that has come in part, be it its head alone", arguments: [1, 5, 20])
    func packet(bytes: Int) throws {
        let server = try TestServer(try Certificates())
        let client = try server.tlsClient()
        #expect(client.isServed())
        #expect(eventually { Self.charged(server) == 0 })

        try client.socket.send(([0x17, 3, 3, 0, 40] + [UInt8](repeating: 7, count: 40)).prefix(bytes))

        #expect(eventually { Self.charged(server) == Limits.packetBytesMax })
        client.socket.close()
        #expect(eventually { Self.charged(server) == 0 })
    }

    @Test("is charged for a handshake until it is done, or given up")
    func handshake() throws {
        let server = try TestServer(try Certificates())
        let client = try server.client()

        try client.send(Self.halfHello)

        #expect(eventually { Self.charged(server) == Limits.handshakeBytesMax })
        #expect(try server.tlsClient().isServed())
        client.close()
        #expect(eventually { Self.charged(server) == 0 })
    }

    @Test("when used up by handshakes that do not go on, has one of them closed for one that does")
    func stalled() throws {
        let (server, _, holders) = try Self.full()
        defer { withExtendedLifetime(holders) {} }

        server.context.pointee.clock.advance(seconds: Limits.stalledSecondsMin)

        #expect(try server.tlsClient().isServed())
        #expect(server.sum { $0.budgetKicks.value } == 1)
    }

    @Test("when used up by handshakes under way, lets another wait until there is room")
    func waits() throws {
        let (server, settled, holders) = try Self.full()
        let count = server.context.pointee.connectionCount
        let late = try server.client()
        try late.send(Self.halfHello)
        #expect(eventually { server.context.pointee.connectionCount == count + 1 })
        // Whoever came before has had a turn.
        for _ in 0..<2 { #expect(settled.isServed()) }
        #expect(Self.charged(server) == 4 * Limits.handshakeBytesMax)

        holders[0].close()
        #expect(eventually { Self.charged(server) == 3 * Limits.handshakeBytesMax })
        server.context.pointee.clock.advance(seconds: 1)
        server.server.tick()

        #expect(eventually { Self.charged(server) == 4 * Limits.handshakeBytesMax })
        #expect(server.sum { $0.budgetKicks.value } == 0)
        #expect(server.tlsSum { $0.handshakes.value } == 1)
        withExtendedLifetime(late) {}
    }

    @Test("when a crowd shakes hands, has half left for the others, and nobody is closed")
    func crowd() throws {
        let server = try TestServer(try Certificates(), clock: ServerClock(manualWithWall: 1_800_000_000)) {
            $0.threadCount = 1
            $0.connectionBufferBytesMax = 8 * Limits.handshakeBytesMax
        }
        let (settled, holder) = (try server.tlsClient(), try server.tlsClient())
        #expect(settled.isServed() && holder.isServed())

        let crowd = try (0..<12).map { _ in try server.client() }
        for client in crowd { try client.send(Self.halfHello) }

        #expect(eventually { Self.charged(server) == 4 * Limits.handshakeBytesMax })
        for _ in 0..<2 { #expect(settled.isServed()) }
        try holder.send("get " + String(repeating: "k ", count: 10_000))
        #expect(try holder.exchange("k\r\n", "END\r\n"))
        #expect(server.sum { $0.budgetKicks.value } == 0)
        withExtendedLifetime(crowd) {}
    }

    @Test("holds because a hello that announces much is refused, however it is cut", arguments: [200, 1])
    func longHello(packetBytes: Int) throws {
        let server = try TestServer(try Certificates())
        let message: [UInt8] = [1, 0, 0x40, 1] + [UInt8](repeating: 3, count: 196)
        let client = try server.client()

        for start in stride(from: 0, to: message.count, by: packetBytes) {
            let part = message[start..<min(start + packetBytes, message.count)]
            try? client.send([0x16, 3, 1, 0, UInt8(part.count)] + part)
        }

        // An alert at most.
        #expect(try client.receiveAll().count <= 7)
        #expect(eventually { server.tlsSum { $0.handshakeErrors.value } == 1 })
        #expect(try server.tlsClient().isServed())
    }
}

#endif
