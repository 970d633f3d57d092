import Glibc
import MartletStore
import StoreTesting
import Synchronization

/// What one stress run does.
struct StressPlan: Sendable {
    var threadCount = 6
    var operationsPerThread = StressPlan.operations
    var keyCount = 600
    /// Body lengths that come, each with a little more.
    var lengths: [Int]
    /// No value grows beyond this.
    var itemBytesMax: Int
    /// Leases that each thread holds between two operations.
    var leasesMax: Int
    /// Memory limits in turn; the first is the one of the start.
    var megabytes: [Int]
    /// Maintenance passes until a second has gone by.
    var passesPerSecond = 16
    var eviction = EvictionPolicy.martlet
    /// Items that live at most so long are TEMP; 0 for none.
    var temporarySeconds: UInt32 = 0
    /// Of a hundred operations, those that store a key nobody had before: the table grows.
    var newKeysPercent = 0
    /// Each thread flushes everything when it has done half of its operations.
    var flushesHalfway = false
    /// memcached's memory in place of this store's own.
    var isMemcachedMode = false
    let clock = StressClock()

    /// `MARTLET_STRESS_OPERATIONS`, operations of each thread, and `MARTLET_STRESS_SEED`.
    static let operations = setting("MARTLET_STRESS_OPERATIONS") ?? 20_000
    let seed = UInt64(StressPlan.setting("MARTLET_STRESS_SEED") ?? 1)

    private static func setting(_ name: String) -> Int? {
        getenv(name).flatMap { Int(String(cString: $0)) }
    }

    func bodyLength(_ random: inout SplitMix) -> Int {
        lengths[random.below(lengths.count)] + random.below(30)
    }

    /// How many pages can be pinned at once, if each piece of each value lies on a page of its own.
    ///
    /// A thread has its leases and, while it works, one more of each: a lease just taken or captured, a value being
    /// written, one just replaced, one just evicted.
    var pinnedPagesMax: Int {
        let pieces = itemBytesMax / 32_000 + 1
        return threadCount * (leasesMax + 4) * pieces
    }

    /// Maintenance passes under each limit.
    static let passesPerLimit = 40

    /// Waits until the maintainer is as far with the limits as a thread with its operations: however the threads get
    /// their turns, each limit holds for a part of them.
    func awaitLimit(behind operation: Int) {
        while clock.passCount * operationsPerThread < operation * megabytes.count * Self.passesPerLimit {
            sched_yield()
        }
    }

    /// What all threads but one can have reserved at once.
    var reservedBytesMax: Int { (threadCount - 1) * itemBytesMax }

    var megabytesMin: Int { megabytes.min() ?? 0 }

    var settings: StoreSettings {
        var settings = StoreSettings()
        settings.memoryLimitBytes = megabytes[0] << 20
        settings.itemBytesMax = itemBytesMax
        settings.eviction = eviction
        settings.temporarySeconds = temporarySeconds
        if isMemcachedMode {
            settings.isMemcachedMode = true
            (settings.growthFactor, settings.chunkBytesMin) = (1.25, 48)
        }
        return settings
    }
}

/// The second of all threads, moved by one of them.
final class StressClock: Sendable {
    private let second = Atomic<UInt32>(100)
    private let running = Atomic<Int>(0)
    private let passes = Atomic<Int>(0)

    var now: UInt32 { second.load(ordering: .relaxed) }

    func advance() {
        second.wrappingAdd(1, ordering: .relaxed)
    }

    /// Passes of the maintainer so far, who sets the limits in turn.
    var passCount: Int { passes.load(ordering: .relaxed) }

    func endPass() {
        passes.wrappingAdd(1, ordering: .relaxed)
    }

    /// Threads that still have something to do.
    var runningCount: Int { running.load(ordering: .acquiring) }

    func begin(_ count: Int) {
        running.store(count, ordering: .releasing)
    }

    func end() {
        running.wrappingSubtract(1, ordering: .acquiringAndReleasing)
    }
}
