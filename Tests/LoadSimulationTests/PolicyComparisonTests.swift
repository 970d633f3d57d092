import LoadSimulation
import LoadWorkload
import MartletStore
import Testing

/// The store's plain policies against the simulator's. `lru` is exact there and a window here; both count hits to
/// three.
@Suite("Simulation: the other policies")
struct PolicyComparisonTests {
    static let policies = [EvictionPolicy.segmented, .lru, .lfu, .fifo, .ttl, .random]
    private static let requestsPerSecond = 500.0

    @Test("Misses on drawn requests are the simulator's within half a percent", arguments: policies)
    func drawn(policy: EvictionPolicy) throws {
        let workload = RequestScript.reads(
            keys: 60_000, count: 180_000, sizes: try Sizes(parsing: "100"), lives: Self.lives(policy))

        try StoreReplay(workload, policy, megabytes: 3, requestsPerSecond: Self.requestsPerSecond).expectAgreement()
    }

    @Test(
        "Misses on traces are the simulator's within half a percent", .enabled(if: SharedTraces.areThere),
        arguments: policies, ["oltp", "scarab-recs"])
    func traced(policy: EvictionPolicy, trace: String) throws {
        let workload = try SharedTraces.workload(trace, values: "100", requests: 200_000, lives: Self.lives(policy))

        try StoreReplay(workload, policy, megabytes: 3, requestsPerSecond: Self.requestsPerSecond).expectAgreement()
    }

    private static func lives(_ policy: EvictionPolicy) -> Lives {
        policy == .ttl ? .uniform(100, 5000) : .forever
    }
}
