import LoadEngine

/// One figure of a run by which runs are compared: its name, how it is read from a result, and which direction is better.
package struct Measure: Sendable {
    package enum Direction: Sendable { case higher, lower, neither }

    package let name: String
    package let better: Direction
    /// nil where a run has no such figure.
    package let value: @Sendable (RunResult) -> Double?
    package let words: @Sendable (Double) -> String

    /// What reports show, in this order.
    package static let all: [Measure] = [
        requests, keys, hitRatio, serverCPU, driverCPU,
        latency("p50", 50), latency("p90", 90), p99, latency("p99.9", 99.9), latency("p99.99", 99.99), slowest, memory,
        failures,
    ]

    package static let requests = Measure(
        name: "requests/s", better: .higher, value: { $0.rate }, words: { Quantity.grouped(Int($0.rounded())) })
    package static let keys = Measure(
        name: "keys/s", better: .higher, value: { $0.hasMultigets ? $0.perSecond($0.counts.keysRead) : nil },
        words: { Quantity.grouped(Int($0.rounded())) })
    package static let hitRatio = Measure(
        name: "hit ratio", better: .higher, value: { $0.counts.hitRatio }, words: Quantity.percent)
    package static let serverCPU = Measure(
        name: "server CPU/request", better: .lower, value: { $0.serverCPUPerRequest },
        words: Quantity.duration(nanoseconds:))
    package static let driverCPU = Measure(
        name: "driver CPU/request", better: .neither, value: { $0.driverCPUPerRequest },
        words: Quantity.duration(nanoseconds:))
    package static let p99 = latency("p99", 99)
    package static let slowest = Measure(
        name: "max", better: .lower, value: { $0.response.count > 0 ? Double($0.response.max) : nil },
        words: Quantity.duration(nanoseconds:))
    package static let memory = Measure(
        name: "resident memory", better: .lower, value: { $0.residentBytes.map { Double($0) } }, words: Quantity.bytes)
    package static let failures = Measure(
        name: "failed requests", better: .lower, value: { Double($0.failures) },
        words: { Quantity.grouped(Int($0)) })

    package static func latency(_ name: String, _ percentile: Double) -> Measure {
        Measure(
            name: name, better: .lower,
            value: { $0.response.count > 0 ? Double($0.response.value(percentile: percentile)) : nil },
            words: Quantity.duration(nanoseconds:))
    }

    /// A run's figure divided by the baseline's; nil where that says nothing.
    package func ratio(_ result: RunResult, to baseline: RunResult) -> Double? {
        guard let value = value(result), let base = self.value(baseline), base > 0 else { return nil }
        return value / base
    }
}
