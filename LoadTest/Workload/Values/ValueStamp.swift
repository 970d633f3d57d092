/// Values that tell by themselves whether they are what was stored: every byte follows from key, version and length.
///
/// From `longBytesMin` bytes:
///
///      0          8            12          16          24                                    count
///      +----------+------------+-----------+-----------+-----------+-----------+----------- - -+
///      | mix(key) | version    | count     | check     | body[0]   | body[1]   |               |
///      |          | 4 B        | 4 B       | 8 B       | 8 B       | 8 B       |  last cut off |
///      +----------+------------+-----------+-----------+-----------+-----------+----------- - -+
///      check   = mix of the 16 bytes before it
///      body[i] = check + i * odd constant
///
/// Below, the first 8 bytes (or as many as there are) hold version and tag, the rest is body seeded by the tag's word:
///
///      | version, lowest bits | tag = hash of key, those bits, count | body ...
///
///      count        0    1    2    3    4    5    6    7    8...23
///      version bits 0    2    4    8    8   12   16   16   16
///      tag bits     0    6   12   16   24   28   32   40   48 and the body
///
/// What is found, at which size:
/// 1. From 24 bytes: a foreign value (and whose), a value of another length, halves of two versions or of two values,
///    any flipped bit, the whole version: one damaged value in 2^64 gets by, or 2^(8b) if only the last b < 8 bytes
///    differ.
/// 2. From 1 to 23 bytes: the same, told apart no more; one damaged value in 2^tag bits gets by. An old version is
///    seen unless it is older by a multiple of 2^(version bits).
/// 3. A value of no bytes says nothing.
package enum ValueStamp {
    package static let longBytesMin = 24
    private static let step: UInt64 = 0x9e37_79b9_7f4a_7c15

    /// Writes the value of `key` at `address`: exactly `count` bytes.
    package static func write(at address: UnsafeMutableRawPointer, count: Int, key: UInt64, version: UInt32) {
        if count >= longBytesMin {
            let stamp = stamp(key: key, version: version, count: count)
            address.storeBytes(of: stamp.mixedKey, as: UInt64.self)
            (address + 8).storeBytes(of: stamp.versionAndCount, as: UInt64.self)
            (address + 16).storeBytes(of: stamp.check, as: UInt64.self)
            writeBody(at: address + longBytesMin, count: count &- longBytesMin, seed: stamp.check)
        } else {
            writeShort(at: address, count: count, key: key, version: version)
        }
    }

    /// Whether the `count` bytes at `address` are a value of `key`.
    package static func verify(_ address: UnsafeRawPointer, count: Int, key: UInt64) -> ValueFinding {
        guard count >= longBytesMin else { return verifyShort(address, count: count, key: key) }
        let versionAndCount = (address + 8).loadUnaligned(as: UInt64.self)
        let found = (
            mixedKey: address.loadUnaligned(as: UInt64.self), check: (address + 16).loadUnaligned(as: UInt64.self)
        )
        guard found.check == check(mixedKey: found.mixedKey, versionAndCount: versionAndCount) else {
            return .torn(offset: 0)
        }
        guard found.mixedKey == KeyMix.mix(key) else { return .foreign(key: KeyMix.unmix(found.mixedKey)) }
        let written = UInt32(truncatingIfNeeded: versionAndCount &>> 32)
        guard Int(written) == count else { return .length(written: written) }
        let body = count &- longBytesMin
        guard isBody(address + longBytesMin, count: body, seed: found.check) else {
            return .torn(offset: firstDifference(address + longBytesMin, count: body, seed: found.check))
        }
        return .good(version: UInt32(truncatingIfNeeded: versionAndCount), versionBits: 32)
    }

    /// The version in a value of `key` that is wholly as it was written; nil if it is not, or too short to tell
    /// quickly: then `verify` says more.
    @inline(__always)
    static func soundVersion(_ address: UnsafeRawPointer, count: Int, key: UInt64) -> UInt32? {
        guard count >= longBytesMin else { return nil }
        let mixedKey = KeyMix.mix(key)
        let versionAndCount = (address + 8).loadUnaligned(as: UInt64.self)
        let check = check(mixedKey: mixedKey, versionAndCount: versionAndCount)
        guard address.loadUnaligned(as: UInt64.self) == mixedKey,
            (address + 16).loadUnaligned(as: UInt64.self) == check,
            versionAndCount &>> 32 == UInt64(truncatingIfNeeded: count),
            isBody(address + longBytesMin, count: count &- longBytesMin, seed: check)
        else { return nil }
        return UInt32(truncatingIfNeeded: versionAndCount)
    }

    /// How many of a version's lowest bits a value of `count` bytes holds.
    package static func versionBits(count: Int) -> UInt8 {
        switch count {
        case ...0: 0
        case 1: 2
        case 2: 4
        case 3, 4: 8
        case 5: 12
        case 6..<longBytesMin: 16
        default: 32
        }
    }

    @inline(__always)
    private static func stamp(
        key: UInt64, version: UInt32, count: Int
    ) -> (mixedKey: UInt64, versionAndCount: UInt64, check: UInt64) {
        let mixedKey = KeyMix.mix(key)
        let versionAndCount = UInt64(version) | UInt64(truncatingIfNeeded: count) &<< 32
        return (mixedKey, versionAndCount, check(mixedKey: mixedKey, versionAndCount: versionAndCount))
    }

    @inline(__always)
    private static func check(mixedKey: UInt64, versionAndCount: UInt64) -> UInt64 {
        KeyMix.mix(mixedKey ^ KeyMix.mix(versionAndCount &+ step))
    }
}

