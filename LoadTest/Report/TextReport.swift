import LoadEngine

/// What the load driver says about its runs: text for a terminal, JSON for scripts, `.hgrm` for plotters, one HTML page
/// for people.
///
/// Goals: the same figures everywhere, in units people read; a run that must not be trusted says so before its figures
/// are read. Non-goals: measuring anything, judging two runs (that is the comparison's).
/// Threads: values only; whoever prints does so from one thread.

/// One run as a screenful of aligned text.
package struct TextReport {
    private let result: RunResult

    package init(_ result: RunResult) { self.result = result }

    package var text: String { lines.joined(separator: "\n") + "\n" }

    private var lines: [String] {
        var lines = warnings
        lines.append(headline)
        lines.append("")
        lines += summary.lines()
        lines.append("")
        lines += latencies.lines()
        for table in [kinds, servers] where !table.isEmpty {
            lines.append("")
            lines += table.lines()
        }
        for words in [faults, errorTexts] where !words.isEmpty {
            lines.append("")
            lines += words
        }
        lines.append("")
        lines.append(driver)
        return lines
    }

    private var headline: String {
        var parts = [Quantity.span(seconds: result.seconds)]
        parts.append(counted(result.driver.connections, "connection"))
        parts.append(counted(result.driver.threads, "driver thread"))
        return "\(result.label)   \(parts.joined(separator: ", "))"
    }

    // MARK: What must be read first

    /// A broken promise of the server, then doubts about the run.
    private var warnings: [String] {
        var lines: [String] = []
        if result.counts.violations > 0 || !result.violations.isEmpty {
            let count = max(result.counts.violations, result.violations.count)
            lines.append("WRONG ANSWERS: \(counted(count, "value")) cannot have come from a correct server")
            for violation in result.violations.prefix(Self.violationsMax) {
                // A history is several lines.
                let words = violation.explanation.split(separator: "\n")
                lines.append("  \(violation.kind)  key \(violation.key)  \(violation.server)  \(words.first ?? "")")
                lines += words.dropFirst().map { "    \($0)" }
            }
            if count > Self.violationsMax { lines.append("  and \(Quantity.grouped(count - Self.violationsMax)) more") }
            lines.append("")
        }
        if !result.invalidReasons.isEmpty {
            lines.append("DOUBTS ABOUT THIS RUN")
            lines += result.invalidReasons.map { "  " + $0 }
            lines.append("")
        }
        return lines
    }

    private static let violationsMax = 10

    // MARK: Totals

    private var summary: TextTable {
        let counts = result.counts
        var table = TextTable(leftColumns: [0, 2])
        table.add([
            "rate", "\(Quantity.grouped(Int(result.rate.rounded())))/s",
            "\(Quantity.grouped(counts.requests)) requests",
        ])
        if result.hasMultigets {
            let rate = Double(counts.keysRead) / max(result.seconds, .leastNormalMagnitude)
            table.add([
                "keys", "\(Quantity.grouped(Int(rate.rounded())))/s", "\(Quantity.grouped(counts.keysRead)) keys read",
            ])
        }
        if let hitRatio = counts.hitRatio {
            var words = "\(Quantity.grouped(counts.hits)) of \(counted(counts.keysRead, "key"))"
            if let byteHitRatio = counts.byteHitRatio {
                words += ", \(Quantity.percent(byteHitRatio)) of bytes"
            }
            table.add(["hits", Quantity.percent(hitRatio), words])
        }
        table.add([
            "sent", "\(Quantity.bytes(result.perSecond(counts.sentBytes)))/s",
            "received \(Quantity.bytes(result.perSecond(counts.receivedBytes)))/s",
        ])
        table.add(["errors", Quantity.grouped(counts.errors), troubles])
        if let unanswered = counts.unanswered {
            let words = "requests when the run was interrupted, among the latencies with the time they waited"
            table.add(["unanswered", Quantity.grouped(unanswered), words])
        }
        if counts.verified > 0 {
            let histories = result.settings["histories"].map { " in histories: \($0)" } ?? ""
            table.add(["verified", Quantity.grouped(counts.verified), "values checked\(histories)"])
        }
        return table
    }

    /// What went wrong beside error replies; only what did.
    private var troubles: String {
        let counts = result.counts
        let named = [
            (counts.refused, "stores refused"), (counts.lost, "requests lost"), (counts.timeouts, "timeouts"),
            (counts.connectionsBroken, "connections broken"),
        ]
        return named.filter { $0.0 > 0 }.map { "\(Quantity.grouped($0.0)) \($0.1)" }.joined(separator: ", ")
    }

    // MARK: Latency

    private var latencies: TextTable {
        var table = TextTable(["latency"] + Self.columns.map(\.name) + ["max", "mean"])
        let isOpen = result.slip.count > 0
        table.add(latencyRow(isOpen ? "response" : "service", result.response))
        if isOpen {
            table.add(latencyRow("service", result.service))
            table.add(latencyRow("driver late", result.slip))
        }
        return table
    }

    private static let columns: [(name: String, percentile: Double)] = [
        ("min", 0), ("p50", 50), ("p90", 90), ("p99", 99), ("p99.9", 99.9), ("p99.99", 99.99),
    ]

    private func latencyRow(_ name: String, _ latency: LatencyHistogram) -> [String] {
        guard latency.count > 0 else { return [name] + Self.columns.map { _ in "-" } + ["-", "-"] }
        return [name] + Self.columns.map { Quantity.duration(latency.value(percentile: $0.percentile)) }
            + [Quantity.duration(latency.max), Quantity.duration(nanoseconds: latency.mean)]
    }

    // MARK: Parts

    /// By kind of operation, where there are several.
    private var kinds: TextTable {
        guard result.kinds.count > 1 else { return TextTable() }
        let hasFailures = result.kinds.contains { $0.failures > 0 }
        var table = TextTable(
            ["operation", "rate", "share", "p50", "p99", "p99.9", "max"] + (hasFailures ? ["no answer"] : []))
        for kind in result.kinds where kind.requests + kind.failures > 0 {
            let response = kind.response
            let latencies = [50, 99, 99.9].map { response.value(percentile: $0) } + [response.max]
            table.add(
                [
                    kind.kind.words, "\(Quantity.grouped(Int(result.perSecond(kind.requests).rounded())))/s",
                    Quantity.percent(Double(kind.requests) / Double(max(result.counts.requests, 1))),
                ] + latencies.map { response.count > 0 ? Quantity.duration($0) : "-" }
                    + (hasFailures ? [Quantity.grouped(kind.failures)] : []))
        }
        return table
    }

    private var servers: TextTable {
        guard !result.servers.isEmpty else { return TextTable() }
        var table = TextTable(
            ["server", "version", "rate", "hits", "p99", "CPU/request", "CPU", "memory", "items", "evictions"],
            leftColumns: [0, 1])
        for server in result.servers {
            table.add([
                server.address, server.version ?? "-",
                "\(Quantity.grouped(Int(result.perSecond(server.counts.requests).rounded())))/s",
                server.counts.hitRatio.map(Quantity.percent) ?? "-",
                server.response.count > 0 ? Quantity.duration(server.response.value(percentile: 99)) : "-",
                server.cpuPerRequest.map { Quantity.duration(nanoseconds: $0) } ?? "-",
                result.cpuShare(of: server).map(Quantity.percent) ?? "-",
                server.residentBytes.map { Quantity.bytes(Double($0)) } ?? "-",
                server.count("curr_items"), server.count("evictions"),
            ])
        }
        return table
    }

    /// What was done to the servers, and what became of it.
    private var faults: [String] {
        let marks = (result.marks ?? []).map { "\(Quantity.fixed($0.second, digits: 1)) s \($0.words)" }
        guard !marks.isEmpty else { return [] }
        var lines = ["  faults: " + marks.joined(separator: ", ")]
        if let recovery = Recovery(result) {
            let usual = Quantity.grouped(Int(recovery.usualRate.rounded()))
            let lowest = Quantity.grouped(Int(recovery.lowestRate.rounded()))
            let time =
                recovery.seconds.isFinite ? "back after \(Quantity.span(seconds: recovery.seconds))" : "never back"
            lines.append("  usually \(usual)/s, then as low as \(lowest)/s, \(time)")
        }
        return lines
    }

    private var errorTexts: [String] {
        let texts = (result.errorTexts ?? [:]).sorted { ($1.value, $0.key) < ($0.value, $1.key) }
        return texts.map { "  \(Quantity.grouped($0.value)) times: \($0.key)" }
    }

    private var driver: String {
        let driver = result.driver
        var text = "  driver: \(Quantity.duration(nanoseconds: result.driverCPUPerRequest ?? 0)) CPU per request"
        text += ", busiest thread \(Quantity.percent(driver.busyFraction))"
        return text
    }

    private func counted(_ count: Int, _ thing: String) -> String {
        "\(Quantity.grouped(count)) \(thing)\(count == 1 ? "" : "s")"
    }
}
