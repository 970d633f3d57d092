import Glibc

/// Ranks 1...count, rank k in proportion to k^-exponent: rejection-inversion (Hörmann and Derflinger, 1996).
///
/// 1. h(x) = x^-s over the real numbers lies above the probabilities' staircase where it counts; its integral H and H's
///    inverse are closed forms, so a number drawn evenly between H's ends becomes an x with the density h.
/// 2. x is rounded to the next rank k. Where x lies within `squeeze` of k, k is taken at once: nearly always.
/// 3. Otherwise k is taken if the drawn number lies above H(k + 1/2) - h(k), and all is done again if not.
///
/// No table and no sum over all ranks: a billion keys cost as much as ten.
struct Zipf: BitwiseCopyable {
    private let curve: Hyperbola
    private let count: Double
    /// H at the lowest x less h(1), and H's span from there.
    private let start: Double
    private let span: Double
    private let squeeze: Double

    /// `count` is at least 1, `exponent` above 0.
    init(count: UInt64, exponent: Double) {
        curve = Hyperbola(exponent: exponent)
        self.count = Double(count)
        start = curve.integral(1.5) - 1
        span = curve.integral(Double(count) + 0.5) - start
        squeeze = 2 - curve.inverse(curve.integral(2.5) - curve.density(2))
    }

    /// 0..<count, 0 the most popular.
    @inline(__always)
    func rank(_ random: inout RandomSource) -> UInt64 {
        while true {
            let drawn = start + span * random.unit()
            let x = curve.inverse(drawn)
            let rank = max(1, min((x + 0.5).rounded(.down), count))
            if rank - x <= squeeze || drawn >= curve.integral(rank + 0.5) - curve.density(rank) {
                return UInt64(rank) &- 1
            }
        }
    }
}

/// h(x) = x^-s, its integral H(x) from 1, and H's inverse.
private struct Hyperbola: BitwiseCopyable {
    private let exponent: Double
    /// 1 - s, and its inverse; where it is nearly 0, H is the logarithm.
    private let complement: Double
    private let complementInverse: Double
    private let isLogarithmic: Bool

    init(exponent: Double) {
        self.exponent = exponent
        complement = 1 - exponent
        isLogarithmic = abs(complement) < 1e-8
        complementInverse = isLogarithmic ? 0 : 1 / complement
    }

    func density(_ x: Double) -> Double { exp(-exponent * log(x)) }

    func integral(_ x: Double) -> Double {
        let logarithm = log(x)
        return isLogarithmic ? logarithm : expm1(complement * logarithm) * complementInverse
    }

    @inline(__always)
    func inverse(_ area: Double) -> Double {
        isLogarithmic ? exp(area) : exp(log1p(max(complement * area, -1)) * complementInverse)
    }
}
