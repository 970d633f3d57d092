/// Makes a failing sequence shorter while it goes on failing, by leaving steps and nested operations out.
struct Shrinker {
    static let attemptsMax = 1500

    let configuration: ModelConfiguration
    private var attempts = 0

    init(_ configuration: ModelConfiguration) {
        self.configuration = configuration
    }

    /// A shorter sequence that fails, and its failure.
    mutating func shrink(_ steps: [Step], _ failure: ModelRun.Failure) -> ([Step], ModelRun.Failure) {
        var best = (Array(steps[...failure.step]), failure)
        var length = best.0.count / 2
        while length > 0 {
            var start = 0
            var hasShrunk = false
            while start < best.0.count {
                var candidate = best.0
                candidate.removeSubrange(start..<min(start + length, candidate.count))
                if let failure = rerun(candidate) {
                    best = (Array(candidate[...failure.step]), failure)
                    hasShrunk = true
                } else {
                    start += length
                }
            }
            if !hasShrunk || length > 1 { length /= 2 }
        }
        shrinkNested(&best)
        return best
    }

    private mutating func shrinkNested(_ best: inout ([Step], ModelRun.Failure)) {
        var number = 0
        while number < best.0.count {
            var place = 0
            while number < best.0.count, place < best.0[number].nested.count {
                var candidate = best.0
                candidate[number].nested.remove(at: place)
                if let failure = rerun(candidate) {
                    best = (Array(candidate[...failure.step]), failure)
                } else {
                    place += 1
                }
            }
            number += 1
        }
    }

    private mutating func rerun(_ steps: [Step]) -> ModelRun.Failure? {
        attempts += 1
        if attempts > Self.attemptsMax { return nil }
        return (try? ModelRun(configuration))?.run(steps)
    }
}
