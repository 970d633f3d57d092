import LoadEngine
import LoadWorkload

// Figures that follow from what was measured; every report takes them from here.

extension RunResult {
    /// Whether keys and requests are different numbers.
    package var hasMultigets: Bool { kinds.contains { $0.kind == .multiget && $0.requests > 0 } }

    package func perSecond(_ count: Int) -> Double { seconds > 0 ? Double(count) / seconds : 0 }

    /// CPU time of all servers for one request, in nanoseconds; nil unless it is known of each.
    package var serverCPUPerRequest: Double? {
        guard counts.requests > 0, !servers.isEmpty else { return nil }
        var sum: UInt64 = 0
        for server in servers {
            guard let nanoseconds = server.cpuNanoseconds else { return nil }
            sum += nanoseconds
        }
        return Double(sum) / Double(counts.requests)
    }

    /// The kernel's part of the servers' CPU time, 0...1; nil unless it is known of each.
    package var serverKernelShare: Double? {
        let known = servers.compactMap { server in
            server.cpuNanoseconds.flatMap { cpu in
                server.kernelShare.map { (cpu: Double(cpu), kernel: $0 * Double(cpu)) }
            }
        }
        guard known.count == servers.count, !known.isEmpty else { return nil }
        let cpu = known.reduce(0) { $0 + $1.cpu }
        return cpu > 0 ? known.reduce(0) { $0 + $1.kernel } / cpu : nil
    }

    /// CPU time of a server over the measured time; nil where it is not known, or hardly anything was measured.
    package func cpuShare(of server: ServerResult) -> Double? {
        guard seconds >= Self.shareSecondsMin else { return nil }
        return server.cpuNanoseconds.map { Double($0) / (seconds * 1e9) }
    }

    /// The kernel's clocks say nothing about less.
    private static let shareSecondsMin = 0.01

    /// CPU time of the driver for one request, in nanoseconds.
    package var driverCPUPerRequest: Double? {
        counts.requests > 0 ? Double(driver.cpuNanoseconds) / Double(counts.requests) : nil
    }

    /// Resident memory of all servers at the end; nil unless it is known of each.
    package var residentBytes: UInt64? {
        let known = servers.compactMap(\.residentBytes)
        return known.count == servers.count && !known.isEmpty ? known.reduce(0, +) : nil
    }

    /// Everything that a client would have noticed.
    package var failures: Int {
        counts.errors + counts.refused + counts.lost + counts.timeouts + (counts.unanswered ?? 0)
    }
}

extension OperationCounts {
    /// Bytes of hits among the bytes asked for; nil where the workload knows no sizes.
    package var byteHitRatio: Double? {
        missBytes > 0 && hitBytes > 0 ? Double(hitBytes) / Double(hitBytes + missBytes) : nil
    }
}

extension ServerResult {
    /// CPU time for one request, in nanoseconds.
    package var cpuPerRequest: Double? {
        guard let cpuNanoseconds, counts.requests > 0 else { return nil }
        return Double(cpuNanoseconds) / Double(counts.requests)
    }

    /// A number from the server's own statistics.
    package func count(_ statistic: String) -> String {
        statistics[statistic].flatMap(Int.init).map(Quantity.grouped) ?? "-"
    }
}

extension OperationKind {
    package var words: String {
        switch self {
        case .get: "get"
        case .multiget: "multiget"
        case .set: "set"
        case .add: "add"
        case .delete: "delete"
        case .increment: "incr"
        case .touch: "touch"
        case .getAndTouch: "gat"
        case .compareAndSet: "cas"
        case .lease: "lease"
        }
    }
}
