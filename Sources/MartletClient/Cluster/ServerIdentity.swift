/// Which process a server is: what is on it is what that process was given.
package struct ServerIdentity: Equatable, Sendable {
    let process: UInt64
    /// When it began, by its own clock, in seconds.
    let start: Int64

    /// Reads `STAT pid`, `time` and `uptime`; nil if any is missing.
    package init?(statistics: String) {
        var numbers: [Substring: Int64] = [:]
        for line in statistics.split(whereSeparator: \.isNewline) {
            let words = line.split(separator: " " as Character)
            if words.count == 3, words[0] == "STAT", let number = Int64(words[2]) { numbers[words[1]] = number }
        }
        guard let process = numbers["pid"], let time = numbers["time"], let uptime = numbers["uptime"] else {
            return nil
        }
        self.process = UInt64(clamping: process)
        start = time.subtractingReportingOverflow(uptime).partialValue
    }

    /// The two numbers are read a moment apart, so that a second may lie between them.
    package static func == (one: ServerIdentity, other: ServerIdentity) -> Bool {
        one.process == other.process && abs(Double(one.start) - Double(other.start)) <= 2
    }
}
