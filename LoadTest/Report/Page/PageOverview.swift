import Glibc
import LoadEngine

/// Many workloads at one glance: how many times better one contender is than the other, in each of a few figures.
package struct PageOverview: Sendable {
    package struct Row: Sendable {
        package let title: String
        /// By column; nil where it cannot be said.
        package let gains: [Double?]

        package init(title: String, gains: [Double?]) {
            self.title = title
            self.gains = gains
        }
    }

    package let contender: String
    package let base: String
    package let columns: [String]
    package let rows: [Row]

    package init(contender: String, base: String, columns: [String], rows: [Row]) {
        self.contender = contender
        self.base = base
        self.columns = columns
        self.rows = rows
    }

    /// From the runs themselves, where each group has two; nil where there is nothing to look over.
    init?(groups: [ReportPage.Group], baseline: Int) {
        guard groups.count > 1, baseline < 2, groups.allSatisfy({ $0.runs.count == 2 }) else { return nil }
        let measures = [Measure.rate, .serverCPU, .p50, .p99, .p999]
        contender = groups[0].runs[1 - baseline].label
        base = groups[0].runs[baseline].label
        columns = measures.map(\.title)
        rows = groups.map { group in
            Row(
                title: group.title,
                gains: measures.map { measure in
                    guard let value = measure.value(group.runs[1 - baseline]),
                        let other = measure.value(group.runs[baseline])
                    else { return nil }
                    return measure.gain(value, over: other)
                })
        }
    }

    var html: String {
        var lines = rows.map { row in
            Markup.row([Markup.element("td", Markup.text(row.title))] + row.gains.map(cell))
        }
        let means = columns.indices.map { column in
            GeometricMean.of(rows.compactMap { $0.gains.indices.contains(column) ? $0.gains[column] : nil })
        }
        let total = [Markup.element("td", "geometric mean")] + means.map(cell)
        lines.append("<tr class=\"total\">\(total.joined())</tr>\n")
        return "<h2>\(Markup.text(contender)) against \(Markup.text(base))</h2>\n"
            + "<p class=\"quiet\">How many times better \(Markup.text(contender)) is: above 1 (▲) it is better, "
            + "whether more or less is better.</p>\n"
            + Markup.table(head: ["workload"] + columns, rows: lines)
    }

    /// A gain is always the higher the better.
    private func cell(_ gain: Double?) -> String {
        Markup.element("td", gain == nil ? "-" : PageGroup.mark(gain, .higher))
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
