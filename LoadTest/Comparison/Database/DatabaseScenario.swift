import LoadEngine
import LoadWorkload

/// A database behind a cache: what the cache buys, with a real PostgreSQL (or SQLite) and real queries.
///
///     clients (threads) --get/set, mg/ms--> cache
///            |
///            +----query by key-----------> database       started and ended here, in a scratch folder
///
/// Goals: requests per second, latency, queries per second and hit ratio with and without the cache; queries per expiry
/// of a hot key with and without leases; every value compared with its row; nothing left behind, whatever happens.
/// Non-goals: being a benchmark of databases; reaching the highest rate a cache can serve (`run` does that).
/// Threads: one for each client, which waits for its answers; the calling thread keeps time and changes rows.
///
/// 1. The cache must answer before the database is made: what fails at once should fail at once.
/// 2. Set-up: cache, database, rows. Tear-down in the opposite order, also when anything failed or a signal came.
/// 3. Phases: without the cache; with it, from empty, warmed up; the hot key under each way to renew it.
package enum DatabaseScenario {
    /// Runs all. `progress` gets a few words before each part.
    package static func run(
        _ settings: DatabaseSettings, _ endRequest: EndRequest, progress: (String) -> Void
    ) throws(LoadError) -> DatabaseResult {
        try settings.check()
        let keys = try keySpace(prefix: settings.keyPrefix)
        let cache = try CacheServer(settings.cache, answerSecondsMax: settings.answerSecondsMax)
        defer { cache.stop() }
        let (database, note) = try makeDatabase(settings, endRequest, progress)
        defer { database.stop() }
        let table = RowTable(
            keyCount: settings.keyCount, partCount: settings.rowsPerValue, sizes: settings.sizes)
        progress("filling \(database.name) with \(settings.keyCount) keys")
        let start = (monotonic: MonotonicTime.now(), wall: MonotonicTime.wallSeconds())
        try database.fill(table, endRequest)
        var result = DatabaseResult(
            database: database.name, databaseNote: note, cache: cache.connector.address.description,
            cacheVersion: cache.version, settings: settings.words, startedAt: start.wall,
            rowCount: Int(settings.keyCount + 1) * settings.rowsPerValue, valueBytes: 0,
            fillSeconds: Double(MonotonicTime.now() - start.monotonic) / 1e9, steady: [], stampedes: [], verified: 0,
            wrong: 0, violations: [])
        result.valueBytes = table.valueBytes
        let phase = DatabasePhase(
            settings: settings, database: database, table: table, cache: cache.connector, keys: keys,
            endRequest: endRequest)
        try measure(phase, &result, progress)
        return result
    }

    private static func measure(
        _ phase: DatabasePhase, _ result: inout DatabaseResult, _ progress: (String) -> Void
    ) throws(LoadError) {
        for way in [ReadWay.direct, .cacheAside] {
            if way == .cacheAside, phase.settings.fillsCache {
                progress("filling the cache")
                try phase.fillCache()
            }
            progress(way == .direct ? "asking without the cache" : "asking with the cache")
            let (steady, findings) = try phase.steady(way)
            result.steady.append(steady)
            result.add(findings)
        }
        guard phase.settings.stampedeSeconds > 0 else { return }
        let versions = RowVersions()
        for way in [ReadWay.cacheAside, .leaseWaiting, .leaseStale] {
            progress("one hot key, \(way.words)")
            let (stampede, findings) = try phase.stampede(way, versions)
            result.stampedes.append(stampede)
            result.add(findings)
        }
    }

    private static func keySpace(prefix: String?) throws(LoadError) -> KeySpace {
        do throws(WorkloadError) {
            let fresh = "db-\(String(UInt32.random(in: 0 ... .max), radix: 36)):"
            return try KeySpace(prefix: prefix ?? fresh, length: .fixed(24))
        } catch {
            throw .usage(error.description)
        }
    }

    /// The database that was asked for, running and empty, and why it is not PostgreSQL.
    private static func makeDatabase(
        _ settings: DatabaseSettings, _ endRequest: EndRequest, _ progress: (String) -> Void
    ) throws(LoadError) -> (any RowDatabase, note: String?) {
        guard settings.choice != .sqlite else { return (try SQLiteDatabase(), nil) }
        let library: PostgresLibrary
        let installation: PostgresInstallation
        do throws(LoadError) {
            library = try PostgresLibrary(name: settings.postgresLibrary)
            installation = try PostgresInstallation.find(settings.postgresFolders)
        } catch {
            guard settings.choice == .auto else { throw error }
            return (try SQLiteDatabase(), error.description)
        }
        progress("starting \(installation.postgres)")
        let server = try PostgresServer(
            installation, library: library, clientCount: settings.clientCount, endRequest)
        return (server, nil)
    }
}

extension DatabaseResult {
    mutating func add(_ findings: DatabasePhase.Findings) {
        verified += findings.verified
        wrong += findings.wrong
        violations += findings.violations.prefix(Self.violationsMax - violations.count)
    }
}

extension RowTable {
    /// Bytes of all values.
    var valueBytes: Int { (0...keyCount).reduce(0) { $0 + valueBytes(of: $1) } }
}

extension ReadWay {
    package var words: String {
        switch self {
        case .direct: "without the cache"
        case .cacheAside: "cache-aside"
        case .leaseWaiting: "leases, others wait"
        case .leaseStale: "leases, others get the stale value"
        }
    }
}

extension DatabaseSettings {
    /// For reports.
    var words: [String: String] {
        [
            "clients": "\(clientCount)", "keys": "\(keyCount)", "popularity": "\(popularity)", "sizes": "\(sizes)",
            "rowsPerValue": "\(rowsPerValue)", "delayMilliseconds": "\(delayMilliseconds)",
            "secondsToLive": "\(secondsToLive)", "expiryMilliseconds": "\(expiryMilliseconds)",
            "fillsCache": "\(fillsCache)",
            "pauseMilliseconds": "\(pauseMilliseconds)", "seed": "\(seed)",
        ]
    }
}
