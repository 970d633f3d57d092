import ArgumentParser

/// `martletctl stats`
struct StatsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "stats",
        abstract: "Prints servers' statistics, side by side.",
        discussion: """
            Without a group the general ones; items, slabs, settings, conns, sizes and
            martlet are others. reset sets the counts to zero.
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
        let told = try servers.addresses.map { address in
            try CacheConnection(address, servers).statistics(group).filter { only.map($0.name.contains) ?? true }
        }
        if output.json {
            for (address, rows) in zip(servers.addresses, told) {
                let members = rows.map { ($0.name, JSONLine(statistic: $0.value)) }
                print(JSONLine.members([("server", .text(address.description)), ("stats", .members(members))]))
            }
            return
        }
        var names: [String] = []
        var known: Set<String> = []
        for row in told.joined() where known.insert(row.name).inserted { names.append(row.name) }
        var table = TextTable(["name"] + servers.addresses.map(\.description))
        let columns = told.map { rows in Dictionary(rows.map { ($0.name, $0.value) }) { first, _ in first } }
        for name in names { table.append([name] + columns.map { $0[name] ?? "-" }) }
        print(table)
    }
}

extension CacheConnection {
    /// Of one group: `stats sizes` and `stats conns` have the most.
    private static let statisticsMax = 1 << 20

    /// The rows of `stats`, or of `stats <group>`.
    func statistics(_ group: String? = nil) throws -> [(name: String, value: String)] {
        try write(group.map { "stats \($0)\r\n" } ?? "stats\r\n")
        try flush()
        var rows: [(name: String, value: String)] = []
        while true {
            let line = String(decoding: try readLine(), as: UTF8.self)
            if line == "END" || line == "RESET" { return rows }
            let words = line.split(separator: " ", maxSplits: 2, omittingEmptySubsequences: false)
            guard words.first == "STAT", words.count >= 2 else { throw CacheFailure("\(address): stats: \(line)") }
            guard rows.count < Self.statisticsMax else { throw CacheFailure("\(address): stats: they do not end") }
            rows.append((name: String(words[1]), value: words.count > 2 ? String(words[2]) : ""))
        }
    }
}
