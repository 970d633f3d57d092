/// The pages of a slab cache, who owns them, and their free chunks.
///
/// A page's chunks are handed out in ascending order, then those given back, last first; pages with a free chunk stand
/// in a list of their class. So does Martlet; memcached's one list of free chunks for each class comes to the same.
struct SlabSpace: ~Copyable {
    struct Page: BitwiseCopyable {
        /// 0 for a page that belongs to nobody.
        var slabClass: UInt8
        var isOpen: Bool
        /// Out of its class's list: nothing of it is handed out again.
        var isLeaving: Bool
        /// Chunks handed out at least once.
        var bump: UInt32
        var used: UInt32
        var freeHead: Chunk.Place
        var previousOpen: UInt32
        var nextOpen: UInt32
        /// In the page list of its class.
        var position: UInt32
        /// Second at which a scan for expired items pays; 0 for never.
        var nextDue: UInt32
    }

    struct SlabClass: BitwiseCopyable {
        var chunkBytes: Int
        var chunksPerPage: Int
        var pageCount = 0
        var firstOpen: UInt32 = 0
        var freeChunks = 0
    }

    let table: SlabTable
    let slotBits: UInt32
    let chunks: Cells<Chunk>
    let pages: Cells<Page>
    let classes: Cells<SlabClass>
    /// Page lists, `pagesMax + 1` apart.
    private let lists: Cells<UInt32>
    let pagesMax: Int
    /// Pages ever taken; the next new one has this number plus one.
    private(set) var bump = 0
    private var firstFree: UInt32 = 0
    private(set) var freeCount = 0
    /// Pages that belong to classes.
    private(set) var usedCount = 0

    /// Room for `pagesMax` pages.
    init(table: SlabTable, pagesMax: Int) {
        self.table = table
        self.pagesMax = pagesMax
        let most = table.chunksPerPage(1)
        slotBits = UInt32(Int.bitWidth - (most - 1).leadingZeroBitCount)
        precondition((pagesMax + 1) << Int(slotBits) <= 1 << 32, "a simulated cache has at most 2^32 chunks")
        chunks = Cells(count: (pagesMax + 1) << Int(slotBits))
        pages = Cells(count: pagesMax + 1)
        lists = Cells(count: (table.classCount + 1) * (pagesMax + 1))
        classes = Cells(count: table.classCount + 1)
        for index in 1...table.classCount {
            classes[index] = SlabClass(
                chunkBytes: table.chunkBytes[index], chunksPerPage: table.chunksPerPage(index))
        }
    }

    @inline(__always)
    func chunk(_ place: Chunk.Place) -> UnsafeMutablePointer<Chunk> { chunks.place(Int(place)) }

    @inline(__always)
    func page(_ index: UInt32) -> UnsafeMutablePointer<Page> { pages.place(Int(index)) }

    @inline(__always)
    func pageIndex(_ place: Chunk.Place) -> UInt32 { place &>> slotBits }

    @inline(__always)
    func place(page: UInt32, slot: Int) -> Chunk.Place { page &<< slotBits | UInt32(truncatingIfNeeded: slot) }

    @inline(__always)
    func slabClass(of place: Chunk.Place) -> Int { Int(page(pageIndex(place)).pointee.slabClass) }

    /// Page `position` of a class's list.
    @inline(__always)
    func page(_ slabClass: Int, at position: Int) -> UInt32 { lists[slabClass &* (pagesMax &+ 1) &+ position] }

    // MARK: Chunks

    /// A free chunk of the class, or nil.
    @inline(__always)
    func take(_ slabClass: Int) -> Chunk.Place? {
        let home = classes.place(slabClass)
        let index = home.pointee.firstOpen
        if index == 0 { return nil }
        let page = page(index)
        let place: Chunk.Place
        if page.pointee.freeHead != 0 {
            place = page.pointee.freeHead
            page.pointee.freeHead = chunk(place).pointee.next
        } else {
            place = self.place(page: index, slot: Int(page.pointee.bump))
            page.pointee.bump &+= 1
        }
        page.pointee.used &+= 1
        home.pointee.freeChunks &-= 1
        if page.pointee.freeHead == 0, Int(page.pointee.bump) == home.pointee.chunksPerPage { close(index, home) }
        return place
    }

