/// What latency is good enough: `p99<1ms`, or several conditions, `p50<200us,p99.9<5ms`. The times from when requests
/// were due.
package struct LatencyGoal: Sendable, Equatable, CustomStringConvertible {
    package enum Measure: Sendable, Equatable {
        case percentile(Double)
        case mean, max
    }

    package struct Condition: Sendable, Equatable {
        package var measure: Measure
        /// Nanoseconds that the measure must stay below.
        package var limit: UInt64

        package init(measure: Measure, limit: UInt64) {
            self.measure = measure
            self.limit = limit
        }
    }

    package let conditions: [Condition]
    package let description: String

    package init(parsing text: String) throws(LoadError) {
        description = text
        var conditions: [Condition] = []
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            let sides = part.split(separator: "<", omittingEmptySubsequences: false)
            guard sides.count == 2, let measure = Self.measure(sides[0]), let limit = Self.nanoseconds(sides[1]) else {
                throw .usage("'\(part)' is no goal: expected p99<1ms, p99.9<5ms, mean<200us or max<20ms.")
            }
            conditions.append(Condition(measure: measure, limit: limit))
        }
        self.conditions = conditions
    }

    private static func measure(_ text: Substring) -> Measure? {
        if text == "mean" { return .mean }
        if text == "max" { return .max }
        guard text.hasPrefix("p"), let percentile = Double(text.dropFirst()), percentile > 0, percentile <= 100 else {
            return nil
        }
        return .percentile(percentile)
    }

    private static func nanoseconds(_ text: Substring) -> UInt64? {
        for (unit, factor) in [("ns", 1.0), ("us", 1e3), ("ms", 1e6), ("s", 1e9)] where text.hasSuffix(unit) {
            guard let number = Double(text.dropLast(unit.count)), number > 0, number * factor < 0x1p63 else {
                return nil
            }
            return UInt64(number * factor)
        }
        return nil
    }

    /// Whether a run reached the goal: its latency is good enough, and every request got its answer.
    package func isReached(by result: RunResult) -> Bool {
        guard result.counts.requests > 0, result.counts.timeouts == 0, result.counts.lost == 0,
            result.counts.errors == 0, result.counts.unanswered == nil
        else { return false }
        return conditions.allSatisfy { Self.value($0.measure, result.response) < $0.limit }
    }

    private static func value(_ measure: Measure, _ histogram: LatencyHistogram) -> UInt64 {
        switch measure {
        case .percentile(let percentile): histogram.value(percentile: percentile)
        case .mean: UInt64(histogram.mean)
        case .max: histogram.max
        }
    }
}
