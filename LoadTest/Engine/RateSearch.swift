/// Looks for the highest rate at which something holds: pure; whoever owns it tries the rates.
///
/// 1. It begins at a guess. As long as everything holds, the rate doubles; as long as nothing does, it halves.
/// 2. Once a rate held and a higher one did not, the next is between them: their geometric mean.
/// 3. It ends when the two are within `precision` of each other, at the bounds, or after `trialsMax`.
///
/// What holds at one rate is taken to hold at lower ones. Where that is not so (noise), the answer is one of the edges.
package struct RateSearch: Sendable {
    /// The highest rate that held, and the lowest that did not.
    package private(set) var highestHeld: Double?
    package private(set) var lowestFailed: Double?
    package private(set) var trials = 0
    private var upcoming: Double

    package static let precision = 1.05
    package static let trialsMax = 24
    package static let rateMin = 10.0

    /// Begins with the rate `guess`.
    package init(guess: Double) { upcoming = min(max(guess, Self.rateMin), RateCurve.rateMax) }

    /// The next rate to try; nil when the search is over.
    package var next: Double? {
        guard trials < Self.trialsMax else { return nil }
        if let highestHeld, let lowestFailed, lowestFailed <= highestHeld * Self.precision { return nil }
        if let lowestFailed, highestHeld == nil, lowestFailed <= Self.rateMin { return nil }
        if let highestHeld, lowestFailed == nil, highestHeld >= RateCurve.rateMax { return nil }
        return upcoming
    }

    /// What became of the rate that `next` gave.
    package mutating func note(held: Bool) {
        trials += 1
        if held { highestHeld = upcoming } else { lowestFailed = upcoming }
        switch (highestHeld, lowestFailed) {
        case (let held?, let failed?): upcoming = (held * failed).squareRoot()
        case (let held?, nil): upcoming = min(held * 2, RateCurve.rateMax)
        default: upcoming = max(upcoming / 2, Self.rateMin)
        }
    }
}
