/// What a server says of itself, apart from any load: asked before and after a run.
package struct ServerFacts: Sendable {
    package let version: String
    /// The server's process, where it is on this machine.
    private let process: ServerProcess?
    private let wire: WireProtocol

    /// `processNumber`: the server's process; otherwise a local server is asked, if `asksForProcess`. Connects, which
    /// settles the connector. Throws when nobody is there, or does not speak memcached.
    package init(
        _ connector: inout SocketConnector, wire: WireProtocol = .classic, processNumber: Int32? = nil,
        asksForProcess: Bool = true,
        connectSeconds: Double, seconds: Double
    ) throws(LoadError) {
        let asks = asksForProcess && connector.address.isLocal
        self.wire = wire
        var probe = try Probe(&connector, wire: wire, connectSeconds: connectSeconds, seconds: seconds)
        version = try probe.version()
        let number = processNumber ?? (asks ? (try? probe.statistics())?["pid"].flatMap { Int32($0) } : nil)
        process = number.flatMap { ServerProcess($0) }
    }

    /// CPU time of the server's process so far.
    package var cpuNanoseconds: UInt64? { process?.cpuNanoseconds }

    /// The part of it that was spent in the kernel, 0...1, since `since`, which is `cpuTicks` of before.
    package func kernelShare(since: CPUTicks?) -> Double? {
        guard let since, let now = cpuTicks else { return nil }
        let all = now.user + now.kernel - since.user - since.kernel
        return all > 0 ? Double(now.kernel - since.kernel) / Double(all) : nil
    }

    package var cpuTicks: CPUTicks? { process?.cpuTicks }

    /// Resident memory now and at its peak.
    package var residentBytes: (now: UInt64, peak: UInt64)? { process?.residentBytes }

    /// What the server counts; nothing where it does not answer.
    package func statistics(
        _ connector: inout SocketConnector, connectSeconds: Double, seconds: Double
    ) -> [String: String] {
        guard var probe = try? Probe(&connector, wire: wire, connectSeconds: connectSeconds, seconds: seconds) else {
            return [:]
        }
        return (try? probe.statistics()) ?? [:]
    }
}
