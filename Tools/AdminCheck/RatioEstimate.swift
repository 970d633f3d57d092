import Glibc

/// How much more one of two measurements is than the other, taken many times in pairs.
struct RatioEstimate: CustomStringConvertible {
    /// Of the first one.
    private let nanoseconds: Int
    private let percent: Double
    private let halfWidth: Double
    /// Deviations of the mean, for some twenty pairs.
    private static let deviations = 2.1

    init(_ pairs: [(cost: Double, other: Double)]) {
        let count = Double(pairs.count)
        nanoseconds = Int((pairs.reduce(0) { $0 + $1.cost } / count).rounded())
        // Of logarithms, so that a half and a double make up for each other.
        let ratios = pairs.map { log($0.cost / $0.other) }
        let middle = ratios.reduce(0, +) / count
        let variance = ratios.reduce(0) { $0 + ($1 - middle) * ($1 - middle) } / (count - 1)
        percent = (exp(middle) - 1) * 100
        halfWidth = Self.deviations * (variance / count).squareRoot() * 100
    }

    var description: String {
        "\(nanoseconds) ns a request, \(percent < 0 ? "" : "+")\(Self.text(percent)) %"
            + " (\(Self.text(percent - halfWidth)) to \(Self.text(percent + halfWidth)))"
    }

    private static func text(_ number: Double) -> String { "\((number * 100).rounded() / 100)" }
}

/// What the admin thread needed.
struct ScrapeCost: CustomStringConvertible {
    var scrapes = 0
    var nanoseconds = 0
    var microseconds = 0

    mutating func add(_ other: ScrapeCost) {
        scrapes += other.scrapes
        nanoseconds += other.nanoseconds
        microseconds += other.microseconds
    }

    var description: String {
        let share = Double(nanoseconds) / 10 / Double(max(microseconds, 1))
        let text = "admin thread \((share * 1000).rounded() / 1000) % of a processor"
        return scrapes == 0 ? text : "\(text), \(nanoseconds / 1000 / scrapes) us for each of \(scrapes) scrapes"
    }
}
