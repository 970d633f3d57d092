import LoadEngine
import LoadWorkload

/// Everything that decides a check of histories.
package struct HistorySettings: Sendable {
    package var server: ServerAddress
    /// Makes the same commands again, as far as threads can be repeated.
    package var seed: UInt64 = 1
    /// Connections, each with a thread that waits for its answers.
    package var connectionCount = 8
    /// Keys for which all connections compete.
    package var keyCount = 8
    /// What the keys' names begin with.
    package var keyPrefix = "hot"
    /// Sizes of values, which keys have in turns.
    package var sizes = HotSize.allCases
    /// nil: classic and meta commands in turns.
    package var wire: WireProtocol?
    /// Of the connections, how many speak the binary protocol instead.
    package var binaryCount = 0
    /// Commands that a connection sends at once, at most.
    package var depth = 4
    /// Share of commands that store large items nobody asks for, so that the server has to evict.
    package var pressure = 0.0
    /// Nothing may be evicted: then a miss has to be explained by a delete.
    package var expectsHits = false
    /// What a key's tokens do; nil: by the server's version.
    package var tokens: TokenRule?
    /// Everything is flushed now and then, also what is not the run's own.
    package var flushes = false
    /// How long; nil: until the commands are used up. What comes first ends the run.
    package var seconds: Double? = 10
    package var commandCount: UInt64?
    package var timeoutSeconds: Double = 5
    package var connectSeconds: Double = 3
    package var intervalSeconds: Double = 1
    /// The server's process, for its CPU time and memory; a local server is asked where nil.
    package var serverProcess: Int32?
    /// Who is checked, for the report; the server's address where nil.
    package var label: String?

    package static let connectionsMax = 64
    package static let keysMax = 256
    package static let depthMax = 64

    package init(server: ServerAddress) { self.server = server }

    /// Calls of one key in one round, about: what the search decides in milliseconds.
    static let callsOfKeyInRound = 300

    /// Commands of each connection in one round.
    var commandsInRound: Int { max(Self.callsOfKeyInRound * keyCount / 2 / connectionCount, 8) }

    /// Throws a `LoadError` with the first thing that makes no sense.
    package func check() throws(LoadError) {
        guard wire != .redis else { throw .usage("Histories are checked in memcached's protocols only.") }
        try Self.expect(
            (2...Self.connectionsMax).contains(connectionCount),
            "\(connectionCount) connections; histories are checked with 2 to \(Self.connectionsMax).")
        try Self.expect(
            (0...connectionCount).contains(binaryCount),
            "\(binaryCount) of \(connectionCount) connections cannot be binary.")
        try Self.expect(
            (1...Self.keysMax).contains(keyCount), "\(keyCount) keys; histories are checked with 1 to \(Self.keysMax).")
        try Self.expect(
            (1...Self.depthMax).contains(depth),
            "A depth of \(depth); histories are checked with 1 to \(Self.depthMax).")
        try Self.expect((0...0.9).contains(pressure), "A pressure of \(pressure); 0 to 0.9 are possible.")
        try Self.expect(
            pressure == 0 || !expectsHits, "Under pressure items are evicted, so that misses cannot be judged.")
        try Self.expect(
            keyPrefix.utf8.count <= 200 && keyPrefix.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F },
            "The key prefix '\(keyPrefix)' is not 0 to 200 letters without blanks.")
        if let seconds {
            try Self.expect(
                seconds > 0 && seconds <= LoadLimits.secondsMax,
                "A duration of \(seconds) s; more than 0 and at most \(LoadLimits.secondsMax) s are possible.")
        }
        for (seconds, name) in [(timeoutSeconds, "timeout"), (connectSeconds, "time limit for connecting")] {
            try Self.expect(
                seconds > 0 && seconds <= LoadLimits.timeoutSecondsMax,
                "A \(name) of \(seconds) s; more than 0 and at most \(LoadLimits.timeoutSecondsMax) s are possible.")
        }
    }

    private static func expect(_ holds: Bool, _ sentence: @autoclosure () -> String) throws(LoadError) {
        if !holds { throw .usage(sentence()) }
    }

    /// In words and numbers, for the reader of a result.
    var described: [String: String] {
        var texts: [String: String] = [:]
        texts["checks"] = "history of each key"
        texts["keys"] = "\(keyCount), hot"
        texts["connections"] = "\(connectionCount)"
        texts["depth"] = "1 to \(depth)"
        texts["protocol"] = wire.map { "\($0)" } ?? "classic and meta"
        if binaryCount > 0 { texts["binary"] = "\(binaryCount) of the connections" }
        texts["values"] = sizes.map { if case .drawn(let sizes) = $0 { "\(sizes) B" } else { "\($0)" } }
            .joined(separator: ", ")
        texts["misses"] = expectsHits ? "only of what was deleted" : "may be evictions"
        if flushes { texts["flushes"] = "now and then" }
        if pressure > 0 { texts["pressure"] = "\(pressure)" }
        texts["seed"] = "\(seed)"
        return texts
    }
}
