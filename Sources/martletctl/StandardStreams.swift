#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// Standard input as raw bytes: keys need not be UTF-8.
struct StandardInput {
    struct Failure: Error, CustomStringConvertible {
        let code: Int32
        var description: String { "standard input cannot be read (error \(code))" }
    }

    /// Calls `body` with each line, without its newline; the last line needs none.
    func forEachLine(_ body: ([UInt8]) throws -> Void) throws {
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        var line: [UInt8] = []
        while true {
            let count = read(0, &buffer, buffer.count)
            if count == 0 { break }
            guard count > 0 else {
                if errno == EINTR { continue }
                throw Failure(code: errno)
            }
            var start = 0
            while let end = buffer[start..<count].firstIndex(of: 0x0A) {
                line += buffer[start..<end]
                try body(line)
                line.removeAll(keepingCapacity: true)
                start = end + 1
            }
            line += buffer[start..<count]
        }
        if !line.isEmpty { try body(line) }
    }
}

/// Standard output, a good deal at a time.
///
/// Whoever closed the other end does not want the rest: that is no failure. What is written behind it goes nowhere, and
/// who would go on for long looks at `isClosed`.
struct StandardOutput {
    struct Failure: Error, CustomStringConvertible {
        let code: Int32
        var description: String { "standard output cannot be written: \(String(cString: strerror(code)))" }
    }

    private(set) var isClosed = false
    private var pending: [UInt8] = []

    /// A line at once. Returns whether somebody may read it.
    @discardableResult
    static func writeLine(_ text: String) throws -> Bool {
        var output = StandardOutput()
        try output.write(Array("\(text)\n".utf8))
        try output.flush()
        return !output.isClosed
    }

    mutating func write(_ bytes: [UInt8]) throws {
        if isClosed { return }
        pending += bytes
        if pending.count >= 1 << 16 { try flush() }
    }

    mutating func flush() throws {
        var rest = pending[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { systemWrite(1, $0.baseAddress, $0.count) }
            if count < 0 && errno == EINTR { continue }
            if count < 0 && errno == EPIPE {
                isClosed = true
                break
            }
            guard count > 0 else { throw Failure(code: errno) }
            rest = rest.dropFirst(count)
        }
        pending.removeAll(keepingCapacity: true)
    }
}

/// A pipe that nobody reads any more: told by the call that writes, where a signal would end the program.
enum BrokenPipe {
    static func isToldByCalls() { signal(SIGPIPE, SIG_IGN) }
}

/// `write(2)`, by a name that the method above does not hide.
private let systemWrite = write
