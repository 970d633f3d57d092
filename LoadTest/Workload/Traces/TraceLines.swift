import Glibc

/// The lines of a trace, one after the other, in a buffer of fixed size.
///
///     buffer  | used lines | the line returned | lines to come | rest of one |   free   |
///             0                                ^ start                       ^ end      ^ bufferBytes
struct TraceLines: ~Copyable {
    static let bufferBytes = 256 * 1024
    /// Longer ones are no lines of a trace.
    static let lineBytesMax = 16 * 1024

    let path: String
    private var input: TraceInput
    private let buffer: UnsafeMutableRawBufferPointer
    private var start = 0
    private var end = 0
    private var isAtEnd = false
    /// Of the line returned last, from 1.
    private(set) var number: UInt64 = 0

    init(path: String) throws(WorkloadError) {
        self.path = path
        input = try TraceInput(path: path)
        buffer = .allocate(byteCount: Self.bufferBytes, alignment: 16)
    }

    deinit { buffer.deallocate() }

    /// The next line without its end (`\n` or `\r\n`), valid until the next call; nil: there is none.
    @inline(__always)
    mutating func next() throws(WorkloadError) -> UnsafeRawBufferPointer? {
        let base = UnsafeRawPointer(buffer.baseAddress.unsafelyUnwrapped)
        guard let newline = memchr(base + start, 0x0a, end &- start) else { return try nextAfterReading() }
        let lineStart = base + start
        var count = UnsafeRawPointer(newline) - lineStart
        start = start &+ count &+ 1
        number &+= 1
        if count > 0, lineStart.load(fromByteOffset: count &- 1, as: UInt8.self) == 0x0d { count &-= 1 }
        return UnsafeRawBufferPointer(start: lineStart, count: count)
    }

    /// The line that `next` will return, valid until then.
    mutating func peek() throws(WorkloadError) -> UnsafeRawBufferPointer? {
        guard let line = try next(), let lineStart = line.baseAddress else { return nil }
        start = lineStart - UnsafeRawPointer(buffer.baseAddress.unsafelyUnwrapped)
        number &-= 1
        return line
    }

    /// Passes over `count` lines, or as many as there are.
    mutating func skip(_ count: UInt64) throws(WorkloadError) {
        var left = count
        while left > 0, try next() != nil { left &-= 1 }
    }

    @inline(never)
    private mutating func nextAfterReading() throws(WorkloadError) -> UnsafeRawBufferPointer? {
        let base = buffer.baseAddress.unsafelyUnwrapped
        while true {
            if end - start > Self.lineBytesMax {
                throw WorkloadError(
                    "\(path) line \(number + 1): longer than \(Self.lineBytesMax) bytes, is this a trace?")
            }
            memmove(base, base + start, end - start)
            (start, end) = (0, end - start)
            let before = end
            if !isAtEnd {
                let count = try input.read(into: UnsafeMutableRawBufferPointer(rebasing: buffer[end...]))
                isAtEnd = count == 0
                end += count
            }
            if memchr(base + before, 0x0a, end - before) != nil { return try next() }
            if isAtEnd {
                guard end > 0 else { return nil }
                // The last line has no end of its own. There is room: lines are shorter than the buffer.
                base.storeBytes(of: 0x0a, toByteOffset: end, as: UInt8.self)
                end += 1
                return try next()
            }
        }
    }
}
