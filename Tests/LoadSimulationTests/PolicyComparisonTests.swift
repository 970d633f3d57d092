import Foundation
import LoadSimulation
import LoadWorkload
import MartletStore
import StoreTesting
import Testing

/// The store's plain policies against the simulator's. `lru` is exact there and a window here; both count hits to three.
@Suite("Simulation: the other policies")
struct PolicyComparisonTests {
    static let traces = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent("shared/traces").path
    static let areThere = FileManager.default.fileExists(atPath: traces)
    private static let requestsPerSecond = 500.0

    @Test(
        "Misses on drawn requests are the simulator's within half a percent",
        arguments: [EvictionPolicy.lru, .lfu, .fifo, .ttl, .random])
    func drawn(policy: EvictionPolicy) throws {
        let workload = RequestScript.reads(
            keys: 60_000, count: 150_000, sizes: try Sizes(parsing: "100"), lives: Self.lives(policy))

        try compare(policy, workload, megabytes: 3)
    }

    @Test(
        "Misses on traces are the simulator's within half a percent", .enabled(if: areThere),
        arguments: [EvictionPolicy.lru, .lfu, .fifo, .ttl, .random], ["oltp", "scarab-recs"])
    func traced(policy: EvictionPolicy, trace: String) throws {
        var workload = Workload()
        workload.sizes = try Sizes(parsing: "100")
        workload.lives = Self.lives(policy)
        workload.operationCount = 200_000
        workload.storesOnMiss = true
        _ = try workload.replay(TraceReplay(path: "\(Self.traces)/\(trace).txt.zst"))

        try compare(policy, workload, megabytes: 3)
    }

    private static func lives(_ policy: EvictionPolicy) -> Lives {
        policy == .ttl ? .uniform(100, 5000) : .forever
    }

    private func compare(_ policy: EvictionPolicy, _ workload: Workload, megabytes: Int) throws {
        let choice = try #require(MartletRules.Choice(rawValue: policy.name))
        let rules = RequestScript.rules {
            $0.choice = choice
            // Without ghosts.
            $0.ghostLanes = 0
        }

        let simulated = try RequestScript.replay(
            workload, rules, megabytes: megabytes, requestsPerSecond: Self.requestsPerSecond)
        let (misses, items) = try stored(workload, policy, megabytes: megabytes)

        #expect(abs(simulated.counts.misses - misses) * 200 <= misses, "\(simulated.counts.misses) and \(misses)")
        #expect(abs(simulated.items - items) * 100 <= items, "\(simulated.items) and \(items)")
        #expect(simulated.counts.evictions > items / 2)
    }

    /// Reads the workload from a store, storing what is missed, at the simulator's pace.
    private func stored(
        _ workload: Workload, _ policy: EvictionPolicy, megabytes: Int
    ) throws -> (misses: Int, items: Int) {
        var settings = StoreSettings()
        settings.memoryLimitBytes = megabytes << 20
        settings.eviction = policy
        let fixture = try StoreFixture(settings, now: 2)
        var source = try OperationSource(workload, seed: 1, thread: 0, threadCount: 1)
        var operation = Operation(kind: .get, key: 0)
        var misses = 0
        var requests = 0
        let value = [UInt8](repeating: 7, count: 1 << 10)
        let key = UnsafeMutableRawPointer.allocate(byteCount: KeySpace.roomBytes, alignment: 8)
        defer { key.deallocate() }
        while source.next(&operation) {
            let now = 2 + UInt32(requests / Int(Self.requestsPerSecond))
            requests += 1
            if now != fixture.session.now {
                fixture.session.setNow(now)
                _ = fixture.store.maintain(now: now)
            }
            let count = workload.keys.write(operation.key, at: key)
            let itemKey = ItemKey(bytes: key, count: count, hash: fixture.session.hash(key, count))
            if let held = fixture.session.hold(itemKey) {
                _ = consume held
                continue
            }
            misses += 1
            let life = operation.secondsToLive
            let request = StoreRequest(mode: .set, expiry: life == 0 ? 0 : now + life)
            value.withUnsafeBytes { bytes in
                let bytes = UnsafeRawBufferPointer(rebasing: bytes[..<Int(operation.valueBytes)])
                _ = fixture.session.store(itemKey, bytes, request)
            }
        }
        fixture.store._checkInvariants()
        return (misses, fixture.store.statistics().itemCount)
    }
}
