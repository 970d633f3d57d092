import ArgumentParser
import LoadEngine

/// Several runs instead of one.
struct SeriesOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Look for the highest rate at which latency is good enough: 'p99<1ms', 'p50<200us,p99.9<5ms'.",
            valueName: "goal"),
        transform: { try LatencyGoal(parsing: $0) })
    var search: LatencyGoal?

    @Option(
        help: ArgumentHelp(
            "Draw the curve of latency over rate: 10 (that many rates up to the top speed) or 10k,20k,50k.",
            valueName: "rates"))
    var sweep: String?

    static let sweepMax: UInt64 = 100

    /// Length of each run where no other is given.
    static let usualSeconds = 5.0

    var isSeries: Bool { search != nil || sweep != nil }

    func validate() throws {
        if search != nil, sweep != nil { throw ValidationError("--search and --sweep exclude each other.") }
    }

    /// The rates that were given, or how many to choose.
    func rates() throws -> (given: [Double]?, count: Int) {
        guard let sweep else { return (nil, 0) }
        if sweep.contains(",") {
            guard case .steps(let rates) = try RateCurve(parsing: sweep) else { return (nil, 0) }
            return (rates, rates.count)
        }
        guard let count = UInt64(sweep), (1...Self.sweepMax).contains(count) else {
            throw ValidationError(
                "sweep '\(sweep)' is neither a list of rates nor a number from 1 to \(Self.sweepMax).")
        }
        return (nil, Int(count))
    }
}
