#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// How far a long command is, on stderr: a line that changes where a person looks, one sentence at the end.
struct ProgressLine {
    private let isQuiet: Bool
    private let isTerminal = isatty(2) == 1
    private let start = WallClock.precise
    private var shown = WallClock.precise
    private var items = 0
    private var bytes = 0

    init(isQuiet: Bool) { self.isQuiet = isQuiet }

    mutating func add(_ items: Int, bytes: Int) {
        self.items += items
        self.bytes += bytes
        guard isTerminal, !isQuiet, WallClock.precise - shown > 0.2 else { return }
        shown = WallClock.precise
        StandardError.write("\r\(items) items, \(Quantity.bytes(self.bytes))\u{1B}[K", newline: false)
    }

    func end(_ text: String) {
        guard !isQuiet else { return }
        let seconds = max(WallClock.precise - start, 1e-9)
        let rate = "\(Quantity.count(Double(items) / seconds)) a second"
        StandardError.write((isTerminal ? "\r" : "") + text + " (\(rate))" + (isTerminal ? "\u{1B}[K" : ""))
    }
}

enum StandardError {
    static func write(_ text: String, newline: Bool = true) {
        let bytes = Array((newline ? text + "\n" : text).utf8)
        _ = systemWrite(2, bytes, bytes.count)
    }
}

enum WallClock {
    /// Seconds since 1970.
    static var seconds: Int { Int(precise) }

    static var precise: Double {
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        return Double(now.tv_sec) + Double(now.tv_nsec) / 1e9
    }
}

private let systemWrite = write
