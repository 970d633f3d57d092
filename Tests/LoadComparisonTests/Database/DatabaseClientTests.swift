import LoadComparison
import LoadEngine
import LoadWorkload
import ServerTesting
import Testing

/// What a client makes of values that cannot be right. The cache is told lies under the keys that the client asks for.
@Suite("Database: a client's judgement")
struct DatabaseClientTests {
    private let server: TestServer
    private let cache: CacheConnection
    private let database: SQLiteDatabase
    private let table = RowTable(keyCount: 10, partCount: 2, sizes: .fixed(100))
    private let versions = RowVersions()
    private let client: DatabaseClient

    init() throws {
        server = try TestServer.onUnixSocket()
        let address = ServerAddress(.path(try #require(server.path)))
        let connector = try SocketConnector(address)
        cache = try CacheConnection(connector, keys: .plain, seconds: 60)
        database = try SQLiteDatabase()
        try database.fill(table, EndRequest())
        client = DatabaseClient(
            cache: try CacheConnection(connector, keys: .plain, seconds: 60), session: try database.session(table),
            table: table, versions: versions, settings: DatabaseSettings(cache: .address(address)),
            control: ClientControl())
        client.counts = true
    }

    private func value(of key: UInt64, version: UInt32 = 1) -> [UInt8] {
        var value: [UInt8] = []
        table.write(key, version: version, into: &value)
        return value
    }

    @Test("A miss is a query and a store, the next read a hit, and both are the row's value")
    func aside() throws {
        try client.read(3, .cacheAside)
        try client.read(3, .cacheAside)

        #expect(client.wrong == 0 && client.verified == 2)
        #expect(client.reads.misses == 1 && client.reads.hits == 1 && client.reads.queries == 1)
        #expect(try Array(cache.get(3).value) == value(of: 3))
    }

    @Test("Another key's value, a damaged one, a shorter one and one from the future are wrong, each by its name")
    func lies() throws {
        var torn = value(of: 3)
        torn[99] ^= 1
        let lies = [
            ("foreign", value(of: 4)), ("torn", torn), ("length", Array(value(of: 3).dropLast())), ("length", []),
            ("invented", value(of: 3, version: 2)), ("invented", value(of: 3, version: 0)),
        ]
        for (index, (kind, lie)) in lies.enumerated() {
            #expect(try cache.set(3, lie, secondsToLive: 0) == .stored)

            try client.read(3, .cacheAside)

            #expect(client.wrong == index + 1)
            #expect(client.violations.last?.kind == kind)
        }
    }

    @Test("An old value from cache-aside is counted as stale, from a lease without a mark it is wrong")
    func stale() throws {
        #expect(try cache.set(3, value(of: 3), secondsToLive: 0) == .stored)
        let version = versions.issue()
        try database.session(table).update(3, version: version)
        versions.acknowledge(version)

        try client.read(3, .cacheAside)
        #expect(client.wrong == 0 && client.reads.staleUnmarked == 1)

        try client.read(3, .leaseStale)
        #expect(client.wrong == 1 && client.violations.last?.kind == "stale")
    }

    @Test("An old value that is marked is no fault, and who wins the lease renews it")
    func marked() throws {
        try client.read(3, .leaseStale)
        let version = versions.issue()
        try database.session(table).update(3, version: version)
        try cache.markStale(3, seconds: 30)
        versions.acknowledge(version)
        let winner = try cache.lease(3, seconds: 30)

        try client.read(3, .leaseStale)
        #expect(client.wrong == 0 && client.reads.staleMarked == 1 && client.reads.queries == 1)

        #expect(try cache.set(3, value(of: 3, version: 2), secondsToLive: 60, token: winner.token) == .stored)
        try client.read(3, .leaseStale)
        #expect(client.wrong == 0 && client.reads.staleMarked == 1 && client.reads.queries == 1)
    }

    @Test("A database that does not have what it said to have is wrong as well")
    func databaseLies() throws {
        let version = versions.issue()
        versions.acknowledge(version)

        try client.read(3, .direct)
        try client.read(11, .direct)

        #expect(client.violations.map(\.kind) == ["stale", "length"])
        #expect(client.violations.allSatisfy { $0.server == "the database" })
    }
}
