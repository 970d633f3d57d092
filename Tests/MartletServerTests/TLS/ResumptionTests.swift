#if TLS

import MartletServer
import ServerTesting
import Testing

/// Goal: clients that come back need no whole handshake, unless that would let somebody in who may not come in.
@Suite("TLS: sessions")
struct ResumptionTests {
    /// A client that has got something to resume.
    private static func first(_ port: UInt16, _ wishes: TLSClient.Wishes) throws -> TLSClientSession {
        let client = try TLSClient(port: port, wishes)
        #expect(!client.isResumed)
        #expect(client.isServed())
        let session = try #require(client.session)
        client.sayGoodbye()
        return session
    }

    @Test("are resumed from tickets", arguments: [2, 3])
    func tickets(version: Int) throws {
        let server = try TestServer(try Certificates())
        var wishes = TLSClient.Wishes(versions: version...version)
        wishes.session = try Self.first(server.port, wishes)

        let client = try server.tlsClient(wishes)

        #expect(client.isResumed)
        #expect(client.isServed())
        #expect(server.tlsSum { $0.resumptions.value } == 1)
        #expect(server.tlsSum { $0.newSessions.value } == 0)
    }

    @Test("are remembered with ssl_session_cache, for clients without tickets")
    func remembered() throws {
        let server = try TestServer(try Certificates()) {
            $0.tls.keepsSessions = true
            $0.threadCount = 4
        }
        var wishes = TLSClient.Wishes(versions: 2...2)
        wishes.takesTickets = false
        wishes.session = try Self.first(server.port, wishes)
        #expect(server.tlsSum { $0.newSessions.value } == 1)

        // Whatever worker they come to.
        for _ in 0..<4 {
            let client = try server.tlsClient(wishes)
            #expect(client.isResumed)
            #expect(client.isServed())
            #expect(try client.statistics()["ssl_new_sessions"] == "1")
            client.sayGoodbye()
        }
    }

    @Test("are remembered up to a number, the latest ones")
    func latest() throws {
        let server = try TestServer(try Certificates()) { $0.tls.keepsSessions = true }
        var wishes = TLSClient.Wishes(versions: 2...2)
        wishes.takesTickets = false
        let oldest = try Self.first(server.port, wishes)
        for _ in 0..<Limits.tlsSessionsKeptMax { _ = try TLSClient(port: server.port, wishes) }

        let latest = try Self.first(server.port, wishes)

        wishes.session = latest
        #expect(try server.tlsClient(wishes).isResumed)
        wishes.session = oldest
        #expect(try !server.tlsClient(wishes).isResumed)
    }

    @Test("are not remembered without it")
    func forgotten() throws {
        let server = try TestServer(try Certificates())
        var wishes = TLSClient.Wishes(versions: 2...2)
        wishes.takesTickets = false
        wishes.session = try Self.first(server.port, wishes)

        let client = try server.tlsClient(wishes)

        #expect(!client.isResumed)
        #expect(client.isServed())
    }

    @Test("survive a connection that ends without a word")
    func abruptEnd() throws {
        let server = try TestServer(try Certificates()) { $0.tls.keepsSessions = true }
        var wishes = TLSClient.Wishes(versions: 2...2)
        wishes.takesTickets = false
        do {
            let client = try server.tlsClient(wishes)
            #expect(client.isServed())
            wishes.session = client.session
            client.socket.close()
        }
        #expect(eventually { server.context.pointee.connectionCount == 0 })

        #expect(try server.tlsClient(wishes).isResumed)
    }

    @Test("of a listener that asks for no certificate open none that does", arguments: [2, 3])
    func listenersApart(version: Int) throws {
        let certificates = try Certificates()
        let server = try TestServer(certificates) {
            $0.tls.authoritiesPath = certificates.authority.certificate
            $0.listenAddresses = ["btls:127.0.0.1:0", "mtls:127.0.0.1:0"]
        }
        let ports = server.context.pointee.listeningSockets.map(\.port)
        var wishes = TLSClient.Wishes(versions: version...version)
        wishes.session = try Self.first(ports[0], wishes)
        #expect(try TLSClient(port: ports[0], wishes).isResumed)

        let intruder = try? TLSClient(port: ports[1], wishes)

        #expect(intruder?.isServed() != true)
    }

    @Test("of verified clients are resumed", arguments: [2, 3])
    func verified(version: Int) throws {
        let certificates = try Certificates()
        let server = try TestServer(certificates) {
            $0.tls.authoritiesPath = certificates.authority.certificate
            $0.tls.verifyMode = 2
        }
        var wishes = TLSClient.Wishes(certificate: try certificates.client(), versions: version...version)
        wishes.session = try Self.first(server.port, wishes)

        let client = try server.tlsClient(wishes)

        #expect(client.isResumed)
        #expect(client.isServed())
    }

    @Test("end with the certificates they began with", arguments: [2, 3])
    func refreshed(version: Int) throws {
        let certificates = try Certificates()
        let server = try TestServer(certificates)
        var wishes = TLSClient.Wishes(versions: version...version)
        wishes.session = try Self.first(server.port, wishes)
        try certificates.replaceServer("successor")
        #expect(try server.tlsClient().exchange("refresh_certs\r\n", "OK\r\n"))

        let client = try server.tlsClient(wishes)

        #expect(!client.isResumed)
        #expect(client.serverName == "successor")
        #expect(client.isServed())
    }
}

#endif
