import ArgumentParser
import MartletRing

/// `martletctl ring show`: points, balance, fingerprint.
struct RingShow: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show",
        abstract: "Prints each server's points and share, the balance and the fingerprint.",
        discussion: """
            Two clients with the same fingerprint send every key to the same server.
            The counted share is that of keys key:0, key:1, ...
            """
    )

    @OptionGroup var options: RingOptions

    @Option(help: "How many keys to count.")
    var sample = 100_000

    func validate() throws {
        guard (1...100_000_000).contains(sample) else { throw ValidationError("--sample is between 1 and 100000000") }
    }

    func run() throws {
        let ring = options.ring
        var counts = [Int](repeating: 0, count: ring.servers.count)
        for number in 0..<sample { counts[ring.server(for: "key:\(number)")] += 1 }
        let total = ring.servers.reduce(0) { $0 + Double($1.weight) }
        // How much fuller than its weight asks for the fullest server is.
        let fullness = zip(counts, ring.servers).map { Double($0) / Double(sample) / (Double($1.weight) / total) }

        var table = TextTable(["server", "weight", "points", "share", "counted"])
        for (index, server) in ring.servers.enumerated() {
            table.append([
                server.description, "\(server.weight)", "\(ring.pointCounts[index])", percent(ring.shares[index]),
                percent(Double(counts[index]) / Double(sample)),
            ])
        }
        try StandardOutput.writeLine("\(table)\n")
        try StandardOutput.writeLine("distribution  \(ring.distribution.rawValue)")
        try StandardOutput.writeLine("hash          \(ring.hash.rawValue)")
        try StandardOutput.writeLine("points        \(ring.points.count)")
        let balance = decimal(fullness.max() ?? 0)
        try StandardOutput.writeLine("balance       \(balance) (fullest server's keys by its weight, the mean being 1)")
        try StandardOutput.writeLine("fingerprint   \(ring.fingerprint)")
    }
}
