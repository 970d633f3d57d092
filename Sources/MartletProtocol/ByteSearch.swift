/// Finding the bytes that end things, eight at a time.
///
/// A word holds a wanted byte where (word ^ pattern) has a zero byte, and
/// `(x - 0x01..01) & ~x & 0x80..80` has its lowest set bit in the lowest zero byte of x. Bits above the lowest one can
/// be false (a borrow runs upwards), so only the lowest is ever used.
///
/// All functions read `bytes[from ..< limit]` and nothing else.
public enum ByteSearch {
    @inlinable public static var space: UInt8 { 0x20 }
    @inlinable public static var newline: UInt8 { 0x0A }
    @inlinable public static var carriageReturn: UInt8 { 0x0D }

    /// Marks the bytes of `word` that equal `byte`; only the lowest mark is reliable.
    @inlinable
    public static func marks(_ word: UInt64, equalTo byte: UInt8) -> UInt64 {
        let difference = word ^ (0x0101_0101_0101_0101 &* UInt64(byte))
        return (difference &- 0x0101_0101_0101_0101) & ~difference & 0x8080_8080_8080_8080
    }

    /// Position of the first `byte` in `bytes[from ..< limit]`, `limit` if there is none.
    @inlinable
    public static func first(
        _ byte: UInt8, in bytes: UnsafeRawPointer, from: Int, limit: Int
    ) -> Int {
        var position = from
        while position &+ 8 <= limit {
            let found = marks(word(bytes, position), equalTo: byte)
            if found != 0 { return position &+ (found.trailingZeroBitCount &>> 3) }
            position &+= 8
        }
        while position < limit {
            if bytes.load(fromByteOffset: position, as: UInt8.self) == byte { return position }
            position &+= 1
        }
        return limit
    }

    /// Position of the first byte in `bytes[from ..< limit]` that is a space or less, `limit` if there is none.
    @inlinable @inline(__always)
    public static func firstUpToSpace(in bytes: UnsafeRawPointer, from: Int, limit: Int) -> Int {
        var position = from
        while position &+ 8 <= limit {
            let eight = word(bytes, position)
            // A byte below 0x21 borrows; one from 0xA1 on keeps its top bit, which `~eight` takes out again.
            let found = (eight &- 0x2121_2121_2121_2121) & ~eight & 0x8080_8080_8080_8080
            if found != 0 { return position &+ (found.trailingZeroBitCount &>> 3) }
            position &+= 8
        }
        while position < limit, bytes.load(fromByteOffset: position, as: UInt8.self) > space { position &+= 1 }
        return position
    }

    /// Position of the first space or newline in `bytes[from ..< limit]`, `limit` if there is none.
    @inlinable
    public static func firstSpaceOrNewline(in bytes: UnsafeRawPointer, from: Int, limit: Int) -> Int {
        var position = from
        while position &+ 8 <= limit {
            let eight = word(bytes, position)
            let found = marks(eight, equalTo: space) | marks(eight, equalTo: newline)
            if found != 0 { return position &+ (found.trailingZeroBitCount &>> 3) }
            position &+= 8
        }
        while position < limit {
            let byte = bytes.load(fromByteOffset: position, as: UInt8.self)
            if byte == space || byte == newline { return position }
            position &+= 1
        }
        return limit
    }

    /// Position of the first byte that is not a space, `limit` if there is none.
    @inlinable
    public static func firstNonSpace(in bytes: UnsafeRawPointer, from: Int, limit: Int) -> Int {
        var position = from
        while position < limit, bytes.load(fromByteOffset: position, as: UInt8.self) == space { position &+= 1 }
        return position
    }

    /// Eight bytes, the first of them lowest.
    @inlinable
    public static func word(_ bytes: UnsafeRawPointer, _ position: Int) -> UInt64 {
        UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: position, as: UInt64.self))
    }
}
