import ArgumentParser

/// `martletctl stats`
struct StatsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "stats",
        abstract: "Prints servers' statistics, side by side.",
        discussion: """
            Without a group the general ones; items, slabs, settings, conns, sizes and
            martlet are others. reset sets the counts to zero. A server that cannot be
            asked has a - in each row, a sentence on stderr, and the status says so.
            """
    )

    @OptionGroup var servers: ServerOptions
    @OptionGroup var output: OutputOptions

    @Option(help: ArgumentHelp("Only names that have this in them.", valueName: "text"))
    var only: String?

    @Argument(help: "The group.")
    var group: String?

    func validate() throws {
        guard group?.contains(where: \.isWhitespace) != true else { throw ValidationError("a group is one word") }
    }

    func run() throws {
        let (options, group, only) = (servers, group, only)
        let told = Crowd.ask(options.addresses) { address -> Told in
            do {
                let rows = try CacheConnection(address, options).statistics(group)
                return Told(address: address, rows: rows.filter { row in only.map { row.name.contains($0) } ?? true })
            } catch {
                return Told(address: address, reason: "\(error)")
            }
        }
        if output.json {
            for one in told { try StandardOutput.writeLine("\(one.json)") }
        } else if told.contains(where: { $0.reason == nil }) {
            try StandardOutput.writeLine(group == "reset" ? Self.sentences(told) : "\(Self.table(told))")
        }
        let reasons = told.compactMap(\.reason)
        for reason in reasons { StandardError.write("Error: \(reason)") }
        if !reasons.isEmpty { throw ExitCode.failure }
    }

    /// What one server says, or why it does not.
    private struct Told {
        let address: ServerAddress
        var rows: [(name: String, value: String)] = []
        var reason: String?

        var json: JSONLine {
            let server = ("server", JSONLine.text(address.description))
            if let reason { return .members([server, ("error", .text(reason))]) }
            return .members([server, ("stats", .members(rows.map { ($0.name, JSONLine(statistic: $0.value)) }))])
        }
    }

    private static func table(_ told: [Told]) -> TextTable {
        var names: [String] = []
        var known: Set<String> = []
        for row in told.map(\.rows).joined() where known.insert(row.name).inserted { names.append(row.name) }
        var table = TextTable(["name"] + told.map(\.address.description))
        let columns = told.map { one in Dictionary(one.rows.map { ($0.name, $0.value) }) { first, _ in first } }
        for name in names { table.append([name] + columns.map { $0[name] ?? "-" }) }
        return table
    }

    /// There are no rows to show.
    private static func sentences(_ told: [Told]) -> String {
        told.filter { $0.reason == nil }.map { "\($0.address): the counts are zero" }.joined(separator: "\n")
    }
}

extension CacheConnection {
    /// Of one group: `stats sizes` and `stats conns` have the most.
    private static let statisticsMax = 1 << 20
    private static let statisticsBytesMax = 64 << 20

    /// The rows of `stats`, or of `stats <group>`.
    func statistics(_ group: String? = nil) throws -> [(name: String, value: String)] {
        try write(group.map { "stats \($0)\r\n" } ?? "stats\r\n")
        try flush()
        var rows: [(name: String, value: String)] = []
        var byteCount = 0
        while true {
            let line = String(decoding: try readLine(), as: UTF8.self)
            byteCount += line.utf8.count
            if line == "END" || line == "RESET" { return rows }
            let words = line.split(separator: " ", maxSplits: 2, omittingEmptySubsequences: false)
            guard words.first == "STAT", words.count >= 2 else {
                let hint = group.map { line == "ERROR" ? " (there is no group '\($0)')" : "" } ?? ""
                throw CacheFailure("\(address): stats: \(line)\(hint)")
            }
            guard rows.count < Self.statisticsMax, byteCount <= Self.statisticsBytesMax else {
                throw CacheFailure("\(address): stats: they do not end")
            }
            rows.append((name: String(words[1]), value: words.count > 2 ? String(words[2]) : ""))
        }
    }
}
