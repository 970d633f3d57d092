import LoadSimulation
import LoadWorkload

/// Requests drawn for a test.
enum RequestScript {
    /// Reads of zipf-popular keys that store what they miss.
    static func reads(
        keys: UInt64, count: UInt64, sizes: Sizes, exponent: Double = 0.9, lives: Lives = .forever
    ) -> Workload {
        var workload = Workload()
        workload.keyCount = keys
        workload.popularity = Popularity(.zipf(exponent: exponent))
        workload.sizes = sizes
        workload.lives = lives
        workload.storesOnMiss = true
        workload.operationCount = count
        return workload
    }

    static func rules(_ change: (inout MartletRules) -> Void = { _ in }) -> CachePolicy {
        var rules = MartletRules()
        change(&rules)
        return .martlet(rules)
    }

    /// Replays a workload through one cache and checks it.
    static func replay(
        _ workload: Workload, _ policy: CachePolicy, megabytes: Int, requestsPerSecond: Double = 100_000,
        seed: UInt64 = 1
    ) throws -> SimulationResult {
        var simulation = Simulation()
        simulation.add(policy.cache(memoryBytes: megabytes << 20, seed: seed))
        var stream = try RequestStream(workload, requestsPerSecond: requestsPerSecond)
        try simulation.replay(&stream)
        simulation._checkInvariants()
        return simulation.results()[0]
    }

    /// Replays a list of requests through one cache and checks it.
    static func replay(_ requests: [SimulatedRequest], _ policy: CachePolicy, megabytes: Int) -> SimulationResult {
        let cache = policy.cache(memoryBytes: megabytes << 20)
        var batch = RequestBatch()
        for request in requests { batch.append(request) }
        cache.replay(batch)
        cache._checkInvariants()
        return cache.result()
    }
}
