import Glibc

/// The inverses of distribution functions: a number of 0..<1 that is evenly spread becomes one spread as the name says.
package enum Quantile {
    /// Location 0, scale 1. Wichura's algorithm AS 241 (PPND7): seven digits, no transcendental function for the middle
    /// 85 %.
    package static func normal(_ unit: Double) -> Double {
        let centred = unit - 0.5
        if abs(centred) <= 0.425 {
            let r = 0.180625 - centred * centred
            let upper = ((59.109374720 * r + 159.29113202) * r + 50.434271938) * r + 3.3871327179
            let lower = ((67.187563600 * r + 78.757757664) * r + 17.895169469) * r + 1
            return centred * upper / lower
        }
        let tail = max(centred < 0 ? unit : 1 - unit, 0x1p-54)
        var r = (-log(tail)).squareRoot()
        let distance: Double
        if r <= 5 {
            r -= 1.6
            distance =
                (((0.17023821103 * r + 1.3067284816) * r + 2.7568153900) * r + 1.4234372777)
                / ((0.12021132975 * r + 0.73700164250) * r + 1)
        } else {
            r -= 5
            distance =
                (((0.017337203997 * r + 0.42868294337) * r + 3.0812263860) * r + 6.6579051150)
                / ((0.012258202635 * r + 0.24197894225) * r + 1)
        }
        return centred < 0 ? -distance : distance
    }

    static func logNormal(_ unit: Double, median: Double, sigma: Double) -> Double {
        median * exp(sigma * normal(unit))
    }

    static func generalisedPareto(_ unit: Double, location: Double, scale: Double, shape: Double) -> Double {
        let logarithm = log1p(-unit)
        return abs(shape) < 1e-9
            ? location - scale * logarithm : location + scale * (exp(-shape * logarithm) - 1) / shape
    }

    static func generalisedExtremeValue(_ unit: Double, location: Double, scale: Double, shape: Double) -> Double {
        let double = -log(max(unit, 0x1p-54))
        return abs(shape) < 1e-9
            ? location - scale * log(double) : location + scale * (exp(-shape * log(double)) - 1) / shape
    }

    /// Even on a logarithmic scale, `lower` to `upper`.
    static func logUniform(_ unit: Double, lower: Double, upper: Double) -> Double {
        lower * exp(unit * log(upper / lower))
    }
}
