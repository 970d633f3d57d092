/// A key number mixed so that neighbours have nothing in common, and back again. Everything that is "a pure function of
/// the key" starts from here: sizes, lives, the stamp in a value.
///
/// The finalizer of MurmurHash3 with the constants of splitmix64 (both public domain): a permutation of 64-bit numbers.
enum KeyMix {
    @inline(__always)
    static func mix(_ key: UInt64) -> UInt64 {
        var word = key
        word = (word ^ word &>> 30) &* 0xbf58_476d_1ce4_e5b9
        word = (word ^ word &>> 27) &* 0x94d0_49bb_1331_11eb
        return word ^ word &>> 31
    }

    /// The key that `mix` made `word` of.
    static func unmix(_ word: UInt64) -> UInt64 {
        var key = word
        key = (key ^ key &>> 31 ^ key &>> 62) &* 0x3196_42b2_d24d_8ec3
        key = (key ^ key &>> 27 ^ key &>> 54) &* 0x96de_1b17_3f11_9089
        return key ^ key &>> 30 ^ key &>> 60
    }

    /// Independent of `mix(key)` for each `purpose`, so that a big value does not always go with a short life.
    @inline(__always)
    static func mix(_ key: UInt64, purpose: UInt64) -> UInt64 { mix(key ^ purpose) }

    /// 0..<1 from the upper 53 bits.
    @inline(__always)
    static func unit(_ word: UInt64) -> Double { Double(word &>> 11) * 0x1p-53 }
}
