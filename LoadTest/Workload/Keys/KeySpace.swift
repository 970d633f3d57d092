/// Key numbers as bytes: a prefix and the number in decimal, padded with zeros to a length.
///
///     +--------+------------------------+
///     | prefix | 0 0 0 0 0 0 0 1 2 3 4 5 |    prefix "user:", length 17, key 12345
///     +--------+------------------------+
///
/// 1. Different numbers make different bytes: padding does not change a number, and each number has one length.
/// 2. A number that does not fit the length makes the key longer, never wrong.
/// 3. No key is longer than `bytesMax`.
/// 4. Counters, which only `increment` touches, have `counterBit` set and a `#` before the prefix: a counter's value is
///    a number and never a stamped value.
/// 5. A key whose length a trace says carries it:
///
///      63        62    56 55        48 47               0
///     +---------+--------+------------+------------------+
///     | counter | 0      | length, or | number           |
///     |         |        | 0          |                  |
///     +---------+--------+------------+------------------+
package struct KeySpace: BitwiseCopyable, Sendable {
    /// The protocol's limit.
    package static let bytesMax = 250
    /// What `write` needs to be free: it writes whole words and lets the next one overwrite what was too much.
    package static let roomBytes = 288
    package static let prefixBytesMax = 32
    /// Key numbers are below 2^48.
    package static let numberBits: UInt64 = 48
    /// Set in the key number of a counter.
    package static let counterBit: UInt64 = 1 << 63

    /// The prefix, eight bytes a word, the first byte lowest.
    let prefix: (UInt64, UInt64, UInt64, UInt64)
    let prefixBytes: Int
    let length: KeyLength

    /// `prefix` is up to 32 bytes, none of them a space or a control character.
    package init(prefix: String = "", length: KeyLength = .fixed(20)) throws(WorkloadError) {
        let bytes = Array(prefix.utf8)
        guard bytes.count <= Self.prefixBytesMax else {
            throw WorkloadError(
                "key prefix '\(prefix)' has \(bytes.count) bytes, at most \(Self.prefixBytesMax) can be")
        }
        guard bytes.allSatisfy({ $0 > 32 && $0 != 127 }) else {
            throw WorkloadError("key prefix '\(prefix)' has a space or a control character, which no key may have")
        }
        var words: [UInt64] = [0, 0, 0, 0]
        for (index, byte) in bytes.enumerated() { words[index / 8] |= UInt64(byte) << (8 * UInt64(index % 8)) }
        self.prefix = (words[0], words[1], words[2], words[3])
        prefixBytes = bytes.count
        self.length = length
    }

    /// Twenty bytes, no prefix.
    package static let plain = KeySpace(withoutPrefix: .fixed(20))
    /// Lengths of Facebook's ETC pool, no prefix.
    package static let etc = KeySpace(withoutPrefix: .etc)

    private init(withoutPrefix length: KeyLength) {
        prefix = (0, 0, 0, 0)
        prefixBytes = 0
        self.length = length
    }

    /// Numbers below have eight digits.
    package static let eightDigitsEnd: UInt64 = 100_000_000

    /// Where all keys below `eightDigitsEnd` are the same bytes and then eight digits: how many bytes stand before the
    /// digits; -1 where keys are not so.
    package var headBytes: Int {
        guard case .fixed(let bytes) = length else { return -1 }
        let head = min(bytes, Self.bytesMax) - 8
        return head >= prefixBytes ? head : -1
    }

    /// How many bytes `write` makes of `key`.
    package func byteCount(of key: UInt64) -> Int {
        let number = Self.number(of: key)
        let ownLength = Int(truncatingIfNeeded: key &>> Self.numberBits) & 0xff
        let wanted = min(ownLength > 0 ? ownLength : length.bytes(of: number), Self.bytesMax)
        let before = prefixBytes + (key & Self.counterBit != 0 ? 1 : 0)
        var digits = 1
        var above = number / 10
        while above > 0 {
            digits += 1
            above /= 10
        }
        return max(wanted, before + digits)
    }

    /// How many bytes prefix and number need of the largest key below `end`.
    package func shortestBytes(below end: UInt64) -> Int { prefixBytes + String(max(end, 1) - 1).utf8.count }

    /// Writes `key` at `address`, where `roomBytes` bytes are free, and returns how many it took.
    package func write(_ key: UInt64, at address: UnsafeMutableRawPointer) -> Int {
        var start = 0
        let number = Self.number(of: key)
        if key & Self.counterBit != 0 {
            address.storeBytes(of: UInt8(ascii: "#"), as: UInt8.self)
            start = 1
        }
        if prefixBytes > 0 {
            (address + start).storeBytes(of: prefix.0, as: UInt64.self)
            if prefixBytes > 8 {
                (address + start + 8).storeBytes(of: prefix.1, as: UInt64.self)
                (address + start + 16).storeBytes(of: prefix.2, as: UInt64.self)
                (address + start + 24).storeBytes(of: prefix.3, as: UInt64.self)
            }
            start &+= prefixBytes
        }
        let ownLength = Int(truncatingIfNeeded: key &>> Self.numberBits) & 0xff
        let wanted = min(ownLength > 0 ? ownLength : length.bytes(of: number), Self.bytesMax)
        return start &+ Decimal.write(number, at: address + start, digitsMin: wanted &- start)
    }

    /// The number alone, without what else a key carries.
    @inline(__always)
    package static func number(of key: UInt64) -> UInt64 { key & (1 &<< numberBits &- 1) }

    /// A key that is `bytes` long, whatever the key space says.
    static func key(_ number: UInt64, bytes: UInt8) -> UInt64 { number | UInt64(bytes) << numberBits }
}
