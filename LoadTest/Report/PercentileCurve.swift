import LoadEngine

/// A latency histogram as a curve over percentiles that come closer and closer to 100 %.
///
/// Rules, those of HdrHistogram's percentile output:
/// 1. The first level is 0 %. Within each half of the distance to 100 % there are `ticksPerHalfDistance` levels: so
///    many between 0 and 50 %, as many between 50 and 75 %, and so on.
/// 2. A level's latency is the smallest one measured that so many percent do not exceed.
/// 3. Once a level's latency is the maximum, finer levels would repeat it: the last step is 100 %.
package struct PercentileCurve: Sendable {
    package struct Step: Sendable, Equatable {
        /// 0...100.
        package let percentile: Double
        package let nanoseconds: UInt64
        /// Latencies up to here.
        package let countToHere: UInt64
    }

    /// From 0 to 100 %; empty if nothing was measured.
    package let steps: [Step]

    package init(_ latency: LatencyHistogram, ticksPerHalfDistance: Int = 5) {
        var steps: [Step] = []
        var level = 0.0
        let total = latency.count
        for value in latency.histogram.recordedValues() {
            let countToHere = value.totalCountToThisValue
            let reached = 100 * Double(countToHere) / Double(total)
            let nanoseconds = min(value.value, latency.max)
            while level <= reached, level < 100 {
                steps.append(Step(percentile: level, nanoseconds: nanoseconds, countToHere: countToHere))
                level += Self.distance(from: level, ticksPerHalfDistance: ticksPerHalfDistance)
                // Rule 3.
                if countToHere == total { break }
            }
        }
        if total > 0 { steps.append(Step(percentile: 100, nanoseconds: latency.max, countToHere: total)) }
        self.steps = steps
    }

    /// Rule 1: from one level to the next.
    private static func distance(from level: Double, ticksPerHalfDistance: Int) -> Double {
        var half = 50.0
        while 100 - level <= half { half /= 2 }
        return half / Double(ticksPerHalfDistance)
    }
}
