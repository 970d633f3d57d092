import Glibc

/// Replies of the right form: of a hit for whatever is asked for, of success for whatever is stored.
struct ReplyMaker {
    private static let outputBytes = 16 << 20
    private static let valueBytesMax = 1 << 20

    private let output: UnsafeMutableRawPointer
    private var outputCount = 0
    /// The one value there is; its length is that of the last one stored.
    private let value: UnsafeMutableRawPointer
    private var valueLength = 64
    /// What stands in front of it: ` 0 <length>\r\n`, and `VA <length>`.
    private var classicHead: StaticText
    private var metaHead: StaticText

    init() {
        output = .allocate(byteCount: Self.outputBytes, alignment: 64)
        value = .allocate(byteCount: Self.valueBytesMax, alignment: 64)
        memset(value, Int32(UInt8(ascii: "x")), Self.valueBytesMax)
        classicHead = StaticText(" 0 64\r\n")
        metaHead = StaticText("VA 64")
    }

    /// Few bytes that are copied in one step of 32.
    private struct StaticText {
        var words: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)
        let count: Int

        init(_ text: String) {
            precondition(text.utf8.count <= 32)
            count = text.utf8.count
            withUnsafeMutableBytes(of: &words) { $0.copyBytes(from: text.utf8) }
        }
    }

    /// Half is full: what waits has to be sent before the next request is answered.
    var isFull: Bool { outputCount >= Self.outputBytes / 2 }

    /// Sends what there is, however long the client takes.
    mutating func send(to descriptor: Int32) {
        var sent = 0
        while sent < outputCount {
            let count = Glibc.send(descriptor, output + sent, outputCount - sent, Int32(MSG_NOSIGNAL))
            if count > 0 { sent += count }
            if count > 0 || errno == EINTR { continue }
            // Not readable any more, or never again.
            guard errno == EAGAIN else { break }
            var waited = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
            poll(&waited, 1, -1)
        }
        outputCount = 0
    }

    /// Appends the reply to the line; `lineEnd` is where its newline stands. Returns how many bytes of data come behind.
    mutating func answer(_ line: UnsafeRawPointer, lineEnd newline: UnsafeRawPointer) -> Int {
        let end = newline > line && newline.load(fromByteOffset: -1, as: UInt8.self) == 0x0D ? newline - 1 : newline
        guard end - line >= 2 else { return fail() }
        switch line.loadUnaligned(as: UInt16.self).littleEndian {
        case Self.code("ge"): answerGet(line, end)
        case Self.code("mg"): answerMetaGet(line, end)
        case Self.code("se"): return answerSet(line, end)
        case Self.code("ms"): return answerMetaSet(line, end)
        case Self.code("mn"): append("MN\r\n")
        case Self.code("ve"): append("VERSION 1.6.45-limit\r\n")
        case Self.code("st"):
            for (name, number) in Self.statistics() { append("STAT \(name) \(number)\r\n") }
            append("END\r\n")
        default: return fail()
        }
        return 0
    }

    // MARK: Requests

    private mutating func answerGet(_ line: UnsafeRawPointer, _ end: UnsafeRawPointer) {
        var key = Self.behindSpace(line, end)
        while key < end {
            let keyEnd = Self.space(key, end)
            append("VALUE ")
            append(key, keyEnd - key)
            append(classicHead)
            append(value, valueLength)
            append("\r\n")
            key = keyEnd + 1
        }
        append("END\r\n")
    }

    /// `mg <key> <flags>`, of which `k`, `f` and `O` are answered.
    private mutating func answerMetaGet(_ line: UnsafeRawPointer, _ end: UnsafeRawPointer) {
        append(metaHead)
        let key = Self.behindSpace(line, end)
        let keyEnd = Self.space(key, end)
        appendFlags(keyEnd, end, key: UnsafeRawBufferPointer(start: key, count: keyEnd - key))
        append("\r\n")
        append(value, valueLength)
        append("\r\n")
    }

    /// `set <key> <flags> <exptime> <bytes>`.
    private mutating func answerSet(_ line: UnsafeRawPointer, _ end: UnsafeRawPointer) -> Int {
        var length = end
        while length > line, length.load(fromByteOffset: -1, as: UInt8.self) != 0x20 { length -= 1 }
        guard take(length: length, end) else { return fail() }
        append("STORED\r\n")
        return valueLength + 2
    }

    /// `ms <key> <bytes> <flags>`.
    private mutating func answerMetaSet(_ line: UnsafeRawPointer, _ end: UnsafeRawPointer) -> Int {
        let key = Self.behindSpace(line, end)
        let keyEnd = Self.space(key, end)
        let length = Self.behindSpace(key, end)
        let lengthEnd = Self.space(length, end)
        guard take(length: length, lengthEnd) else { return fail() }
        append("HD")
        appendFlags(lengthEnd, end, key: UnsafeRawBufferPointer(start: key, count: keyEnd - key))
        append("\r\n")
        return valueLength + 2
    }

    private mutating func fail() -> Int {
        append("ERROR\r\n")
        return 0
    }

    /// Makes the number at `start` the value's length, or says that it is none.
    private mutating func take(length start: UnsafeRawPointer, _ end: UnsafeRawPointer) -> Bool {
        guard start < end, end - start <= 7 else { return false }
        var number = 0
        for digit in UnsafeRawBufferPointer(start: start, count: end - start) {
            guard digit >= 0x30, digit <= 0x39 else { return false }
            number = number * 10 + Int(digit - 0x30)
        }
        guard number <= Self.valueBytesMax else { return false }
        if number != valueLength {
            valueLength = number
            classicHead = StaticText(" 0 \(number)\r\n")
            metaHead = StaticText("VA \(number)")
        }
        return true
    }

    private mutating func appendFlags(
        _ start: UnsafeRawPointer, _ end: UnsafeRawPointer, key: UnsafeRawBufferPointer
    ) {
        var flag = start + 1
        while flag < end {
            let flagEnd = Self.space(flag, end)
            switch flag.load(as: UInt8.self) {
            case UInt8(ascii: "k"):
                append(" k")
                append(key.baseAddress!, key.count)
            case UInt8(ascii: "f"): append(" f0")
            case UInt8(ascii: "O"):
                append(" ")
                append(flag, flagEnd - flag)
            default: break
            }
            flag = flagEnd + 1
        }
    }

    /// What the driver and its comparisons ask for.
    private static func statistics() -> [(String, Int)] {
        [
            ("pid", Int(getpid())), ("threads", 1), ("pointer_size", 64), ("limit_maxbytes", 1 << 30),
            ("curr_items", 0), ("curr_connections", 1), ("evictions", 0), ("get_hits", 0), ("get_misses", 0),
            ("cmd_get", 0), ("cmd_set", 0),
        ]
    }

    // MARK: Bytes

    private static func code(_ text: StaticString) -> UInt16 {
        UInt16(text.utf8Start[0]) | UInt16(text.utf8Start[1]) << 8
    }

    private static func space(_ start: UnsafeRawPointer, _ end: UnsafeRawPointer) -> UnsafeRawPointer {
        memchr(start, 0x20, end - start).map { UnsafeRawPointer($0) } ?? end
    }

    private static func behindSpace(_ start: UnsafeRawPointer, _ end: UnsafeRawPointer) -> UnsafeRawPointer {
        min(space(start, end) + 1, end)
    }

    /// What there is no room for is left out: no suite asks for eight megabytes at once.
    private mutating func append(_ bytes: UnsafeRawPointer, _ count: Int) {
        guard count <= Self.outputBytes - outputCount else { return }
        (output + outputCount).copyMemory(from: bytes, byteCount: count)
        outputCount += count
    }

    private mutating func append(_ text: StaticString) { append(text.utf8Start, text.utf8CodeUnitCount) }

    private mutating func append(_ text: String) {
        var text = text
        text.withUTF8 { append($0.baseAddress!, $0.count) }
    }

    private mutating func append(_ text: StaticText) {
        guard Self.outputBytes - outputCount >= 32 else { return }
        (output + outputCount).storeBytes(of: text.words, as: (UInt64, UInt64, UInt64, UInt64).self)
        outputCount += text.count
    }
}
