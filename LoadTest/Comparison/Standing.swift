import LoadReport

/// Who is better at a figure, as far as the runs say.
///
/// The single ratios count as they are shown, with two digits: what reads "1.00" is neither ahead nor behind. A ratio to
/// 0 has no value, but says who is better.
package enum Standing: Sendable, Equatable {
    /// The first is better in every pair of runs.
    case ahead
    /// Some pairs say so, some otherwise, or there is nothing between them.
    case undecided
    /// The first is worse in every pair of runs.
    case behind

    /// - Parameter leads: how many times better the first was, pair by pair.
    init(_ leads: Spread) {
        if (leads.min * 100).rounded() > 100 {
            self = .ahead
        } else if (leads.max * 100).rounded() < 100 {
            self = .behind
        } else {
            self = .undecided
        }
    }
}

extension ScenarioResult {
    /// nil where runs of both have no such figure, or more of it is neither better nor worse.
    package func standing(_ measure: Measure) -> Standing? {
        guard runs.count == 2 else { return nil }
        let leads = zip(runs[0], runs[1]).compactMap { run, base -> Double? in
            guard let value = measure.value(run), let other = measure.value(base) else { return nil }
            return measure.lead(value, over: other)
        }
        return leads.isEmpty ? nil : Standing(Spread(leads))
    }
}

extension SuiteResult {
    /// The figures a suite is about: the first of those in which one can be better, and that half its rows have.
    package var mainMeasures: [Measure] {
        let main = measures.filter { measure in
            let rowCount = rows(measure).count
            return rowCount > 0 && rowCount * 2 >= scenarios.count
        }
        return Array(main.prefix(Self.mainMeasuresMax))
    }

    private static let mainMeasuresMax = 3

    /// The scenarios that show a figure, with what they say of it.
    package func rows(_ measure: Measure) -> [(scenario: ScenarioResult, standing: Standing)] {
        scenarios.compactMap { scenario in
            guard scenario.measures.contains(where: { $0.name == measure.name }) else { return nil }
            return scenario.standing(measure).map { (scenario, $0) }
        }
    }
}
