/// What can be wrong with a line of a trace.
enum LineFault: UInt8, BitwiseCopyable {
    case fieldCount, operation, key, size, life, time, tooManyKeys

    var explanation: String {
        switch self {
        case .fieldCount: "not the number of fields that this format has"
        case .operation: "an operation that this format does not know"
        case .key: "the key is missing or not what this format has"
        case .size: "the size is not a number from 0 to \(Sizes.bytesMax)"
        case .life: "the time to live is not a number of seconds"
        case .time: "the time is not a number, or goes backwards by seconds"
        case .tooManyKeys: "more different keys than can be numbered (\(DenseKeys.countMax))"
        }
    }
}

/// What a line turned out to be.
enum LineOutcome: BitwiseCopyable {
    case request
    /// A line that asks for nothing, such as a heading.
    case nothing
    case fault(LineFault)
}

/// Reads fields off the front of a line.
struct LineFields: BitwiseCopyable {
    private(set) var position: UnsafeRawPointer
    let end: UnsafeRawPointer

    init(_ line: UnsafeRawBufferPointer) {
        position = line.baseAddress.unsafelyUnwrapped
        end = position + line.count
    }

    var isAtEnd: Bool { position == end }

    /// The next byte, passed over; 0 at the end.
    @inline(__always)
    mutating func byte() -> UInt8 {
        guard position < end else { return 0 }
        let byte = position.load(as: UInt8.self)
        position += 1
        return byte
    }

    /// Passes over `byte`, if it is next.
    @inline(__always)
    mutating func skip(_ byte: UInt8) -> Bool {
        guard position < end, position.load(as: UInt8.self) == byte else { return false }
        position += 1
        return true
    }

    /// Decimal digits, up to 18 of them; nil if there are none or too many.
    @inline(__always)
    mutating func number() -> UInt64? {
        var number: UInt64 = 0
        let start = position
        while position < end {
            let digit = position.load(as: UInt8.self) &- 0x30
            if digit > 9 { break }
            number = number &* 10 &+ UInt64(digit)
            position += 1
        }
        let count = position - start
        return count > 0 && count <= 18 ? number : nil
    }

    /// Everything before the next `byte`, or before the end; `byte` itself is passed over.
    mutating func field(before byte: UInt8) -> UnsafeRawBufferPointer {
        let start = position
        while position < end, position.load(as: UInt8.self) != byte { position += 1 }
        let field = UnsafeRawBufferPointer(start: start, count: position - start)
        if position < end { position += 1 }
        return field
    }
}
