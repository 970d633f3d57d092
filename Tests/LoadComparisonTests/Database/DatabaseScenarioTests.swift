import Foundation
import Glibc
import LoadComparison
import LoadEngine
import LoadWorkload
import MartletServer
import ServerTesting
import Testing

/// The whole scenario, small: a cache in the test's process, a real database behind it.
@Suite("A database behind the cache")
struct DatabaseScenarioTests {
    @Test("With SQLite, the cache takes queries away and every value is its row's")
    func sqlite() throws {
        let cache = try TestServer.onUnixSocket()
        let settings = try Self.settings(cache) { $0.choice = .sqlite }

        let result = try Self.run(settings)

        #expect(result.database.hasPrefix("SQLite 3."))
        Self.expectSense(result)
    }

    @Test("With PostgreSQL, which is gone afterwards", .enabled(if: Postgres.isInstalled, Postgres.skipped))
    func postgres() throws {
        let cache = try TestServer.onUnixSocket()
        let settings = try Self.settings(cache) {
            $0.choice = .postgres
            $0.rowsPerValue = 3
        }

        let result = try Self.run(settings)

        #expect(result.database.hasPrefix("PostgreSQL "))
        #expect(result.rowCount == 3 * 501)
        Self.expectSense(result)
    }

    @Test("Without PostgreSQL's programs or its library, SQLite stands in and the result says why")
    func standIn() throws {
        let cache = try TestServer.onUnixSocket()
        for change in Self.missing {
            var settings = try Self.settings(cache) {
                $0.seconds = 0.05
                $0.stampedeSeconds = 0
            }
            change.make(&settings)

            let result = try DatabaseScenario.run(settings, EndRequest()) { _ in }

            #expect(result.database.hasPrefix("SQLite 3."))
            #expect(result.databaseNote?.contains(change.name) == true)
        }
    }

    @Test("PostgreSQL that was asked for and is not there is named")
    func missing() throws {
        let cache = try TestServer.onUnixSocket()
        for change in Self.missing {
            var settings = try Self.settings(cache) { $0.choice = .postgres }
            change.make(&settings)

            let error = #expect(throws: LoadError.self) { try DatabaseScenario.run(settings, EndRequest()) { _ in } }

            #expect(error?.description.contains(change.name) == true)
        }
    }

    @Test("A cache that cannot be reached is named before any database is started")
    func unreachable() throws {
        let settings = DatabaseSettings(cache: .address(ServerAddress(.path("/tmp/martlet-test-nobody"))))
        var words: [String] = []

        let error = #expect(throws: LoadError.self) {
            try DatabaseScenario.run(settings, EndRequest()) { words.append($0) }
        }

