import LoadWorkload
import Synchronization

/// A run from beginning to end: looks whether the servers are there, fills them, loads them, and adds up.
///
/// Threads: `run` blocks the calling thread, which draws the time line while driver threads work.
package enum LoadRun {
    /// Does what `settings` say. `progress` hears of each interval as it ends, on the calling thread.
    ///
    /// Throws a `LoadError` when the settings make no sense, a server cannot be reached or does not speak memcached, or
    /// breaks off and the run is not to survive that. What a server answered wrongly is told by the result.
    package static func run(
        _ settings: LoadSettings, progress: (TimelinePoint) -> Void = { _ in }
    ) throws(LoadError) -> RunResult {
        try settings.check()
        var connectors: [SocketConnector] = []
        for address in settings.servers { connectors.append(try SocketConnector(address)) }
        var servers = connectors.map { ServerResult(address: $0.address.description) }
        for (index, connector) in connectors.enumerated() {
            var probe = try Probe(
                connector, connectSeconds: settings.connectSeconds, seconds: settings.timeoutSeconds)
            servers[index].version = try probe.version()
        }
        let versions = try versionTable(settings)
        defer { versions?.deallocate() }
        let truth = Truth(
            verification: settings.verification, versions: versions, followsLives: settings.workload.lives != .forever)
        if settings.fills {
            let fill = RunPass(filling: settings, truth: truth, connectors: connectors)
            let result = try fill.run { _ in }
            guard result.violations.isEmpty else { return result }
        }
        let pass = RunPass(settings, truth: truth, connectors: connectors)
        var result = try pass.run(progress: progress)
        for index in servers.indices {
            result.servers[index].version = servers[index].version
        }
        return result
    }

    private static func versionTable(_ settings: LoadSettings) throws(LoadError) -> VersionTable? {
        guard settings.verification == .full else { return nil }
        do {
            return try VersionTable(
                keyCount: settings.workload.keyNumbersEnd, withLives: settings.workload.lives != .forever)
        } catch {
            throw .usage(error.message)
        }
    }
}
