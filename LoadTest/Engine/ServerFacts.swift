/// What a server says of itself, apart from any load: asked before and after a run.
package struct ServerFacts: Sendable {
    package let version: String
    /// The server's process, where it is on this machine.
    private let process: ServerProcess?

    /// `processNumber`: the server's process; otherwise a local server is asked, if `asksForProcess`. Connects, which settles
    /// the connector. Throws when nobody is there, or does not speak memcached.
    package init(
        _ connector: inout SocketConnector, processNumber: Int32? = nil, asksForProcess: Bool = true,
        connectSeconds: Double, seconds: Double
    ) throws(LoadError) {
        let asks = asksForProcess && connector.address.isLocal
        var probe = try Probe(&connector, connectSeconds: connectSeconds, seconds: seconds)
        version = try probe.version()
        let number = processNumber ?? (asks ? (try? probe.statistics())?["pid"].flatMap { Int32($0) } : nil)
        process = number.flatMap { ServerProcess($0) }
    }

    /// CPU time of the server's process so far.
    package var cpuNanoseconds: UInt64? { process?.cpuNanoseconds }

    /// Resident memory now and at its peak.
    package var residentBytes: (now: UInt64, peak: UInt64)? { process?.residentBytes }

    /// What the server counts; nothing where it does not answer.
    package func statistics(
        _ connector: inout SocketConnector, connectSeconds: Double, seconds: Double
    ) -> [String: String] {
        guard var probe = try? Probe(&connector, connectSeconds: connectSeconds, seconds: seconds) else { return [:] }
        return (try? probe.statistics()) ?? [:]
    }
}
