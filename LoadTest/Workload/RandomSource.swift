/// Numbers that look random and are the same for the same seed: the construction of wyrand (Wang Yi, public domain), a
/// Weyl sequence folded by a 128-bit product. Fast (about 1 ns), not secret.
package struct RandomSource: BitwiseCopyable, Sendable {
    private var state: UInt64

    /// Streams of one seed are independent; a thread takes its own.
    package init(seed: UInt64, stream: UInt64 = 0) {
        state = KeyMix.mix(seed &+ 0x9e37_79b9_7f4a_7c15 &* (stream &+ 1))
    }

    @inline(__always)
    package mutating func next() -> UInt64 {
        state &+= 0xa076_1d64_78bd_642f
        let product = state.multipliedFullWidth(by: state ^ 0xe703_7ed1_a0b4_28db)
        return product.high ^ product.low
    }

    /// 0..<`bound`; `bound` is at least 1. Off from even by less than `bound` / 2^64.
    @inline(__always)
    package mutating func next(below bound: UInt64) -> UInt64 {
        next().multipliedFullWidth(by: bound).high
    }

    /// 0..<1, in steps of 2^-53.
    @inline(__always)
    package mutating func unit() -> Double { KeyMix.unit(next()) }
}
