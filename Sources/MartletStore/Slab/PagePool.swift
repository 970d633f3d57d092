import Synchronization

/// The pages that belong to no class, and the memory budget: how many pages there may be.
///
/// 1. `-m` bounds everything: pages, table, ghosts, rings, page facts, and a little (at most a 32nd) for the process
///    around the store. What the latter have is taken from the pages.
/// 2. As the table grows, fewer pages are allowed, though never less than half of what the limit alone would allow: a
///    table that stays large after the limit has fallen must not starve every store. If more are in use, the maintainer
///    takes some back (PageMove.swift), and so does every 64th store that has to evict.
/// 3. A page or more is kept in reserve for a class that has none.
/// 4. Pages are taken in order of address, and the system is asked for a huge page (2 MB) whenever the first page of
///    one is taken; the others wait in the pool. Not so where the limit will be met before the last of them: the rest
///    of it would be memory that nobody uses, beyond the limit. What the limit leaves by then is foreseen from what
///    tables and pages have now.
/// 5. To fill a huge page with zeroes takes the system a tenth of a millisecond, on a virtual machine up to ten. So
///    when half of one is left, the next is wished for, and made by a thread of its own (`makeMemory`). Only a store
///    that comes before it makes one itself.
/// 6. A page given back keeps its memory while it and those in use are allowed together. Beyond that the memory returns
///    to the system, when the page is given back or, if the limit falls later, by the maintainer.
struct PagePool: ~Copyable {
    let lock = FutexLock()
    /// Pages given back that have their memory, linked through `nextOpen` (page index + 1).
    var firstFree: UInt32 = 0
    var freeCount = 0
    /// Pages given back whose memory went to the system, linked in the same way.
    var firstDiscarded: UInt32 = 0
    var discardedCount = 0
    /// Pages taken at least once; those from here on were never touched.
    var bump = 0
    /// First page of the huge page that is wished for (index + 1), 0 for none.
    var wantedHugePage = 0
    /// Whether one is wanted or being made.
    var isHugePageComing = false
    /// Pages owned by classes or draining.
    var usedCount = 0
    /// Changed under the lock.
    let limitBytes: Atomic<Int>
    let reserveCount: Int

    /// The least that a class's page list has once it is touched: a page of the system.
    static let pageListBytes = 4096
    /// What threads, sessions and workers have of memory beside the store, measured with four workers.
    static let outsideBytesMax = 1536 << 10

    /// What a page is taken for.
    enum Purpose: BitwiseCopyable {
        /// A class that needs another.
        case free
        /// A class that has none: the reserve may be touched.
        case reserve
        /// The same with memcached's limit, which a class's first page may exceed.
        case first
        /// In place of one just drained for it: within the limit or not, there is one page less in use.
        case drained
    }

    /// Bytes beside pages, buckets and rings: stripes, page facts, page lists, process.
    static func fixedBytes(
        _ geometry: SlabGeometry, stripeCount: Int, pageCount: Int, limitBytes: Int
    ) -> Int {
        stripeCount * Stripe.bytes + pageCount * Page.bytes
            + Swift.min(geometry.classCount * pageListBytes + outsideBytesMax, limitBytes / 32)
    }

    init(limitBytes: Int, reserveCount: Int) {
        self.limitBytes = Atomic(limitBytes)
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

    /// A page with its memory; there is one.
    fileprivate func popFreeLocked(_ pages: PageTable) -> Int {
        let page = Int(pointee.firstFree) - 1
        pointee.firstFree = pages[page].pointee.nextOpen
        pointee.freeCount = pointee.freeCount - 1
        return page
    }

    fileprivate func pushFreeLocked(_ page: Int, _ pages: PageTable) {
        pages[page].pointee.nextOpen = pointee.firstFree
        pointee.firstFree = UInt32(page) + 1
        pointee.freeCount = pointee.freeCount + 1
    }

    fileprivate func pushDiscardedLocked(_ page: Int, _ pages: PageTable) {
        pages[page].pointee.nextOpen = pointee.firstDiscarded
        pointee.firstDiscarded = UInt32(page) + 1
        pointee.discardedCount = pointee.discardedCount + 1
    }
}

extension UnsafeMutablePointer where Pointee == StoreCore {
    /// Pages that the limit allows now, given what the tables have.
    func allowedPagesLocked() -> Int {
        let limit = pointee.limitBytes
        // memcached counts pages only.
        let bytes =
            pointee.geometry.keepsLists
            ? Swift.max(0, limit - pointee.settings.presetBytes) : Swift.max(limit / 2, limit - tableBytesLocked())
        return Swift.min(bytes >> pointee.geometry.pageShift, pointee.arena.pageCountMax)
    }

