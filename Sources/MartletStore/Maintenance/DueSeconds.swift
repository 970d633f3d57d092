import Synchronization

/// When it pays to look for expired items: a second for each page, and the earliest of them for each slab class.
///
/// 1. `firstDue` of a page is not after the expiry of any linked item in it; that of a class not after those of its
///    pages, or the next second for those that are due and have to wait. Before that there is nothing to find, however
///    long the lists of pages are.
/// 2. `nextDue` of a page is about the second at which a 16th of its items will have expired (all of them, where there
///    are fewer than 16): from then on the page is *ripe*. A ripe page costs at most 16 looks for each item it gives
///    back; the earliest expiry alone would have pages of mixed lives looked through every second for a single item.
/// 3. A scan sets all of a page's seconds to never, then looks, then lowers them to what it foresees from the lives
///    that are left. A store lowers them *after* its item is visible. So whichever comes second sees the other. (An
///    expiry changed in place in the very nanoseconds in which a scan begins may still stand in its writer's store
///    buffer: that item is found late, by who reads it or by eviction, which a full barrier in every such store is not
///    worth.)
/// 4. A store due before `nextDue` is counted, by how long it has to live; when a 16th of the page's chunks are counted
///    that live no longer than this one, `nextDue` becomes its expiry and the count starts anew.
///
///     earlyCounts   lane  0    1     2      3       4        5         6          7
///     8 x u8        life  < 4  < 16  < 64   < 256   < 1024   < 4096    < 16384    longer, in seconds
///
/// The counts are hints: two threads may lose one between them, and then rule 1 still finds the item, only later.
enum DueSeconds {
    static let never = UInt32.max
    /// The due second of a page whose every item is to be looked at after a flush: no clock shows it.
    static let sweep: UInt32 = 1
    static let ripeShare = 16

    @inline(__always)
    static func lane(life: UInt32) -> UInt64 {
        UInt64(Swift.min(7, (31 &- Swift.max(1, life).leadingZeroBitCount) / 2))
    }

    /// Items that make a page of so many ripe.
    @inline(__always)
    static func ripeCount(of items: Int) -> Int { Swift.max(1, items / ripeShare) }
}

extension Atomic where Value == UInt32 {
    /// Makes it at most `second`. Sequentially consistent, for rule 3.
    @inline(__always)
    borrowing func lower(to second: UInt32) {
        var current = load(ordering: .sequentiallyConsistent)
        while second < current {
            let (exchanged, original) = weakCompareExchange(
                expected: current, desired: second, ordering: .sequentiallyConsistent)
            if exchanged { return }
            current = original
        }
    }
}

extension UnsafeMutablePointer where Pointee == StoreCore {
    /// Notes when an item is due; 0 for never. Called after the item, or its new expiry, is visible.
    @inline(__always)
    func noteExpiry(_ handle: Handle, _ expiry: UInt32, now: UInt32) {
        if expiry == 0 { return }
        let pageIndex = pointee.arena.pageIndex(handle)
        let page = pointee.pages[pageIndex]
        if expiry < page.pointee.firstDue.load(ordering: .relaxed) { lowerFirstDue(pageIndex, to: expiry) }
        if expiry < page.pointee.nextDue.load(ordering: .relaxed) { countEarly(pageIndex, expiry, now: now) }
    }

    /// Rule 1. The page may have changed hands meanwhile: then a class looks for nothing, once.
    @inline(never)
    func lowerFirstDue(_ pageIndex: Int, to second: UInt32) {
        pointee.pages[pageIndex].pointee.firstDue.lower(to: second)
        let slabClass = pointee.pages.slabClass(pageIndex)
        if slabClass != 0 { pointee.slabClass(slabClass).pointee.firstDue.lower(to: second) }
    }

    /// Has a page scanned from `second` on, whatever is in it.
    func makeRipe(_ pageIndex: Int, at second: UInt32) {
        pointee.pages[pageIndex].pointee.nextDue.lower(to: second)
        lowerFirstDue(pageIndex, to: second)
    }

    /// Rule 4.
    @inline(never)
    private func countEarly(_ pageIndex: Int, _ expiry: UInt32, now: UInt32) {
        let page = pointee.pages[pageIndex]
        let shift = DueSeconds.lane(life: expiry > now ? expiry &- now : 1) &* 8
        var counts = page.pointee.earlyCounts.load(ordering: .relaxed)
        if (counts &>> shift) & 0xff < 0xff { counts &+= 1 &<< shift }
        var noLater = 0
        for lower in stride(from: UInt64(0), through: shift, by: 8) { noLater &+= Int((counts &>> lower) & 0xff) }
        let chunks = pointee.slabClass(pointee.pages.slabClass(pageIndex)).pointee.chunksPerPage
        if noLater >= Swift.min(DueSeconds.ripeCount(of: chunks), 0xff) {
            page.pointee.nextDue.lower(to: expiry)
            counts = 0
        }
        page.pointee.earlyCounts.store(counts, ordering: .relaxed)
    }
}

extension PageTable {
    /// Rule 3, before a scan, and for a page that comes to a class.
    func forgetDue(_ pageIndex: Int) {
        let page = self[pageIndex]
        page.pointee.firstDue.store(DueSeconds.never, ordering: .sequentiallyConsistent)
        page.pointee.nextDue.store(DueSeconds.never, ordering: .sequentiallyConsistent)
        page.pointee.earlyCounts.store(0, ordering: .relaxed)
    }
}
