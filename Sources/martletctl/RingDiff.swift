import ArgumentParser
import MartletRing

/// `martletctl ring diff`: what a change of servers would move.
struct RingDiff: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "diff",
        abstract: "Prints how many keys another list of servers would move, and where to.",
        discussion: """
            Counts the keys key:0, key:1, ..., or with --keys those read, one a line.
            A key is moved if another host:port has it; the fewest follow from the weights.
            """
    )

    @OptionGroup var options: RingOptions

    @Option(
        name: .customLong("to"), help: ArgumentHelp("The servers afterwards.", valueName: "host:port[:weight],..."),
        transform: { try ServerList($0) })
    var target: ServerList

    @Option(help: "How many keys to count.")
    var sample = 100_000

    @Flag(name: .customLong("keys"), help: "Reads the keys to count.")
    var readsKeys = false

    func validate() throws {
        guard (1...100_000_000).contains(sample) else { throw ValidationError("--sample is between 1 and 100000000") }
    }

    func run() throws {
        let before = options.ring
        let after = options.ring(of: target)
        var count = KeyCount(before: before, after: after)
        if readsKeys {
            try StandardInput().forEachLine { count.add($0.span) }
        } else {
            for number in 0..<sample { count.add(Array("key:\(number)".utf8).span) }
        }

        var table = TextTable(["server", "before", "after", "gains", "loses"])
        for name in count.names {
            let row = count.rows[name] ?? KeyCount.Row()
            table.append([
                name, percent(count.share(row.before)), percent(count.share(row.after)),
                percent(count.share(row.gained)), percent(count.share(row.lost)),
            ])
        }
        try StandardOutput.writeLine("\(table)\n")
        try StandardOutput.writeLine("keys counted  \(count.total)")
        try StandardOutput.writeLine("moved         \(percent(count.share(count.moved)))")
        try StandardOutput.writeLine("fewest        \(percent(KeyCount.fewest(before, after)))")
        try StandardOutput.writeLine("fingerprints  \(before.fingerprint) -> \(after.fingerprint)")
    }
}

/// Where keys are in one ring and in another.
struct KeyCount {
    struct Row {
        var before = 0
        var after = 0
        var gained = 0
        var lost = 0
    }

    private let before: HashRing
    private let after: HashRing
    private(set) var total = 0
    private(set) var moved = 0
    private(set) var rows: [String: Row] = [:]
    /// Servers of either list, those of the first one first.
    let names: [String]
    private let namesBefore: [String]
    private let namesAfter: [String]

    init(before: HashRing, after: HashRing) {
        self.before = before
        self.after = after
        namesBefore = before.servers.map(\.description)
        namesAfter = after.servers.map(\.description)
        let known = Set(namesBefore)
        names = namesBefore + namesAfter.filter { !known.contains($0) }
    }

    mutating func add(_ key: Span<UInt8>) {
        let source = namesBefore[before.server(for: key)]
        let target = namesAfter[after.server(for: key)]
        total += 1
        rows[source, default: Row()].before += 1
        rows[target, default: Row()].after += 1
        guard source != target else { return }
        moved += 1
        rows[source, default: Row()].lost += 1
        rows[target, default: Row()].gained += 1
    }

    func share(_ count: Int) -> Double { total == 0 ? 0 : Double(count) / Double(total) }

    /// The share of keys that no distribution could leave where it is.
    static func fewest(_ before: HashRing, _ after: HashRing) -> Double {
        func shares(_ ring: HashRing) -> [String: Double] {
            let total = ring.servers.reduce(0) { $0 + Double($1.weight) }
            return Dictionary(
                uniqueKeysWithValues: ring.servers.map { ($0.description, Double($0.weight) / total) })
        }
        let old = shares(before)
        return shares(after).reduce(0) { $0 + max($1.value - (old[$1.key] ?? 0), 0) }
    }
}
