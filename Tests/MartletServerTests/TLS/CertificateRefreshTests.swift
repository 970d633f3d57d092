#if TLS

import Glibc
import MartletServer
import ServerTesting
import StoreTesting
import Testing

/// Goal: certificates change while connections go on, and a bad file changes nothing.
@Suite("TLS: certificates that change")
struct CertificateRefreshTests {
    @Test("serve new connections, while old ones notice nothing")
    func refresh() throws {
        let certificates = try Certificates()
        let server = try TestServer(certificates, clock: ServerClock(manualWithWall: 1_800_000_000))
        let client = try server.tlsClient()
        #expect(client.serverName == "server")
        server.context.pointee.clock.advance(seconds: 100)
        #expect(try client.statistics()["time_since_server_cert_refresh"] == "100")
        try certificates.replaceServer("successor")
        #expect(try server.tlsClient().serverName == "server")

        #expect(try client.exchange("refresh_certs\r\n", "OK\r\n"))

        #expect(client.isServed())
        #expect(try server.tlsClient().serverName == "successor")
        #expect(try client.statistics()["time_since_server_cert_refresh"] == "0")
    }

    @Test("stay when a file is bad, and the asker learns which")
    func badFiles() throws {
        let certificates = try Certificates()
        let server = try TestServer(certificates) { $0.tls.authoritiesPath = certificates.authority.certificate }
        let client = try server.tlsClient()
        let stranger = try certificates.client(isKnown: false)
        let files = [certificates.server.certificate, certificates.server.key, certificates.authority.certificate]
        let sentences = [
            "Error loading the certificate chain: ", "Error loading the key: ",
            "Error loading the CA certificate: ",
        ]

        for (path, sentence) in zip(files, sentences) {
            let good = String(decoding: try bytes(of: path), as: UTF8.self)
            for bad in ["", "nonsense", String(good.prefix(good.utf8.count / 2))] {
                try certificates.write(bad, to: path)
                try client.send("refresh_certs\r\n")
                #expect(try client.line().hasPrefix(sentence + path + " : error:"))
                #expect(try server.tlsClient().serverName == "server")
            }
            try certificates.write(good, to: path)
        }
        // A good key that is another's.
        try certificates.write(String(decoding: try bytes(of: stranger.key), as: UTF8.self), to: files[1])
        try client.send("refresh_certs\r\n")
        #expect(try client.line().hasPrefix("Error "))
        #expect(try server.tlsClient().isServed())
        #expect(client.isServed())
    }

    @Test("are read while others are served, once for all who ask meanwhile")
    func readElsewhere() throws {
        let certificates = try Certificates()
        let authority = certificates.authority.certificate
        let server = try TestServer(certificates) {
            $0.tls.authoritiesPath = authority
            $0.threadCount = 1
        }
        let clients = try (0..<3).map { _ in try server.tlsClient() }
        let (other, leaver) = (try server.tlsClient(), try server.tlsClient())
        // What comes with the handshake is read.
        for client in clients { #expect(client.isServed()) }
        let good = String(decoding: try bytes(of: authority), as: UTF8.self)
        // Reading it takes until somebody writes.
        unlink(authority)
        try #require(mkfifo(authority, 0o600) == 0)

        for client in clients { try client.send("refresh_certs\r\nmn\r\n") }
        try leaver.send("refresh_certs\r\n")
        #expect(try other.exchange("refresh_certs noreply\r\nmn\r\n", "MN\r\n"))
        leaver.socket.close()
        #expect(other.isServed())

        signal(SIGPIPE, SIG_IGN)
        func hasReply(_ client: TLSClient) -> Bool {
            var byte: UInt8 = 0
            return recv(client.socket.descriptor, &byte, 1, Int32(MSG_PEEK | MSG_DONTWAIT)) == 1
        }
        #expect(!clients.contains(where: hasReply))
        let areAnswered = eventually {
            let descriptor = open(authority, O_WRONLY | O_NONBLOCK | O_CLOEXEC)
            if descriptor >= 0 {
                _ = good.withCString { write(descriptor, $0, strlen($0)) }
                close(descriptor)
            }
            return clients.allSatisfy(hasReply)
        }
        #expect(areAnswered)
        for client in clients { #expect(try client.receive(8) == Array("OK\r\nMN\r\n".utf8)) }
        #expect(other.isServed())
    }

    @Test("are not there without TLS")
    func withoutTLS() throws {
        let server = try TestServer()

        #expect(try server.client().exchange("refresh_certs\r\n", "Error TLS not enabled\r\n"))
    }

    @Test("change again and again under load")
    func underLoad() throws {
        let certificates = try Certificates()
        let server = try TestServer(certificates) { $0.threadCount = 3 }
        let (port, isWell) = (server.port, Flag())
        isWell.set(true)

        onThreads(4) { index in
            for round in 0..<40 {
                guard let client = try? TLSClient(port: port) else { return isWell.set(false) }
                let request = index == 0 ? "refresh_certs\r\n" : "ms k\(index) 2\r\n\(10 + round)\r\nmg k\(index) v\r\n"
                let reply = index == 0 ? "OK\r\n" : "HD\r\nVA 2\r\n\(10 + round)\r\n"
                if (try? client.exchange(request, reply)) != true { isWell.set(false) }
            }
        }

        #expect(isWell.isSet)
    }

    @Test("change with SIGHUP; a bad file is complained of, and nobody is disconnected")
    func hangUp() throws {
        let certificates = try Certificates()
        let ports = try TemporaryFolder()
        let files = "ssl_chain_cert=\(certificates.server.certificate),ssl_key=\(certificates.server.key)"
        let program = try Program(
            Program.user + ["-p", "-1", "-l", "127.0.0.1", "-Z", "-o", files],
            environment: ["MEMCACHED_PORT_FILENAME": ports.path + "/ports"])
        #expect(Program.eventually { ports.exists("ports") })
        let port = try #require(
            ports.text("ports")?.split(whereSeparator: { !$0.isNumber }).last.flatMap { UInt16($0) })
        let client = try TLSClient(port: port)
        #expect(client.serverName == "server")

        try certificates.replaceServer("successor")
        program.signal(SIGHUP)
        #expect(Program.eventually { (try? TLSClient(port: port).serverName) == "successor" })
        try certificates.write("nonsense", to: certificates.server.certificate)
        program.signal(SIGHUP)
        // Signals and accepting are one thread's business: the second connection comes behind the signal.
        #expect(try TLSClient(port: port).serverName == "successor")
        #expect(try TLSClient(port: port).serverName == "successor")
        #expect(client.isServed())
        program.signal(SIGTERM)

        let end = program.end()
        #expect(end.status == 0)
        #expect(end.errors.contains("Could not reload TLS certificates on SIGHUP: Error loading the certificate"))
    }

    private func bytes(of path: String) throws -> [UInt8] {
        guard let file = fopen(path, "r") else { throw TLSClient.Failure(what: path) }
        defer { fclose(file) }
        var bytes = [UInt8](repeating: 0, count: 1 << 16)
        return Array(bytes[..<fread(&bytes, 1, bytes.count, file)])
    }
}

#endif
