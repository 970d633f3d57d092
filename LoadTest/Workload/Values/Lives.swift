/// How long what is stored lives, in seconds: a pure function of the key. 0 is for ever.
///
///     3600                every item
///     60-3600             even, both ends included
///     mix:2=0.6,3600=0.4  by weight; a life may be a range: mix:60-120=3,0=7
package enum Lives: Sendable, Equatable {
    case forever
    case fixed(UInt32)
    case uniform(UInt32, UInt32)
    case mixed([Share])

    package struct Share: Sendable, Equatable {
        package var lower: UInt32
        package var upper: UInt32
        /// Of all shares up to this one, 0...1; the last has 1.
        package var upTo: Double
    }

    /// More would be read as a time since 1970.
    package static let secondsMax: UInt32 = 60 * 60 * 24 * 30

    package func seconds(of key: UInt64) -> UInt32 {
        if case .forever = self { return 0 }
        return some(of: key)
    }

    private func some(of key: UInt64) -> UInt32 {
        let word = KeyMix.mix(key, purpose: Purpose.secondsToLive)
        switch self {
        case .forever: return 0
        case .fixed(let seconds): return seconds
        case .uniform(let lower, let upper): return Self.even(word, lower, upper)
        case .mixed(let shares):
            return shares.withUnsafeBufferPointer { shares in
                let unit = KeyMix.unit(word)
                let share = shares.first { unit < $0.upTo } ?? shares[shares.count - 1]
                return Self.even(KeyMix.mix(word), share.lower, share.upper)
            }
        }
    }

    private static func even(_ word: UInt64, _ lower: UInt32, _ upper: UInt32) -> UInt32 {
        lower &+ UInt32(word.multipliedFullWidth(by: UInt64(upper &- lower) &+ 1).high)
    }
}
