import LoadEngine

/// A histogram in the field's text format (`.hgrm`), as HdrHistogram's plotter and its friends read it. Values are
/// milliseconds.
///
/// The steps halve their distance to 100 % every `ticksPerHalfDistance` lines; the last line is the maximum, whose
/// 1/(1-percentile) is infinite and therefore left out.
package struct PercentileText {
    private let latency: LatencyHistogram
    private let ticksPerHalfDistance: Int

    package init(_ latency: LatencyHistogram, ticksPerHalfDistance: Int = 5) {
        self.latency = latency
        self.ticksPerHalfDistance = ticksPerHalfDistance
    }

    package var text: String {
        var lines = [
            Self.row("Value", "Percentile", "TotalCount", "1/(1-Percentile)"), "",
        ]
        for step in PercentileCurve(latency, ticksPerHalfDistance: ticksPerHalfDistance).steps {
            let part = step.percentile / 100
            lines.append(
                Self.row(
                    Self.milliseconds(Double(step.nanoseconds)), Quantity.fixed(part, digits: 12),
                    String(step.countToHere), part < 1 ? Quantity.fixed(1 / (1 - part), digits: 2) : ""))
        }
        let deviation = latency.count == 0 ? 0 : latency.histogram.stdDeviation
        lines.append(
            "#[Mean    = \(Self.milliseconds(latency.mean)), "
                + "StdDeviation   = \(Self.milliseconds(deviation))]")
        lines.append("#[Max     = \(Self.milliseconds(Double(latency.max))), Total count    = \(latency.count)]")
        lines.append("#[Buckets = \(Self.bucketCount), SubBuckets     = \(Self.subBucketCount)]")
        return lines.joined(separator: "\n") + "\n"
    }

    /// The layout of a histogram with three digits up to `nanosecondsMax`: plotters read past it, other readers want
    /// it.
    private static let subBucketCount = 2048
    private static let bucketCount =
        UInt64.bitWidth - (LatencyHistogram.nanosecondsMax / UInt64(subBucketCount)).leadingZeroBitCount + 1

    private static func milliseconds(_ nanoseconds: Double) -> String { Quantity.fixed(nanoseconds / 1e6, digits: 6) }

    private static func row(_ value: String, _ percentile: String, _ count: String, _ inverse: String) -> String {
        func right(_ text: String, _ width: Int) -> String {
            String(repeating: " ", count: max(width - text.count, 0)) + text
        }
        let line = "\(right(value, 14)) \(right(percentile, 14)) \(right(count, 10))"
        return inverse.isEmpty ? line : "\(line) \(right(inverse, 16))"
    }
}
