/// When requests are sent.
package enum Pace: Sendable, Equatable {
    /// Closed loop: each connection sends as soon as replies make room. Latency is counted from sending.
    case saturating
    /// Open loop: requests are due at times of their own, whatever the server does, and latency is counted from then.
    case arriving(RateCurve, Spacing)
    /// Open loop at the times that a trace gives its operations, so many times as fast.
    case timed(speed: Double)

    /// How arrivals follow one another.
    package enum Spacing: String, Sendable, CaseIterable {
        /// Evenly.
        case constant
        /// At random and independently of each other, as from many users.
        case poisson
    }

    package var isOpenLoop: Bool { self != .saturating }
}

/// Requests a second over the measured time.
///
///     50000                 constant
///     10k-100k              a ramp from the first to the last second
///     10k,20k,40k           steps of equal length
package enum RateCurve: Sendable, Equatable, CustomStringConvertible {
    case constant(Double)
    case ramp(from: Double, to: Double)
    case steps([Double])

    package static let rateMax: Double = 1e9
    package static let stepsMax = 1000

    /// Reads a rate as a user writes it; `k` and `M` stand for thousands and millions.
    package init(parsing text: String) throws(LoadError) {
        if text.contains(",") {
            var rates: [Double] = []
            for part in text.split(separator: ",", omittingEmptySubsequences: false) {
                rates.append(try Self.rate(part, of: text))
            }
            guard rates.count <= Self.stepsMax else {
                throw .usage("The rate '\(text)' has \(rates.count) steps; at most \(Self.stepsMax) are possible.")
            }
            self = .steps(rates)
        } else if let dash = text.firstIndex(of: "-"), dash != text.startIndex {
            self = .ramp(
                from: try Self.rate(text[..<dash], of: text),
                to: try Self.rate(text[text.index(after: dash)...], of: text))
        } else {
            self = .constant(try Self.rate(text[...], of: text))
        }
    }

    private static func rate(_ part: Substring, of text: String) throws(LoadError) -> Double {
        var digits = part
        var factor = 1.0
        if let last = part.last, let unit = ["k": 1e3, "K": 1e3, "M": 1e6][last] {
            factor = unit
            digits = part.dropLast()
        }
        guard let number = Double(digits), number > 0, number * factor <= rateMax else {
            throw .usage(
                "'\(part)' in the rate '\(text)' is no number of requests a second: more than 0, at most 1000M.")
        }
        return number * factor
    }

    package var description: String {
        switch self {
        case .constant(let rate): Self.text(rate)
        case .ramp(let from, let to): "\(Self.text(from))-\(Self.text(to))"
        case .steps(let rates): rates.map(Self.text).joined(separator: ",")
        }
    }

    private static func text(_ rate: Double) -> String {
        rate == rate.rounded() ? String(Int(rate)) : String(rate)
    }

    /// The highest rate there is.
    package var most: Double {
        switch self {
        case .constant(let rate): rate
        case .ramp(let from, let to): max(from, to)
        case .steps(let rates): rates.max() ?? 0
        }
    }

    /// The curve in straight pieces, after `leadSeconds` at its first rate: length in nanoseconds, requests a
    /// nanosecond at its beginning and end. A run without length has the curve's first rate.
    package func pieces(leadSeconds: Double, seconds: Double?) -> [ArrivalSchedule.Piece] {
        var pieces: [ArrivalSchedule.Piece] = []
        func add(_ seconds: Double, _ from: Double, _ to: Double) {
            if seconds > 0 { pieces.append(.init(length: seconds * 1e9, from: from / 1e9, to: to / 1e9)) }
        }
        let length = seconds ?? LoadLimits.secondsMax
        switch self {
        case .constant(let rate): add(leadSeconds + length, rate, rate)
        case .ramp(let from, let to):
            add(leadSeconds, from, from)
            add(length, from, to)
        case .steps(let rates):
            add(leadSeconds, rates[0], rates[0])
            for rate in rates { add(length / Double(rates.count), rate, rate) }
        }
        return pieces
    }
}
