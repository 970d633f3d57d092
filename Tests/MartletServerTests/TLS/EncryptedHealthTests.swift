#if TLS

import MartletServer
import ServerTesting
import Testing

@Suite("TLS: --healthcheck")
struct EncryptedHealthTests {
    private func check(
        _ server: TestServer, millisecondsMax: Int = 60_000, _ change: (inout ServerSettings) -> Void = { _ in }
    ) -> String? {
        var settings = server.context.pointee.settings
        settings.tcpPort = Int(server.port)
        change(&settings)
        let check = HealthCheck(settings, millisecondsMax: millisecondsMax)
        do throws(HealthCheck.Failure) { return try check.run() } catch { return nil }
    }

    @Test("is answered over TLS, with its own certificate where clients need one")
    func answers() throws {
        let certificates = try Certificates()
        #expect(check(try TestServer(certificates)) == "answers")
        #expect(
            check(
                try TestServer(certificates) {
                    $0.tls.verifyMode = 2
                    $0.tls.authoritiesPath = certificates.authority.certificate
                }) == "answers")
    }

    @Test("needs no certificate of its own, also where clients do")
    func withoutCertificate() throws {
        let certificates = try Certificates()
        let users = try TemporaryFile("user:password\n")
        func alone(_ settings: inout ServerSettings) {
            settings.tls = ServerSettings().tls
            settings.tls.isEnabled = true
            settings.authFilePath = nil
        }

        #expect(check(try TestServer(certificates), alone) == "answers")
        #expect(
            check(
                try TestServer(certificates) {
                    $0.tls.verifyMode = 2
                    $0.tls.authoritiesPath = certificates.authority.certificate
                }, alone) == "answers")
        #expect(
            check(
                try TestServer(certificates) {
                    $0.authFilePath = users.path
                    $0.protocolName = "ascii"
                }, alone) == "answers, and wants a login")
    }

    @Test("is told of -Z where it did not speak TLS")
    func withoutTLS() throws {
        let server = try TestServer(try Certificates())
        var settings = server.context.pointee.settings
        settings.tcpPort = Int(server.port)
        settings.tls.isEnabled = false

        do throws(HealthCheck.Failure) {
            Issue.record("\(try HealthCheck(settings, millisecondsMax: 60_000).run())")
        } catch {
            #expect(error.reason.contains("does it speak TLS? -Z"))
        }
    }

    @Test("takes for an answer that its own certificate is good for servers only")
    func serverOnly() throws {
        let certificates = try Certificates()
        let own = try certificates.serverOnly()
        let server = try TestServer(certificates) {
            $0.tls.chainPath = own.certificate
            $0.tls.keyPath = own.key
            $0.tls.verifyMode = 2
            $0.tls.authoritiesPath = certificates.authority.certificate
        }

        #expect(check(server) == "answers")
    }

    @Test("takes for an answer that there is no room for more, which is told in plain text")
    func full() throws {
        let server = try TestServer(try Certificates()) { $0.connectionsMax = 1 }
        let client = try server.tlsClient()
        #expect(try client.exchange("mn\r\n", "MN\r\n"))

        #expect(check(server) == "answers that there are too many connections")
        withExtendedLifetime(client) {}
    }

    @Test("does not take a plain server for an encrypted one")
    func plain() throws {
        let certificates = try Certificates()
        let server = try TestServer()

        #expect(
            check(server, millisecondsMax: HealthCheck.millisecondsMax) {
                $0.tls.isEnabled = true
                $0.tls.chainPath = certificates.server.certificate
                $0.tls.keyPath = certificates.server.key
            } == nil)
    }
}

#endif
