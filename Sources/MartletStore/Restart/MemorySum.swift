/// A keyed 64-bit sum of a run of memory: what tells whether a page, or an item, is what it was when it was summed.
///
/// The same folded products as `KeyHash`, in four lanes that do not wait for each other: as fast as memory is read.
/// With the key unknown nobody can choose contents whose sums agree; a change that was not meant to agree does so once
/// in 2^64.
package struct MemorySum: BitwiseCopyable, Sendable {
    private let first: UInt64
    private let second: UInt64
    private let third: UInt64
    private let fourth: UInt64

    package init(secret: (UInt64, UInt64)) {
        first = secret.0 ^ 0xa076_1d64_78bd_642f
        second = secret.1 ^ 0xe703_7ed1_a0b4_28db
        third = (secret.0 &<< 17 | secret.0 &>> 47) ^ 0x8ebc_6af0_9c88_c6e3
        fourth = (secret.1 &<< 29 | secret.1 &>> 35) ^ 0x5899_65cc_7537_4cc3
    }

    /// The sum of `count` bytes, which may be none. Runs that differ in `seed` have different sums.
    package func callAsFunction(_ bytes: UnsafeRawPointer, _ count: Int, seed: UInt64) -> UInt64 {
        var one = seed ^ first
        var position = bytes
        var left = count
        if left >= 64 {
            var two = seed ^ second
            var three = seed ^ third
            var four = seed ^ fourth
            while left >= 64 {
                one = KeyHash.fold(KeyHash.word(position) ^ first, KeyHash.word(position + 8) ^ one)
                two = KeyHash.fold(KeyHash.word(position + 16) ^ second, KeyHash.word(position + 24) ^ two)
                three = KeyHash.fold(KeyHash.word(position + 32) ^ third, KeyHash.word(position + 40) ^ three)
                four = KeyHash.fold(KeyHash.word(position + 48) ^ fourth, KeyHash.word(position + 56) ^ four)
                position += 64
                left &-= 64
            }
            one = KeyHash.fold(one ^ third, two ^ fourth) ^ KeyHash.fold(three ^ first, four ^ second)
        }
        while left >= 16 {
            one = KeyHash.fold(KeyHash.word(position) ^ first, KeyHash.word(position + 8) ^ one)
            position += 16
            left &-= 16
        }
        var low: UInt64 = 0
        var high: UInt64 = 0
        var index = 0
        while index < left {
            let byte = UInt64((position + index).load(as: UInt8.self))
            if index < 8 { low |= byte &<< UInt64(index &* 8) } else { high |= byte &<< UInt64((index &- 8) &* 8) }
            index &+= 1
        }
        let mixed = KeyHash.fold(low ^ second, high ^ one)
        return KeyHash.fold(mixed ^ third, UInt64(truncatingIfNeeded: count) ^ fourth)
    }

    /// The sum of whole words.
    package func callAsFunction(_ words: [UInt64], seed: UInt64) -> UInt64 {
        words.withUnsafeBytes { bytes in
            guard let start = bytes.baseAddress else { return self(UnsafeRawPointer(bitPattern: 8)!, 0, seed: seed) }
            return self(start, bytes.count, seed: seed)
        }
    }
}
