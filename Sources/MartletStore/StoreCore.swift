import Synchronization

/// Everything the sessions of one store share: constants and pointers, set up once and then only read. What they point
/// to is guarded as said where it is defined.
struct StoreCore: ~Copyable {
    let settings: StoreSettings
    let geometry: SlabGeometry
    let arena: Arena
    let pages: PageTable
    let table: HashTable
    let keyHash: KeyHash
    let classes: UnsafeMutableRawPointer
    let pool: UnsafeMutablePointer<PagePool>
    let ringBlocks: RingBlockPool
    let mover: UnsafeMutablePointer<PageMover>
    let maintainerBell = UnsafeMutablePointer<Bell>.make()
    /// Of the thread that has the system make memory ahead.
    let memoryBell = UnsafeMutablePointer<Bell>.make()
    /// Where in the table's rows the system is to make a huge page, in huge pages; 0 for nowhere.
    let wantedTablePage = Atomic<Int>(0)
    let pins: UnsafeMutablePointer<ItemPins>
    let range: AddressRange
    let secret: (UInt64, UInt64)
    /// The file that the arena is mapped from, if it is.
    let backing: UnsafeMutablePointer<PageBacking>?
    let sessions: UnsafeMutablePointer<SessionPointer?>
    /// Sessions made so far; written only while one is being made.
    let sessionCount = Atomic<Int>(0)
    /// Server second at which a delayed `flush_all` happens; 0 for none.
    let pendingFlush = Atomic<UInt32>(0)
    /// Server second of the last maintenance pass, for whoever has no clock of its own.
    let latestSecond: Atomic<UInt32>
    /// Set by a flush: the next maintenance passes look at every page.
    let sweepsEverything = Atomic<Bool>(false)
    /// The maintainer's alone: how far the table is with shrinking.
    let shrinking = TableShrinking()
    /// The maintainer's alone: headers that pages which are not ripe may still cost it in this second.
    let crawlBudget = Atomic<Int>(0)
    let crawlSecond = Atomic<UInt32>(0)
    /// Where the next search for a page to drain begins.
    let drainCursor = Atomic<Int>(0)
    let pagesMoved = Atomic<Int>(0)
    let itemsRelocated = Atomic<Int>(0)
    let partsRelocated = Atomic<Int>(0)
    let itemsLostInMoves = Atomic<Int>(0)
    let itemsFoundBusy = Atomic<Int>(0)
    let maintainerPasses = Atomic<Int>(0)
    let listedMoves = ListedMove.Counts()
    /// With lists only: the automover's, which the maintainer alone looks at.
    let automove: UnsafeMutablePointer<Automove>
    let tuning: StoreTuning
    /// Somebody wants to know of evictions.
    let tellsEvictions = Atomic<Bool>(false)
    /// Or of the crawl.
    let tellsCrawls = Atomic<Bool>(false)

    #if DEBUG
    /// Called wherever a lock has just been released, so that a seeded test can run anything in between.
    var hook: (() -> Void)?
    #endif

    static let sessionCountMax = 256

    /// Buckets that stripes have now.
    var linkedBucketCount: Int {
        var count = table.stripeCount
        for index in 0..<sessionCount.load(ordering: .acquiring) {
            if let session = sessions[index] { count += session.pointee.counters.bucketsAdded.load(ordering: .relaxed) }
        }
        return count
    }

    /// Buckets that may have memory: with those of rows that shrinking has emptied, but not given back.
    var bucketCount: Int {
        Swift.max(linkedBucketCount, Int(shrinking.touched.load(ordering: .relaxed)) * table.stripeCount)
    }

    /// The table's size as memcached counts it: the power of two of buckets with which its table holds as many items as
    /// this one is made for, one and a half a bucket. memcached's table never shrinks, so this is of the largest size
    /// so far.
    var tablePower: Int {
        let buckets = linkedBucketCount
        // The first row is there whatever comes.
        let told = Int(clamping: table.words.pointee.toldCount.load(ordering: .relaxed))
        let items = buckets > table.stripeCount ? buckets * 15 / 2 : Swift.max(told, 1)
        let power = Int.bitWidth - ((items * 2 + 2) / 3 - 1).leadingZeroBitCount
        return Swift.max(power, Int(shrinking.powerBefore.load(ordering: .relaxed)), Self.tablePowerMin)
    }

    private static let tablePowerMin = 16

    /// Whether the system is asked for huge pages under the table: only where it is large from the start.
    var hasHugeTable: Bool { settings.memoryLimitBytes >= 1 << 30 }

    /// The memory limit now: `settings` has the one of the start.
    var limitBytes: Int { pool.pointee.limitBytes.load(ordering: .relaxed) }

    func slabClass(_ index: Int) -> UnsafeMutablePointer<SlabClass> {
        (classes + index &* SlabClass.strideBytes).assumingMemoryBound(to: SlabClass.self)
    }
}

typealias StorePointer = UnsafeMutablePointer<StoreCore>

extension UnsafeMutablePointer where Pointee == StoreCore {
    /// The point between two lock holds.
    @inline(__always)
    func passHook() {
        #if DEBUG
        pointee.hook?()
        #endif
    }

    func forEachSession(_ body: (SessionPointer) -> Void) {
        for index in 0..<pointee.sessionCount.load(ordering: .acquiring) {
            if let session = pointee.sessions[index] { body(session) }
        }
    }
}

#if DEBUG
extension CacheStore {
    /// Has `hook` called wherever a lock has just been released, on the releasing thread, which holds none then. It may
    /// use the store through another session; its own calls come back to it. Set only while no operation is under way.
    package func _setHook(_ hook: (() -> Void)?) {
        core.pointee.hook = hook
    }
}
#endif
