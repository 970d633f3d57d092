import Glibc
import LoadEngine
import LoadWorkload

/// What the phases of a scenario have in common, and how one is run.
struct DatabasePhase: Sendable {
    let settings: DatabaseSettings
    let database: any RowDatabase
    let table: RowTable
    let cache: SocketConnector
    let keys: KeySpace
    let endRequest: EndRequest

    /// What a phase's threads bring home.
    struct Findings: Sendable {
        var reads = ReadResult()
        var queriesByChange: [UInt32] = []
        var verified = 0
        var wrong = 0
        var violations: [Violation] = []

        mutating func add(_ other: Findings) {
            reads.add(other.reads)
            while queriesByChange.count < other.queriesByChange.count { queriesByChange.append(0) }
            for (index, count) in other.queriesByChange.enumerated() { queriesByChange[index] += count }
            verified += other.verified
            wrong += other.wrong
            violations += other.violations.prefix(DatabaseResult.violationsMax - violations.count)
        }
    }

    /// Stores every value in the cache, fetched from the table's own rule rather than by queries. Some may be refused,
    /// or be evicted again.
    func fillCache() throws(LoadError) {
        let connection = try CacheConnection(cache, keys: keys, seconds: settings.answerSecondsMax)
        var value: [UInt8] = []
        for key in 0..<table.keyCount {
            table.write(key, version: RowTable.firstVersion, into: &value)
            _ = try connection.set(key, value, secondsToLive: Int32(settings.secondsToLive))
            if key % 1024 == 0 { try endRequest.check() }
        }
    }

    /// All clients ask by popularity, for the warm-up and then for the measured time.
    func steady(_ way: ReadWay) throws(LoadError) -> (SteadyResult, Findings) {
        let control = ClientControl()
        var seconds = 0.0
        var findings = try run(way, control, RowVersions(), hotKey: nil) { () throws(LoadError) in
            try control.wait(until: after(settings.warmUpSeconds), endRequest)
            let start = MonotonicTime.now()
            control.measure(true)
            try control.wait(until: after(settings.seconds), endRequest)
            control.measure(false)
            seconds = Double(MonotonicTime.now() - start) / 1e9
        }
        findings.reads.seconds = seconds
        return (SteadyResult(way: way, reads: findings.reads), findings)
    }

    /// All clients ask for the hot key, while this thread changes its row each `expiryMilliseconds`.
    func stampede(_ way: ReadWay, _ versions: RowVersions) throws(LoadError) -> (StampedeResult, Findings) {
        let control = ClientControl()
        let changer = try RowChanger(
            session: database.session(table),
            cache: CacheConnection(cache, keys: keys, seconds: settings.answerSecondsMax),
            key: table.hotKey, versions: versions)
        let firstChange = versions.change + 1
        let interval = UInt64(settings.expiryMilliseconds * 1e6)
        var seconds = 0.0
        // What another way left is not to be found.
        try changer.forget()
        var findings = try run(way, control, versions, hotKey: table.hotKey) { () throws(LoadError) in
            try control.wait(until: after(Self.settleSeconds), endRequest)
            let start = MonotonicTime.now()
            let end = start + UInt64(settings.stampedeSeconds * 1e9)
            control.measure(true)
            var due = start
            while due + interval <= end, !control.isStopping {
                try changer.change(way)
                due = max(due + interval, MonotonicTime.now())
                try control.wait(until: due, endRequest)
            }
            control.measure(false)
            seconds = Double(MonotonicTime.now() - start) / 1e9
        }
        findings.reads.seconds = seconds
        let queries = findings.queriesByChange.dropFirst(firstChange)
        let expiries = versions.change - firstChange + 1
        let result = StampedeResult(
            way: way, reads: findings.reads, expiries: expiries,
            queriesPerExpiry: expiries > 0 ? Double(queries.reduce(0, +)) / Double(expiries) : 0,
            queriesPerExpiryMost: Int(queries.max() ?? 0))
        return (result, findings)
    }

    /// Until all clients have found the value in the cache.
    private static let settleSeconds = 0.1

    private func after(_ seconds: Double) -> UInt64 { MonotonicTime.now() + UInt64(seconds * 1e9) }

    private func run(
        _ way: ReadWay, _ control: ClientControl, _ versions: RowVersions, hotKey: UInt64?,
        meanwhile: () throws(LoadError) -> Void
    ) throws(LoadError) -> Findings {
        let all = try ClientThread.run(
            count: settings.clientCount, control: control,
            body: { index throws(LoadError) in try ask(way, control, versions, hotKey: hotKey, thread: index) },
            meanwhile: meanwhile)
        var findings = Findings()
        for one in all { findings.add(one) }
        return findings
    }

    /// A client's thread.
    private func ask(
        _ way: ReadWay, _ control: ClientControl, _ versions: RowVersions, hotKey: UInt64?, thread: Int
    ) throws(LoadError) -> Findings {
        let client = DatabaseClient(
            cache: way == .direct
                ? nil : try CacheConnection(cache, keys: keys, seconds: settings.answerSecondsMax),
            session: try database.session(table), table: table, versions: versions, settings: settings,
            control: control)
        var workload = Workload()
        workload.keyCount = settings.keyCount
        workload.popularity = settings.popularity
        do throws(WorkloadError) {
            var source = try OperationSource(
                workload, seed: settings.seed, thread: thread, threadCount: settings.clientCount)
            var operation = Operation(kind: .get, key: 0)
            let pauseMicroseconds = hotKey == nil ? 0 : UInt32(settings.pauseMilliseconds * 1000)
            while !control.isStopping, source.next(&operation) {
                client.counts = control.isMeasuring
                let key = hotKey ?? operation.key
                do throws(LoadError) {
                    try client.read(key, way)
                } catch {
                    control.fail(error)
                }
                if pauseMicroseconds > 0 { usleep(pauseMicroseconds) }
            }
        } catch {
            throw .usage(error.description)
        }
        return Findings(
            reads: client.reads, queriesByChange: client.queriesByChange, verified: client.verified,
            wrong: client.wrong, violations: client.violations)
    }
}

/// Who changes the hot key's row, and tells the cache.
struct RowChanger {
    let session: any RowSession
    let cache: CacheConnection
    let key: UInt64
    let versions: RowVersions

    func change(_ way: ReadWay) throws(LoadError) {
        let version = versions.issue()
        try session.update(key, version: version)
        versions.countChange()
        switch way {
        case .direct: break
        case .cacheAside, .leaseWaiting: try cache.delete(key)
        case .leaseStale: try cache.markStale(key, seconds: DatabaseClient.leaseSeconds)
        }
        versions.acknowledge(version)
    }

    func forget() throws(LoadError) { try cache.delete(key) }
}
