import LoadEngine

/// One figure of a run by which runs are compared: its name, how it is read from a result, and which direction is
/// better.
package struct Measure: Sendable {
    package enum Direction: Sendable { case higher, lower, neither }

    /// One word, as suites name it.
    package let name: String
    /// As people read it.
    package let title: String
    package let better: Direction
    /// Whether twice as much is twice as good or bad; two errors instead of one are not.
    package var isProportional = true
    /// nil where a run has no such figure.
    package let value: @Sendable (RunResult) -> Double?
    package let words: @Sendable (Double) -> String

    package static func named(_ name: String) -> Measure? { all.first { $0.name == name } }

    /// A run's figure divided by the baseline's; nil where that says nothing.
    package func ratio(_ result: RunResult, to baseline: RunResult) -> Double? {
        guard let value = value(result), let base = self.value(baseline), base > 0 else { return nil }
        return value / base
    }

    /// How many times better `value` is than `base`: above 1 is better, whatever the direction. nil where neither is
    /// better, a figure is 0 or without end, or ratios say nothing.
    package func gain(_ value: Double, over base: Double) -> Double? {
        guard value > 0, base > 0, value.isFinite, base.isFinite else { return nil }
        return lead(value, over: base)
    }

    /// The same for telling only which of them is better: against 0 it is 0 or infinite, and 1 where both are alike.
    package func lead(_ value: Double, over base: Double) -> Double? {
        guard isProportional else { return nil }
        switch better {
        case .higher: return value == base ? 1 : value / base
        case .lower: return value == base ? 1 : base / value
        case .neither: return nil
        }
    }

    // MARK: The table

    /// Every figure there is.
    package static let all: [Measure] =
        usual + [
            missRatio, byteMissRatio, serverKernel, mean, peakMemory, items, itemsPerMebibyte, evictions, refused, lost,
            violations,
            verified, recovery,
        ]

    /// What a page shows of runs side by side, in this order.
    package static let usual: [Measure] = [
        rate, keys, hitRatio, serverCPU, driverCPU, p50, p90, p99, p999, latency("p99.99", 99.99), slowest, memory,
        failures,
    ]

    package static let rate = Measure(
        name: "rate", title: "requests/s", better: .higher, value: { $0.rate }, words: count)
    package static let keys = Measure(
        name: "keys", title: "keys/s", better: .higher,
        value: { $0.hasMultigets ? $0.perSecond($0.counts.keysRead) : nil }, words: count)
    package static let hitRatio = Measure(
        name: "hit-ratio", title: "hit ratio", better: .higher, value: { $0.counts.hitRatio }, words: Quantity.percent)
    static let missRatio = Measure(
        name: "miss-ratio", title: "misses", better: .lower, value: { $0.counts.hitRatio.map { 1 - $0 } },
        words: Quantity.percent)
    static let byteMissRatio = Measure(
        name: "byte-miss-ratio", title: "missed bytes", better: .lower,
        value: { $0.counts.byteHitRatio.map { 1 - $0 } }, words: Quantity.percent)
    package static let serverCPU = Measure(
        name: "server-cpu", title: "server CPU/request", better: .lower, value: { $0.serverCPUPerRequest },
        words: Quantity.duration(nanoseconds:))
    package static let serverKernel = Measure(
        name: "server-kernel", title: "the kernel's part of it", better: .neither, value: { $0.serverKernelShare },
        words: Quantity.percent)
    package static let driverCPU = Measure(
        name: "driver-cpu", title: "driver CPU/request", better: .neither, value: { $0.driverCPUPerRequest },
        words: Quantity.duration(nanoseconds:))

    package static let p50 = latency("p50", 50)
    package static let p90 = latency("p90", 90)
    package static let p99 = latency("p99", 99)
    package static let p999 = latency("p99.9", 99.9)
    package static let slowest = Measure(
        name: "max", title: "max", better: .lower, value: { $0.response.count > 0 ? Double($0.response.max) : nil },
        words: Quantity.duration(nanoseconds:))
    static let mean = Measure(
        name: "mean", title: "mean", better: .lower, value: { $0.response.count > 0 ? $0.response.mean : nil },
        words: Quantity.duration(nanoseconds:))

    package static let memory = Measure(
        name: "memory", title: "resident memory", better: .lower, value: { $0.residentBytes.map { Double($0) } },
        words: Quantity.bytes)
    static let peakMemory = Measure(
        name: "memory-peak", title: "peak memory", better: .lower,
        value: { result in result.sum { $0.residentBytesPeak.map { Double($0) } } }, words: Quantity.bytes)
    static let items = Measure(
        name: "items", title: "items", better: .higher,
        value: { result in result.sum { $0.number("curr_items") } }, words: count)
    static let itemsPerMebibyte = Measure(
        name: "items-per-mib", title: "items per resident MiB", better: .higher,
        value: { result in
            guard let items = items.value(result), let bytes = memory.value(result), bytes > 0 else { return nil }
            return items / (bytes / 1_048_576)
        }, words: count)
    static let evictions = Measure(
        name: "evictions", title: "evictions", better: .neither,
        value: { result in result.sum { $0.number("evictions") } }, words: count)

    package static let failures = Measure(
        name: "failures", title: "failed requests", better: .lower, isProportional: false,
        value: { Double($0.failures) }, words: count)
    static let refused = Measure(
        name: "refused", title: "refused stores", better: .lower, isProportional: false,
        value: { Double($0.counts.refused) }, words: count)
    static let lost = Measure(
        name: "lost", title: "lost requests", better: .lower, isProportional: false,
        value: { Double($0.counts.lost + $0.counts.timeouts) }, words: count)
    static let violations = Measure(
        name: "violations", title: "wrong answers", better: .lower, isProportional: false,
        value: { Double(max($0.counts.violations, $0.violations.count)) }, words: count)
    static let verified = Measure(
        name: "verified", title: "values checked", better: .neither, value: { Double($0.counts.verified) }, words: count
    )
    static let recovery = Measure(
        name: "recovery", title: "recovery", better: .lower, value: { Recovery($0)?.seconds }, words: Quantity.span)

    package static func latency(_ name: String, _ percentile: Double) -> Measure {
        Measure(
            name: name, title: name, better: .lower,
            value: { $0.response.count > 0 ? Double($0.response.value(percentile: percentile)) : nil },
            words: Quantity.duration(nanoseconds:))
    }

    private static let count: @Sendable (Double) -> String = { Quantity.grouped(Int($0.rounded())) }
}

extension RunResult {
    /// A figure of all servers together; nil unless each has it.
    fileprivate func sum(_ figure: (ServerResult) -> Double?) -> Double? {
        let known = servers.compactMap(figure)
        return known.count == servers.count && !known.isEmpty ? known.reduce(0, +) : nil
    }
}

extension ServerResult {
    fileprivate func number(_ statistic: String) -> Double? { statistics[statistic].flatMap(Double.init) }
}
