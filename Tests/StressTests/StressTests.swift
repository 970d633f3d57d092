import Glibc
import MartletStore
import StoreTesting
import Synchronization
import Testing

/// Many threads on a small store with everything going on at once: eviction, expiry, flushes, a limit that moves, the
/// maintainer, streams and leases. Counts of operations are fixed, nothing is timed. Meant for the sanitizers as well.
@Suite("The store under stress", .serialized)
struct StressTests {
    @Test("keeps every value whole and refuses none while the limit moves")
    func movingLimit() throws {
        try runWithoutRefusal(
            StressPlan(
                keyCount: 3000, lengths: [0, 50, 200, 1000, 4080, 9000, 30_000], itemBytesMax: 32 << 10, leasesMax: 1,
                megabytes: [8, 5, 12, 6, 16, 5]))
    }

    @Test("keeps every value whole and refuses none when small items fight for few pages")
    func smallItems() throws {
        try runWithoutRefusal(
            StressPlan(
                keyCount: 20_000, lengths: [0, 20, 60, 150, 400], itemBytesMax: 2048, leasesMax: 0, megabytes: [2]))
    }

    @Test("keeps every value whole and refuses none when large items fight for few pages")
    func largeItems() throws {
        try runWithoutRefusal(
            StressPlan(
                threadCount: 4, operationsPerThread: StressPlan.operations / 2, keyCount: 600,
                lengths: [4080, 30_000, 33_000, 100_000, 220_000], itemBytesMax: 1 << 18, leasesMax: 1,
                megabytes: [16, 15, 20]))
    }

    @Test("keeps every value whole under every policy", arguments: EvictionPolicy.allCases.filter(\.evicts))
    func everyPolicy(policy: EvictionPolicy) throws {
        try runWithoutRefusal(
            StressPlan(
                threadCount: 4, operationsPerThread: StressPlan.operations / 3, keyCount: 2500,
                lengths: [0, 40, 200, 1000, 4080, 9000, 40_000], itemBytesMax: 48 << 10, leasesMax: 1,
                megabytes: [7, 5, 10, 6], passesPerSecond: 400, eviction: policy, temporarySeconds: 2))
    }

    /// A class of memcached's has only what it has, so a store may be refused while others lease it all.
    @Test("keeps every value whole with memcached's memory")
    func memcachedMode() throws {
        _ = try run(
            StressPlan(
                threadCount: 4, operationsPerThread: StressPlan.operations / 2, keyCount: 4000,
                lengths: [0, 40, 200, 1000, 4080, 9000, 40_000, 600_000], itemBytesMax: 1 << 20, leasesMax: 1,
                megabytes: [24, 20, 32], passesPerSecond: 400, eviction: .segmented, temporarySeconds: 2,
                isMemcachedMode: true))
    }

    /// Without eviction stores are refused; that is all that may differ.
    @Test("keeps every value whole when nothing is evicted")
    func noEviction() throws {
        let refused = try run(
            StressPlan(
                threadCount: 4, operationsPerThread: StressPlan.operations, keyCount: 2500,
                lengths: [0, 40, 200, 1000, 4080, 9000, 40_000], itemBytesMax: 48 << 10, leasesMax: 1,
                megabytes: [6, 5, 10, 6],
                // So slowly that the lives of what is stored do not make room for everything.
                passesPerSecond: 1000, eviction: .none, temporarySeconds: 2))

        #expect(refused > 0)
    }

    @Test("keeps every value whole while the table grows under all of this")
    func growth() throws {
        try runWithoutRefusal(
            StressPlan(
                threadCount: 4, keyCount: 1000, lengths: [0, 10, 150, 300], itemBytesMax: 4096, leasesMax: 0,
                megabytes: [16, 6, 24, 8], newKeysPercent: 70))
    }

    /// All items are gone at once while others split the buckets they were in; then the table has to grow again,
    /// perhaps while the maintainer still makes it smaller.
    @Test("keeps every value whole while the table grows and is emptied, and may grow again")
    func growthAndFlush() throws {
        try runWithoutRefusal(
            StressPlan(
                threadCount: 4, keyCount: 1000, lengths: [0, 10, 150], itemBytesMax: 4096, leasesMax: 0,
                megabytes: [2, 3, 2], newKeysPercent: 70, flushesHalfway: true))
    }

    /// A store may be refused here: what is leased and being written is more than the limit. How many are says nothing
    /// about the store. What matters is that nothing else happens, and that everything is as before when the leases
    /// end.
    @Test("keeps every value whole when more is leased than the limit allows")
    func leasedBeyondTheLimit() throws {
        _ = try run(
            StressPlan(
                lengths: [0, 50, 200, 1000, 4080, 9000, 40_000, 120_000], itemBytesMax: 1 << 19, leasesMax: 6,
                megabytes: [3, 2, 5, 1, 8, 3]))
    }

