/// The requests of a trace from its first line to its last, read as they are needed: memory does not grow with the
/// trace, but for 16 to 32 bytes for each key where keys are not numbers.
package struct TraceReader: ~Copyable {
    private var lines: TraceLines
    package let format: TraceFormat
    private var twitter = TwitterLine()
    private var window = WatchWindow()
    /// Microseconds since 1970.
    private var firstTime: UInt64?
    private var lastTime: UInt64 = 0

    /// `path` may be `-`, standard input. nil for `format`: the first line tells.
    package init(path: String, format: TraceFormat? = nil) throws(WorkloadError) {
        var lines = try TraceLines(path: path)
        guard let line = try lines.peek() else { throw WorkloadError("trace \(path) is empty") }
        guard let found = format ?? TraceFormat(firstLine: line) else {
            throw WorkloadError(
                "\(path) line 1: like no trace that is known (`op key size ttl`, Twitter's csv, a watch log): "
                    + Self.quoted(line))
        }
        self.format = found
        self.lines = lines
    }

    /// Sets `request` to the next one. False: there is none. `keys` gives numbers to keys that are none.
    package mutating func next(
        _ request: inout TraceRequest, numbering keys: inout DenseKeys
    ) throws(WorkloadError) -> Bool {
        if format == .watch { return try nextWatched(&request, numbering: &keys) }
        while let line = try lines.next() {
            let outcome =
                format == .numbered
                ? NumberedLine.parse(line, into: &request)
                : twitter.parse(line, into: &request, numbering: &keys)
            switch outcome {
            case .request: return true
            case .nothing: continue
            case .fault(let fault): throw error(fault, line)
            }
        }
        return false
    }

    /// Passes over `count` requests, or as many as there are.
    package mutating func skip(_ count: UInt64, numbering keys: inout DenseKeys) throws(WorkloadError) {
        if format == .numbered { return try lines.skip(count) }
        var request = TraceRequest()
        var left = count
        while left > 0, try next(&request, numbering: &keys) { left -= 1 }
    }

    private mutating func nextWatched(
        _ request: inout TraceRequest, numbering keys: inout DenseKeys
    ) throws(WorkloadError) -> Bool {
        while true {
            try fillWindow(numbering: &keys)
            guard window.count > 0 else { return false }
            guard let line = window.removeFirst() else { continue }
            request = line.request
            // Threads log for themselves: a line may be a little older than the one before.
            lastTime = max(lastTime, line.time)
            let first = firstTime ?? lastTime
            firstTime = first
            request.dueNanoseconds = min(lastTime - first, Self.spanMicrosecondsMax) * 1000
            return true
        }
    }

    /// A thousand years in a log is a broken clock.
    private static let spanMicrosecondsMax: UInt64 = 1_000_000_000_000_000

    private mutating func fillWindow(numbering keys: inout DenseKeys) throws(WorkloadError) {
        var watched = WatchLine()
        while !window.isFull, let line = try lines.next() {
            switch watched.parse(line, numbering: &keys) {
            case .request: window.append(watched)
            case .nothing: continue
            case .fault(let fault): throw error(fault, line)
            }
        }
    }

    private func error(_ fault: LineFault, _ line: UnsafeRawBufferPointer) -> WorkloadError {
        WorkloadError("\(lines.path) line \(lines.number): \(fault.explanation): \(Self.quoted(line))")
    }

    /// The line as far as it is worth showing.
    private static func quoted(_ line: UnsafeRawBufferPointer) -> String {
        let shown = line.prefix(80).map { $0 >= 0x20 && $0 < 0x7f ? Character(UnicodeScalar($0)) : "?" }
        return "\"\(String(shown))\(line.count > 80 ? "..." : "")\""
    }
}
