import LoadEngine
import LoadReport

/// Whole suites of runs with the servers they start: what the load driver says about two servers.
///
/// Goals: a difference that is reported is there. Runs are interleaved A B A B, each with a server started for it, so
/// that whatever else happens on the machine happens to both; ratios are taken pair by pair and told with their spread.
/// Non-goals: the load itself, which is `martlet-load run`'s, in a process of its own.
/// Threads: everything on the thread that calls; no call returns before what it started is gone.
///
/// ```
/// suite file -> Suite -> Scenario -> for each pair: start A, drive, stop; start B, drive, stop -> ScenarioResult
///                                                                                        -> text, results page, JSON, HTML
/// ```
package struct Comparison {
    /// The one whose figures are judged, and the one they are judged against, if any.
    package let contenders: [ServerTemplate]
    /// Runs of each contender; as many as a scenario asks for where nil.
    package var pairCount: Int?
    package var serverCores: CoreSet
    package var driverCores: CoreSet
    /// The driver's own program.
    package var program: String
    /// Options behind those of every scenario.
    package var furtherOptions = CommandWords([])
    /// Options behind those, by contender: how each is talked to.
    package var ownOptions: [CommandWords]
    /// What `{name}` means in the suites' options, such as the folder of traces.
    package var places: [String: String] = [:]

    /// Half of the baseline's highest rate is taken from so many runs, the median.
    private static let probeCount = 3

    /// - Parameter contenders: one or two.
    package init(contenders: [ServerTemplate], program: String) {
        self.contenders = contenders
        self.program = program
        ownOptions = contenders.map { _ in CommandWords([]) }
        (serverCores, driverCores) = CoreSet.allowed.divided()
    }

    /// Runs all scenarios of a suite. `progress` is told what is going on; `isStep` is false for what changes within a
    /// run.
    package func run(
        _ suite: Suite, progress: (_ words: String, _ isStep: Bool) -> Void
    ) throws(ComparisonError) -> SuiteResult {
        var result = SuiteResult(suite: suite, contenders: contenders.map(\.name))
        for scenario in suite.scenarios { try check(scenario) }
        for (index, scenario) in suite.scenarios.enumerated() {
            let place = "\(suite.name) \(index + 1) of \(suite.scenarios.count)  \(scenario.title)"
            try result.scenarios.append(run(scenario, place: place, progress: progress))
        }
        return result
    }

    /// Finds what would fail later before anything is started.
    private func check(_ scenario: Scenario) throws(ComparisonError) {
        let known = Set(places.keys).union([Scenario.halfLoad])
        for word in scenario.runOptions.words + scenario.serverOptions.words {
            for place in word.matches(of: /\{([a-z-]+)\}/).map({ String($0.1) }) where !known.contains(place) {
                throw .usage("'\(scenario.title)' needs {\(place)}, which is not given")
            }
        }
    }

    private func run(
        _ scenario: Scenario, place: String, progress: (String, Bool) -> Void
    ) throws(ComparisonError) -> ScenarioResult {
        var result = ScenarioResult(scenario: scenario, runs: contenders.map { _ in [] })
        var filled = scenario
        if scenario.needsHalfLoad {
            let half = try halfLoad(scenario, place: place, progress: progress)
            result.halfLoad = half
            filled.runOptions = filled.runOptions.filled([Scenario.halfLoad: "\(half)"])
        }
        let pairCount = self.pairCount ?? scenario.pairCount
        for pair in 0..<pairCount {
            for (index, contender) in contenders.enumerated() {
                let words = "\(place)  \(contender.name) \(pair + 1) of \(pairCount)"
                var run = try measure(filled, index, words: words, progress: progress)
                run.settings[ReportPage.Group.workloadSetting] = scenario.title
                result.runs[index].append(run)
            }
        }
        return result
    }

    /// Half of the last contender's highest rate.
    private func halfLoad(
        _ scenario: Scenario, place: String, progress: (String, Bool) -> Void
    ) throws(ComparisonError) -> Int {
        guard let baseline = contenders.last else { return 0 }
        let last = contenders.count - 1
        var probe = scenario
        probe.runOptions = scenario.saturatingOptions
        probe.faults = []
        var rates: [Double] = []
        for round in 0..<Self.probeCount {
            let words = "\(place)  highest rate of \(baseline.name) \(round + 1) of \(Self.probeCount)"
            try rates.append(measure(probe, last, words: words, progress: progress).rate)
        }
        let half = Int(Spread(rates).median / 2)
        guard half > 0 else { throw .circumstances("\(baseline.name) answers nothing in '\(scenario.title)'") }
        return half
    }

    /// One run of one contender, with servers of its own.
    private func measure(
        _ scenario: Scenario, _ index: Int, words: String, progress: (String, Bool) -> Void
    ) throws(ComparisonError) -> RunResult {
        let contender = contenders[index]
        progress(words, true)
        try StopSignal.check()
        var servers: [StartedServer] = []
        defer { for server in servers { server.stop() } }
        for _ in 0..<scenario.serverCount {
            let options = scenario.serverOptions.filled(places)
            try servers.append(StartedServer(contender, options: options, cores: serverCores))
        }
        let options = CommandWords(scenario.runOptions.words + furtherOptions.words + ownOptions[index].words)
            .filled(places)
        let driver = DriverRun(
            program: program, cores: driverCores, options: options, label: contender.name, servers: servers,
            faults: scenario.faults, secondsMax: scenario.secondsMax)
        do {
            return try driver.run { line in progress("\(words)  \(line)", false) }
        } catch {
            throw ComparisonError(error.cause, "\(scenario.title), \(contender.name): \(error.description)")
        }
    }
}
