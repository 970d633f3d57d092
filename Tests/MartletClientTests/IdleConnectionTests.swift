import MartletClient
import NIOConcurrencyHelpers
import NIOCore
import ServerTesting
import Testing

#if canImport(Glibc)
import Glibc
#endif

extension ClientTests {
    /// Connections that say nothing for a while.
    @Suite("Idle connections")
    struct IdleConnectionTests {
        @Test("The system asks over a connection that is idle for a minute whether the server is there")
        func keptAlive() async throws {
            let server = try TestServer()
            defer { server.stop() }
            let made = NIOLockedValueBox<(any Channel)?>(nil)
            var configuration = CacheConfiguration()
            configuration.operationTimeout = .seconds(60)
            configuration.connectTimeout = .seconds(60)
            configuration.prepareChannel = { channel, _ in made.withLockedValue { $0 = channel } }
            let cache = CacheClient(
                servers: [CacheServer(host: "127.0.0.1", port: server.port)], configuration: configuration)

            try await cache.setValue("v", for: "k")

            let channel = try #require(made.withLockedValue { $0 })
            #expect(try await channel.getOption(.socketOption(.so_keepalive)).get() != 0)
            #if canImport(Glibc)
            #expect(try await channel.getOption(.tcpOption(.init(rawValue: TCP_KEEPIDLE))).get() == 60)
            #endif
            await cache.shutDown()
        }
    }
}
