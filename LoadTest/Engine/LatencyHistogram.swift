import Histogram

/// Latencies in nanoseconds, three significant digits, up to ten minutes. Encoded as the values that occurred with
/// their counts, so that files stay small and any reader can rebuild it.
package struct LatencyHistogram: Codable, Sendable {
    package private(set) var histogram: Histogram<UInt64>

    /// What lies beyond is counted here.
    package static let nanosecondsMax: UInt64 = 600_000_000_000

    package init() {
        histogram = Histogram(highestTrackableValue: Self.nanosecondsMax, numberOfSignificantValueDigits: .three)
    }

    package var count: UInt64 { histogram.totalCount }
    package var mean: Double { count == 0 ? 0 : histogram.mean }
    package var max: UInt64 { count == 0 ? 0 : histogram.maxRecorded }
    package var min: UInt64 { count == 0 ? 0 : histogram.min }

    /// The value that `percentile` percent of the latencies do not exceed; 0 where there are none.
    package func value(percentile: Double) -> UInt64 {
        count == 0 ? 0 : histogram.valueAtPercentile(percentile)
    }

    package mutating func record(_ nanoseconds: UInt64, count: UInt64 = 1) {
        histogram.record(Swift.min(nanoseconds, Self.nanosecondsMax), count: count)
    }

    package mutating func add(_ other: LatencyHistogram) { histogram.add(other.histogram) }

    package init(from decoder: any Decoder) throws {
        self.init()
        var pairs = try decoder.unkeyedContainer()
        while !pairs.isAtEnd {
            let nanoseconds = try pairs.decode(UInt64.self)
            record(nanoseconds, count: try pairs.decode(UInt64.self))
        }
    }

    package func encode(to encoder: any Encoder) throws {
        var pairs = encoder.unkeyedContainer()
        for step in histogram.recordedValues() {
            // The last step's own value would be the end of its range.
            try pairs.encode(Swift.min(step.value, histogram.maxRecorded))
            try pairs.encode(step.count)
        }
    }
}
