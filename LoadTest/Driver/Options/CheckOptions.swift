import ArgumentParser
import LoadEngine
import LoadHistory
import LoadWorkload

/// Checks that are runs of their own.
struct CheckOptions: ParsableArguments {
    enum Check: CaseIterable { case history }

    @Option(
        help: ArgumentHelp(
            "history: let 8 connections (-c) compete for 8 hot keys (--keys), 4 calls under way on each (-P), and check "
                + "that each key's calls fit one order.",
            valueName: "what"),
        transform: { try Reading.choice($0, "check") })
    var check: Check?

    @Option(
        help: ArgumentHelp(
            "With --check history: of the connections, how many speak the binary protocol, on the same keys: 4.",
            valueName: "count"))
    var binary: Int?

    @Option(
        help: ArgumentHelp(
            "With --check history: share of large stores that nobody asks for, so that the server evicts: 0.3.",
            valueName: "share"))
    var pressure: Double?

    @Flag(
        help: """
            With --check history: flush_all now and then, of all that the server has; it must be exact, as Martlet's.
            """)
    var flush = false

    @Option(
        help: ArgumentHelp(
            """
            With --check history: rise, as Martlet's, or differ, as other servers'; what a key's CAS tokens must do. By \
            the server's version.
            """, valueName: "rule"),
        transform: { try Reading.choice($0, "token rule") })
    var tokens: TokenRule?

    /// The options that have a meaning with `--check history`, from those of a run. Throws one that has none.
    func history(
        _ servers: ServerOptions, _ pace: PaceOptions, _ work: WorkOptions, _ traces: TraceOptions,
        _ series: SeriesOptions
    ) throws -> HistorySettings {
        let strangers: [(Bool, String)] = [
            (pace.rate != nil, "--rate"), (pace.threads != nil, "--threads"), (pace.clients != nil, "--clients"),
            (pace.warmUp != 0, "--warm-up"), (servers.keepGoing, "--keep-going"), (series.search != nil, "--search"),
            (series.sweep != nil, "--sweep"), (traces.trace != nil, "--trace"), (work.mix != nil, "--mix"),
            (work.ratio != nil, "--ratio"), (work.popularity != nil, "--popularity"), (work.fill, "--fill"),
            (work.workload != nil, "--workload"), (work.keySize != nil, "--key-size"), (work.ttl != nil, "--ttl"),
            (work.cacheAside, "--cache-aside"), (work.verify != .full, "--verify"),
        ]
        if let stranger = strangers.first(where: \.0) {
            throw ValidationError("\(stranger.1) has no meaning with --check history.")
        }
        let addresses = try servers.addresses()
        guard addresses.count == 1 else { throw ValidationError("--check history looks at one server at a time.") }
        var settings = HistorySettings(server: addresses[0])
        settings.seed = work.seed
        settings.connectionCount = pace.connections ?? settings.connectionCount
        settings.depth = pace.pipeline ?? settings.depth
        settings.seconds = pace.duration ?? (pace.requests == nil ? settings.seconds : nil)
        settings.commandCount = pace.requests
        settings.intervalSeconds = pace.interval
        settings.keyCount = Int(clamping: work.keys ?? UInt64(settings.keyCount))
        settings.keyPrefix = work.keyPrefix ?? settings.keyPrefix
        if let values = work.values { settings.sizes = [.drawn(try Sizes(parsing: values))] }
        settings.expectsHits = work.expectHits
        settings.tokens = tokens
        settings.flushes = flush
        settings.wire = servers.protocol
        settings.binaryCount = binary ?? 0
        settings.timeoutSeconds = servers.timeout
        settings.connectSeconds = servers.connectTimeout
        settings.serverProcess = servers.serverPid.first
        settings.pressure = pressure ?? 0
        try settings.check()
        return settings
    }
}
