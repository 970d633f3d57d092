/// A fixed shuffle of 0..<count: popular ranks are spread over all keys, each rank to a key of its own.
///
/// 1. A permutation of the smallest power of two that holds `count`: each of its steps (xor with the upper half, odd
///    product) can be undone.
/// 2. A number that lands beyond `count` is permuted again until it does not (cycle walking): less than twice on
///    average.
struct KeyPermutation: BitwiseCopyable {
    private let count: UInt64
    private let mask: UInt64
    private let shift: UInt64

    /// `count` is at least 1.
    init(count: UInt64) {
        self.count = count
        let bits = UInt64(max(2, 64 - (count - 1).leadingZeroBitCount))
        mask = bits >= 64 ? .max : 1 << bits - 1
        shift = (bits + 1) / 2
    }

    @inline(__always)
    func callAsFunction(_ number: UInt64) -> UInt64 {
        var word = number
        repeat {
            word = (word ^ word &>> shift) &* 0x9e37_79b9_7f4a_7c15 & mask
            word = (word ^ word &>> shift) &* 0xbf58_476d_1ce4_e5b9 & mask
            word = (word ^ word &>> shift) &* 0x94d0_49bb_1331_11eb & mask
            word ^= word &>> shift
        } while word >= count
        return word
    }
}
