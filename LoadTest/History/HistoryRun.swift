import LoadEngine

/// The check of histories: connections compete for a few hot keys, every call is noted with its beginning and end, and
/// each key's history must be that of one item that does one thing after the other.
///
/// Goals: no wrong answer about one key gets by, be it a lost update, an old value, or a value with another one's flags
/// or token; an excerpt that shows it in a few lines. Non-goals: speed; operations on several keys at once.
/// Threads: `run` blocks the calling thread; each connection has a thread of its own while it is at work.
///
/// 1. The work is done in rounds of some hundred calls of each key. A round begins with a store of each key, by one
///    connection alone, so that its history needs no other.
/// 2. Moments are readings of one clock that all connections share: a call that ended before another began has a
///    smaller number, whatever the cores' own clocks say.
/// 3. After each round each key's calls are searched for an order that explains every answer (`Linearization`), in which
///    a connection's commands stand as they were sent. A miss may be an eviction (`EvictingModel`), unless nothing may be
///    evicted; tokens have to rise where they are Martlet's, and to differ elsewhere, unless the settings know better.
/// 4. The first round with a key that has no such order ends the run.
package struct HistoryRun {
    private let settings: HistorySettings
    private let keys: [HotKey]
    /// What is known of the server's tokens.
    private let tokens: TokenRule
    private let isMartlet: Bool
    private var result: RunResult
    private var sum = LatencyHistogram()
    private var interval = HistoryInterval()
    private var historyCount = 0
    private var callCount = 0
    private var undecidedCount = 0

    /// Does what `settings` say. `progress` hears of each interval as it ends.
    ///
    /// Throws a `LoadError` when the settings make no sense, or the server cannot be reached, does not know the
    /// commands or breaks off. What it answered wrongly is told by the result.
    package static func run(
        _ settings: HistorySettings, progress: (TimelinePoint) -> Void = { _ in }
    ) throws(LoadError) -> RunResult {
        try settings.check()
        var connector = try SocketConnector(settings.server)
        let facts = try ServerFacts(
            &connector, processNumber: settings.serverProcess, connectSeconds: settings.connectSeconds,
            seconds: settings.timeoutSeconds)
        var run = HistoryRun(settings, isMartlet: facts.version.contains("martlet"))
        let connections = try run.connections(connector)
        let cpuBefore = facts.cpuNanoseconds
        try run.work(connections, progress)
        run.finish(connections)
        run.result.servers[0].version = facts.version
        if let before = cpuBefore, let after = facts.cpuNanoseconds, after >= before {
            run.result.servers[0].cpuNanoseconds = after - before
        }
        run.result.servers[0].residentBytes = facts.residentBytes?.now
        run.result.servers[0].residentBytesPeak = facts.residentBytes?.peak
        run.result.servers[0].statistics = facts.statistics(
            &connector, connectSeconds: settings.connectSeconds, seconds: settings.timeoutSeconds)
        return run.result
    }

    private init(_ settings: HistorySettings, isMartlet: Bool) {
        self.settings = settings
        self.isMartlet = isMartlet
        tokens = settings.tokens ?? (isMartlet ? .rise : .differ)
        // Names of its own, because other runs may have left items.
        let number = UInt32.random(in: 0 ... .max)
        keys = (0..<settings.keyCount).map {
            HotKey(name: "\(settings.keyPrefix).\(number).\($0)", size: settings.sizes[$0 % settings.sizes.count])
        }
        result = RunResult(label: settings.label ?? settings.server.description)
        result.settings = settings.described
        result.settings["tokens"] = "\(tokens)"
        result.servers = [ServerResult(address: settings.server.description)]
    }

    private func connections(_ connector: SocketConnector) throws(LoadError) -> [HotConnection] {
        let clock = HistoryClock()
        var connections: [HotConnection] = []
        for client in 0..<settings.connectionCount {
            let socket = try HotSocket(
                connector, connectSeconds: settings.connectSeconds, seconds: settings.timeoutSeconds)
            var source = HotCommandSource(client: client, keys: keys, seed: settings.seed)
            source.wire = settings.wire
            // The last ones: who speaks text begins a round, where somebody does.
            source.isBinary = client >= settings.connectionCount - settings.binaryCount
            source.depthMax = settings.depth
            source.pressure = settings.pressure
            source.mayEvict = !settings.expectsHits
            source.isMartlet = isMartlet && tokens == .rise
            source.flushes = settings.flushes
            connections.append(HotConnection(socket, clock: clock, source: source))
        }
        return connections
    }

    // MARK: Rounds

    private mutating func work(
        _ connections: [HotConnection], _ progress: (TimelinePoint) -> Void
    ) throws(LoadError) {
        result.startedAt = MonotonicTime.wallSeconds()
        let startedAt = MonotonicTime.now()
        let cpuBefore = MonotonicTime.processCPU()
        var left = settings.commandCount ?? .max
        while left > 0, result.violations.isEmpty, !Interruption.isWanted {
            let count = min(settings.commandsInRound, Int(min(left, UInt64(Int.max))) / connections.count + 1)
            for connection in connections { connection.beginRound() }
            if connections[0].storeAll() {
                try JoinedThread.run(connections.count) { connections[$0].act(count) }
            }
            note(connections)
            for connection in connections {
                // What became of its last commands nobody knows, so that others' answers say nothing. A reply that
                // cannot be is told first: it explains a broken connection.
                if case .load(let error) = connection.failure, result.violations.isEmpty { throw error }
            }
            let calls = Dictionary(grouping: connections.flatMap(\.calls), by: \.key).mapValues { $0.map(\.call) }
            try judge(calls)
            left -= min(left, UInt64(count * connections.count))
            result.seconds = Double(MonotonicTime.now() - startedAt) / 1e9
            if let point = interval.point(at: result.seconds, length: settings.intervalSeconds) {
                result.timeline.append(point)
                progress(point)
            }
            if let seconds = settings.seconds, result.seconds >= seconds { break }
        }
        if let point = interval.point(at: result.seconds, length: 0) { result.timeline.append(point) }
        result.driver.cpuNanoseconds = MonotonicTime.processCPU() - cpuBefore
    }

    private mutating func note(_ connections: [HotConnection]) {
        for connection in connections {
            for latency in connection.latencies {
                sum.record(latency)
                interval.latencies.record(latency)
            }
            for keyed in connection.calls {
                switch keyed.call.operation {
                case .get(let item), .getAndTouch(let item, _):
                    interval.keysRead += 1
                    interval.hits += item == nil ? 0 : 1
                default: break
                }
            }
            if case .unexpected(let reply) = connection.failure {
                result.violations.append(
                    Violation(
                        kind: "protocol", key: reply.to, server: settings.server.description,
                        explanation: "the reply is '\(reply.reply)'"))
            }
        }
    }

    private mutating func judge(_ calls: [Int: [Call<ItemModel.Operation>]]) throws(LoadError) {
        let verdicts = try HistoryJudges.verdicts(calls, mayEvict: !settings.expectsHits, tokens: tokens)
        historyCount += calls.count
        callCount += calls.values.reduce(0) { $0 + $1.count }
        for (key, verdict) in verdicts.sorted(by: { $0.key < $1.key }) {
            switch verdict {
            case .holds: break
            case .undecided: undecidedCount += 1
            case .broken(let excerpt):
                result.violations.append(
                    Violation(
                        kind: "history", key: keys[key].name, server: settings.server.description,
                        explanation: excerpt))
            }
        }
    }

    // MARK: Adding up

    private mutating func finish(_ connections: [HotConnection]) {
        if result.violations.isEmpty { connections[0].deleteAll() }
        var counts = OperationCounts()
        for connection in connections {
            let tally = connection.tally
            counts.requests += tally.commands
            counts.keysRead += tally.keysRead
            counts.hits += tally.hits
            counts.misses += tally.keysRead - tally.hits
            counts.hitBytes += tally.hitBytes
            counts.stores += tally.stores
            counts.stored += tally.stored
            counts.refused += tally.refused
            counts.verified += tally.hits
            counts.sentBytes += connection.bytes.sent
            counts.receivedBytes += connection.bytes.received
        }
        counts.connectionsOpened = connections.count
        counts.violations = result.violations.count
        result.counts = counts
        result.servers[0].counts = counts
        result.response = sum
        result.service = sum
        result.servers[0].response = sum
        result.driver.threads = connections.count
        result.driver.connections = connections.count
        if result.seconds > 0 {
            let longest = connections.lazy.map(\.cpuNanoseconds).max() ?? 0
            result.driver.busyFraction = Double(longest) / 1e9 / result.seconds
        }
        result.settings["histories"] = "\(historyCount) of \(callCount) calls"
        if undecidedCount > 0 {
            result.invalidReasons.append(
                "\(undecidedCount) histories were too entangled to be decided; use fewer connections or less depth.")
        }
    }
}

/// What happened since the last point of the time line.
private struct HistoryInterval {
    var latencies = LatencyHistogram()
    var keysRead = 0
    var hits = 0
    private var beganAt = 0.0

    /// The point that ends now, when `length` seconds are over.
    mutating func point(at second: Double, length: Double) -> TimelinePoint? {
        guard second - beganAt >= length, latencies.count > 0 else { return nil }
        var point = TimelinePoint(second: second, length: second - beganAt)
        point.requests = Int(latencies.count)
        point.keysRead = keysRead
        point.hits = hits
        point.p50 = latencies.value(percentile: 50)
        point.p99 = latencies.value(percentile: 99)
        point.p999 = latencies.value(percentile: 99.9)
        point.max = latencies.max
        self = HistoryInterval()
        beganAt = second
        return point
    }
}
