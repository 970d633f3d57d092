import Glibc
import MartletProtocol
import Synchronization

/// Messages to stderr: `-v` and the `verbosity` command decide how much.
///
/// Each message is one write, so that lines of several threads do not mix. No values, no passwords; what a client sent
/// is cut and escaped by whoever composes a line from it. Lines that clients bring about go through `note(_:at:_:)`,
/// which bounds how many there are.
package struct ServerLog: ~Copyable {
    private let level: Atomic<Int>
    /// Of lines that clients bring about: without `-vv`, and with it.
    private let rate: LogRate
    private let verboseRate: LogRate

    package init(
        verbosity: Int, linesMax: Int = Limits.logLinesPerSecondMax,
        verboseLinesMax: Int = Limits.verboseLogLinesPerSecondMax
    ) {
        level = Atomic(verbosity)
        rate = LogRate(linesMax: linesMax)
        verboseRate = LogRate(linesMax: verboseLinesMax)
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
        let (isAdmitted, leftOut) = level < 2 ? rate.admit(at: second) : verboseRate.admit(at: second)
        Self.writeLeftOut(leftOut)
        if isAdmitted { Self.write(message()) }
    }

    /// Lines that were to be written in the latest second, without those of `-vv`.
    package var boundedLines: Int { rate.lineCount }

    /// Tells of lines that were left out before this second.
    borrowing func tellLeftOut(at second: UInt32) {
        Self.writeLeftOut(rate.takeLeftOut(at: second) + verboseRate.takeLeftOut(at: second))
    }

    private static func writeLeftOut(_ count: Int) {
        if count > 0 { write("log: \(count) lines left out") }
    }

    // MARK: Writing

    /// Writes `message` and a line end to stderr.
    package static func write(_ message: String) {
        var line = message
        line.append("\n")
        line.withUTF8 { _ = Glibc.write(STDERR_FILENO, $0.baseAddress, $0.count) }
    }

    /// Bytes of the wire up to their first line end, cut and escaped.
    package static func shown(_ bytes: some Sequence<UInt8>) -> String {
        let start = Array(bytes.prefix(lineBytesMax))
        if let end = start.firstIndex(where: { $0 == 0x0A || $0 == 0x0D }) { return ShownBytes.text(of: start[..<end]) }
        return ShownBytes.text(of: start) + "..."
    }

    private static let lineBytesMax = 300

    /// The text for an `errno`.
    package static func reason(_ error: Int32) -> String { String(cString: strerror(error)) }
}
