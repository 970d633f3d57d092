/// Makes a failing list of events shorter while it goes on failing.
package struct SimulationShrinker {
    private let settings: SimulationSettings
    private var attemptsLeft: Int
    private let falsify: ((inout [UInt8]) -> Void)?

    /// `falsify`: as the simulation that has failed had it.
    package init(
        _ settings: SimulationSettings, attemptsMax: Int = 3000, falsify: ((inout [UInt8]) -> Void)? = nil
    ) {
        self.settings = settings
        attemptsLeft = attemptsMax
        self.falsify = falsify
    }

    /// Fewer events that fail, and how.
    package mutating func shrink(
        _ events: [SimulationEvent], _ failure: Simulation.Failure
    ) -> ([SimulationEvent], Simulation.Failure) {
        var best = (Array(events[...failure.event]), failure)
        var length = max(best.0.count / 2, 1)
        while true {
            var start = 0
            var hasShrunk = false
            while start < best.0.count {
                var candidate = best.0
                candidate.removeSubrange(start..<min(start + length, candidate.count))
                if let again = rerun(candidate) {
                    best = (Array(candidate[...again.event]), again)
                    hasShrunk = true
                } else {
                    start += length
                }
                if attemptsLeft <= 0 { return best }
            }
            if length == 1, !hasShrunk { return best }
            length = max(length / 2, 1)
        }
    }

    private mutating func rerun(_ events: [SimulationEvent]) -> Simulation.Failure? {
        attemptsLeft -= 1
        guard !events.isEmpty, let simulation = try? Simulation(settings) else { return nil }
        simulation.falsify = falsify
        do throws(Simulation.Failure) {
            _ = try simulation.run(events)
            return nil
        } catch {
            return error
        }
    }
}