    /// Bytes of memory beside the pages: stripes, buckets, ghosts, rings, page facts, process. The pool's lock is held.
    func tableBytesLocked() -> Int {
        let table = pointee.table
        let overflow = Int(table.words.pointee.overflowBump.load(ordering: .relaxed)) * Bucket.bytes
        return pointee.bucketCount * pointee.settings.bucketBytes + overflow + pointee.ringBlocks.touchedBytes
            + PagePool.fixedBytes(
                pointee.geometry, stripeCount: table.stripeCount, pageCount: pointee.pool.pointee.bump,
                limitBytes: pointee.limitBytes)
    }

    /// Whether more pages are in use than the limit allows.
    func isOverLimit() -> Bool {
        // First pages of classes are beyond memcached's limit, and stay.
        if pointee.geometry.keepsLists { return false }
        let pool = pointee.pool
        pool.lock()
        defer { pool.unlock() }
        return pool.pointee.usedCount > allowedPagesLocked()
    }

    /// Rule 2, for the store that calls it.
    func meetLimitNowAndThen(_ session: SessionPointer) {
        session.pointee.slowAllocations = session.pointee.slowAllocations &+ 1
        guard session.pointee.slowAllocations & 63 == 0, isOverLimit() else { return }
        if !drainLargestClass(session) { _ = drainNextPage(except: 0, session) }
    }

    /// A page for a class, or nil if the limit is reached. The page belongs to the caller until it is added to a class.
    func takePage(_ purpose: PagePool.Purpose) -> Int? {
        guard let page = takeAnyPage(purpose) else { return nil }
        if isBacked(page) { return page }
        givePage(page)
        return nil
    }

    private func takeAnyPage(_ purpose: PagePool.Purpose) -> Int? {
        let pool = pointee.pool
        pool.lock()
        let fresh = pool.pointee.bump
        var page: Int?
        var madeHere: Int?
        var isWanted = false
        if pointee.geometry.keepsLists {
            page = takePageLocked(purpose)
            pool.unlock()
            if let page, page == fresh { makeHugePageAhead(page) }
            return page
        }
        if pool.pointee.freeCount == 0, pool.pointee.wantedHugePage != 0, mayTakeLocked(purpose) {
            madeHere = takeWantedLocked()
            page = madeHere
            pool.pointee.usedCount = pool.pointee.usedCount + 1
        } else {
            page = takePageLocked(purpose)
            if pool.pointee.bump != fresh {
                if isWorthHugePageLocked(fresh) {
                    pool.pointee.bump = fresh + pagesPerHugePage
                    madeHere = fresh
                }
            } else if page != nil {
                isWanted = wantHugePageLocked()
            }
        }
        pool.unlock()
        if let madeHere { fillHugePage(madeHere) }
        if isWanted { pointee.memoryBell.wake() }
        return page
    }

    /// memcached's pool holds no pages that nobody had yet: only their memory is made ahead.
    private func makeHugePageAhead(_ page: Int) {
        let isFirst = page % pagesPerHugePage == 0 && page + pagesPerHugePage <= pointee.arena.pageCountMax
        if isFirst, pointee.backing == nil { AddressRange.takeHugePage(pointee.arena.pageAddress(page)) }
    }

    private var pagesPerHugePage: Int { ArenaLayout.hugePageBytes >> pointee.geometry.pageShift }

    /// Rule 5: sets the next huge page aside to be made, if it is time.
    private func wantHugePageLocked() -> Bool {
        let pool = pointee.pool
        let next = pool.pointee.bump
        guard pool.pointee.freeCount * 2 < pagesPerHugePage, !pool.pointee.isHugePageComing,
            isWorthHugePageLocked(next)
        else { return false }
        pool.pointee.wantedHugePage = next + 1
        pool.pointee.isHugePageComing = true
        pool.pointee.bump = next + pagesPerHugePage
        return true
    }

    private func takeWantedLocked() -> Int {
        let pool = pointee.pool
        let first = pool.pointee.wantedHugePage - 1
        pool.pointee.wantedHugePage = 0
        pool.pointee.isHugePageComing = false
        return first
    }

