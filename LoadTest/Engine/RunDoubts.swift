/// Why the figures of a run may say more about the driver than about the server.
///
/// 1. A driver thread that was busy for more than `busyFractionMax` of the time: rates and latencies are the driver's
///    own; CPU time per request remains comparable.
/// 2. Open loop: one request in a hundred left later than `slipMax` and than a quarter of the response time that one in
///    a hundred exceeded: the latency is the driver's to that part.
/// 3. Nothing was answered, or nothing but errors.
package struct RunDoubts {
    private let result: RunResult
    private let isOpenLoop: Bool

    package static let busyFractionMax = 0.9
    /// In nanoseconds.
    package static let slipMax: UInt64 = 100_000

    package init(_ result: RunResult, isOpenLoop: Bool) {
        self.result = result
        self.isOpenLoop = isOpenLoop
    }

    /// What is wrong with the fill before a run: the keys that it could not store are missed.
    static func ofFill(_ result: RunResult) -> [String] {
        let failed = result.counts.refused + result.counts.errors
        guard failed > 0 else { return [] }
        let reason = (result.errorTexts ?? [:]).max { ($0.value, $1.key) < ($1.value, $0.key) }?.key
        return [
            "The cache was not filled: \(failed) of \(result.counts.requests) keys were refused"
                + "\(reason.map { ", with '\($0)'" } ?? "")."
        ]
    }

    /// What is said of a run that did not begin.
    static let ofNoRun = ["Interrupted while the cache was being filled: nothing was measured."]

    package var sentences: [String] {
        var sentences: [String] = []
        if result.driver.busyFraction > Self.busyFractionMax {
            let percent = Int((result.driver.busyFraction * 100).rounded())
            sentences.append(
                "A driver thread was busy \(percent) % of the time: compare CPU time per request instead of rates, or give "
                    + "the driver more threads.")
        }
        let slip = result.slip.value(percentile: 99)
        if isOpenLoop, slip > Self.slipMax, slip > result.response.value(percentile: 99) / 4 {
            sentences.append(
                "The driver itself was late: one request in a hundred left more than "
                    + "\(slip / 1_000_000).\(slip / 100_000 % 10) ms after its time.")
        }
        if result.counts.requests == 0 {
            sentences.append("No request was answered.")
        } else if result.isFutile {
            sentences.append("Every answer was an error.")
        }
        return sentences
    }
}
