import LoadComparison
import LoadEngine
import LoadWorkload
import ServerTesting
import Testing

/// The scenario's own small client, against a real server.
@Suite("Database: the connection to the cache")
struct CacheConnectionTests {
    private let server: TestServer
    private let connector: SocketConnector

    init() throws {
        server = try TestServer.onUnixSocket()
        connector = try SocketConnector(ServerAddress(.path(try #require(server.path))))
    }

    private func connection() throws -> CacheConnection { try CacheConnection(connector, keys: .plain, seconds: 60) }

    @Test("What was set is got, however long, and gone after a deletion")
    func values() throws {
        let cache = try connection()
        for count in [0, 1, 1000, 100_000] {
            let value = [UInt8](repeating: 0x0A, count: count)

            #expect(try cache.set(7, value, secondsToLive: 0) == .stored)
            let answer = try cache.get(7)

            #expect(answer.isHit && !answer.isForeign)
            #expect(Array(answer.value) == value)
            try cache.delete(7)
            #expect(try !cache.get(7).isHit)
        }
    }

    @Test("A value that the cache has no room for is refused, and the connection goes on")
    func refused() throws {
        let cache = try connection()

        #expect(try cache.set(7, [UInt8](repeating: 1, count: 4 << 20), secondsToLive: 0) == .refused)
        #expect(try cache.set(7, [1], secondsToLive: 0) == .stored)
    }

    @Test("Of two clients that miss, one wins and the other waits for what the first stores")
    func lease() throws {
        let (first, second) = (try connection(), try connection())

        let won = try first.lease(7, seconds: 30)
        let waiting = try second.lease(7, seconds: 30)

        #expect(won.isWinner && won.value.isEmpty)
        #expect(waiting.isHit && !waiting.isWinner && waiting.isAwaited && waiting.value.isEmpty)
        #expect(try first.set(7, [1, 2], secondsToLive: 60, token: won.token) == .stored)
        #expect(try Array(second.lease(7, seconds: 30).value) == [1, 2])
    }

    @Test("A store by lease comes too late when the item was deleted or marked meanwhile")
    func overtaken() throws {
        let cache = try connection()

        let deleted = try cache.lease(7, seconds: 30).token
        try cache.delete(7)
        #expect(try cache.set(7, [1], secondsToLive: 60, token: deleted) == .overtaken)

        let marked = try cache.lease(8, seconds: 30).token
        try cache.markStale(8, seconds: 30)
        #expect(try cache.set(8, [1], secondsToLive: 60, token: marked) == .overtaken)
    }

    @Test("A marked item is stale to all, and its renewal one client's")
    func stale() throws {
        let (first, second) = (try connection(), try connection())
        #expect(try first.set(7, [1], secondsToLive: 60) == .stored)

        try first.markStale(7, seconds: 30)
        let won = try first.lease(7, seconds: 30)
        let content = try second.lease(7, seconds: 30)

        #expect(won.isWinner && won.isStale)
        #expect(!content.isWinner && content.isStale && Array(content.value) == [1])
        #expect(try first.set(7, [2], secondsToLive: 60, token: won.token) == .stored)
        let fresh = try second.lease(7, seconds: 30)
        #expect(!fresh.isStale && Array(fresh.value) == [2])
    }
}