    /// Puts a chunk back. Returns its page and whether nothing is left in it.
    @inline(__always)
    func put(_ place: Chunk.Place) -> (page: UInt32, isEmpty: Bool) {
        let index = pageIndex(place)
        let page = page(index)
        let home = classes.place(Int(page.pointee.slabClass))
        let chunk = chunk(place)
        chunk.pointee.phase = .free
        if page.pointee.isLeaving {
            page.pointee.used &-= 1
            return (index, false)
        }
        chunk.pointee.next = page.pointee.freeHead
        page.pointee.freeHead = place
        page.pointee.used &-= 1
        home.pointee.freeChunks &+= 1
        if !page.pointee.isOpen { open(index, home) }
        return (index, page.pointee.used == 0)
    }

    // MARK: Pages

    /// A page that belongs to nobody; nil if all are used.
    mutating func takePage() -> UInt32? {
        if firstFree != 0 {
            let index = firstFree
            firstFree = page(index).pointee.nextOpen
            freeCount -= 1
            usedCount += 1
            return index
        }
        if bump >= pagesMax { return nil }
        bump += 1
        usedCount += 1
        return UInt32(bump)
    }

    /// Gives an empty page to a class.
    func add(_ index: UInt32, to slabClass: Int) {
        let home = classes.place(slabClass)
        page(index).pointee = Page(
            slabClass: UInt8(slabClass), isOpen: false, isLeaving: false, bump: 0, used: 0, freeHead: 0,
            previousOpen: 0, nextOpen: 0,
            position: UInt32(home.pointee.pageCount), nextDue: 0)
        lists[slabClass * (pagesMax + 1) + home.pointee.pageCount] = index
        home.pointee.pageCount += 1
        home.pointee.freeChunks += home.pointee.chunksPerPage
        open(index, home)
    }

    /// Takes a page out of its class: its free chunks are not handed out again, what is used stays until it is put back
    /// by `release`. The last page of the list takes its place, or all behind it move up.
    func remove(_ index: UInt32, keepsOrder: Bool = false) {
        let page = page(index)
        let slabClass = Int(page.pointee.slabClass)
        let home = classes.place(slabClass)
        home.pointee.freeChunks -= home.pointee.chunksPerPage - Int(page.pointee.used)
        if page.pointee.isOpen { close(index, home) }
        home.pointee.pageCount -= 1
        let position = Int(page.pointee.position)
        let first = slabClass * (pagesMax + 1)
        let last = home.pointee.pageCount
        if keepsOrder {
            for next in position..<last {
                lists[first + next] = lists[first + next + 1]
                self.page(lists[first + next]).pointee.position = UInt32(next)
            }
        } else {
            lists[first + position] = lists[first + last]
            self.page(lists[first + position]).pointee.position = UInt32(position)
        }
        page.pointee.freeHead = 0
        page.pointee.isLeaving = true
    }

    /// Gives a removed page back to nobody.
    mutating func release(_ index: UInt32) {
        let page = page(index)
        page.pointee.slabClass = 0
        page.pointee.isLeaving = false
        page.pointee.nextDue = 0
        page.pointee.nextOpen = firstFree
        firstFree = index
        freeCount += 1
        usedCount -= 1
    }

    /// Returns a removed page to its class after all.
    func putBack(_ index: UInt32, to slabClass: Int) {
        let home = classes.place(slabClass)
        let page = page(index)
        page.pointee.isLeaving = false
        page.pointee.position = UInt32(home.pointee.pageCount)
        lists[slabClass * (pagesMax + 1) + home.pointee.pageCount] = index
        home.pointee.pageCount += 1
        let free = home.pointee.chunksPerPage - Int(page.pointee.used)
        home.pointee.freeChunks += free
        for slot in 0..<Int(page.pointee.bump) {
            let place = place(page: index, slot: slot)
            if chunk(place).pointee.phase != .free { continue }
            chunk(place).pointee.next = page.pointee.freeHead
            page.pointee.freeHead = place
        }
        if free > 0 { open(index, home) }
    }

    private func open(_ index: UInt32, _ home: UnsafeMutablePointer<SlabClass>) {
        let page = page(index)
        page.pointee.isOpen = true
        page.pointee.previousOpen = 0
        page.pointee.nextOpen = home.pointee.firstOpen
        if home.pointee.firstOpen != 0 { self.page(home.pointee.firstOpen).pointee.previousOpen = index }
        home.pointee.firstOpen = index
    }

    private func close(_ index: UInt32, _ home: UnsafeMutablePointer<SlabClass>) {
        let page = page(index)
        page.pointee.isOpen = false
        let previous = page.pointee.previousOpen
        let next = page.pointee.nextOpen
        if previous != 0 {
            self.page(previous).pointee.nextOpen = next
        } else {
            home.pointee.firstOpen = next
        }
        if next != 0 { self.page(next).pointee.previousOpen = previous }
    }
}
