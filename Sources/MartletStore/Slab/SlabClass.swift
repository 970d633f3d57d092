import CShims
import Synchronization

/// One slab class: its pages, free chunks, hand and HOT ring, 64-byte aligned in an array with a fixed stride.
///
///     off size
///       0    . SlabClass
///     256    . HotRing
///     320    . SlabClassStatistics
///     512    . MoverSums
///     704    . ItemLists
///
/// Ring, statistics, sums and lists are reached through pointers of their own (`ring`, `statistics`, `sums`, `lists`):
/// to the thread sanitizer, changing a part of a struct in place is an access to its first word, which here is a lock
/// that others take meanwhile.
///
/// Everything but the constants is guarded by `lock`. A hold is bounded: to choose who goes, at most 64 headers are
/// looked at by each of ripe hand, ring and hand (192; 256 for `segmented`), nothing is copied, no system call is made.
struct SlabClass: ~Copyable {
    let lock = FutexLock()
    let index: UInt8
    let chunkBytes: Int
    let chunksPerPage: Int
    /// Page indexes in the order they came; the hand walks them.
    let pageList: UnsafeMutablePointer<UInt32>

    var pageCount = 0
    /// First page with a free or fresh chunk (page index + 1).
    var firstOpen: UInt32 = 0
    /// The fewest pages since `hotShare` last began anew (Hand.swift, rule 7).
    var sharePages = Self.sharePagesLeast
    /// Victims sought since then.
    var shareEvictions = 0
    /// Free and fresh chunks of all pages of the list.
    var freeChunks = 0

    /// Server second before which nothing in the class's pages expires (DueSeconds.swift). Atomic.
    let firstDue = Atomic<UInt32>(UInt32.max)
    /// Where the crawler goes on, how many pages it has still to look at, and where its budget ended (CrawlPass.swift).
    var crawlPosition = 0
    var crawlPagesLeft = 0
    var crawlResume = -1
    /// The second hand, for ripe pages only: the second of its round, and where it stands (Hand.swift).
    var ripeSecond: UInt32 = 0
    var ripePage = 0
    var ripeChunk = 0

    var handPage = 0
    var handChunk = 0
    /// Items by segment; parts and free chunks are in none.
    var hotCount = 0
    var coldCount = 0
    var warmCount = 0
    var tempCount = 0
    /// Of its items those that HOT should hold; moved by ghost hits.
    var hotShare = Self.hotShareFirst
    /// Whether the class has ever had to evict: from then on new items go through HOT. Of a policy that queues
    /// everything, true from the start; of the others beside the default, never.
    var isPressed: Bool
    /// `EvictionPolicy.queuesEverything`.
    let queuesEverything: Bool
    /// `SlabGeometry.keepsLists`.
    let keepsLists: Bool
    /// Where the lots of `random` are (Policies/AnyItem.swift).
    var lots: UInt64

    static let hotShareFirst = 0.1
    /// With fewer pages each is a large part of the class, and they come and go.
    static let sharePagesLeast: UInt32 = 8
    static let strideBytes = 768
    static let ringOffset = 256
    static let statisticsOffset = 320
    static let sumsOffset = 512
    static let listsOffset = 704

    init(
        index: Int, chunkBytes: Int, chunksPerPage: Int, pageList: UnsafeMutablePointer<UInt32>, queuesEverything: Bool,
        keepsLists: Bool
    ) {
        self.index = UInt8(index)
        self.chunkBytes = chunkBytes
        self.chunksPerPage = chunksPerPage
        self.pageList = pageList
        self.queuesEverything = queuesEverything
        self.keepsLists = keepsLists
        isPressed = queuesEverything
        lots = UInt64(index)
    }
}

/// What a class counts under its lock.
package struct SlabClassStatistics: BitwiseCopyable, Sendable {
    package var evicted = 0
    package var evictedNonzero = 0
    package var evictedUnfetched = 0
    package var evictedActive = 0
    package var reclaimed = 0
    package var expiredUnfetched = 0
    package var crawlerReclaimed = 0
    package var crawlerItemsChecked = 0
    package var outOfMemory = 0
    package var movesToCold = 0
    package var movesToWarm = 0
    package var movesWithin = 0
    package var directReclaims = 0
    /// Keys stored that a ghost remembered.
    package var ghostHits = 0
    /// Seconds between last access and eviction of the last item evicted.
    package var evictedSeconds = 0
    /// With lists: fetches by segment that were counted before the last reset.
    package var fetchesBefore: InlineArray<4, Int> = .init(repeating: 0)
    /// Server second of the last access of the item last seen at the edge of the segment.
    package var hotEdgeSecond: UInt32 = 0
    package var warmEdgeSecond: UInt32 = 0
    package var coldEdgeSecond: UInt32 = 0
}

