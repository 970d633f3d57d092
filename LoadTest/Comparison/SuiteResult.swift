import LoadEngine
import LoadReport

/// What a suite's runs measured.
package struct SuiteResult: Sendable {
    package let suite: Suite
    /// Their names, the judged one first.
    package let contenders: [String]
    package var scenarios: [ScenarioResult] = []

    package init(suite: Suite, contenders: [String]) {
        self.suite = suite
        self.contenders = contenders
    }

    /// All runs, for a file.
    package var runs: [RunResult] { scenarios.flatMap { $0.runs.flatMap { $0 } } }

    /// The geometric mean of a measure's gains over all scenarios that show it; nil of fewer than two.
    package func geometricMean(_ measure: Measure) -> Double? {
        let gains = scenarios.filter { $0.measures.contains { $0.name == measure.name } }
            .compactMap { $0.gains(measure)?.median }
        return gains.count > 1 ? GeometricMean.of(gains) : nil
    }

    /// Measures that any scenario shows, in the order of first appearance.
    package var measures: [Measure] {
        var measures: [Measure] = []
        for measure in scenarios.flatMap(\.measures) where !measures.contains(where: { $0.name == measure.name }) {
            measures.append(measure)
        }
        return measures
    }

    /// What makes figures doubtful, once each, with where it was seen, and in how many runs if not in all.
    package var doubts: [String] {
        scenarios.flatMap { result in
            result.runs.flatMap { Self.doubts($0, of: result.scenario.title) }
        }
    }

    /// - Parameter runs: one contender's.
    private static func doubts(_ runs: [RunResult], of title: String) -> [String] {
        var doubts: [(kind: String, label: String, reason: String, runCount: Int)] = []
        for run in runs {
            var seen: Set<String> = []
            for reason in run.invalidReasons + wrongAnswers(run) {
                // Sentences with figures differ from run to run; one of a kind is enough.
                let kind = reason.filter { !$0.isNumber }
                guard seen.insert(kind).inserted else { continue }
                if let index = doubts.firstIndex(where: { $0.kind == kind }) {
                    doubts[index].runCount += 1
                } else {
                    doubts.append((kind, run.label, reason, 1))
                }
            }
        }
        return doubts.map { doubt in
            let part = doubt.runCount < runs.count ? ", in \(doubt.runCount) of \(runs.count) runs" : ""
            return "\(title), \(doubt.label)\(part): \(doubt.reason)"
        }
    }

    package var violationCount: Int { runs.reduce(0) { $0 + max($1.counts.violations, $1.violations.count) } }

    private static func wrongAnswers(_ run: RunResult) -> [String] {
        run.violations.prefix(1).map { "WRONG ANSWER: \($0.kind), key \($0.key): \($0.explanation)" }
    }

    /// For a page: the gains of all scenarios, medians of the pairs; nil where there is one contender only.
    package static func overview(_ suites: [SuiteResult]) -> PageOverview? {
        guard let names = suites.first?.contenders, names.count == 2 else { return nil }
        var measures: [Measure] = []
        for measure in suites.flatMap(\.measures) where measure.better != .neither {
            if !measures.contains(where: { $0.name == measure.name }) { measures.append(measure) }
        }
        let scenarios = suites.flatMap(\.scenarios)
        let rows = scenarios.map { scenario in
            PageOverview.Row(
                title: scenario.scenario.title,
                gains: measures.map { measure in
                    let isShown = scenario.measures.contains { $0.name == measure.name }
                    return isShown ? scenario.gains(measure)?.median : nil
                })
        }
        return rows.count > 1
            ? PageOverview(contender: names[0], base: names[1], columns: measures.map(\.title), rows: rows) : nil
    }

    /// For a page: of each contender the run in the middle.
    package var groups: [ReportPage.Group] {
        scenarios.map { result in
            ReportPage.Group(
                title: result.scenario.title, runs: result.runs.compactMap { $0.middle(result.measures.first) })
        }
    }
}

/// The runs of one scenario.
package struct ScenarioResult: Sendable {
    package let scenario: Scenario
    /// By contender, then in the order they were made: the runs at one position are a pair.
    package var runs: [[RunResult]]
    /// The rate that both were run at, where the scenario asks for it.
    package var halfLoad: Int?

    package init(scenario: Scenario, runs: [[RunResult]], halfLoad: Int? = nil) {
        self.scenario = scenario
        self.runs = runs
        self.halfLoad = halfLoad
    }

    /// What is shown of it and was measured.
    package var measures: [Measure] {
        let names = scenario.measures.isEmpty ? ["rate", "p99", "server-cpu"] : scenario.measures
        return names.compactMap(Measure.named).filter { measure in
            runs.contains { $0.contains { measure.value($0) != nil } }
        }
    }

    /// A contender's figures; nil where it has none.
    package func figures(_ measure: Measure, of contender: Int) -> Spread? {
        let values = runs[contender].compactMap(measure.value)
        return values.isEmpty ? nil : Spread(values)
    }

    /// How many times better the first is than the second, pair by pair; nil where that cannot be said.
    package func gains(_ measure: Measure) -> Spread? {
        guard runs.count == 2 else { return nil }
        let gains = zip(runs[0], runs[1]).compactMap { run, base -> Double? in
            guard let value = measure.value(run), let other = measure.value(base) else { return nil }
            return measure.gain(value, over: other)
        }
        return gains.isEmpty ? nil : Spread(gains)
    }
}

extension [RunResult] {
    /// The run whose figure is in the middle.
    fileprivate func middle(_ measure: Measure?) -> RunResult? {
        let ordered = sorted { (measure?.value($0) ?? 0) < (measure?.value($1) ?? 0) }
        return ordered.isEmpty ? nil : ordered[ordered.count / 2]
    }
}

/// Figures of repeated runs.
package struct Spread: Sendable, Equatable {
    package let median: Double
    package let min: Double
    package let max: Double
    package let count: Int

    /// - Parameter values: at least one.
    package init(_ values: [Double]) {
        let ordered = values.sorted()
        let middle = ordered.count / 2
        median = ordered.count.isMultiple(of: 2) ? (ordered[middle - 1] + ordered[middle]) / 2 : ordered[middle]
        min = ordered.first ?? .nan
        max = ordered.last ?? .nan
        count = ordered.count
    }
}
