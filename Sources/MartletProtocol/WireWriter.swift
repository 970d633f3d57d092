/// What every writer is made of: each function writes at a cursor and gives the cursor behind what it wrote.
///
/// Nothing checks for room: each function says how many bytes it writes at most, and the caller reserves them.
public enum WireWriter {
    /// Writes a constant text: its own length.
    @inlinable
    public static func text(_ text: StaticString, at cursor: UnsafeMutableRawPointer) -> UnsafeMutableRawPointer {
        cursor.copyMemory(from: text.utf8Start, byteCount: text.utf8CodeUnitCount)
        return cursor + text.utf8CodeUnitCount
    }

    /// Writes a copy of `bytes`: their own length.
    @inlinable
    public static func bytes(
        _ bytes: UnsafeRawBufferPointer, at cursor: UnsafeMutableRawPointer
    ) -> UnsafeMutableRawPointer {
        guard let start = bytes.baseAddress else { return cursor }
        cursor.copyMemory(from: start, byteCount: bytes.count)
        return cursor + bytes.count
    }

    /// Writes a copy of a few bytes, word by word without a call: their own length.
    @inlinable @inline(__always)
    public static func shortBytes(
        _ bytes: UnsafeRawPointer, _ count: Int, at cursor: UnsafeMutableRawPointer
    ) -> UnsafeMutableRawPointer {
        if count >= 8 {
            var offset = 0
            let last = count &- 8
            while offset < last {
                copyWord(bytes, offset, cursor)
                offset &+= 8
            }
            // May overlap the word before.
            copyWord(bytes, last, cursor)
        } else {
            var offset = 0
            while offset < count {
                cursor.storeBytes(
                    of: bytes.load(fromByteOffset: offset, as: UInt8.self), toByteOffset: offset, as: UInt8.self)
                offset &+= 1
            }
        }
        return cursor + count
    }

    @inlinable @inline(__always)
    static func copyWord(_ bytes: UnsafeRawPointer, _ offset: Int, _ cursor: UnsafeMutableRawPointer) {
        cursor.storeBytes(
            of: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self), toByteOffset: offset, as: UInt64.self)
    }

    @inlinable
    public static func byte(_ byte: UInt8, at cursor: UnsafeMutableRawPointer) -> UnsafeMutableRawPointer {
        cursor.storeBytes(of: byte, as: UInt8.self)
        return cursor + 1
    }

    /// Writes CR LF: 2 bytes.
    @inlinable
    public static func lineEnd(at cursor: UnsafeMutableRawPointer) -> UnsafeMutableRawPointer {
        cursor.storeBytes(of: (0x0A0D as UInt16).littleEndian, as: UInt16.self)
        return cursor + 2
    }

    /// Writes a number in decimal: at most `WireLimits.decimalBytesMax` bytes.
    @inlinable @inline(__always)
    public static func number(_ value: UInt64, at cursor: UnsafeMutableRawPointer) -> UnsafeMutableRawPointer {
        if value < 10 { return byte(0x30 &+ UInt8(truncatingIfNeeded: value), at: cursor) }
        if value < 100 {
            storePair(value, at: cursor)
            return cursor + 2
        }
        return longNumber(value, at: cursor)
    }

    /// Writes a signed number in decimal: at most `WireLimits.decimalBytesMax` bytes.
    @inlinable
    public static func signed(_ value: Int64, at cursor: UnsafeMutableRawPointer) -> UnsafeMutableRawPointer {
        value < 0
            ? number(value.magnitude, at: byte(0x2D, at: cursor))
            : number(UInt64(truncatingIfNeeded: value), at: cursor)
    }

    /// Two digits at a time, from the last one to the first. Lengths of values have three or four, as a rule.
    @usableFromInline
    static func longNumber(_ value: UInt64, at cursor: UnsafeMutableRawPointer) -> UnsafeMutableRawPointer {
        if value < 10000 {
            let hundreds = (value &* 5243) &>> 19
            var place = cursor
            if hundreds < 10 {
                place = byte(0x30 &+ UInt8(truncatingIfNeeded: hundreds), at: place)
            } else {
                storePair(hundreds, at: place)
                place += 2
            }
            storePair(value &- hundreds &* 100, at: place)
            return place + 2
        }
        let end = cursor + digitCount(value)
        var rest = value
        var place = end
        while rest >= 100 {
            let quotient = rest / 100
            place -= 2
            storePair(rest &- quotient &* 100, at: place)
            rest = quotient
        }
        if rest >= 10 {
            storePair(rest, at: place - 2)
        } else {
            (place - 1).storeBytes(of: 0x30 &+ UInt8(truncatingIfNeeded: rest), as: UInt8.self)
        }
        return end
    }

    /// Digits of `value`, 1...20.
    package static func digitCount(_ value: UInt64) -> Int {
        var count = 1
        var rest = value
        while rest >= 10000 {
            rest /= 10000
            count &+= 4
        }
        if rest >= 1000 { return count &+ 3 }
        if rest >= 100 { return count &+ 2 }
        return rest >= 10 ? count &+ 1 : count
    }

    @inlinable
    static func storePair(_ value: UInt64, at place: UnsafeMutableRawPointer) {
        let tens = (value &* 205) &>> 11
        let pair = UInt16(truncatingIfNeeded: tens | (value &- tens &* 10) << 8) | 0x3030
        place.storeBytes(of: pair.littleEndian, as: UInt16.self)
    }
}
