/// The keyed 64-bit hash of a key.
///
/// The construction of wyhash (Wang Yi, public domain): products of 64x64 bits folded by xor, with a secret mixed into
/// every operand. The secret is 128 random bits per process, so that nobody who does not know it can choose keys that
/// collide. Tests pass a fixed one.
public struct KeyHash: BitwiseCopyable, Sendable {
    @usableFromInline let first: UInt64
    @usableFromInline let second: UInt64
    @usableFromInline let third: UInt64

    public init(secret: (UInt64, UInt64)) {
        first = secret.0
        second = secret.1
        third = (secret.0 &>> 29 | secret.0 &<< 35) ^ secret.1 &* 0x9e37_79b9_7f4a_7c15
    }

    @inlinable @inline(__always)
    static func fold(_ left: UInt64, _ right: UInt64) -> UInt64 {
        let product = left.multipliedFullWidth(by: right)
        return product.low ^ product.high
    }

    @inlinable @inline(__always)
    static func word(_ bytes: UnsafeRawPointer) -> UInt64 {
        bytes.loadUnaligned(as: UInt64.self)
    }

    /// All bytes of 1...7, in two words that no other key of that length has.
    @inlinable @inline(__always)
    static func shortWords(_ bytes: UnsafeRawPointer, _ count: Int) -> (low: UInt64, high: UInt64) {
        if count >= 4 {
            return (
                UInt64(bytes.loadUnaligned(as: UInt32.self)),
                UInt64((bytes + (count &- 4)).loadUnaligned(as: UInt32.self))
            )
        }
        return (
            UInt64(bytes.load(as: UInt8.self)) &<< 16
                | UInt64((bytes + (count &>> 1)).load(as: UInt8.self)) &<< 8
                | UInt64((bytes + (count &- 1)).load(as: UInt8.self)),
            0
        )
    }

    /// `count` is at least 1.
    @inlinable @inline(__always)
    public func callAsFunction(_ bytes: UnsafeRawPointer, _ count: Int) -> UInt64 {
        var seed = first
        let low: UInt64
        let high: UInt64
        if count > 16 {
            var position = bytes
            var left = count
            while left > 16 {
                seed = Self.fold(Self.word(position) ^ second, Self.word(position + 8) ^ seed)
                position += 16
                left &-= 16
            }
            low = Self.word(bytes + (count &- 16))
            high = Self.word(bytes + (count &- 8))
        } else if count >= 8 {
            low = Self.word(bytes)
            high = Self.word(bytes + (count &- 8))
        } else {
            (low, high) = Self.shortWords(bytes, count)
        }
        let mixed = Self.fold(low ^ second, high ^ seed)
        return Self.fold(mixed ^ third, UInt64(truncatingIfNeeded: count) ^ second)
    }
}
