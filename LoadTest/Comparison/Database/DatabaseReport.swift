import Foundation
import LoadEngine
import LoadReport

/// What a scenario measured, as text for a terminal and as JSON.
package struct DatabaseReport {
    private let result: DatabaseResult

    package init(_ result: DatabaseResult) { self.result = result }

    // MARK: Text

    package var text: String {
        var lines: [String] = []
        if result.wrong > 0 {
            lines.append("WRONG ANSWERS: \(counted(result.wrong, "value")) cannot be right")
            lines += result.violations.map { "  \($0.kind)  key \($0.key)  from \($0.server)  \($0.explanation)" }
            lines.append("")
        }
        lines += heading.lines(indentation: 0)
        if let note = result.databaseNote { lines.append("(\(note))") }
        lines.append("")
        lines += steady.lines()
        if !result.stampedes.isEmpty {
            lines.append("")
            lines.append("One hot key, wanted by all clients\(pause); its row changes \(changes).")
            lines += stampedes.lines()
            lines += remarks
        }
        lines.append("")
        lines.append("\(counted(result.verified, "value")) compared with their rows: \(verdict)")
        return lines.joined(separator: "\n") + "\n"
    }

    private var heading: TextTable {
        let setting = { result.settings[$0] ?? "-" }
        let rows = Int(setting("rowsPerValue")) ?? 1
        var table = TextTable(leftColumns: [0, 1])
        table.add([
            "database",
            "\(result.database), \(counted(result.rowCount, "row")), \(Quantity.bytes(Double(result.valueBytes))), "
                + "filled in \(Quantity.span(seconds: result.fillSeconds))",
        ])
        var query = rows == 1 ? "one row by its primary key" : "\(rows) rows by their primary key"
        if let delay = Double(setting("delayMilliseconds")), delay > 0 {
            query += ", and \(Quantity.span(seconds: delay / 1000)) more"
        }
        table.add(["a query", query])
        table.add(["cache", "\(result.cache), version \(result.cacheVersion), \(fill)"])
        table.add(["clients", "\(setting("clients")), each waits for its answer; keys \(setting("popularity"))"])
        return table
    }

    /// One column for each way, and how much the last one is of the first.
    private var steady: TextTable {
        let phases = result.steady
        var table = TextTable([""] + phases.map(\.way.words) + (result.gain == nil ? [] : [""]))
        let rows: [(String, (ReadResult) -> String, (ReadResult) -> Double?)] = [
            ("requests/s", { grouped($0.rate) }, { $0.rate }),
            ("p50", { duration($0.response, 50) }, { Double($0.response.value(percentile: 50)) }),
            ("p99", { duration($0.response, 99) }, { Double($0.response.value(percentile: 99)) }),
            ("p99.9", { duration($0.response, 99.9) }, { Double($0.response.value(percentile: 99.9)) }),
            ("database queries/s", { grouped($0.queryRate) }, { $0.queryRate }),
            ("hit ratio", { $0.hitRatio.map(Quantity.percent) ?? "-" }, { _ in nil }),
            ("a query's p50", { duration($0.query, 50) }, { _ in nil }),
            ("a query's p99", { duration($0.query, 99) }, { _ in nil }),
        ]
        for (name, cell, number) in rows {
            var row = [name] + phases.map { cell($0.reads) }
            if result.gain != nil, let first = number(phases[0].reads),
                let last = number(phases[phases.count - 1].reads),
                first > 0
            {
                row.append(Quantity.ratio(last / first))
            }
            table.add(row)
        }
        let refused = phases.reduce(0) { $0 + $1.reads.refused }
        if refused > 0 { table.add(["stores refused"] + phases.map { Quantity.grouped($0.reads.refused) }) }
        return table
    }

    private var stampedes: TextTable {
        var table = TextTable([
            "", "queries/expiry", "most", "requests/s", "p99", "p99.9", "max", "waited", "stale, said so",
            "stale, unsaid",
        ])
        for stampede in result.stampedes {
            let reads = stampede.reads
            table.add([
                stampede.way.words, Quantity.fixed(stampede.queriesPerExpiry, digits: 2),
                "\(stampede.queriesPerExpiryMost)", grouped(reads.rate), duration(reads.response, 99),
                duration(reads.response, 99.9), Quantity.duration(reads.response.max), Quantity.grouped(reads.waited),
                Quantity.grouped(reads.staleMarked), Quantity.grouped(reads.staleUnmarked),
            ])
        }
        return table
    }

    /// What the table's columns mean for who has never seen a lease.
    private var remarks: [String] {
        let overtaken = result.stampedes.reduce(0) { $0 + $1.reads.overtaken }
        let impatient = result.stampedes.reduce(0) { $0 + $1.reads.impatient }
        let unsaid = result.stampedes.reduce(0) { $0 + $1.reads.staleUnmarked }
        var lines: [String] = []
        if unsaid > 0 {
            lines.append(
                "  stale, unsaid: cache-aside stored what it had read before the row changed, after the item was deleted."
            )
        }
        if overtaken > 0 {
            lines.append("  \(counted(overtaken, "store")) with a lease came too late for the row and changed nothing.")
        }
        if impatient > 0 {
            lines.append("  \(counted(impatient, "request")) waited too long for another's query and made one.")
        }
        return lines
    }

    private var fill: String { result.settings["fillsCache"] == "true" ? "filled" : "empty at first" }

    private var pause: String {
        guard let milliseconds = Double(result.settings["pauseMilliseconds"] ?? ""), milliseconds > 0 else { return "" }
        return ", \(Quantity.span(seconds: milliseconds / 1000)) after each answer"
    }

    private var changes: String {
        let milliseconds = Double(result.settings["expiryMilliseconds"] ?? "") ?? 0
        let expiries = result.stampedes.map(\.expiries).max() ?? 0
        return "each \(Quantity.span(seconds: milliseconds / 1000)), \(counted(expiries, "time"))"
    }

    private var verdict: String { result.wrong == 0 ? "all right" : "\(Quantity.grouped(result.wrong)) wrong" }

    private func grouped(_ number: Double) -> String { Quantity.grouped(Int(number.rounded())) }

    private func duration(_ latency: LatencyHistogram, _ percentile: Double) -> String {
        latency.count > 0 ? Quantity.duration(latency.value(percentile: percentile)) : "-"
    }

    private func counted(_ count: Int, _ thing: String) -> String {
        "\(Quantity.grouped(count)) \(thing)\(count == 1 ? "" : "s")"
    }

    // MARK: JSON

    package static let schema = "martlet-load-database"
    package static let version = 1

    private struct Content: Codable {
        let schema: String
        let version: Int
        let result: DatabaseResult
    }

    /// `{"schema": "martlet-load-database", "version": 1, "result": {...}}`, fields in alphabetical order.
    package func json() throws(ReportError) -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        do {
            let content = Content(schema: Self.schema, version: Self.version, result: result)
            return try [UInt8](encoder.encode(content)) + [10]
        } catch {
            throw ReportError("the results cannot be encoded: \(error)")
        }
    }
}
