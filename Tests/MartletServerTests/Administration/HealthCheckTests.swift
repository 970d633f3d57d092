import MartletServer
import ServerTesting
import Testing

/// `--healthcheck` against servers of many kinds. Over TLS it is in TLS/EncryptedHealthTests.swift.
struct HealthCheckTests {
    private func check(_ server: TestServer, _ change: (inout ServerSettings) -> Void = { _ in }) -> String? {
        var settings = server.context.pointee.settings
        settings.tcpPort = Int(server.port)
        change(&settings)
        do throws(HealthCheck.Failure) {
            return try HealthCheck(settings, millisecondsMax: 60_000).run()
        } catch {
            return nil
        }
    }

    /// Why it is not well.
    private func reason(_ server: TestServer, _ change: (inout ServerSettings) -> Void) -> String? {
        var settings = server.context.pointee.settings
        settings.tcpPort = Int(server.port)
        change(&settings)
        do throws(HealthCheck.Failure) {
            _ = try HealthCheck(settings, millisecondsMax: 60_000).run()
            return nil
        } catch {
            return error.reason
        }
    }

    @Test func `a server answers over TCP, whatever addresses it listens at`() throws {
        let server = try TestServer()

        #expect(check(server) == "answers")
        #expect(check(server) { $0.listenAddresses = ["*"] } == "answers")
        #expect(check(server) { $0.listenAddresses = ["0.0.0.0:\(server.port)"] } == "answers")
    }

    @Test func `it answers over a Unix socket`() throws {
        let server = try TestServer.onUnixSocket()

        #expect(check(server) == "answers")
    }

    @Test func `it answers in the binary protocol`() throws {
        let server = try TestServer { $0.protocolName = "binary" }

        #expect(check(server) == "answers")
    }

    @Test func `it is asked in the protocol that its address names`() throws {
        let server = try TestServer { $0.protocolName = "binary" }

        let answer = check(server) {
            $0.protocolName = "auto"
            $0.listenAddresses = ["proto[binary]:127.0.0.1:\(server.port)"]
        }
        #expect(answer == "answers")
    }

    @Test func `it answers that it wants a login`() throws {
        let file = try TemporaryFile("user:password\n")
        let server = try TestServer {
            $0.authFilePath = file.path
            $0.protocolName = "ascii"
        }

        #expect(check(server) == "answers, and wants a login")
        #expect(
            check(server) {
                $0.authFilePath = nil
                $0.protocolName = "auto"
            } == "answers, and wants a login")
    }

    @Test func `what closes at once is asked about in words of options`() throws {
        let binary = try TestServer { $0.protocolName = "binary" }
        let local = try TestServer.onUnixSocket { $0.protocolName = "binary" }

        #expect(
            reason(binary) { $0.protocolName = "auto" }
                == "closed without an answer (does it speak TLS? -Z; only the binary protocol? -B binary)")
        #expect(
            reason(local) { $0.protocolName = "auto" }
                == "closed without an answer (does it speak only the binary protocol? -B binary)")
    }

    @Test func `a server with no room for more is well`() throws {
        let server = try TestServer { $0.connectionsMax = 1 }
        let client = try server.client()
        #expect(try client.exchange("mn\r\n", "MN\r\n"))

        #expect(check(server) == "answers that there are too many connections")
    }

    /// As `no_maxconns_fast` says: nobody is told anything.
    private func fullServer(_ change: (inout ServerSettings) -> Void = { _ in }) throws -> (TestServer, TestClient) {
        let server = try TestServer {
            $0.connectionsMax = 1
            $0.rejectsOverLimit = false
            change(&$0)
        }
        let client = try server.client()
        #expect(try client.exchange("mn\r\n", "MN\r\n"))
        return (server, client)
    }

    private func late(_ server: TestServer, _ change: (inout ServerSettings) -> Void = { _ in }) -> String {
        var settings = server.context.pointee.settings
        settings.tcpPort = Int(server.port)
        change(&settings)
        let check = HealthCheck(settings, millisecondsMax: 50, adminMillisecondsMax: 60_000)
        do throws(HealthCheck.Failure) { return try check.run() } catch { return error.reason }
    }

    @Test func `one that lets newcomers wait is told from one that hangs by its admin endpoint`() throws {
        let (server, client) = try fullServer { $0.adminAddress = "-1" }
        let port = try #require(server.server.adminPort)

        #expect(
            late(server) { $0.adminAddress = "\(port)" }
                == "answers at --admin, and lets newcomers wait (-c, no_maxconns_fast)")
        client.close()
    }

    @Test func `without one the answer is that nobody can know`() throws {
        let (server, client) = try fullServer()

        #expect(
            late(server) == "no answer within 0.05 seconds: it hangs, or lets newcomers wait (-c, no_maxconns_fast); "
                + "with --admin it could be asked which")
        #expect(late(server) { $0.rejectsOverLimit = true } == "no answer within 0.05 seconds")
        client.close()
    }

    @Test func `nobody there is not well`() throws {
        let server = try TestServer()
        let nobody = try RefusingPort()

        #expect(check(server) { $0.tcpPort = Int(nobody.port) } == nil)
        #expect(check(server) { $0.unixSocketPath = TestServer.freshSocketPath() } == nil)
        #expect(check(server) { $0.tcpPort = -1 } == nil)
    }
}