extension UnsafeMutablePointer where Pointee == SlabClass {
    @inline(__always)
    var ring: UnsafeMutablePointer<HotRing> {
        (UnsafeMutableRawPointer(self) + SlabClass.ringOffset).assumingMemoryBound(to: HotRing.self)
    }

    @inline(__always)
    var statistics: UnsafeMutablePointer<SlabClassStatistics> {
        (UnsafeMutableRawPointer(self) + SlabClass.statisticsOffset).assumingMemoryBound(to: SlabClassStatistics.self)
    }

    @inline(__always)
    var sums: UnsafeMutablePointer<MoverSums> {
        (UnsafeMutableRawPointer(self) + SlabClass.sumsOffset).assumingMemoryBound(to: MoverSums.self)
    }

    private var futex: UnsafeMutablePointer<FutexLock> {
        UnsafeMutableRawPointer(self).assumingMemoryBound(to: FutexLock.self)
    }

    @inline(__always)
    func lock() {
        futex.lock()
    }

    @inline(__always)
    func unlock() {
        futex.unlock()
    }

    // MARK: Chunks

    /// A free chunk, marked reserved, or nil.
    @inline(__always)
    func takeChunkLocked(_ store: StorePointer) -> Handle? {
        let open = pointee.firstOpen
        if open == 0 { return nil }
        let pages = store.pointee.pages
        let arena = store.pointee.arena
        let pageIndex = Int(open &- 1)
        let page = pages[pageIndex]
        let handle: Handle
        if page.pointee.freeHead != 0 {
            handle = Handle(raw: page.pointee.freeHead)
            page.pointee.freeHead = arena.item(handle).access.raw
        } else {
            handle = arena.handle(page: pageIndex, offset: Int(page.pointee.bump) &* pointee.chunkBytes)
            page.pointee.bump = page.pointee.bump &+ 1
        }
        page.pointee.used = page.pointee.used &+ 1
        sums.pointee.taken = sums.pointee.taken &+ 1
        pointee.freeChunks = pointee.freeChunks &- 1
        if page.pointee.freeHead == 0, Int(page.pointee.bump) == pointee.chunksPerPage {
            closeLocked(pageIndex, pages)
        }
        return handle
    }

    /// Puts a chunk back. Returns the index of its page if that page is now empty and has left the class: the caller
    /// gives it to the pool once the lock is released.
    func putChunkLocked(_ handle: Handle, _ store: StorePointer) -> Int? {
        let pages = store.pointee.pages
        let item = store.pointee.arena.item(handle)
        let pageIndex = store.pointee.arena.pageIndex(handle)
        let page = pages[pageIndex]
        item.state = ItemState(raw: 0)
        item.access = AccessWord(raw: page.pointee.freeHead)
        page.pointee.freeHead = handle.raw
        page.pointee.used = page.pointee.used &- 1
        // Whoever drains the page decides what becomes of it.
        if pages.owner(pageIndex).isDraining { return nil }
        pointee.freeChunks = pointee.freeChunks &+ 1
        if !page.pointee.isOpen { openLocked(pageIndex, pages) }
        // Two pages' worth of free chunks: one is enough to go on with. memcached's classes give pages only to a mover.
        if page.pointee.used == 0, !pointee.keepsLists, pointee.freeChunks >= 2 &* pointee.chunksPerPage {
            removePageLocked(pageIndex, store)
            pages.setOwner(pageIndex, .none)
            return pageIndex
        }
        return nil
    }

    // MARK: Pages

    /// Adds a page from the pool.
    func addPageLocked(_ pageIndex: Int, _ store: StorePointer) {
        let pages = store.pointee.pages
        let page = pages[pageIndex]
        page.pointee.bump = 0
        page.pointee.used = 0
        page.pointee.freeHead = 0
        page.pointee.isOpen = false
        pages.forgetDue(pageIndex)
        sums.pointee.takenAtPage = sums.pointee.taken
        sums.pointee.pageCame = store.pointee.mover.pointee.evictions.load(ordering: .relaxed)
        listPageLocked(pageIndex, pages)
    }

