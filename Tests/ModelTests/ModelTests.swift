import Glibc
import MartletStore
import StoreTesting
import Testing

/// Seeded random sequences against a model (KeyModel.swift), with a second client at every unlock.
///
/// `MARTLET_MODEL_SEEDS=n` runs n seeds instead of the fixed few, from `MARTLET_MODEL_SEED=x` on if that is given too;
/// `MARTLET_MODEL_SEED=x` alone runs that one. A failure prints the seed and the shortest sequence found that fails, as
/// Swift for the list in Replays.swift.
@Suite("The store and its model", .serialized)
struct ModelTests {
    static let fixedSeedCount = 60
    static let stepsPerSeed = 150

    static var seeds: [UInt64] {
        let count = getenv("MARTLET_MODEL_SEEDS").flatMap { Int(String(cString: $0)) }
        let seed = getenv("MARTLET_MODEL_SEED").flatMap { UInt64(String(cString: $0)) }
        let first = seed ?? 1
        return (0..<UInt64(count ?? (seed == nil ? fixedSeedCount : 1))).map { first + $0 }
    }

    @Test("agree on every answer, whatever comes in between", arguments: [false, true])
    func random(isMemcachedMode: Bool) throws {
        var counts = ModelRun.Counts()
        for seed in Self.seeds {
            var generator = Generator(seed: seed, isMemcachedMode: isMemcachedMode)
            let run = try ModelRun(generator.configuration)
            var steps: [Step] = []
            CrashNote.begin(seed: seed)
            for number in 0..<Self.stepsPerSeed {
                let step = generator.step()
                steps.append(step)
                CrashNote.step = number
                guard let reason = run.run(step) else { continue }
                report(seed, generator.configuration, steps, ModelRun.Failure(step: number, reason: reason))
                return
            }
            counts = counts + run.countsAtEnd
        }
        CrashNote.end()
        if Self.seeds.count > Self.fixedSeedCount { print("model: \(counts)") }
        #expect(counts.hits > counts.misses / 10)
        #expect(counts.stored > 100 && counts.leases > 10 && counts.commits > 10, "\(counts)")
        // memcached's mover waits for what is leased, and is busy meanwhile.
        #expect(counts.moves > (isMemcachedMode ? 3 : 50) && counts.relocated > 20, "\(counts)")
        #if DEBUG
        #expect(counts.nested > 500, "\(counts)")
        #endif
    }

    /// Sequences that once failed, or that a deliberate mistake in the store failed, as a failing seed prints them.
    @Test("replayed sequences hold", arguments: Replays.all.indices)
    func replays(_ number: Int) throws {
        let (configuration, steps) = Replays.all[number]
        let failure = try ModelRun(configuration).run(steps)
        #expect(failure == nil, "\(failure?.reason ?? "")")
    }

    private func report(
        _ seed: UInt64, _ configuration: ModelConfiguration, _ steps: [Step], _ failure: ModelRun.Failure
    ) {
        var shrinker = Shrinker(configuration)
        let (shortest, last) = shrinker.shrink(steps, failure)
        let lines = shortest.map { "        \($0.code)," }.joined(separator: "\n")
        Issue.record(
            """
            seed \(seed), step \(failure.step): \(failure.reason)

            The shortest sequence found (\(shortest.count) of \(steps.count) steps) fails with: \(last.reason)

            (
                \(configuration.code),
                [
            \(lines)
                ]
            ),
            """)
    }
}

extension ModelRun.Counts {
    static func + (left: Self, right: Self) -> Self {
        Self(
            hits: left.hits + right.hits, misses: left.misses + right.misses, stored: left.stored + right.stored,
            refusals: left.refusals + right.refusals, nested: left.nested + right.nested,
            leases: left.leases + right.leases, commits: left.commits + right.commits,
            moves: left.moves + right.moves, relocated: left.relocated + right.relocated)
    }
}
