/// Bytes as they come to lines. Each byte is looked at once, however many pieces a line comes in.
package struct LineSplitter: Sendable {
    /// What no line's end has come for.
    package private(set) var rest: [UInt8] = []
    /// So much of it is known to have none.
    private var searchedCount = 0

    package init() {}

    /// Takes what has come without looking for lines.
    package mutating func append(_ bytes: some Collection<UInt8>) { rest += bytes }

    /// The lines that are whole, without their ends.
    package mutating func lines() -> [[UInt8]] {
        var lines: [[UInt8]] = []
        var start = 0
        while let end = rest[searchedCount...].firstIndex(of: 0x0A) {
            lines.append(Array(rest[start..<end]))
            start = end + 1
            searchedCount = start
        }
        searchedCount = rest.count - start
        rest.removeFirst(start)
        return lines
    }
}
