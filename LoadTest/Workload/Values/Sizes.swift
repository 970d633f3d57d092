/// How big values are, in bytes: a pure function of the key, so that every run and every server sees the same sizes.
///
///     100                      every value
///     10-1000                  even on a logarithmic scale: as many from 10 to 100 as from 100 to 1000
///     uniform:10,1000          even, both ends included
///     ln:120,0.9,4000          log-normal: median, sigma, at most
///     pareto:0,214.5,0.35,4000 generalised Pareto: location, scale, shape, at most
///     gev:31,8.2,0.08,250      generalised extreme value: location, scale, shape, at most
///     dist:FILE,8000           lines `upper-bound weight`, even from one bound to the next; at most
///     etc                      Facebook's ETC pool (Atikoglu et al., 2012)
package enum Sizes: Sendable, Equatable {
    case fixed(Int)
    case uniform(Int, Int)
    case logUniform(Int, Int)
    case logNormal(median: Double, sigma: Double, most: Int)
    case generalisedPareto(location: Double, scale: Double, shape: Double, most: Int)
    case generalisedExtremeValue(location: Double, scale: Double, shape: Double, most: Int)
    case steps(SizeSteps, most: Int)
    case etc

    /// No protocol or server takes more.
    package static let bytesMax = 1 << 30

    package func bytes(of key: UInt64) -> UInt32 {
        let word = KeyMix.mix(key, purpose: Purpose.valueBytes)
        switch self {
        case .fixed(let bytes): return UInt32(bytes)
        case .uniform(let lower, let upper):
            return UInt32(lower) &+ UInt32(word.multipliedFullWidth(by: UInt64(upper - lower + 1)).high)
        case .logUniform(let lower, let upper):
            // One more than the upper end, rounded down: each size gets its whole share.
            let size = Quantile.logUniform(KeyMix.unit(word), lower: Double(lower), upper: Double(upper + 1))
            return Self.clamped(size.rounded(.down), upper)
        case .logNormal(let median, let sigma, let most):
            return Self.clamped(Quantile.logNormal(KeyMix.unit(word), median: median, sigma: sigma).rounded(), most)
        case .generalisedPareto(let location, let scale, let shape, let most):
            let size = Quantile.generalisedPareto(KeyMix.unit(word), location: location, scale: scale, shape: shape)
            return Self.clamped(size.rounded(), most)
        case .generalisedExtremeValue(let location, let scale, let shape, let most):
            let size = Quantile.generalisedExtremeValue(
                KeyMix.unit(word), location: location, scale: scale, shape: shape)
            return Self.clamped(size.rounded(), most)
        case .steps(let steps, let most):
            return min(steps.bytes(word, within: KeyMix.mix(key, purpose: Purpose.withinStep)), UInt32(most))
        case .etc: return FacebookPool.valueBytes(KeyMix.unit(word))
        }
    }

    /// 1 to `most`; a distribution's tail has no end.
    private static func clamped(_ size: Double, _ most: Int) -> UInt32 {
        UInt32(max(min(1, Double(most)), min(size, Double(most))))
    }
}
