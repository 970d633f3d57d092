import Foundation
import MartletClient

/// The server that the tests use: that of `MARTLET_SERVER`, `host:port` or a Unix socket's path. `./martlet examples`
/// starts one.
enum CacheServerUnderTest {
    static let server = ProcessInfo.processInfo.environment["MARTLET_SERVER"].flatMap { CacheServer($0) }

    /// Runs `body` with a client, and keys that no other run has.
    static func run(_ body: (CacheClient) async throws -> Void) async throws {
        guard let server else { return }
        var configuration = CacheConfiguration()
        configuration.operationTimeout = .seconds(5)
        let cache = CacheClient(servers: [server], configuration: configuration)
        do {
            try await body(cache.namespace("test-\(UUID().uuidString)"))
        } catch {
            await cache.shutDown()
            throw error
        }
        await cache.shutDown()
    }
}
