import Synchronization

/// The pages that belong to no class, and the memory budget: how many pages there may be.
///
/// 1. `-m` bounds everything: pages, table, ghosts, rings and page facts. What the latter have beyond a free allowance
///    of a 32nd of the limit (at most 8 MB) is taken from the pages.
/// 2. As the table grows, fewer pages are allowed. If more are in use, the maintainer drains some (PageMover.swift), and
///    so does every 64th store that has to evict.
/// 3. A page or more is kept in reserve for a class that has none.
struct PagePool: ~Copyable {
    let lock = FutexLock()
    /// Pages given back, linked through `nextOpen` (page index + 1).
    var firstFree: UInt32 = 0
    var freeCount = 0
    /// Pages taken at least once; those from here on were never touched.
    var bump = 0
    /// Pages owned by classes or draining.
    var usedCount = 0
    var limitBytes: Int
    let reserveCount: Int

    static let allowanceBytesMax = 8 << 20

    /// What a page is taken for.
    enum Purpose: BitwiseCopyable {
        /// A class that needs another.
        case free
        /// A class that has none: the reserve may be touched.
        case reserve
        /// In place of one just drained for it: within the limit or not, there is one page less in use.
        case drained
    }

    init(limitBytes: Int, reserveCount: Int) {
        self.limitBytes = limitBytes
        self.reserveCount = reserveCount
    }
}

extension UnsafeMutablePointer where Pointee == PagePool {
    private var futex: UnsafeMutablePointer<FutexLock> {
        UnsafeMutableRawPointer(self).assumingMemoryBound(to: FutexLock.self)
    }

    func lock() {
        futex.lock()
    }

    func unlock() {
        futex.unlock()
    }
}

extension UnsafeMutablePointer where Pointee == StoreCore {
    /// Pages that the limit allows now, given what the tables have.
    func allowedPagesLocked() -> Int {
        let limit = pointee.pool.pointee.limitBytes
        let allowance = Swift.min(limit / 32, PagePool.allowanceBytesMax)
        let pages = (limit - Swift.max(0, tableBytes() - allowance)) >> pointee.geometry.pageShift
        return Swift.max(0, Swift.min(pages, pointee.arena.pageCountMax))
    }

    /// Bytes of memory beside the pages: stripes, buckets, ghosts, rings, page facts.
    func tableBytes() -> Int {
        let table = pointee.table
        var buckets = table.stripeCount
        forEachSession { buckets += $0.pointee.counters.bucketsAdded.load(ordering: .relaxed) }
        let perBucket = Bucket.bytes + (pointee.settings.evicts ? GhostRow.bytes : 0)
        let overflow = Int(table.overflowBump.pointee.load(ordering: .relaxed)) * Bucket.bytes
        return table.stripeCount * Stripe.bytes + buckets * perBucket + overflow + pointee.ringBlocks.touchedBytes
            + pointee.pool.pointee.bump * (Page.bytes + 4)
    }

    /// Whether more pages are in use than the limit allows.
    func isOverLimit() -> Bool {
        let pool = pointee.pool
        pool.lock()
        defer { pool.unlock() }
        return pool.pointee.usedCount > allowedPagesLocked()
    }

    /// Rule 2, for the store that calls it.
    func meetLimitNowAndThen(_ session: SessionPointer) {
        session.pointee.slowAllocations = session.pointee.slowAllocations &+ 1
        if session.pointee.slowAllocations & 63 == 0, isOverLimit() { _ = drainLargestClass(session) }
    }

    /// A page for a class, or nil if the limit is reached. The page belongs to the caller until it is added to a class.
    func takePage(_ purpose: PagePool.Purpose) -> Int? {
        let pool = pointee.pool
        pool.lock()
        defer { pool.unlock() }
        switch purpose {
        case .free:
            if pool.pointee.usedCount + pool.pointee.reserveCount >= allowedPagesLocked() { return nil }
        case .reserve:
            if pool.pointee.usedCount >= allowedPagesLocked() { return nil }
        case .drained:
            if pool.pointee.firstFree == 0 { return nil }
        }
        let page: Int
        if pool.pointee.firstFree != 0 {
            page = Int(pool.pointee.firstFree) - 1
            pool.pointee.firstFree = pointee.pages[page].pointee.nextOpen
            pool.pointee.freeCount = pool.pointee.freeCount - 1
        } else {
            if pool.pointee.bump >= pointee.arena.pageCountMax { return nil }
            page = pool.pointee.bump
            pool.pointee.bump = page + 1
        }
        pool.pointee.usedCount = pool.pointee.usedCount + 1
        return page
    }

    /// Gives back an empty page that has left its class. Beyond the limit its memory returns to the system.
    func givePage(_ page: Int) {
        let pool = pointee.pool
        pool.lock()
        let discards = pool.pointee.usedCount + pool.pointee.freeCount > allowedPagesLocked()
        pool.unlock()
        // Nobody else knows the page now, so the system call needs no lock.
        if discards {
            AddressRange.discard(pointee.arena.pageAddress(page), bytes: pointee.geometry.pageBytes)
        }
        pool.lock()
        pointee.pages[page].pointee.slabClass.store(0, ordering: .relaxed)
        pointee.pages[page].pointee.nextOpen = pool.pointee.firstFree
        pool.pointee.firstFree = UInt32(page) + 1
        pool.pointee.freeCount = pool.pointee.freeCount + 1
        pool.pointee.usedCount = pool.pointee.usedCount - 1
        pool.unlock()
    }
}
