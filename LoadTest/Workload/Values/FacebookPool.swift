/// Facebook's ETC pool as Atikoglu et al. measured it in 2012: the general-purpose cache, small values, a long tail.
enum FacebookPool {
    /// The shares of the sizes 0 to 14 bytes.
    private static let small: InlineArray<15, Double> = [
        0.00536, 0.00047, 0.17820, 0.09239, 0.00018, 0.02740, 0.00065, 0.00606, 0.00023, 0.00837, 0.00837, 0.08989,
        0.00092, 0.00326, 0.01980,
    ]
    private static let smallInAll = 0.44155
    static let valueBytesMax = 1_000_000

    /// From 15 bytes: generalised Pareto, scale 214.476, shape 0.348238.
    static func valueBytes(_ unit: Double) -> UInt32 {
        var left = unit
        if unit < smallInAll {
            for size in 0..<15 {
                left -= small[size]
                if left < 0 { return UInt32(size) }
            }
        }
        let size = Quantile.generalisedPareto(
            max(0, unit - smallInAll) / (1 - smallInAll), location: 15, scale: 214.476, shape: 0.348238)
        return UInt32(min(size, Double(valueBytesMax)))
    }
}
