import LoadReport

/// What a suite showed, as text: under each scenario its figures, medians of all runs.
///
/// ```
///                              martlet  memcached  times better       spread
///   get, one at a time
///     requests/s               162,345    150,112          1.08  1.05 - 1.10
///     server CPU/request       5.43 µs    6.16 µs          1.13  1.12 - 1.14
///   geometric mean
///     requests/s                                           1.08
/// ```
package struct ComparisonText {
    private let result: SuiteResult

    package init(_ result: SuiteResult) { self.result = result }

    package var text: String {
        var lines = [result.suite.title]
        if !result.suite.about.isEmpty { lines.append("  " + result.suite.about) }
        lines.append("")
        lines += table.lines()
        if !result.doubts.isEmpty {
            lines.append("")
            lines += result.doubts.map { "  ! " + $0 }
        }
        return lines.joined(separator: "\n") + "\n"
    }

    private var isPair: Bool { result.contenders.count == 2 }

    private var table: TextTable {
        var table = TextTable([""] + result.contenders + (isPair ? ["times better", "spread"] : ["spread"]))
        for row in SuiteRows(result).rows {
            switch row {
            case .title(let title): table.add([title])
            case .figures(let name, let values, let gain, let spread):
                table.add(["  " + name] + values + (isPair ? [gain, spread] : [spread]))
            }
        }
        return table
    }
}

/// The rows that text and results page have in common.
struct SuiteRows {
    enum Row: Equatable {
        case title(String)
        /// A figure's name, what each contender has, how many times better the first is, and from where to where.
        case figures(String, [String], gain: String, spread: String)
    }

    private let result: SuiteResult

    init(_ result: SuiteResult) { self.result = result }

    var rows: [Row] {
        var rows: [Row] = []
        for scenario in result.scenarios {
            let load = scenario.halfLoad.map { ", \(Quantity.grouped($0))/s" } ?? ""
            rows.append(.title(scenario.scenario.title + load))
            rows += scenario.measures.map { figures(scenario, $0) }
        }
        let means = result.measures.compactMap { measure in
            result.geometricMean(measure).map { (measure.title, Quantity.fixed($0, digits: 2)) }
        }
        if !means.isEmpty {
            rows.append(.title("geometric mean"))
            rows += means.map { .figures($0.0, result.contenders.map { _ in "" }, gain: $0.1, spread: "") }
        }
        return rows
    }

    private func figures(_ scenario: ScenarioResult, _ measure: Measure) -> Row {
        let spreads = result.contenders.indices.map { scenario.figures(measure, of: $0) }
        let values = spreads.map { $0.map { measure.words($0.median) } ?? "-" }
        if result.contenders.count == 2 {
            let gains = scenario.gains(measure)
            return .figures(
                measure.title, values, gain: gains.map { Quantity.fixed($0.median, digits: 2) } ?? "",
                spread: range(gains) { Quantity.fixed($0, digits: 2) })
        }
        return .figures(measure.title, values, gain: "", spread: range(spreads[0], measure.words))
    }

    /// From the smallest to the largest; nothing where there is but one.
    private func range(_ spread: Spread?, _ words: (Double) -> String) -> String {
        guard let spread, spread.count > 1 else { return "" }
        return "\(words(spread.min)) - \(words(spread.max))"
    }
}
