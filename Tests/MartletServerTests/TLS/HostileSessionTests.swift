#if TLS

import Glibc
import MartletServer
import ServerTesting
import Testing

/// Goal: whatever comes to a port for TLS costs its sender the connection, and nobody else anything.
@Suite("TLS: those who do not play by the rules")
struct HostileSessionTests {
    /// Serves others, and has got rid of everybody who was there before.
    private static func expectWell(_ server: TestServer) throws {
        #expect(eventually { server.context.pointee.connectionCount == 0 })
        #expect(try server.tlsClient().isServed())
    }

    @Test(
        "plain text is no handshake",
        arguments: ["get a\r\n", "GET / HTTP/1.1\r\n\r\n", "set a 0 0 5\r\n", "\u{0}", "\r\n"])
    func plainText(text: String) throws {
        let server = try TestServer(try Certificates())
        do {
            let client = try server.client()
            try client.send(text + String(repeating: "x", count: 100))
            // An alert at most.
            #expect(try client.receiveAll().count <= 7)
        }

        #expect(eventually { server.tlsSum { $0.handshakeErrors.value } == 1 })
        try Self.expectWell(server)
    }

    @Test("random bytes end no server")
    func randomBytes() throws {
        let server = try TestServer(try Certificates())
        var seeds = SystemRandomNumberGenerator()
        let seed = seeds.next()
        var state = seed
        for round in 0..<300 {
            var bytes = (0..<Int(state >> 40 & 1023)).map { _ -> UInt8 in
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                return UInt8(truncatingIfNeeded: state >> 33)
            }
            state = state &+ 1
            // Half of them get past the packet's header, and some into the hello.
            if round % 2 == 0 { bytes = [0x16, 3, 1, UInt8(bytes.count >> 8), UInt8(bytes.count & 255)] + bytes }
            if round % 4 == 0, bytes.count > 11 { bytes.replaceSubrange(5..<11, with: [1, 0, 0, 200, 3, 3]) }
            let client = try server.client()
            try? client.send(bytes)
            client.close()
        }

        #expect(eventually { server.context.pointee.connectionCount == 0 }, "seed \(seed)")
        try Self.expectWell(server)
    }

    @Test("random bytes in a session end it")
    func randomPackets() throws {
        let server = try TestServer(try Certificates())
        for version in [2, 3] {
            let client = try server.tlsClient(.init(versions: version...version))
            #expect(client.isServed())
            try client.socket.send([0x17, 3, 3, 0, 40] + (0..<40).map { UInt8(truncatingIfNeeded: $0 &* 7) })
            #expect(throws: TLSClient.Failure.self) { try client.receiveAll() }
        }

        #expect(eventually { server.tlsSum { $0.protocolErrors.value } == 2 })
        #expect(server.tlsSum { $0.handshakeErrors.value } == 0)
        try Self.expectWell(server)
    }

    @Test("half a handshake is not waited for", arguments: [0, 1, 5, 60])
    func halfHandshake(bytes: Int) throws {
        let server = try TestServer(
            try Certificates(), clock: ServerClock(manualWithWall: 1_800_000_000), { $0.threadCount = 1 })
        let settled = try server.tlsClient()
        #expect(settled.isServed())
        let client = try server.client()
        let hello: [UInt8] = [0x16, 3, 1, 0, 200, 1, 0, 0, 196, 3, 3] + [UInt8](repeating: 7, count: 100)
        try client.send(hello.prefix(bytes))
        #expect(eventually { server.sum { $0.opened.value } == 2 })
        // It has read what there is when it has served somebody who came later.
        #expect(try server.tlsClient().isServed())

        server.context.pointee.clock.advance(seconds: UInt32(Limits.negotiatingSecondsMax) + 1)
        server.server.tick()

        #expect(try client.receiveAll().isEmpty)
        #expect(settled.isServed())
        #expect(server.tlsSum { $0.handshakeErrors.value } == 1)
    }

    @Test("dripping bytes do not prolong a handshake")
    func dripping() throws {
        let server = try TestServer(
            try Certificates(), clock: ServerClock(manualWithWall: 1_800_000_000), { $0.threadCount = 1 })
        let client = try server.client()
        try client.send([0x16, 3, 1, 0, 200, 1, 0, 0, 196, 3, 3])
        #expect(eventually { server.sum { $0.opened.value } == 1 })
        for _ in 0..<Limits.negotiatingSecondsMax {
            try client.send([1])
            server.context.pointee.clock.advance(seconds: 1)
            server.server.tick()
            #expect(try server.tlsClient().isServed())
        }

        server.context.pointee.clock.advance(seconds: 1)
        server.server.tick()

        #expect(try client.receiveAll().isEmpty)
    }

    @Test("who says nothing and leaves has made no error")
    func healthCheck() throws {
        let server = try TestServer(try Certificates())
        for _ in 0..<10 { try server.client().close() }
        #expect(eventually { server.sum { $0.closed.value } == 10 })

        #expect(server.tlsSum { $0.handshakeErrors.value } == 0)
    }

    @Test("who leaves in the middle of a handshake has made one")
    func leavesInTheMiddle() throws {
        let server = try TestServer(try Certificates())
        let client = try server.client()
        try client.send([0x16, 3, 1, 0, 200, 1])
        #expect(eventually { server.sum { $0.opened.value } == 1 })
        client.close()

        #expect(eventually { server.tlsSum { $0.handshakeErrors.value } == 1 })
    }

    @Test("a new handshake within a session is refused")
    func renegotiation() throws {
        let server = try TestServer(try Certificates())
        let client = try server.tlsClient(.init(versions: 2...2))
        #expect(client.isServed())

        #expect(!client.renegotiate())

        #expect(server.tlsSum { $0.handshakes.value } == 1)
        client.socket.close()
        try Self.expectWell(server)
    }

    @Test("a flood of changed keys keeps nobody waiting")
    func keyFlood() throws {
        let server = try TestServer(try Certificates()) { $0.threadCount = 1 }
        let other = try server.tlsClient()
        let client = try server.tlsClient(.init(versions: 3...3))
        #expect(client.isServed())

        for _ in 0..<20_000 where !client.updateKeys() { break }

        #expect(other.isServed())
    }

    @Test("a connection that just ends loses nothing that came before")
    func endsWithoutGoodbye() throws {
        let server = try TestServer(try Certificates())
        for version in [2, 3] {
            let client = try server.tlsClient(.init(versions: version...version))
            try client.send("set a\(version) 0 0 1\r\nx\r\nset b 0 0 100\r\nhalf")
            #expect(try client.receive(8) == Array("STORED\r\n".utf8))
            client.socket.close()
        }

        try Self.expectWell(server)
        let other = try server.tlsClient()
        #expect(try other.exchange("mg a2 v\r\nmg a3 v\r\nmg b v\r\n", "VA 1\r\nx\r\nVA 1\r\nx\r\nEN\r\n"))
        #expect(server.tlsSum { $0.protocolErrors.value } == 0)
    }

    @Test("many who come and go leave nothing behind")
    func churn() throws {
        let syscalls = FaultySyscalls()
        let server = try TestServer(try Certificates(), syscalls: syscalls.table)
        for round in 0..<60 {
            let client = try TLSClient(silent: server.port)
            if round % 3 == 0 { continue }
            try? client.shakeHands()
            if round % 3 == 1 { continue }
            try client.send("get a")
            if round % 2 == 0 { client.sayGoodbye() }
        }

        try Self.expectWell(server)
        #expect(server.context.pointee.budget.copiedBytes == 0)
    }
}

#endif
