/// Austin Appleby's functions: MurmurHash2 with the seed libmemcached gives it, and the 32-bit MurmurHash3 with any
/// seed.
enum Murmur {
    static func hash2(_ key: Span<UInt8>) -> UInt32 {
        let length = UInt32(truncatingIfNeeded: key.count)
        var sum = 0xDEAD_BEEF &* length ^ length
        var position = 0
        while position &+ 4 <= key.count {
            var word = key.word32(at: position) &* 0x5BD1_E995
            word ^= word &>> 24
            sum = sum &* 0x5BD1_E995 ^ word &* 0x5BD1_E995
            position &+= 4
        }
        if position < key.count { sum = (sum ^ key.tail(from: position)) &* 0x5BD1_E995 }
        sum = (sum ^ sum &>> 13) &* 0x5BD1_E995
        return sum ^ sum &>> 15
    }

    /// The 32-bit function of the third kind.
    static func hash3(_ key: Span<UInt8>, seed: UInt32) -> UInt32 {
        var sum = seed
        var position = 0
        while position &+ 4 <= key.count {
            sum = blend(sum, key.word32(at: position))
            position &+= 4
        }
        if position < key.count { sum ^= scramble(key.tail(from: position)) }
        return finish(sum, count: key.count)
    }

    /// One step of MurmurHash3: four bytes of the text.
    static func blend(_ sum: UInt32, _ word: UInt32) -> UInt32 {
        let mixed = sum ^ scramble(word)
        return (mixed &<< 13 | mixed &>> 19) &* 5 &+ 0xE654_6B64
    }

    /// What MurmurHash3 makes of four bytes, or of the last one to three, before it adds them.
    static func scramble(_ word: UInt32) -> UInt32 {
        let product = word &* 0xCC9E_2D51
        return (product &<< 15 | product &>> 17) &* 0x1B87_3593
    }

    /// The last steps of MurmurHash3 over `count` bytes.
    static func finish(_ sum: UInt32, count: Int) -> UInt32 {
        var sum = sum ^ UInt32(truncatingIfNeeded: count)
        sum = (sum ^ sum &>> 16) &* 0x85EB_CA6B
        sum = (sum ^ sum &>> 13) &* 0xC2B2_AE35
        return sum ^ sum &>> 16
    }
}

extension Span where Element == UInt8 {
    /// Four bytes, the first of them lowest.
    func word32(at position: Int) -> UInt32 {
        UInt32(self[position]) | UInt32(self[position &+ 1]) &<< 8 | UInt32(self[position &+ 2]) &<< 16
            | UInt32(self[position &+ 3]) &<< 24
    }

    /// Eight bytes, the first of them lowest.
    func word64(at position: Int) -> UInt64 {
        UInt64(word32(at: position)) | UInt64(word32(at: position &+ 4)) &<< 32
    }

    /// The last one to three bytes, the first of them lowest.
    func tail(from position: Int) -> UInt32 {
        var word: UInt32 = 0
        for index in position..<count { word |= UInt32(self[index]) &<< UInt32((index &- position) &* 8) }
        return word
    }
}
