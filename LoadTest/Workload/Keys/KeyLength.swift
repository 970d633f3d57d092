/// How long keys are, in bytes with their prefix; of a number always the same.
package enum KeyLength: BitwiseCopyable, Sendable, Equatable {
    case fixed(Int)
    /// Even between the two, both included.
    case range(Int, Int)
    /// Facebook's ETC pool: generalised extreme value, location 30.8, scale 8.2, shape 0.079 (Atikoglu et al., 2012).
    case etc

    /// The shortest that was asked for; none where lengths follow a model.
    package var bytesMin: Int {
        switch self {
        case .fixed(let bytes): bytes
        case .range(let lower, _): lower
        case .etc: .max
        }
    }

    @inline(__always)
    func bytes(of key: UInt64) -> Int {
        switch self {
        case .fixed(let bytes): return bytes
        case .range(let lower, let upper):
            let word = KeyMix.mix(key, purpose: Purpose.keyLength)
            return lower &+ Int(truncatingIfNeeded: word.multipliedFullWidth(by: UInt64(upper &- lower &+ 1)).high)
        case .etc:
            let unit = KeyMix.unit(KeyMix.mix(key, purpose: Purpose.keyLength))
            let length = Quantile.generalisedExtremeValue(unit, location: 30.7984, scale: 8.20449, shape: 0.078688)
            return Int(max(1, min(length.rounded(), Double(KeySpace.bytesMax))))
        }
    }
}

/// What a key's mixed number is used for; each use mixes with its own constant.
enum Purpose {
    static let keyLength: UInt64 = 0x5bf0_3635_1c7d_9c41
    static let valueBytes: UInt64 = 0xd6e8_feb8_6659_fd93
    static let withinStep: UInt64 = 0x2545_f491_4f6c_dd1d
    static let secondsToLive: UInt64 = 0x8cb9_2ba7_2f3d_8dd7
    static let thread: UInt64 = 0xc2b2_ae3d_27d4_eb4f
}
