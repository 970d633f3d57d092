import ArgumentParser
import LoadEngine

/// How hard, and for how long.
struct PaceOptions: ParsableArguments {
    @Option(name: .shortAndLong, help: "Driver threads; 1 otherwise.")
    var threads: Int?

    @Option(name: .shortAndLong, help: "Connections to each server in all, spread over the threads; 50 otherwise.")
    var connections: Int?

    @Option(help: "Connections to each server for each thread, as memtier counts them.")
    var clients: Int?

    @Option(
        name: [.customShort("P"), .customLong("pipeline"), .customLong("depth")],
        help: "Requests under way on one connection; 1 otherwise.")
    var pipeline: Int?

    @Flag(help: "Closed loop: ask again as soon as an answer is there. So it is without --rate.")
    var saturate = false

    @Option(
        name: [.customShort("R"), .long],
        help: ArgumentHelp(
            "Open loop: so many requests a second, whatever the server does: 50k; 10k-100k grows; 10k,20k,40k in steps.",
            valueName: "rate"),
        transform: { try RateCurve(parsing: $0) })
    var rate: RateCurve?

    @Option(
        help: "constant (even) or poisson (at random, as from many users).",
        transform: { try Reading.choice($0, "arrivals") })
    var arrivals = Pace.Spacing.constant

    @Option(
        name: [.short, .long, .customLong("test-time")],
        help: ArgumentHelp(
            "Time to measure: 10, 500ms, 2m; 10 seconds otherwise, 5 for each run of --search and --sweep, without "
                + "end with --requests or --trace.", valueName: "time"),
        transform: { try Reading.seconds($0, "duration") })
    var duration: Double?

    @Option(
        name: [.customShort("n"), .long],
        help: ArgumentHelp("Operations in all: 100000, 5m.", valueName: "count"),
        transform: { try Reading.count($0, "requests") })
    var requests: UInt64?

    @Option(
        help: ArgumentHelp("Load before measuring begins; none otherwise.", valueName: "time"),
        transform: { try Reading.seconds($0, "warm-up") })
    var warmUp: Double = 0

    @Option(
        help: ArgumentHelp(
            "Length of an interval of the live line and the time line; 1 second otherwise.", valueName: "time"),
        transform: { try Reading.seconds($0, "interval") })
    var interval: Double = 1

    func validate() throws {
        if saturate, rate != nil { throw ValidationError("--saturate is a closed loop, --rate an open one: choose.") }
        if connections != nil, clients != nil {
            throw ValidationError("--connections and --clients say the same: choose.")
        }
    }

    /// The bounds are checked with the settings; beyond what fits it is too many anyway.
    private var clientsInAll: Int? {
        clients.map { each in
            let (all, overflow) = each.multipliedReportingOverflow(by: threads ?? 1)
            return overflow ? .max : all
        }
    }

    func apply(to settings: inout LoadSettings) {
        settings.threadCount = threads ?? 1
        settings.connectionCount = connections ?? clientsInAll ?? 50
        settings.depth = pipeline ?? 1
        if let rate { settings.pace = .arriving(rate, arrivals) }
        settings.requestCount = requests
        settings.seconds = duration ?? (requests == nil ? 10 : nil)
        settings.warmUpSeconds = warmUp
        settings.intervalSeconds = interval
    }
}
