import Glibc
import MartletProtocol
import Synchronization

/// Messages to stderr: `-v` and the `verbosity` command decide how much.
///
/// Each message is one write, so that lines of several threads do not mix, and none waits for whoever reads them
/// (`LogOutput`). No values, no passwords: what a client sent is cut and escaped by whoever composes a line from it
/// (`LoggedLine`). Lines that clients bring about go through `note(_:at:_:)`, which bounds how much they are.
package struct ServerLog: ~Copyable {
    private let level: Atomic<Int>
    /// Of lines that clients bring about: without `-vv`, and with it.
    private let rate: LogRate
    private let verboseRate: LogRate

    package init(
        verbosity: Int, linesMax: Int = Limits.logLinesPerSecondMax,
        verboseLinesMax: Int = Limits.verboseLogLinesPerSecondMax,
        verboseBytesMax: Int = Limits.verboseLogBytesPerSecondMax
    ) {
        level = Atomic(verbosity)
        rate = LogRate(linesMax: linesMax)
        verboseRate = LogRate(linesMax: verboseLinesMax, bytesMax: verboseBytesMax)
    }

    /// 0: failures of the server only. 1: what comes and goes. 2: commands and replies, too.
    package var verbosity: Int { level.load(ordering: .relaxed) }

    package borrowing func setVerbosity(_ verbosity: Int) { level.store(verbosity, ordering: .relaxed) }

    /// Writes `message` and a line end when the verbosity is at least `minimum`. The message is only composed then. Not
    /// for what clients bring about.
    package borrowing func note(_ minimum: Int, _ message: @autoclosure () -> String) {
        if _slowPath(verbosity >= minimum) { Self.write(message()) }
    }

    // MARK: What clients bring about

    /// The same for a line that clients bring about, of which a second has room for so many (`LogRate`).
    package borrowing func note(_ minimum: Int, at second: UInt32, _ message: @autoclosure () -> String) {
        if _slowPath(verbosity >= minimum) { writeBounded(minimum, at: second, message()) }
    }

    /// A line that clients bring about, whatever the verbosity. `level`: that at which such lines appear.
    @inline(never)
    package borrowing func writeBounded(_ level: Int, at second: UInt32, _ message: @autoclosure () -> String) {
        let isPlain = level < 2
        let (isAdmitted, leftOut) = isPlain ? rate.admit(at: second) : verboseRate.admit(at: second)
        if leftOut > 0 { LogOutput.standardError.tellLeftOut(leftOut) }
        guard isAdmitted else { return }
        let message = message()
        // With the line's end.
        let bytes = message.utf8.count + 1
        if isPlain { rate.spend(bytes: bytes, at: second) } else { verboseRate.spend(bytes: bytes, at: second) }
        Self.write(message)
    }

    /// Lines that were to be written in the latest second, without those of `-vv`.
    package var boundedLines: Int { rate.lineCount }

    /// Tells of lines that were left out before this second, and of those that stderr had no room for.
    borrowing func tellLeftOut(at second: UInt32) {
        LogOutput.standardError.tellLeftOut(rate.takeLeftOut(at: second) + verboseRate.takeLeftOut(at: second))
    }

    // MARK: Writing

    /// Writes `message` and a line end to stderr, if that takes it at once.
    package static func write(_ message: String) { LogOutput.standardError.write(message) }

    /// Bytes of the wire up to their first line end, cut and escaped.
    package static func shown(_ bytes: some Sequence<UInt8>) -> String {
        let (line, isWhole) = firstLine(of: bytes)
        return ShownBytes.text(of: line) + (isWhole ? "" : "...")
    }

    /// Bytes of the wire up to their first line end, cut; and whether there was one.
    static func firstLine(of bytes: some Sequence<UInt8>) -> (line: ArraySlice<UInt8>, isWhole: Bool) {
        let start = Array(bytes.prefix(lineBytesMax))
        let end = start.firstIndex { $0 == 0x0A || $0 == 0x0D }
        return (start[..<(end ?? start.endIndex)], end != nil)
    }

    private static let lineBytesMax = 300

    /// The text for an `errno`.
    package static func reason(_ error: Int32) -> String { String(cString: strerror(error)) }
}
