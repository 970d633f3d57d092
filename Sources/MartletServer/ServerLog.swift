import Glibc
import Synchronization

/// Messages to stderr: `-v` and the `verbosity` command decide how much.
///
/// Each message is one write, so that lines of several threads do not mix. No values, no passwords; what a client sent
/// is cut and escaped by whoever composes a line from it.
package struct ServerLog: ~Copyable {
    private let level: Atomic<Int>

    package init(verbosity: Int) { level = Atomic(verbosity) }

    /// 0: failures of the server only. 1: what comes and goes. 2: commands and replies, too.
    package var verbosity: Int { level.load(ordering: .relaxed) }

    package borrowing func setVerbosity(_ verbosity: Int) { level.store(verbosity, ordering: .relaxed) }

    /// Writes `message` and a line end when the verbosity is at least `minimum`. The message is only composed then.
    package borrowing func note(_ minimum: Int, _ message: @autoclosure () -> String) {
        if _slowPath(verbosity >= minimum) { Self.write(message()) }
    }

    /// Writes `message` and a line end to stderr.
    package static func write(_ message: String) {
        var line = message
        line.append("\n")
        line.withUTF8 { _ = Glibc.write(STDERR_FILENO, $0.baseAddress, $0.count) }
    }

    /// Bytes of the wire up to their first line end, cut and escaped.
    package static func shown(_ bytes: some Sequence<UInt8>) -> String {
        var text = ""
        for byte in bytes.prefix(lineBytesMax) {
            switch byte {
            case 0x0A, 0x0D: return text
            case 0x20..<0x7F: text.unicodeScalars.append(UnicodeScalar(byte))
            default: text += "\\x" + (byte < 16 ? "0" : "") + String(byte, radix: 16)
            }
        }
        return text + "..."
    }

    private static let lineBytesMax = 300

    /// The text for an `errno`.
    package static func reason(_ error: Int32) -> String { String(cString: strerror(error)) }
}
