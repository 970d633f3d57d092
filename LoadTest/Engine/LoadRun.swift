import Glibc
import LoadWorkload

/// A run from beginning to end: looks whether the servers are there, fills them, loads them, and adds up.
///
/// Threads: `run` blocks the calling thread, which draws the time line while driver threads work.
package enum LoadRun {
    /// What a run is doing.
    package enum Phase: String, Sendable {
        case filling, measuring
    }

    /// Does what `settings` say. `progress` hears of each interval as it ends, on the calling thread.
    ///
    /// Throws a `LoadError` when the settings make no sense, a server cannot be reached or does not speak memcached, or
    /// breaks off and the run is not to survive that. What a server answered wrongly is told by the result.
    package static func run(
        _ settings: LoadSettings, progress: (Phase, TimelinePoint) -> Void = { _, _ in }
    ) throws(LoadError) -> RunResult {
        try settings.check()
        raiseDescriptorLimit()
        var connectors: [SocketConnector] = []
        var processes: [ServerProcess?] = []
        var versions: [String] = []
        for (index, address) in settings.servers.enumerated() {
            var connector = try SocketConnector(address)
            var probe = try Probe(&connector, connectSeconds: settings.connectSeconds, seconds: settings.timeoutSeconds)
            versions.append(try probe.version())
            processes.append(process(of: index, settings, &probe))
            connectors.append(connector)
        }
        let table = try versionTable(settings)
        defer { table?.deallocate() }
        let truth = Truth(
            verification: settings.verification, versions: table, followsLives: settings.workload.hasLives,
            expectsHits: settings.expectsHits)
        if settings.fills {
            let fill = RunPass(filling: settings, truth: truth, connectors: connectors)
            let result = try fill.run(processes: []) { progress(.filling, $0) }
            guard result.violations.isEmpty else { return result }
        }
        let pass = RunPass(settings, truth: truth, connectors: connectors)
        var result = try pass.run(processes: processes) { progress(.measuring, $0) }
        for index in connectors.indices {
            result.servers[index].version = versions[index]
            result.servers[index].statistics = statistics(&connectors[index], settings)
        }
        return result
    }

    /// The server's process, if it is on this machine: as told, or as the server itself says.
    private static func process(of index: Int, _ settings: LoadSettings, _ probe: inout Probe) -> ServerProcess? {
        if !settings.serverProcesses.isEmpty {
            return index < settings.serverProcesses.count ? ServerProcess(settings.serverProcesses[index]) : nil
        }
        guard settings.servers[index].isLocal, let number = (try? probe.statistics())?["pid"].flatMap(Int32.init) else {
            return nil
        }
        return ServerProcess(number)
    }

    /// What the server counts, now that it is over; nothing where it does not answer.
    private static func statistics(_ connector: inout SocketConnector, _ settings: LoadSettings) -> [String: String] {
        guard
            var probe = try? Probe(
                &connector, connectSeconds: settings.connectSeconds, seconds: settings.timeoutSeconds)
        else { return [:] }
        return (try? probe.statistics()) ?? [:]
    }

    private static func versionTable(_ settings: LoadSettings) throws(LoadError) -> VersionTable? {
        guard settings.verification == .full else { return nil }
        do {
            return try VersionTable(
                keyCount: settings.workload.keyNumbersEnd, withLives: settings.workload.hasLives)
        } catch {
            throw .usage("\(error)")
        }
    }

    /// As many descriptors as the system allows without asking: each connection is one.
    private static func raiseDescriptorLimit() {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0, limit.rlim_cur < limit.rlim_max
        else {
            return
        }
        limit.rlim_cur = limit.rlim_max
        setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    }
}
