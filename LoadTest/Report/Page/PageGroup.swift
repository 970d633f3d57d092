import LoadEngine

/// One workload on the page.
struct PageGroup {
    let group: ReportPage.Group
    let index: Int
    let baseline: Int
    /// Whether the page has no other, and its title is the page's.
    let isAlone: Bool

    var html: String {
        var text = "<section>\n"
        if !isAlone { text += Markup.element("h2", Markup.text(group.title)) + "\n" }
        text += alarms
        if group.runs.count == 1 {
            text += PageTiles(result: group.runs[0]).html
        } else if isSweep {
            text += oneBelowTheOther
        } else {
            text += sideBySide
        }
        text += charts
        for result in group.runs { text += parts(of: result) }
        return text + "</section>\n"
    }

    // MARK: Alarms

    private var alarms: String {
        group.runs.map { result in
            let name = group.runs.count > 1 ? "\(Markup.text(result.label)): " : ""
            var text = ""
            let count = max(result.counts.violations, result.violations.count)
            if count > 0 {
                let shown = result.violations.prefix(Self.violationsMax).map {
                    Markup.element("li", Markup.text("\($0.kind), key \($0.key), \($0.server): \($0.explanation)"))
                }
                text += alarm("\(name)\(Quantity.grouped(count)) values cannot have come from a correct server", shown)
            }
            if !result.invalidReasons.isEmpty {
                let reasons = result.invalidReasons.map { Markup.element("li", Markup.text($0)) }
                text += alarm("\(name)doubts about this run", reasons)
            }
            return text
        }
        .joined()
    }

    private static let violationsMax = 10

    private func alarm(_ words: String, _ list: [String]) -> String {
        let items = list.isEmpty ? "" : Markup.element("ul", list.joined())
        return "<div class=\"alarm\" role=\"alert\"><b>\(words)</b>\(items)</div>\n"
    }

    // MARK: Several runs

    private var sideBySide: String {
        let base = group.runs[min(baseline, group.runs.count - 1)]
        let head =
            [""]
            + group.runs.enumerated().map { Markup.key($0.offset) + Markup.text($0.element.label) }
        let rows = Measure.usual.filter { measure in group.runs.contains { measure.value($0) != nil } }.map { measure in
            Markup.row(
                [Markup.element("td", Markup.text(measure.title))]
                    + group.runs.enumerated().map { position, result in
                        let words = measure.value(result).map(measure.words) ?? "-"
                        let ratio = position == baseline ? nil : measure.ratio(result, to: base)
                        let mark = position == baseline ? "" : ratioMark(ratio, measure)
                        return Markup.element("td", Markup.text(words) + mark)
                    })
        }
        return "<p class=\"quiet\">Ratios are to \(Markup.text(base.label)); ▲ is better, ▼ worse.</p>\n"
            + Markup.table(head: head, rows: rows, class: "pairs")
    }

    /// Runs of a sweep: each a row, without ratios, for which there is no baseline.
    private var oneBelowTheOther: String {
        let measures = Measure.usual.filter { measure in group.runs.contains { measure.value($0) != nil } }
        let rows = group.runs.enumerated().map { position, result in
            let name = Markup.element("td", Markup.key(position) + " " + Markup.text(result.label))
            return Markup.row(
                [name] + measures.map { Markup.element("td", $0.value(result).map($0.words).map(Markup.text) ?? "-") })
        }
        return Markup.table(head: [""] + measures.map { Markup.text($0.title) }, rows: rows)
    }

    private func ratioMark(_ ratio: Double?, _ measure: Measure) -> String {
        Markup.element("span", class: "ratio", PageGroup.mark(ratio, measure.better))
    }

    /// A ratio with its judgement; within half a per cent there is none.
    static func mark(_ ratio: Double?, _ better: Measure.Direction) -> String {
        guard let ratio else { return "" }
        let words = Quantity.ratio(ratio)
        guard better != .neither, (ratio - 1).magnitude >= 0.005 else { return words }
        let isBetter = (ratio > 1) == (better == .higher)
        return "<span class=\"\(isBetter ? "better" : "worse")\">\(words) \(isBetter ? "▲" : "▼")</span>"
    }

    // MARK: Charts

    private var charts: String {
        let hasTimeline = group.runs.contains { $0.timeline.count > 1 }
        let hasReads = group.runs.contains { $0.timeline.contains { $0.keysRead > 0 } }
        var figures = [figure("percentiles", "Latency by percentile", isWide: !hasTimeline)]
        if isSweep { figures.insert(figure("curve", "Latency by rate", isWide: true), at: 0) }
        if hasTimeline {
            figures.append(figure("throughput", "Requests per second"))
            let choice = group.runs.count > 1 ? "<span class=\"choice\"></span>" : ""
            figures.append(figure("latencies", "Latency over time", choice, isWide: !hasReads))
            if hasReads { figures.append(figure("hits", "Hit ratio")) }
        }
        return "<div class=\"charts\">\n\(figures.joined())</div>\n"
    }

    /// Whether the runs are the same work at different rates.
    private var isSweep: Bool { group.runs.count > 2 && group.runs.allSatisfy { $0.slip.count > 0 } }

    private func figure(_ kind: String, _ caption: String, _ more: String = "", isWide: Bool = false) -> String {
        "<figure class=\"chart\(isWide ? " wide" : "")\" data-kind=\"\(kind)\" data-group=\"\(index)\">"
            + "<figcaption>\(caption)\(more)</figcaption><div class=\"legend\"></div></figure>\n"
    }

    // MARK: Operations, servers, settings

    private func parts(of result: RunResult) -> String {
        let parts = PageParts(result: result)
        var text = ""
        if !parts.kinds.isEmpty { text += "<h3>Operations</h3>\n" + parts.kinds }
        if !parts.servers.isEmpty { text += "<h3>Servers</h3>\n" + parts.servers }
        text += parts.details
        guard group.runs.count > 1 else { return text }
        // Side by side the comparison matters; the parts of each run are there for those who look for them.
        return
            "<details><summary>\(Markup.text(result.label)): operations, servers, settings</summary>\n\(text)</details>\n"
    }
}
