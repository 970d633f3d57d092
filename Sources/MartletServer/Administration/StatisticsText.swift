/// The reply to an administrative command while it grows: `STAT` lines and `END`, or one closing line alone.
///
/// Ordinary growable memory: such replies are cold, and their length is not known before.
package struct StatisticsText {
    package private(set) var bytes: [UInt8] = []

    package init() { bytes.reserveCapacity(4096) }

    /// A reply of one line.
    init(_ line: String) { append(line) }

    /// Appends `STAT <name> <value>`.
    mutating func add(_ name: String, _ value: some CustomStringConvertible) {
        append("STAT \(name) \(value.description)")
    }

    /// Appends `ITEM <key><facts>`; the key is any bytes.
    mutating func addItem(_ key: UnsafeRawBufferPointer, _ facts: String) {
        bytes.append(contentsOf: "ITEM ".utf8)
        bytes.append(contentsOf: key)
        append(facts)
    }

    /// Appends `PREFIX <prefix> get <n> hit <n> set <n> del <n>`; the prefix is any bytes.
    mutating func addPrefix(_ prefix: [UInt8], _ counts: PrefixCounts) {
        bytes.append(contentsOf: "PREFIX ".utf8)
        bytes.append(contentsOf: prefix)
        append(" get \(counts.gets) hit \(counts.hits) set \(counts.sets) del \(counts.deletes)")
    }

    /// Appends `<name> 0 <length>` and the bytes, each with a line end.
    mutating func addBytes(_ payload: [UInt8], named name: String) {
        append("\(name) 0 \(payload.count)")
        bytes.append(contentsOf: payload)
        append("")
    }

    mutating func end() { append("END") }

    private mutating func append(_ line: String) {
        bytes.append(contentsOf: line.utf8)
        bytes.append(contentsOf: [0x0D, 0x0A])
    }

    package var text: String { String(decoding: bytes, as: UTF8.self) }
}

extension Bool {
    /// As `stats settings` writes it.
    var yesOrNo: String { self ? "yes" : "no" }
}
