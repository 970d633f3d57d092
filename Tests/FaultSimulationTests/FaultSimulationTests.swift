import FaultSimulation
import Testing

/// A few seeds of what `./martlet simulate-faults` runs by the million.
@Suite("Simulated faults")
struct FaultSimulationTests {
    private static let eventCount = 1500

    private static func run(_ seed: UInt64) throws -> Simulation.Counts {
        let settings = SimulationSettings(seed: seed)
        return try Simulation(settings).run(SimulationEvent.script(settings, count: eventCount))
    }

    @Test("leave every answer right, and nothing held at the end")
    func seeds() throws {
        var counts = Simulation.Counts()
        for seed in 1...12 as ClosedRange<UInt64> {
            do {
                counts += try Self.run(seed)
            } catch let failure as Simulation.Failure {
                Issue.record("seed \(seed), event \(failure.event): \(failure.reason)")
            }
        }

        #expect(counts[.commands] > 10_000 && counts[.hits] > 2000 && counts[.misses] > 1000, "\(counts)")
        #expect(counts[.binaryCommands] > 3000 && counts[.binaryCommands] < counts[.commands] * 3 / 4, "\(counts)")
        #expect(counts[.logins] > 15 && counts[.flushes] > 2, "\(counts)")
        #expect(counts[.shortReads] > 100 && counts[.shortSends] > 100 && counts[.emptyCalls] > 100, "\(counts)")
        #expect(counts[.failedAccepts] > 5 && counts[.rejections] > 0 && counts[.pauses] > 0, "\(counts)")
        #expect(counts[.unixTimes] > 200 && counts[.wallSteps] > 10, "\(counts)")
        // The seeds with many keys.
        #expect(counts[.growth] > 0 && counts[.pageMoves] > 0 && counts[.evictions] > 0, "\(counts)")
        #expect(counts[.breaks] > 20 && counts[.failedAllocations] > 20 && counts[.memoryKicks] > 10, "\(counts)")
    }

    /// One with logins, one with too many clients for the listener, one with many keys.
    @Test("come to the same each time", arguments: [4, 5, 7] as [UInt64])
    func repeats(seed: UInt64) throws {
        let (first, second) = (try Self.run(seed), try Self.run(seed))

        #expect(first == second)
    }

    @Test("are lists of events that can be written down and read again")
    func text() throws {
        let events = SimulationEvent.script(SimulationSettings(seed: 3), count: 200)

        #expect(events.compactMap { SimulationEvent("\($0)") } == events)
        #expect(SimulationEvent("ask 1") == nil)
        #expect(SimulationEvent("dance 1 2") == nil)
    }
}
