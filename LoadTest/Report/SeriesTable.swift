import LoadEngine

/// Runs of the same work at different rates, one line each: where latency leaves the ground.
package struct SeriesTable {
    private let runs: [RunResult]
    private let goal: LatencyGoal?

    /// - Parameter goal: what the runs are measured by, if they are.
    package init(_ runs: [RunResult], goal: LatencyGoal? = nil) {
        self.runs = runs
        self.goal = goal
    }

    package var text: String {
        var head = ["wanted", "answered", "p50", "p90", "p99", "p99.9", "max", "hits", "driver"]
        if let goal { head.append(goal.description) }
        var table = TextTable(head, leftColumns: [])
        for run in runs { table.add(row(run)) }
        var lines = table.lines()
        let doubts = runs.flatMap { run in run.invalidReasons.map { "  \(run.label): \($0)" } }
        if !doubts.isEmpty { lines += ["", "  doubtful:"] + doubts }
        return lines.joined(separator: "\n") + "\n"
    }

    private func row(_ run: RunResult) -> [String] {
        var row = [run.settings["pace"] ?? "", Quantity.grouped(Int(run.rate.rounded())) + "/s"]
        row += [50, 90, 99, 99.9].map { Quantity.duration(run.response.value(percentile: $0)) }
        row.append(Quantity.duration(run.response.max))
        row.append(run.counts.hitRatio.map(Quantity.percent) ?? "-")
        row.append(Quantity.percent(run.driver.busyFraction))
        if let goal { row.append(goal.isReached(by: run) ? "yes" : "no") }
        return row
    }
}
