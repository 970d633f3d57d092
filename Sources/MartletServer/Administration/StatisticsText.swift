/// The reply to a `stats` command while it grows: `STAT` lines, and `END` or another closing line.
///
/// Ordinary growable memory: statistics are cold, and their length is not known before.
struct StatisticsText {
    private(set) var bytes: [UInt8] = []

    init() { bytes.reserveCapacity(4096) }

    /// Appends `STAT <name> <value>`.
    mutating func add(_ name: String, _ value: some CustomStringConvertible) {
        append("STAT \(name) \(value.description)\r\n")
    }

    /// Appends `text` as it is.
    mutating func append(_ text: String) { bytes.append(contentsOf: text.utf8) }

    mutating func end() { append("END\r\n") }
}

extension Bool {
    /// As `stats settings` writes it.
    var yesOrNo: String { self ? "yes" : "no" }
}
