import Glibc
import MartletStore
import Synchronization

/// What goes on beside the clients as long as any of them runs: the maintainer on a thread of its own, and on another
/// whoever looks on.
struct StressUpkeep: @unchecked Sendable {
    // Sendable: the session is used by the looking thread only; the plan is a value around atomics.
    private let store: CacheStore
    private let session: StoreSession
    private let plan: StressPlan
    private let growth = Growth()

    /// Items evicted before the statistics were reset, however late that was.
    var evictedBeforeReset: Int { growth.evicted.load(ordering: .relaxed) }

    /// Most buckets that the table has had beyond those it began with: what is emptied shrinks again.
    var addedBucketCountMax: Int { growth.most.load(ordering: .relaxed) }

    private final class Growth: Sendable {
        let most = Atomic<Int>(0)
        let evicted = Atomic<Int>(0)
    }

    init(_ store: CacheStore, _ session: StoreSession, _ plan: StressPlan) {
        self.store = store
        self.session = session
        self.plan = plan
    }

    /// Time goes on, what has expired goes, pages move, and the limit rises and falls.
    func maintain() {
        var passes = 0
        while plan.clock.runningCount > 0 {
            if passes % plan.passesPerSecond == 0 { plan.clock.advance() }
            _ = store.maintain(now: plan.clock.now)
            if passes % StressPlan.passesPerLimit == 0 {
                let turn = passes / StressPlan.passesPerLimit
                _ = store.setMemoryLimit(bytes: plan.megabytes[turn % plan.megabytes.count] << 20)
            }
            if passes % 64 == 0 { _ = store.scanSoon() }
            passes += 1
            plan.clock.endPass()
            noteGrowth()
            store.awaitWork(milliseconds: 0)
            sched_yield()
        }
        // The clients may have done much since the last pass.
        noteGrowth()
    }

    private func noteGrowth() {
        growth.most.store(max(addedBucketCountMax, store._addedBucketCount), ordering: .relaxed)
    }

    /// Somebody reads all statistics again and again, and walks through the table.
    func look() {
        var walk = TableWalk()
        var rounds = 0
        while plan.clock.runningCount > 0 {
            session.setNow(plan.clock.now)
            let statistics = store.statistics()
            if rounds == 1 {
                growth.evicted.store(statistics.classes.reduce(0) { $0 + $1.evicted }, ordering: .relaxed)
                store.resetStatistics()
            }
            if plan.isMemcachedMode { _ = store.reassign(from: nil, to: rounds % 3 * 10, session: session) }
            for _ in 0..<200 where !store.step(&walk, now: plan.clock.now, Self.check) { walk = TableWalk() }
            rounds += 1
            sched_yield()
        }
    }

    /// Under the lock of a stripe.
    private static func check(_ item: WalkedItem) {
        let prefixes: [StaticString] = ["stress-", "counter-", "new-"]
        let isKnown = prefixes.contains { prefix in
            item.key.count > prefix.utf8CodeUnitCount
                && memcmp(item.key.baseAddress!, prefix.utf8Start, prefix.utf8CodeUnitCount) == 0
        }
        precondition(isKnown && item.itemSize >= item.key.count, "a walk meets whole items only")
    }
}
