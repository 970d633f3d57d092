import ArgumentParser
import MartletClient
import NIOConcurrencyHelpers

/// Each server in turn is paused, killed and started again while others read and write.
///
/// What must hold:
/// 1. No value comes under another key's name.
/// 2. No value is older than one that its writer knows to be stored, unless a store of the key has failed since: until
///    the removal that follows a failed store, that may bring back what it stored late.
/// 3. No call takes longer than its deadline, and a little for a machine that does other things as well.
/// 4. All recovers by itself.
struct Failures: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Servers are paused, killed and restarted under load.")

    private static let timeout = Duration.milliseconds(300)
    private static let keyCount = 400

    @OptionGroup var options: ClientCheck.Options

    func run() async throws { try await Self.check(options) }

    /// What a key's writer knows.
    private struct Knowledge {
        var last = 0
        /// The newest value that is known to be stored.
        var stored = 0
        /// The newest one whose store failed.
        var failed = 0
    }

    private struct Tally: Sendable {
        var reads = 0, writes = 0, errors = 0, misses = 0, wrong = 0, stale = 0
        var longest = Duration.zero
    }

    private final class Work: Sendable {
        let knowledge = NIOLockedValueBox([Knowledge](repeating: Knowledge(), count: keyCount))
        let tally = NIOLockedValueBox(Tally())
    }

    static func check(_ options: ClientCheck.Options) async throws {
        let fleet = try await Fleet(options)
        var configuration = CacheConfiguration()
        configuration.operationTimeout = timeout
        configuration.probeDelay = .milliseconds(50)
        configuration.probeDelayMax = .milliseconds(200)
        let cache = CacheClient(servers: fleet.addresses(), configuration: configuration)
        let work = Work()
        let load = Task {
            await withTaskGroup { group in
                for worker in 0..<4 { group.addTask { await Self.write(cache, work, worker) } }
                for _ in 0..<8 { group.addTask { await Self.read(cache, work) } }
            }
        }
        for place in fleet.processes.indices {
            try await Task.sleep(for: .milliseconds(300))
            fleet.processes[place].pause()
            try await Task.sleep(for: .milliseconds(1200))
            fleet.processes[place].resume()
            try await Task.sleep(for: .milliseconds(600))
            fleet.processes[place].kill()
            try await Task.sleep(for: .milliseconds(600))
            try await fleet.restart(place)
        }
        try await Task.sleep(for: .seconds(1))
        load.cancel()
        await load.value
        let keys = (0..<1000).map { CacheKey("after:\($0)") }
        let failures = await cache.setValues(Dictionary(uniqueKeysWithValues: keys.map { ($0, "v") }))
        await cache.shutDown()
        let tally = work.tally.withLockedValue { $0 }
        print(
            "failures: \(tally.reads) reads, \(tally.writes) writes, \(tally.errors) errors, \(tally.misses) misses, "
                + "\(tally.wrong) wrong, \(tally.stale) stale, longest call \(tally.longest) of \(timeout)")
        try require(tally.wrong == 0, "\(tally.wrong) values came under another key")
        try require(tally.stale == 0, "\(tally.stale) values were older than they may be")
        try require(tally.errors > 0, "nothing has failed: the servers were not gone")
        try require(tally.longest < timeout + .seconds(1), "a call took \(tally.longest)")
        try require(failures.isEmpty, "\(failures.count) of 1000 stores fail at the end")
    }

    /// Stores a number greater than the last under keys of its own.
    private static func write(_ cache: CacheClient, _ work: Work, _ worker: Int) async {
        while !Task.isCancelled {
            let key = Int.random(in: 0..<keyCount / 4) * 4 + worker
            let number = work.knowledge.withLockedValue { all -> Int in
                all[key].last += 1
                return all[key].last
            }
            let (isStored, time) = await timed {
                try await cache.setValue("\(key) \(number)", for: CacheKey("k\(key)"), timeToLive: .seconds(60))
                return true
            }
            work.knowledge.withLockedValue { all in
                if isStored != nil { all[key].stored = number } else { all[key].failed = number }
            }
            work.tally.withLockedValue { tally in
                tally.writes += 1
                tally.errors += isStored == nil ? 1 : 0
                tally.longest = max(tally.longest, time)
            }
            try? await Task.sleep(for: .milliseconds(1))
        }
    }

    private static func read(_ cache: CacheClient, _ work: Work) async {
        while !Task.isCancelled {
            let key = Int.random(in: 0..<keyCount)
            let known = work.knowledge.withLockedValue { $0[key] }
            let (value, time) = await timed { try await cache.value(for: CacheKey("k\(key)"), as: String.self) }
            let later = work.knowledge.withLockedValue { $0[key] }
            let words = (value ?? nil)?.split(separator: " ").compactMap { Int($0) }
            work.tally.withLockedValue { tally in
                tally.reads += 1
                tally.longest = max(tally.longest, time)
                guard value != nil else { return tally.errors += 1 }
                guard let words else { return tally.misses += 1 }
                if words.count != 2 || words[0] != key || words[1] > later.last { tally.wrong += 1 }
                let isExcused = words.count == 2 && words[1] <= later.failed && later.failed + 50 > later.last
                if words.count == 2 && words[1] < known.stored && !isExcused { tally.stale += 1 }
            }
        }
    }

    private static func timed<Value>(_ call: () async throws -> Value) async -> (Value?, Duration) {
        let start = ContinuousClock.now
        let value = try? await call()
        return (value, ContinuousClock.now - start)
    }
}