// MARK: - Short values

extension ValueStamp {
    private static func writeShort(at address: UnsafeMutableRawPointer, count: Int, key: UInt64, version: UInt32) {
        var word = shortWord(key: key, version: version, count: count)
        if count >= 8 {
            address.storeBytes(of: word, as: UInt64.self)
            writeBody(at: address + 8, count: count &- 8, seed: word)
            return
        }
        for index in 0..<max(0, count) {
            (address + index).storeBytes(of: UInt8(truncatingIfNeeded: word), as: UInt8.self)
            word &>>= 8
        }
    }

    private static func verifyShort(_ address: UnsafeRawPointer, count: Int, key: UInt64) -> ValueFinding {
        if count <= 0 { return .good(version: 0, versionBits: 0) }
        let held = min(count, 8)
        let found = lastWord(address, count: held)
        let bits = versionBits(count: count)
        let version = UInt32(truncatingIfNeeded: found & (1 &<< UInt64(bits) &- 1))
        let expected = shortWord(key: key, version: version, count: count) & mask(bytes: held)
        guard found == expected else { return .torn(offset: 0) }
        guard count == held || isBody(address + 8, count: count &- 8, seed: found) else {
            return .torn(offset: 8)
        }
        return .good(version: version, versionBits: bits)
    }

    @inline(__always)
    private static func shortWord(key: UInt64, version: UInt32, count: Int) -> UInt64 {
        let bits = UInt64(versionBits(count: count))
        let held = UInt64(version) & (1 &<< bits &- 1)
        let tag = check(
            mixedKey: KeyMix.mix(key), versionAndCount: held | UInt64(truncatingIfNeeded: count) &<< 32)
        return held | tag &<< bits
    }
}

// MARK: - Bodies

extension ValueStamp {
    @inline(__always)
    private static func writeBody(at address: UnsafeMutableRawPointer, count: Int, seed: UInt64) {
        var word = seed
        var position = address
        var left = count
        while left >= 8 {
            position.storeBytes(of: word, as: UInt64.self)
            word &+= step
            position += 8
            left &-= 8
        }
        while left > 0 {
            position.storeBytes(of: UInt8(truncatingIfNeeded: word), as: UInt8.self)
            word &>>= 8
            position += 1
            left &-= 1
        }
    }

    @inline(__always)
    private static func isBody(_ address: UnsafeRawPointer, count: Int, seed: UInt64) -> Bool {
        var word = seed
        var difference: UInt64 = 0
        var position = address
        var left = count
        if left >= 32 {
            var words = SIMD4(seed, seed &+ step, seed &+ 2 &* step, seed &+ 3 &* step)
            var differences = SIMD4<UInt64>()
            repeat {
                differences |= position.loadUnaligned(as: SIMD4<UInt64>.self) ^ words
                words &+= SIMD4(repeating: 4 &* step)
                position += 32
                left &-= 32
            } while left >= 32
            word = words[0]
            difference = differences[0] | differences[1] | differences[2] | differences[3]
        }
        // Less than 32: no loop, which would be made a bigger one.
        if left >= 16 {
            difference |= position.loadUnaligned(as: UInt64.self) ^ word
            difference |= (position + 8).loadUnaligned(as: UInt64.self) ^ (word &+ step)
            word &+= 2 &* step
            position += 16
            left &-= 16
        }
        if left >= 8 {
            difference |= position.loadUnaligned(as: UInt64.self) ^ word
            word &+= step
            position += 8
            left &-= 8
        }
        if left > 0 {
            // At least eight bytes stand before a body: the last eight, less those that are not of this word.
            let last = (position + left - 8).loadUnaligned(as: UInt64.self) &>> UInt64(64 &- 8 &* left)
            difference |= last ^ word & mask(bytes: left)
        }
        return difference == 0
    }

    @inline(never)
    private static func firstDifference(_ address: UnsafeRawPointer, count: Int, seed: UInt64) -> UInt32 {
        for index in 0..<count {
            let word = seed &+ UInt64(index / 8) &* step
            let expected = UInt8(truncatingIfNeeded: word &>> UInt64(8 * (index % 8)))
            if (address + index).load(as: UInt8.self) != expected { return UInt32(longBytesMin + index) }
        }
        return UInt32(longBytesMin)
    }

    /// 1 to 8 bytes as a word, the first byte lowest.
    @inline(__always)
    private static func lastWord(_ address: UnsafeRawPointer, count: Int) -> UInt64 {
        if count >= 8 { return address.loadUnaligned(as: UInt64.self) }
        var word: UInt64 = 0
        for index in 0..<count {
            word |= UInt64((address + index).load(as: UInt8.self)) &<< UInt64(8 &* index)
        }
        return word
    }

    @inline(__always)
    private static func mask(bytes: Int) -> UInt64 { bytes >= 8 ? .max : 1 &<< UInt64(8 &* bytes) &- 1 }
}
