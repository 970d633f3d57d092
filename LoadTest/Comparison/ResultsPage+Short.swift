import LoadReport

/// What a hurried reader takes home: a line for each figure that a suite is about, and the rows that are no victory.
extension ResultsPage {
    var short: String {
        let lines =
            ["## In short", ""] + shortWords + [""] + shortTable + [""]
            + ["### Where \(Self.safe(contenders[0].name)) is behind or it is undecided", ""] + openRows + [""]
        return lines.joined(separator: "\n")
    }

    private var shortWords: [String] {
        [
            "Geometric means over each suite's rows, and how many of these rows are ahead (every single ratio is above 1),",
            "behind (every one is below 1) or undecided (the spread includes 1, or nothing is between the two). Where a suite",
            "has one run of each server, its one ratio decides. There is no ratio where a server's figure is 0: \"(2 of 5)\"",
            "says that only two of five rows are in the mean; all five are counted.",
        ]
    }

    private var shortTable: [String] {
        var lines = [
            "| suite | figure | times better | from - to | ahead | undecided | behind |",
            "| --- | --- | ---: | ---: | ---: | ---: | ---: |",
        ]
        for suite in suites {
            var title = suite.suite.title
            for measure in suite.mainMeasures {
                let rows = suite.rows(measure)
                let cells =
                    [title, measure.title] + Self.mean(rows.map(\.scenario), measure)
                    + [Standing.ahead, .undecided, .behind].map { standing in
                        String(rows.count { $0.standing == standing })
                    }
                lines.append("| \(cells.map(Self.safe).joined(separator: " | ")) |")
                title = ""
            }
        }
        return lines
    }

    /// Two cells: the mean of the rows that have a ratio, with their number where some have none, and from where to
    /// where the rows go.
    private static func mean(_ rows: [ScenarioResult], _ measure: Measure) -> [String] {
        let gains = rows.compactMap { $0.gains(measure)?.median }
        let mean = GeometricMean.of(gains).map(ratio) ?? "-"
        let part = gains.count < rows.count ? " (\(gains.count) of \(rows.count))" : ""
        let range = gains.count > 1 ? "\(ratio(gains.min() ?? 0)) - \(ratio(gains.max() ?? 0))" : ""
        return [mean + part, range]
    }

    /// An item for each row that is not ahead in all figures of the table.
    private var openRows: [String] {
        let rows = suites.flatMap { suite in
            suite.scenarios.compactMap { scenario in
                Self.openFigures(scenario, suite.mainMeasures).map { figures in
                    "* " + Self.safe("\(suite.suite.title), \(scenario.scenario.title): \(figures)")
                }
            }
        }
        return rows.isEmpty ? ["Nowhere in these figures."] : rows
    }

    /// nil where all are ahead.
    private static func openFigures(_ scenario: ScenarioResult, _ measures: [Measure]) -> String? {
        let shown = measures.filter { measure in scenario.measures.contains { $0.name == measure.name } }
        let kinds: [(Standing, String)] = [(.behind, "behind in"), (.undecided, "undecided in")]
        let parts = kinds.compactMap { standing, words -> String? in
            let figures = shown.filter { scenario.standing($0) == standing }.map { figure($0, of: scenario) }
            return figures.isEmpty ? nil : "\(words) \(figures.joined(separator: ", "))"
        }
        return parts.isEmpty ? nil : parts.joined(separator: "; ")
    }

    /// `p99 0.93 (0.80 - 1.10)`; what both have where there is no ratio.
    private static func figure(_ measure: Measure, of scenario: ScenarioResult) -> String {
        guard let gains = scenario.gains(measure) else {
            let values = (0...1).map { scenario.figures(measure, of: $0).map { measure.words($0.median) } ?? "-" }
            return "\(measure.title) (\(values[0]) against \(values[1]))"
        }
        let spread = gains.count > 1 ? " (\(ratio(gains.min)) - \(ratio(gains.max)))" : ""
        return "\(measure.title) \(ratio(gains.median))\(spread)"
    }

    private static func ratio(_ value: Double) -> String { Quantity.fixed(value, digits: 2) }
}