    /// Takes back a page that could not be drained, with the chunks that are free.
    func restorePageLocked(_ pageIndex: Int, _ store: StorePointer) {
        listPageLocked(pageIndex, store.pointee.pages)
        pointee.firstDue.lower(to: store.pointee.pages[pageIndex].pointee.firstDue.load(ordering: .relaxed))
    }

    private func listPageLocked(_ pageIndex: Int, _ pages: PageTable) {
        let page = pages[pageIndex]
        pages.setOwner(pageIndex, PageOwner(Int(pointee.index)))
        page.pointee.position = UInt32(pointee.pageCount)
        pointee.pageList[pointee.pageCount] = UInt32(pageIndex)
        pointee.pageCount = pointee.pageCount &+ 1
        // A crawl under way goes round the positions there now are: one more to look at.
        if pointee.crawlPagesLeft > 0 { pointee.crawlPagesLeft = pointee.crawlPagesLeft &+ 1 }
        if pointee.pageCount >= 2 &* Int(pointee.sharePages) {
            pointee.sharePages = UInt32(pointee.pageCount)
            pointee.hotShare = SlabClass.hotShareFirst
            pointee.shareEvictions = 0
        }
        let free = pointee.chunksPerPage &- Int(page.pointee.used)
        pointee.freeChunks = pointee.freeChunks &+ free
        if free > 0 { openLocked(pageIndex, pages) }
    }

    /// Takes a page out of the class: none of its chunks is handed out until it is restored.
    func removePageLocked(_ pageIndex: Int, _ store: StorePointer) {
        let pages = store.pointee.pages
        let page = pages[pageIndex]
        pointee.freeChunks = pointee.freeChunks &- (pointee.chunksPerPage &- Int(page.pointee.used))
        if page.pointee.isOpen { closeLocked(pageIndex, pages) }
        let position = Int(page.pointee.position)
        pointee.pageCount = pointee.pageCount &- 1
        pointee.sharePages = Swift.max(
            SlabClass.sharePagesLeast, Swift.min(pointee.sharePages, UInt32(pointee.pageCount)))
        let moved = pointee.pageList[pointee.pageCount]
        pointee.pageList[position] = moved
        pages[Int(moved)].pointee.position = UInt32(position)
        pages.setOwner(pageIndex, PageOwner(Int(pointee.index), isDraining: true))
        if position == pointee.handPage { pointee.handChunk = 0 }
        if position == pointee.ripePage { pointee.ripeChunk = 0 }
        // A crawl under way may have passed this position already.
        if moved != pageIndex {
            pointee.firstDue.lower(to: pages[Int(moved)].pointee.firstDue.load(ordering: .relaxed))
        }
    }

    private func openLocked(_ pageIndex: Int, _ pages: PageTable) {
        let page = pages[pageIndex]
        page.pointee.isOpen = true
        page.pointee.previousOpen = 0
        page.pointee.nextOpen = pointee.firstOpen
        if pointee.firstOpen != 0 { pages[Int(pointee.firstOpen) &- 1].pointee.previousOpen = UInt32(pageIndex) &+ 1 }
        pointee.firstOpen = UInt32(pageIndex) &+ 1
    }

    private func closeLocked(_ pageIndex: Int, _ pages: PageTable) {
        let page = pages[pageIndex]
        page.pointee.isOpen = false
        let previous = page.pointee.previousOpen
        let next = page.pointee.nextOpen
        if previous != 0 {
            pages[Int(previous) &- 1].pointee.nextOpen = next
        } else {
            pointee.firstOpen = next
        }
        if next != 0 { pages[Int(next) &- 1].pointee.previousOpen = previous }
    }

    // MARK: Segments

    /// Counts an item in or out of its segment.
    @inline(__always)
    func countLocked(_ segment: Segment, _ change: Int) {
        switch segment {
        case .hot: pointee.hotCount = pointee.hotCount &+ change
        case .cold: pointee.coldCount = pointee.coldCount &+ change
        case .warm: pointee.warmCount = pointee.warmCount &+ change
        case .temp: pointee.tempCount = pointee.tempCount &+ change
        }
    }

    /// Number of items, parts not counted.
    var itemCountLocked: Int {
        pointee.hotCount &+ pointee.coldCount &+ pointee.warmCount &+ pointee.tempCount
    }
}
