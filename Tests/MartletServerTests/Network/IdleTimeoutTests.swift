import MartletServer
import ServerTesting
import Testing

@Suite("The idle timeout")
struct IdleTimeoutTests {
    private static func server(seconds: Int) throws -> TestServer {
        try TestServer(clock: ServerClock(manualWithWall: 1_800_000_000)) { $0.idleTimeoutSeconds = seconds }
    }

    private static func pass(_ seconds: UInt32, _ server: TestServer) {
        server.context.pointee.clock.advance(seconds: seconds)
        server.server.tick()
    }

    @Test("closes a silent connection, not one that was used since")
    func closesSilent() throws {
        let server = try Self.server(seconds: 3)
        let silent = try server.client()
        let busy = try server.client()
        #expect(try silent.exchange("nonsense\r\n", "ERROR\r\n"))

        Self.pass(3, server)
        #expect(try busy.exchange("nonsense\r\n", "ERROR\r\n"))
        #expect(server.sum { $0.idleKicks.value } == 0)
        Self.pass(1, server)

        #expect(try silent.receiveAll().isEmpty)
        #expect(try busy.exchange("nonsense\r\n", "ERROR\r\n"))
        #expect(server.sum { $0.idleKicks.value } == 1)
    }

    @Test("covers a request of which only a part has arrived")
    func coversHalfRequests() throws {
        let server = try Self.server(seconds: 3)
        let client = try server.client()
        try client.send("nonsense\r\nnons")
        #expect(try client.receiveText(7) == "ERROR\r\n")

        Self.pass(4, server)

        #expect(try client.receiveAll().isEmpty)
        #expect(eventually { server.context.pointee.budget.copiedBytes == 0 })
    }

    @Test("lets clients on a Unix socket be silent between requests, but not within one")
    func unixSocket() throws {
        let server = try TestServer(clock: ServerClock(manualWithWall: 1_800_000_000)) {
            $0.unixSocketPath = TestServer.freshSocketPath()
            $0.threadCount = 1
            $0.idleTimeoutSeconds = 3
        }
        let (silent, stalled) = (try server.client(), try server.client())
        #expect(try silent.exchange("nonsense\r\n", "ERROR\r\n"))
        #expect(try stalled.exchange("nonsense\r\nnons", "ERROR\r\n"))

        Self.pass(1000, server)

        #expect(try stalled.receiveAll().isEmpty)
        #expect(try silent.exchange("nonsense\r\n", "ERROR\r\n"))
        #expect(server.sum { $0.idleKicks.value } == 1)
    }

    @Test("is off by default")
    func offByDefault() throws {
        let server = try Self.server(seconds: 0)
        let client = try server.client()
        #expect(try client.exchange("nonsense\r\n", "ERROR\r\n"))

        Self.pass(1_000_000, server)

        #expect(try client.exchange("nonsense\r\n", "ERROR\r\n"))
    }
}
