import Glibc
import LoadEngine

/// The ratios of several workloads in one table, where each was run by the same two.
struct PageOverview {
    private let groups: [ReportPage.Group]
    private let baseline: Int

    /// nil where there is nothing to look over.
    init?(groups: [ReportPage.Group], baseline: Int) {
        guard groups.count > 1, baseline < 2, groups.allSatisfy({ $0.runs.count == 2 }) else { return nil }
        self.groups = groups
        self.baseline = baseline
    }

    var html: String {
        let measures = [Measure.rate, .serverCPU, .p50, .p99, .p999, .hitRatio]
            .filter { measure in ratios(measure).contains { $0 != nil } }
        let base = groups[0].runs[baseline].label
        let other = groups[0].runs[1 - baseline].label
        var rows = groups.enumerated().map { index, group in
            Markup.row(
                [Markup.element("td", Markup.text(group.title))]
                    + measures.map { cell(ratios($0)[index], $0.better) })
        }
        let total =
            [Markup.element("td", "geometric mean")]
            + measures.map { measure in cell(GeometricMean.of(ratios(measure).compactMap { $0 }), measure.better) }
        rows.append("<tr class=\"total\">\(total.joined())</tr>\n")
        return "<h2>\(Markup.text(other)) against \(Markup.text(base))</h2>\n"
            + "<p class=\"quiet\">Each figure of \(Markup.text(other)) divided by that of \(Markup.text(base)); "
            + "▲ is better, ▼ worse.</p>\n"
            + Markup.table(head: ["workload"] + measures.map(\.title), rows: rows)
    }

    private func ratios(_ measure: Measure) -> [Double?] {
        groups.map { measure.ratio($0.runs[1 - baseline], to: $0.runs[baseline]) }
    }

    private func cell(_ ratio: Double?, _ better: Measure.Direction) -> String {
        Markup.element("td", ratio == nil ? "-" : PageGroup.mark(ratio, better))
    }
}

/// The mean of ratios: twice as fast and half as fast are level.
package enum GeometricMean {
    /// nil of nothing, and where a ratio is not above 0.
    package static func of(_ ratios: [Double]) -> Double? {
        guard !ratios.isEmpty, ratios.allSatisfy({ $0 > 0 && $0.isFinite }) else { return nil }
        return exp(ratios.reduce(0) { $0 + log($1) } / Double(ratios.count))
    }
}
