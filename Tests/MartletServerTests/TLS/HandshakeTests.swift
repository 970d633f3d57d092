#if TLS

import Glibc
import MartletServer
import ServerTesting
import StoreTesting
import Testing

/// Goal: who may connect may, whatever of TLS they speak; who may not learns so, and costs nobody else anything.
@Suite("TLS: the handshake")
struct HandshakeTests {
    @Test("succeeds with both versions", arguments: [2, 3])
    func versions(version: Int) throws {
        let server = try TestServer(try Certificates())

        let client = try server.tlsClient(.init(versions: version...version))

        #expect(client.version == version)
        #expect(try client.exchange("set a 0 0 1\r\nx\r\nget a\r\n", "STORED\r\nVALUE a 0 1\r\nx\r\nEND\r\n"))
        #expect(server.tlsSum { $0.handshakes.value } == 1)
    }

    @Test("fails below the least version")
    func leastVersion() throws {
        let server = try TestServer(try Certificates()) { $0.tls.minimumVersion = 3 }

        #expect(throws: TLSClient.Failure.self) { try server.tlsClient(.init(versions: 2...2)) }

        #expect(eventually { server.tlsSum { $0.handshakeErrors.value } == 1 })
        #expect(try server.tlsClient().isServed())
    }

    @Test("that fails ends its connection, as watchers are told, with an error")
    func isTold() throws {
        let server = try TestServer(try Certificates())
        let watcher = try server.tlsClient()
        #expect(try watcher.exchange("watch connevents\r\n", "OK\r\n"))
        let stranger = try server.client()

        try stranger.send("set a 0 0 1\r\nx\r\n")
        // The end, or a reset because of what was not read any more.
        do {
            _ = try stranger.receiveAll()
        } catch let failure as TestClient.Failure {
            #expect(failure.error == ECONNRESET)
        }
        // The server's patience with whoever does not hang up is told by a clock that stands still here.
        stranger.close()

        var line = ""
        while !line.contains("type=conn_close") {
            line = try watcher.line()
            try #require(!line.isEmpty)
        }
        #expect(line.contains("reason=error"), "\(line)")
    }

    @Test("works when every system call gives and takes a few bytes only", arguments: [1, 7, 100])
    func shortCalls(most: Int) throws {
        let syscalls = FaultySyscalls()
        let server = try TestServer(try Certificates(), syscalls: syscalls.table)
        syscalls.receiveBytesMax.store(most, ordering: .relaxed)
        syscalls.sendBytesMax.store(most, ordering: .relaxed)

        #expect(try server.tlsClient().isServed())
    }

    @Test("waits for room to answer")
    func waitsForRoom() throws {
        let syscalls = FaultySyscalls()
        let server = try TestServer(try Certificates(), syscalls: syscalls.table) { $0.threadCount = 1 }
        syscalls.sendBytesLeft.store(10, ordering: .relaxed)
        let (port, isServed) = (server.port, Flag())

        onThreads(2) { index in
            if index == 0 { return isServed.set((try? TLSClient(port: port))?.isServed() == true) }
            _ = eventually { syscalls.sendCalls.load(ordering: .relaxed) > 3 }
            syscalls.sendBytesLeft.store(-1, ordering: .relaxed)
        }

        #expect(isServed.isSet)
    }

    @Test("asks for certificates as the mode says", arguments: 0...3)
    func verifyModes(mode: Int) throws {
        let certificates = try Certificates()
        let server = try TestServer(certificates) {
            $0.tls.verifyMode = mode
            $0.tls.authoritiesPath = certificates.authority.certificate
        }
        let known = TLSClient.Wishes(certificate: try certificates.client())
        let stranger = TLSClient.Wishes(certificate: try certificates.client(isKnown: false))

        #expect(Self.isServed(server.port, known))
        #expect(Self.isServed(server.port, stranger) == (mode == 0))
        #expect(Self.isServed(server.port, TLSClient.Wishes()) == (mode < 2))
    }

    @Test("is as the listener's prefix says")
    func listeners() throws {
        let certificates = try Certificates()
        let server = try TestServer(certificates) {
            $0.tls.authoritiesPath = certificates.authority.certificate
            $0.tls.verifyMode = 2
            $0.listenAddresses = ["notls:127.0.0.1:0", "btls:127.0.0.1:0", "127.0.0.1:0", "mtls:127.0.0.1:0"]
        }
        let ports = server.context.pointee.listeningSockets.map(\.port)
        let known = TLSClient.Wishes(certificate: try certificates.client())

        #expect(try TestClient(port: ports[0]).exchange("mn\r\n", "MN\r\n"))
        #expect(ports.dropFirst().map { Self.isServed($0, TLSClient.Wishes()) } == [true, false, false])
        #expect(ports.dropFirst().map { Self.isServed($0, known) } == [true, true, true])
    }

    @Test("is not for Unix sockets")
    func unixSocket() throws {
        let server = try TestServer(try Certificates()) { $0.unixSocketPath = TestServer.freshSocketPath() }

        #expect(try server.client().exchange("mn\r\n", "MN\r\n"))
    }

    @Test("may use a key in the chain's file, and one in the other format")
    func keyFormats() throws {
        let certificates = try Certificates()
        let joined = try certificates.joined()
        let binary = try certificates.binary()
        let first = try TestServer(certificates) { ($0.tls.chainPath, $0.tls.keyPath) = (joined, nil) }
        let second = try TestServer(certificates) {
            ($0.tls.chainPath, $0.tls.keyPath) = (binary.certificate, binary.key)
            $0.tls.keyFormat = 2
        }

        #expect(try first.tlsClient().serverName == "server")
        #expect(try second.tlsClient().serverName == "binary")
    }

    @Test("fails when the client has no cipher in common")
    func ciphers() throws {
        let server = try TestServer(try Certificates()) { $0.tls.ciphers = "ECDHE-RSA-AES128-GCM-SHA256" }

        // The certificate's key is not of that kind.
        #expect(throws: TLSClient.Failure.self) { try server.tlsClient(.init(versions: 2...2)) }
        #expect(try server.tlsClient(.init(versions: 3...3)).isServed())
    }

    /// With TLS 1.3 a client learns of its refusal with the first read only.
    private static func isServed(_ port: UInt16, _ wishes: TLSClient.Wishes) -> Bool {
        guard let client = try? TLSClient(port: port, wishes) else { return false }
        return client.isServed()
    }
}

#endif