    /// Rule 5, for the thread that makes memory.
    func makeWantedHugePage() {
        let pool = pointee.pool
        pool.lock()
        guard pool.pointee.wantedHugePage != 0 else {
            pool.unlock()
            return
        }
        let first = takeWantedLocked()
        // The limit may have fallen meanwhile.
        let isWorth = isWorthHugePageLocked(first)
        pool.pointee.isHugePageComing = isWorth
        if !isWorth {
            for page in (first..<first + pagesPerHugePage).reversed() { pool.pushDiscardedLocked(page, pointee.pages) }
        }
        pool.unlock()
        guard isWorth else { return }
        AddressRange.takeHugePage(pointee.arena.pageAddress(first))
        pool.lock()
        for page in (first..<first + pagesPerHugePage).reversed() { pool.pushFreeLocked(page, pointee.pages) }
        pool.pointee.isHugePageComing = false
        pool.unlock()
    }

    /// Rule 4: makes a huge page and gives the pool all of its pages but the first. Nobody else knows them yet, nor
    /// touches the huge page before it is one.
    private func fillHugePage(_ first: Int) {
        AddressRange.takeHugePage(pointee.arena.pageAddress(first))
        let pool = pointee.pool
        pool.lock()
        for page in (first + 1..<first + pagesPerHugePage).reversed() { pool.pushFreeLocked(page, pointee.pages) }
        pool.unlock()
    }

    /// Rule 4, for a page never taken before.
    private func isWorthHugePageLocked(_ page: Int) -> Bool {
        let end = page + pagesPerHugePage
        // Those of a memory file are the file system's business.
        guard page % pagesPerHugePage == 0, end <= pointee.arena.pageCountMax, pointee.backing == nil else {
            return false
        }
        let tables = tableBytesLocked()
        // Of a cache that is still small the tables tell little.
        let foreseen = end * 2 > allowedPagesLocked() ? tables / max(1, page) * end : tables
        return end << pointee.geometry.pageShift <= pointee.limitBytes - foreseen
    }

    private func mayTakeLocked(_ purpose: PagePool.Purpose) -> Bool {
        let pool = pointee.pool
        switch purpose {
        case .free where pointee.geometry.keepsLists:
            return pool.pointee.usedCount < allowedPagesLocked() || pool.pointee.freeCount > 0
        case .free: return pool.pointee.usedCount + pool.pointee.reserveCount < allowedPagesLocked()
        case .first: return true
        case .reserve: return pool.pointee.usedCount < allowedPagesLocked()
        case .drained: return pool.pointee.freeCount + pool.pointee.discardedCount > 0
        }
    }

    private func takePageLocked(_ purpose: PagePool.Purpose) -> Int? {
        if !mayTakeLocked(purpose) { return nil }
        let pool = pointee.pool
        let page: Int
        if pool.pointee.freeCount > 0 {
            page = pool.popFreeLocked(pointee.pages)
        } else if pool.pointee.discardedCount > 0 {
            page = Int(pool.pointee.firstDiscarded) - 1
            pool.pointee.firstDiscarded = pointee.pages[page].pointee.nextOpen
            pool.pointee.discardedCount = pool.pointee.discardedCount - 1
        } else {
            if pool.pointee.bump >= pointee.arena.pageCountMax { return nil }
            page = pool.pointee.bump
            pool.pointee.bump = page + 1
        }
        pool.pointee.usedCount = pool.pointee.usedCount + 1
        return page
    }

    /// Gives back an empty page that belongs to nobody any more. Beyond the limit its memory returns to the system.
    func givePage(_ page: Int) {
        let pool = pointee.pool
        pool.lock()
        pool.pointee.usedCount = pool.pointee.usedCount - 1
        let keepsMemory = pool.pointee.usedCount + pool.pointee.freeCount < allowedPagesLocked()
        if keepsMemory { pool.pushFreeLocked(page, pointee.pages) }
        pool.unlock()
        if !keepsMemory { discard(page) }
    }

    /// Rule 6, after the limit has fallen or the table has grown. Returns the memory of at most `countMax` pages;
    /// whether there is more to return.
    func trimPool(countMax: Int) -> Bool {
        let pool = pointee.pool
        for _ in 0..<countMax {
            pool.lock()
            guard pool.pointee.freeCount > 0,
                pool.pointee.usedCount + pool.pointee.freeCount > allowedPagesLocked()
            else {
                pool.unlock()
                return false
            }
            let page = pool.popFreeLocked(pointee.pages)
            pool.unlock()
            discard(page)
        }
        return true
    }

    /// Returns the memory of a page that is in no list. Nobody else knows it, so the system call needs no lock.
    private func discard(_ page: Int) {
        returnMemory(of: page)
        let pool = pointee.pool
        pool.lock()
        pool.pushDiscardedLocked(page, pointee.pages)
        pool.unlock()
    }
}