        #expect(error?.description.contains("/tmp/martlet-test-nobody") == true)
        #expect(words.isEmpty)
    }

    @Test("A cache that goes away in the middle ends the scenario with its address, not with a hang")
    func cacheGoes() throws {
        let cache = try TestServer.onUnixSocket()
        let settings = try Self.settings(cache) {
            $0.choice = .sqlite
            $0.seconds = 0.1
        }

        let error = #expect(throws: LoadError.self) {
            try DatabaseScenario.run(settings, EndRequest()) { if $0.hasSuffix("with the cache") { cache.stop() } }
        }

        #expect(error?.description.contains(cache.path ?? "-") == true)
    }

    @Test("Asked to end, it ends within a moment and says by which signal")
    func interrupted() throws {
        let cache = try TestServer.onUnixSocket()
        let settings = try Self.settings(cache) {
            $0.choice = .sqlite
            $0.seconds = 60
        }
        let endRequest = EndRequest()

        let error = #expect(throws: LoadError.self) {
            try DatabaseScenario.run(settings, endRequest) {
                if $0.hasSuffix("without the cache") { endRequest.request(signal: SIGINT) }
            }
        }

        #expect(error?.description.contains("signal 2") == true)
    }

    @Test("Settings that cannot be are named")
    func impossible() throws {
        let changes: [(String, (inout DatabaseSettings) -> Void)] = [
            ("0 clients", { $0.clientCount = 0 }), ("0 keys", { $0.keyCount = 0 }),
            ("5000 rows per value", { $0.rowsPerValue = 5000 }), ("-1.0 delay", { $0.delayMilliseconds = -1 }),
            ("nan seconds", { $0.seconds = .nan }), ("no expiry", { $0.stampedeSeconds = 0.01 }),
            ("0 seconds to live", { $0.secondsToLive = 0 }),
        ]
        for (words, change) in changes {
            var settings = DatabaseSettings(cache: try CachePlace(parsing: "x {port}"))
            change(&settings)

            let error = #expect(throws: LoadError.self) { try settings.check() }

            #expect(error?.cause == .usage)
            #expect(error?.description.contains(words) == true, "\(error?.description ?? "-")")
        }
    }

    // MARK: Support

    struct Missing: Sendable {
        let name: String
        let make: @Sendable (inout DatabaseSettings) -> Void
    }

    static let missing = [
        Missing(name: "libnobody-has.so.5") { $0.postgresLibrary = "libnobody-has.so.5" },
        Missing(name: "/nonexistent/*/bin") { $0.postgresFolders = "/nonexistent/*/bin" },
    ]

    static func settings(
        _ cache: TestServer, _ change: (inout DatabaseSettings) -> Void
    ) throws -> DatabaseSettings {
        var settings = DatabaseSettings(cache: .address(ServerAddress(.path(try #require(cache.path)))))
        settings.clientCount = 4
        settings.keyCount = 500
        settings.seconds = 0.2
        settings.warmUpSeconds = 0.1
        settings.stampedeSeconds = 0.2
        settings.expiryMilliseconds = 20
        settings.answerSecondsMax = 60
        change(&settings)
        return settings
    }

    /// Again for a longer time as long as there was a part in which nothing came to its end: clients and database may
    /// not get the processor for a while.
    private static func run(_ settings: DatabaseSettings) throws -> DatabaseResult {
        var last: DatabaseResult?
        let whole = try withLongerTime { factor in
            var settings = settings
            settings.seconds *= factor
            settings.stampedeSeconds *= factor
            let result = try DatabaseScenario.run(settings, EndRequest()) { _ in }
            last = result
            let isWhole =
                result.steady.allSatisfy { $0.reads.requests > 0 } && result.steady.last?.reads.hitRatio ?? 0 > 0
                && result.stampedes.allSatisfy { $0.expiries > 0 && $0.reads.requests > 0 }
            return isWhole ? result : nil
        }
        return try #require(whole ?? last)
    }

    static func expectSense(_ result: DatabaseResult) {
        #expect(result.wrong == 0, "\(result.violations)")
        #expect(result.verified > 0)
        #expect(result.steady.map(\.way) == [.direct, .cacheAside])
        let (direct, cached) = (result.steady[0].reads, result.steady[1].reads)
        #expect(direct.requests > 0 && direct.queries == direct.requests && direct.hitRatio == nil)
        #expect(cached.requests > 0 && cached.hits + cached.misses == cached.requests)
        #expect(cached.queries == cached.misses)
        // How high it gets in the time is the machine's affair.
        #expect(cached.hitRatio ?? 0 > 0)
        #expect(cached.response.count == UInt64(cached.requests))
        #expect(result.stampedes.map(\.way) == [.cacheAside, .leaseWaiting, .leaseStale])
        for stampede in result.stampedes {
            #expect(stampede.expiries > 0)
            // Of each client one, and one that it began before the expiry.
            #expect(stampede.queriesPerExpiryMost <= 2 * 4)
            let queries = stampede.queriesPerExpiry * Double(stampede.expiries)
            #expect(queries <= Double(4 * (stampede.expiries + 1) + stampede.reads.impatient))
            #expect(stampede.reads.requests > 0)
        }
    }
}

enum Postgres {
    static let isInstalled = (try? PostgresInstallation.find()) != nil && dlopen("libpq.so.5", RTLD_NOW) != nil
    static let skipped: Comment = "PostgreSQL's server programs or its library libpq.so.5 are not installed here."
}
