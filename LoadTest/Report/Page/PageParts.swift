import LoadEngine

/// What a run consists of, in tables: operations, servers, settings.
struct PageParts {
    let result: RunResult

    /// Empty where there is one kind of operation only.
    var kinds: String {
        let present = result.kinds.filter { $0.requests + $0.failures > 0 }
        guard present.count > 1 else { return "" }
        let hasFailures = present.contains { $0.failures > 0 }
        let rows = present.map { kind in
            let share = Double(kind.requests) / Double(max(result.counts.requests, 1))
            return Markup.row(
                [
                    Markup.element("td", kind.kind.words), barred(Quantity.percent(share), part: share),
                    cell(Quantity.grouped(Int(result.perSecond(kind.requests).rounded()))),
                ] + latencies(kind.response) + (hasFailures ? [cell(Quantity.grouped(kind.failures))] : []))
        }
        let head = ["operation", "share", "requests/s"] + Self.latencyHead + (hasFailures ? ["no answer"] : [])
        return Markup.table(head: head, rows: rows)
    }

    var servers: String {
        guard !result.servers.isEmpty else { return "" }
        let rates = result.servers.map { result.perSecond($0.counts.requests) }
        let rows = zip(result.servers, rates).map { server, rate in
            let share = rate / max(rates.reduce(0, +), 1)
            return Markup.row(
                [
                    Markup.element("td", Markup.text(server.address)), cell(server.version ?? "-"),
                    barred(Quantity.grouped(Int(rate.rounded())), part: result.servers.count > 1 ? share : 0),
                    cell(server.counts.hitRatio.map(Quantity.percent) ?? "-"),
                    cell(server.cpuPerRequest.map { Quantity.duration(nanoseconds: $0) } ?? "-"),
                    cell(memory(of: server)), cell(server.count("curr_items")), cell(server.count("evictions")),
                ] + latencies(server.response))
        }
        return Markup.table(
            head: ["server", "version", "requests/s", "hits", "CPU/request", "memory", "items", "evictions"]
                + Self.latencyHead, rows: rows)
    }

    /// What was asked for and what the servers said about themselves, folded away.
    var details: String {
        var settings = result.settings.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
        settings.append(
            (
                "driver",
                "\(result.driver.threads) threads, \(result.driver.connections) connections, busiest thread \(Quantity.percent(result.driver.busyFraction))"
            ))
        settings.append(("sent", Quantity.bytes(result.perSecond(result.counts.sentBytes)) + "/s"))
        settings.append(("received", Quantity.bytes(result.perSecond(result.counts.receivedBytes)) + "/s"))
        if result.counts.verified > 0 {
            settings.append(("values checked", Quantity.grouped(result.counts.verified)))
        }
        var text = "<details><summary>Settings</summary>\(pairs(settings))</details>\n"
        for server in result.servers where !server.statistics.isEmpty {
            let statistics = server.statistics.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
            text += "<details><summary>Statistics of \(Markup.text(server.address)) at the end</summary>"
            text += "\(pairs(statistics))</details>\n"
        }
        return text
    }

    private func pairs(_ pairs: [(String, String)]) -> String {
        let rows = pairs.map { name, value in
            Markup.row([cell(name), Markup.element("td", class: "words", Markup.text(value))])
        }
        return "<table>\(rows.joined())</table>"
    }

    private static let latencyHead = ["p50", "p99", "p99.9", "max"]

    private func latencies(_ latency: LatencyHistogram) -> [String] {
        guard latency.count > 0 else { return Self.latencyHead.map { _ in cell("-") } }
        return [50, 99, 99.9, 100].map { cell(Quantity.duration(latency.value(percentile: $0))) }
    }

    private func memory(of server: ServerResult) -> String {
        guard let bytes = server.residentBytes else { return "-" }
        let peak = server.residentBytesPeak.map { " (peak \(Quantity.bytes(Double($0))))" } ?? ""
        return Quantity.bytes(Double(bytes)) + peak
    }

    private func cell(_ words: String) -> String { Markup.element("td", Markup.text(words)) }

    /// A number with a bar behind it that shows its part of the whole.
    private func barred(_ words: String, part: Double) -> String {
        "<td class=\"barred\" style=\"--part:\(Quantity.fixed(part * 100, digits: 1))%\">\(Markup.text(words))</td>"
    }
}
