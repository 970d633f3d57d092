/// Yann Collet's XXH64 with seed 0, read little-endian: 64 good bits of a key at about a nanosecond for eight bytes.
enum XXH64 {
    private static let prime1: UInt64 = 0x9E37_79B1_85EB_CA87
    private static let prime2: UInt64 = 0xC2B2_AE3D_27D4_EB4F
    private static let prime3: UInt64 = 0x1656_67B1_9E37_79F9
    private static let prime4: UInt64 = 0x85EB_CA77_C2B2_AE63
    private static let prime5: UInt64 = 0x27D4_EB2F_1656_67C5

    static func hash(_ key: Span<UInt8>) -> UInt64 {
        let count = key.count
        var position = 0
        var sum = prime5
        if count >= 32 {
            var (a, b, c, d) = (prime1 &+ prime2, prime2, UInt64(0), 0 &- prime1)
            while position &+ 32 <= count {
                a = round(a, key.word64(at: position))
                b = round(b, key.word64(at: position &+ 8))
                c = round(c, key.word64(at: position &+ 16))
                d = round(d, key.word64(at: position &+ 24))
                position &+= 32
            }
            sum = turned(a, 1) &+ turned(b, 7) &+ turned(c, 12) &+ turned(d, 18)
            sum = merged(merged(merged(merged(sum, a), b), c), d)
        }
        sum &+= UInt64(truncatingIfNeeded: count)
        while position &+ 8 <= count {
            sum = turned(sum ^ round(0, key.word64(at: position)), 27) &* prime1 &+ prime4
            position &+= 8
        }
        if position &+ 4 <= count {
            sum = turned(sum ^ UInt64(key.word32(at: position)) &* prime1, 23) &* prime2 &+ prime3
            position &+= 4
        }
        while position < count {
            sum = turned(sum ^ UInt64(key[position]) &* prime5, 11) &* prime1
            position &+= 1
        }
        return finished(sum)
    }

    /// The last steps: each bit of `sum` changes each bit of the result.
    static func finished(_ sum: UInt64) -> UInt64 {
        var sum = (sum ^ sum &>> 33) &* prime2
        sum = (sum ^ sum &>> 29) &* prime3
        return sum ^ sum &>> 32
    }

    private static func round(_ sum: UInt64, _ word: UInt64) -> UInt64 {
        turned(sum &+ word &* prime2, 31) &* prime1
    }

    private static func merged(_ sum: UInt64, _ lane: UInt64) -> UInt64 {
        (sum ^ round(0, lane)) &* prime1 &+ prime4
    }

    private static func turned(_ word: UInt64, _ bits: UInt64) -> UInt64 { word &<< bits | word &>> (64 &- bits) }
}
