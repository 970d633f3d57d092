import LoadWorkload

/// A run from beginning to end: looks whether the servers are there, fills them, loads them, and adds up.
///
/// Threads: `run` blocks the calling thread, which draws the time line while driver threads work.
package enum LoadRun {
    /// What a run is doing.
    package enum Phase: String, Sendable {
        case filling, measuring
    }

    /// Does what `settings` say. `progress` hears of each interval as it ends, on the calling thread, which also asks
    /// `wantsEnd`, ten times a second, whether the run is to end early.
    ///
    /// Throws a `LoadError` when the settings make no sense, a server cannot be reached or does not speak memcached, or
    /// breaks off and the run is not to survive that. What a server answered wrongly is told by the result.
    package static func run(
        _ settings: LoadSettings, progress: (Phase, TimelinePoint) -> Void = { _, _ in },
        wantsEnd: @escaping () -> Bool = { Interruption.isWanted }
    ) throws(LoadError) -> RunResult {
        try settings.check()
        var connectors: [SocketConnector] = []
        var facts: [ServerFacts] = []
        for (index, address) in settings.servers.enumerated() {
            var connector = try SocketConnector(address)
            let number = settings.serverProcesses.indices.contains(index) ? settings.serverProcesses[index] : nil
            facts.append(
                try ServerFacts(
                    &connector, wire: settings.wire, processNumber: number,
                    asksForProcess: settings.serverProcesses.isEmpty,
                    connectSeconds: settings.connectSeconds, seconds: settings.timeoutSeconds))
            connectors.append(connector)
        }
        let table = try versionTable(settings)
        defer { table?.deallocate() }
        let truth = Truth(
            verification: settings.verification, versions: table, followsLives: settings.workload.hasLives,
            expectsHits: settings.expectsHits)
        var fillDoubts: [String] = []
        if settings.fills {
            let fill = RunPass(filling: settings, truth: truth, connectors: connectors)
            let result = try fill.run(facts: [], wantsEnd: wantsEnd) { progress(.filling, $0) }
            guard result.violations.isEmpty else { return result }
            if wantsEnd() {
                var result = RunResult(of: settings)
                result.invalidReasons = RunDoubts.ofNoRun
                return result
            }
            fillDoubts = RunDoubts.ofFill(result)
        }
        let pass = RunPass(settings, truth: truth, connectors: connectors)
        var result = try pass.run(facts: facts, wantsEnd: wantsEnd) { progress(.measuring, $0) }
        // Whoever ends a run because a server hangs need not wait for it as long again.
        let patience = wantsEnd() ? min(settings.timeoutSeconds, 1) : settings.timeoutSeconds
        for index in connectors.indices {
            result.servers[index].version = facts[index].version
            result.servers[index].statistics = facts[index].statistics(
                &connectors[index], connectSeconds: settings.connectSeconds, seconds: patience)
        }
        result.invalidReasons = fillDoubts + result.invalidReasons
        return result
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
}