    /// Runs a plan that leaves something to evict at every moment: then no store may be refused.
    private func runWithoutRefusal(_ plan: StressPlan) throws {
        // Pages beside what tables and the like take of a small limit, of 64 KiB each.
        let pageCount = plan.megabytesMin << 20 / (64 << 10) * 4 / 5
        try #require(
            plan.pinnedPagesMax < pageCount, "the plan pins at most \(plan.pinnedPagesMax) of \(pageCount) pages")
        try #require(plan.reservedBytesMax <= plan.megabytesMin << 20 / 4, "nobody is refused for what others reserve")

        let refused = try run(plan)

        #expect(refused == 0, "\(refused) stores were refused, seed \(plan.seed)")
    }

    /// Runs a plan and returns how many stores were refused.
    private func run(_ plan: StressPlan) throws -> Int {
        print(
            "stress: seed \(plan.seed), \(plan.threadCount) x \(plan.operationsPerThread) operations, \(plan.eviction.name)"
        )
        let fixture = try StoreFixture(plan.settings)
        let results = Results(plan.threadCount)
        let clients = fixture.clients(plan.threadCount)
        let store = fixture.store
        let onlooker = StressUpkeep(store, fixture.clients(1)[0].session, plan)
        plan.clock.begin(plan.threadCount)
        #if DEBUG
        // Between two holds of a lock somebody else goes first, now and then.
        let turns = Turns()
        store._setHook { turns.pass() }
        #endif
        onThreads(plan.threadCount + 2) { thread in
            if thread == plan.threadCount { return onlooker.maintain() }
            if thread > plan.threadCount { return onlooker.look() }
            var client = StressClient(clients[thread], of: store, thread: thread, plan)
            client.run()
            results.take(client, from: thread)
            plan.clock.end()
        }
        #if DEBUG
        store._setHook(nil)
        #endif

        let all = results.all
        #expect(all.flatMap(\.faults) == [], "seed \(plan.seed)")
        #expect(fixture.session.reservedBytes == 0)
        store._checkInvariants()
        #expect(all.reduce(0) { $0 + $1.counts.stored } > plan.threadCount * plan.operationsPerThread / 6)
        #expect(all.reduce(0) { $0 + $1.counts.hits } > 100)
        if plan.eviction.evicts {
            #expect(store.statistics().itemsLostOrEvicted + onlooker.evictedBeforeReset > 100)
        }
        if plan.megabytesMin > 4 { #expect(store.statistics().itemsRelocated > (plan.eviction == .martlet ? 20 : 0)) }
        if plan.newKeysPercent > 0 {
            #expect(onlooker.addedBucketCountMax > 0, "the table has grown")
            if !plan.flushesHalfway { #expect(store._bucketCount(ofStripe: 0) > 2) }
        }

        // No memory is lost: there is room for every size, and at rest nothing is left of what was flushed or leased.
        fixture.session.setNow(plan.clock.now + 10)
        if !plan.eviction.evicts {
            fixture.session.flushAll()
            #expect(fixture.maintain(now: plan.clock.now + 10))
        }
        for length in plan.lengths {
            #expect(fixture.store("after", [UInt8](repeating: 1, count: length)).result == .stored, "\(length) bytes")
        }
        fixture.session.flushAll()
        #expect(fixture.maintain(now: plan.clock.now + 10))
        #expect(store.itemCount == 0)
        #expect(store.statistics().itemBytes == 0)
        store._checkInvariants()
        return all.reduce(0) { $0 + $1.counts.refused }
    }
}

extension StoreStatistics {
    fileprivate var itemsLostOrEvicted: Int { classes.reduce(itemsLostInMoves) { $0 + $1.evicted } }
}

/// Gives the processor away at every so many unlocks.
private final class Turns: Sendable {
    private let count = Atomic<UInt32>(0)

    func pass() {
        if count.wrappingAdd(1, ordering: .relaxed).newValue % 13 == 0 { sched_yield() }
    }
}

/// What the threads found, each handed over once by its thread.
private final class Results: @unchecked Sendable {
    // Sendable: every thread has a place of its own, read when all have ended.
    private let places: UnsafeMutableBufferPointer<StressClient?>

    init(_ count: Int) {
        places = .allocate(capacity: count)
        places.initialize(repeating: nil)
    }

    deinit {
        places.deinitialize()
        places.deallocate()
    }

    func take(_ client: StressClient, from thread: Int) {
        places[thread] = client
    }

    var all: [StressClient] { places.compactMap { $0 } }
}
