import ArgumentParser
import MartletClient

/// Calls that are cancelled, or given hardly any time, at random: no other call gets their answer, and none is lost.
///
/// A quarter of the calls are for many keys. Even keys are only read, and always there. Odd ones are stored as well,
/// and a store that was given up makes the client remove its key a little later: they may be missing.
struct Storm: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "No crossed replies with random cancellations and timeouts.")

    private static let keyCount = 5000

    @OptionGroup var options: ClientCheck.Options

    @Option(help: "How long.")
    var seconds = 10

    func run() async throws { try await Self.check(options, seconds: seconds) }

    struct Tally {
        var asked = 0, answered = 0, givenUp = 0, crossed = 0, other = 0

        static func + (one: Tally, two: Tally) -> Tally {
            Tally(
                asked: one.asked + two.asked, answered: one.answered + two.answered, givenUp: one.givenUp + two.givenUp,
                crossed: one.crossed + two.crossed, other: one.other + two.other)
        }
    }

    static func check(_ options: ClientCheck.Options, seconds: Int) async throws {
        let fleet = try await Fleet(options)
        var configuration = CacheConfiguration.patient
        configuration.timeoutsUntilDown = .max
        let cache = CacheClient(servers: fleet.addresses(), configuration: configuration)
        let all = Dictionary(uniqueKeysWithValues: (0..<keyCount).map { (CacheKey("k\($0)"), value($0)) })
        try require(await cache.setValues(all).isEmpty, "the keys could not be stored")
        let end = ContinuousClock.now + .seconds(seconds)
        let tally = await withTaskGroup(of: Tally.self) { group in
            for _ in 0..<64 { group.addTask { await call(cache, until: end) } }
            return await group.reduce(Tally(), +)
        }
        let left = await cache.values(for: all.keys, as: String.self)
        await cache.shutDown()
        print(
            "storm: \(tally.asked) calls, \(tally.answered) answered, \(tally.givenUp) cancelled or late, "
                + "\(tally.crossed) crossed, "
                + "\(tally.asked - tally.answered - tally.givenUp - tally.crossed - tally.other) lost")
        try require(tally.crossed == 0, "\(tally.crossed) values came under another key")
        try require(tally.other == 0, "\(tally.other) calls failed otherwise")
        try require(tally.asked == tally.answered + tally.givenUp, "calls were lost")
        try require(left.hits.allSatisfy { all[$0.key] == $0.value }, "afterwards values are under other keys")
        try require(left.hits.count >= keyCount / 2 && left.failures.isEmpty, "afterwards the cache does not answer")
    }

    private static func value(_ number: Int) -> String { "\(number):" + String(repeating: "v", count: number % 400) }

    private static func call(_ cache: CacheClient, until end: ContinuousClock.Instant) async -> Tally {
        var tally = Tally()
        while ContinuousClock.now < end {
            tally.asked += 1
            let number = Int.random(in: 0..<keyCount)
            let view = Int.random(in: 0..<3) == 0 ? cache.timeout(.microseconds(Int64.random(in: 1...800))) : cache
            let call = Task { () async throws -> Bool in
                let key = CacheKey("k\(number)")
                if number % 4 == 0 { return try await many(view, from: number) }
                guard number % 2 == 1, Bool.random() else {
                    let found = try await view.value(for: key, as: String.self)
                    return found == value(number) || found == nil && number % 2 == 1
                }
                try await view.setValue(value(number), for: key)
                return true
            }
            if Int.random(in: 0..<3) == 0 {
                for _ in 0..<Int.random(in: 0..<3) { await Task.yield() }
                call.cancel()
            }
            do {
                if try await call.value { tally.answered += 1 } else { tally.crossed += 1 }
            } catch let error as CacheError where error.code == .cancelled || error.code == .timeout {
                tally.givenUp += 1
            } catch {
                tally.other += 1
            }
        }
        return tally
    }

    /// Many keys in one call, of which some may be answered and others not: whether all that are have their own values.
    private static func many(_ cache: CacheClient, from number: Int) async throws -> Bool {
        let numbers = (0..<50).map { (number + $0) % keyCount }
        let result = await cache.values(for: numbers.map { CacheKey("k\($0)") }, as: String.self)
        for number in numbers {
            let key = CacheKey("k\(number)")
            if let found = result.hits[key], found != value(number) { return false }
            if number % 2 == 0, result.misses.contains(key) { return false }
            guard result.hits[key] != nil || result.misses.contains(key) || result.failures[key] != nil else {
                return false
            }
        }
        if let failure = result.failures.values.first { throw failure }
        return true
    }
}
