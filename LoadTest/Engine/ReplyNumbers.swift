import MartletProtocol

/// Reads the numbers and the end of a reply's line, byte by byte: the lines that are read this way are short.
struct ReplyNumbers: BitwiseCopyable {
    let bytes: UnsafeRawPointer
    var position: Int
    let limit: Int
    /// The bytes ended before the line did: a refusal then means nothing yet.
    private(set) var isCutOff = false

    init(bytes: UnsafeRawPointer, position: Int, limit: Int) {
        self.bytes = bytes
        self.position = position
        self.limit = limit
    }

    /// A number of 1 to 19 digits, nil for anything else.
    @inline(__always)
    mutating func number() -> UInt64? {
        let start = position
        var sum: UInt64 = 0
        while true {
            guard position < limit else {
                isCutOff = true
                return nil
            }
            let digit = bytes.load(fromByteOffset: position, as: UInt8.self) &- 0x30
            if digit >= 10 { break }
            sum = sum &* 10 &+ UInt64(digit)
            position &+= 1
        }
        return position > start && position &- start < 20 ? sum : nil
    }

    /// The three bytes at `position`, the first lowest.
    @inline(__always)
    static func threeBytes(_ bytes: UnsafeRawPointer, _ position: Int) -> UInt32 {
        let two = UInt32(bytes.loadUnaligned(fromByteOffset: position, as: UInt16.self).littleEndian)
        return two | UInt32(bytes.load(fromByteOffset: position &+ 2, as: UInt8.self)) << 16
    }

    /// Whether two stretches of `count` bytes are equal.
    @inline(__always)
    static func isEqual(_ bytes: UnsafeRawPointer, _ others: UnsafeRawPointer, _ count: Int) -> Bool {
        guard count >= 8 else {
            for index in 0..<count
            where bytes.load(fromByteOffset: index, as: UInt8.self)
                != others.load(fromByteOffset: index, as: UInt8.self)
            {
                return false
            }
            return true
        }
        var position = 0
        while position &+ 8 < count {
            if ByteSearch.word(bytes, position) != ByteSearch.word(others, position) { return false }
            position &+= 8
        }
        // The last eight, some of them for the second time.
        return ByteSearch.word(bytes, count &- 8) == ByteSearch.word(others, count &- 8)
    }

    /// Steps over `byte`.
    @inline(__always)
    mutating func skip(_ byte: UInt8) -> Bool {
        guard position < limit else {
            isCutOff = true
            return false
        }
        guard bytes.load(fromByteOffset: position, as: UInt8.self) == byte else { return false }
        position &+= 1
        return true
    }

    /// Steps over CR LF.
    @inline(__always)
    mutating func lineEnd() -> Bool { skip(ByteSearch.carriageReturn) && skip(ByteSearch.newline) }
}
