/// Several runs of the same work at different rates: the highest rate that is good enough, or the whole curve.
package enum LoadSeries {
    /// A run of a series is about to begin, or has ended.
    package enum News {
        case begins(rate: Double?, number: Int)
        case ended(RunResult, isGood: Bool?)
    }

    /// Parts of the top speed from which a search begins.
    private static let guessFraction = 0.5

    /// The trials of a search for the highest rate that reaches `goal`, in their order, and the best of them; nil if
    /// not even the lowest rate does. Fills, where asked to, before the first.
    package static func search(
        _ settings: LoadSettings, goal: LatencyGoal, news: (News) -> Void,
        progress: (LoadRun.Phase, TimelinePoint) -> Void
    ) throws(LoadError) -> (trials: [RunResult], best: RunResult?) {
        var settings = settings
        news(.begins(rate: nil, number: 1))
        let top = try LoadRun.run(saturating(settings), progress: progress)
        news(.ended(top, isGood: nil))
        settings.fills = false
        var search = RateSearch(guess: top.rate * guessFraction)
        var trials: [RunResult] = []
        var best: RunResult?
        while let rate = search.next, !Interruption.isWanted, top.violations.isEmpty {
            news(.begins(rate: rate, number: trials.count + 2))
            let result = try run(settings, at: rate, progress: progress)
            let isGood = goal.isReached(by: result)
            news(.ended(result, isGood: isGood))
            trials.append(result)
            guard result.violations.isEmpty else { break }
            search.note(held: isGood)
            if isGood { best = result }
        }
        if trials.isEmpty { trials = [top] }
        return (trials, best)
    }

    /// A run at each of `rates`, or at `count` rates evenly up to the top speed, which is then run first.
    package static func sweep(
        _ settings: LoadSettings, rates: [Double]?, count: Int, news: (News) -> Void,
        progress: (LoadRun.Phase, TimelinePoint) -> Void
    ) throws(LoadError) -> [RunResult] {
        var settings = settings
        var results: [RunResult] = []
        var rates = rates ?? []
        if rates.isEmpty {
            news(.begins(rate: nil, number: 1))
            let top = try LoadRun.run(saturating(settings), progress: progress)
            news(.ended(top, isGood: nil))
            guard top.violations.isEmpty else { return [top] }
            rates = (1...count).map { top.rate * Double($0) / Double(count) }
            settings.fills = false
        }
        for rate in rates where !Interruption.isWanted {
            news(.begins(rate: rate, number: results.count + 1))
            let result = try run(settings, at: rate, progress: progress)
            news(.ended(result, isGood: nil))
            results.append(result)
            guard result.violations.isEmpty else { break }
            settings.fills = false
        }
        return results
    }

    private static func saturating(_ settings: LoadSettings) -> LoadSettings {
        var settings = settings
        settings.pace = .saturating
        settings.seconds = settings.seconds.map { max($0 / 3, min($0, 1)) }
        return settings
    }

    private static func run(
        _ settings: LoadSettings, at rate: Double, progress: (LoadRun.Phase, TimelinePoint) -> Void
    ) throws(LoadError) -> RunResult {
        var settings = settings
        let rounded = rate.rounded()
        settings.pace = .arriving(.constant(rounded), settings.pace.spacing)
        settings.label = (settings.label.map { $0 + " " } ?? "") + "\(Int(rounded))/s"
        return try LoadRun.run(settings, progress: progress)
    }
}

extension Pace {
    /// How arrivals follow one another, if there are any.
    package var spacing: Spacing {
        if case .arriving(_, let spacing) = self { return spacing }
        return .constant
    }
}
