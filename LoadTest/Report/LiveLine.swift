import Glibc
import LoadEngine

/// What a run is doing right now: on a terminal one line that is written again and again, elsewhere one plain line for
/// each interval.
///
/// ```
/// measuring   3 s of 10 s   162 k/s   p50 98.2 µs   p99 412 µs   hits 94.31 %   errors 0
/// ```
/// One thread writes at a time; the driver calls from its main thread only.
package struct LiveLine {
    private let descriptor: Int32
    package let isTerminal: Bool
    /// Whether the terminal's line holds something that the next text would be mixed with.
    private var isOpen = false

    package init(descriptor: Int32 = STDERR_FILENO) {
        self.init(descriptor: descriptor, isTerminal: isatty(descriptor) == 1)
    }

    package init(descriptor: Int32, isTerminal: Bool) {
        self.descriptor = descriptor
        self.isTerminal = isTerminal
    }

    /// Shows the interval that has just ended.
    /// - Parameters:
    ///   - phase: what is going on, such as `filling`, `warming up`, `measuring`.
    ///   - totalSeconds: how long the phase will take, if that is known.
    package mutating func show(_ phase: String, _ point: TimelinePoint, totalSeconds: Double? = nil) {
        show(Self.text(phase, point, totalSeconds: totalSeconds))
    }

    /// Shows a line of one's own.
    package mutating func show(_ text: String) {
        guard isTerminal else {
            write(text + "\n")
            return
        }
        // Cut to the terminal's width: a line that wraps cannot be written over.
        write("\r" + text.prefix(max(columnCount - 1, 20)) + "\u{1b}[K")
        isOpen = true
    }

    /// Says something that stays, such as a broken connection.
    package mutating func note(_ text: String) {
        finish()
        write(text + "\n")
    }

    /// Leaves the line, so that what is printed next starts on its own.
    package mutating func finish() {
        if isOpen { write("\r\u{1b}[K") }
        isOpen = false
    }

    /// The phase whose figures count.
    package static let measuring = "measuring"

    /// How long a run had been measuring when it said so in a plain line; nil of any other line.
    package static func measuredSeconds(_ line: String) -> Double? {
        guard line.hasPrefix(measuring) else { return nil }
        return line.dropFirst(measuring.count).split(separator: " ").first.flatMap { Double($0) }
    }

    package static func text(_ phase: String, _ point: TimelinePoint, totalSeconds: Double? = nil) -> String {
        var parts = [phase]
        let now = Quantity.fixed(point.second, digits: point.length < 1 ? 1 : 0)
        parts.append(totalSeconds.map { "\(now) s of \(Quantity.fixed($0, digits: 0)) s" } ?? "\(now) s")
        parts.append(Quantity.brief(point.rate.rounded()) + "/s")
        parts.append("p50 " + Quantity.duration(point.p50))
        parts.append("p99 " + Quantity.duration(point.p99))
        if point.keysRead > 0 {
            parts.append("hits " + Quantity.percent(Double(point.hits) / Double(point.keysRead)))
        }
        parts.append("errors " + Quantity.grouped(point.errors))
        return parts.joined(separator: "   ")
    }

    private var columnCount: Int {
        var size = winsize()
        return ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0 && size.ws_col > 0 ? Int(size.ws_col) : 80
    }

    /// Progress is a courtesy: where it cannot be written the run goes on.
    private func write(_ text: String) {
        let bytes = Array(text.utf8)
        _ = Glibc.write(descriptor, bytes, bytes.count)
    }
}
