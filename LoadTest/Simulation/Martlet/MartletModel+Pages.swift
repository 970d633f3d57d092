/// The memory budget, and pages that go from class to class.
///
/// 1. The limit bounds pages, table, ghosts, rings, page facts and a little for the process; never less than half of it
///    is left for pages.
/// 2. A class without pages drains the page with the fewest chunks in use of 8 sampled (mover `needy`).
/// 3. With mover `marginal` a class that evicts compares, twice in a page's worth of evictions, what one page more
///    would be worth to it (keys that came back after eviction, for each chunk) with what one page less would cost
///    another (hits on COLD items and two more, for each COLD item; nothing where there were none), and takes one if
///    its gain is the larger by a margin. Between two moves there are 64 evictions, or a page's worth where the page
///    costs nobody anything.
/// 4. A page that has just come stays until its class has stored as much as it holds.
/// 5. Of the page that goes, live items are copied to chunks that eviction in their own class frees; COLD ones without
///    a hit are lost.
extension MartletModel {
    enum Purpose { case free, reserve, drained }

    var tableBytes: Int {
        buckets.bytes + ringBlocksMost * PlaceRing.blockBytes + space.bump * 64
            + min(space.table.classCount * 4096 + rules.outsideBytes, memoryBytes / 32)
    }

    /// Rule 1.
    private var allowedPages: Int {
        let bytes = rules.chargesTables ? max(memoryBytes / 2, memoryBytes - tableBytes) : memoryBytes
        return bytes / space.table.pageBytes
    }

    var isOverLimit: Bool { space.usedCount > allowedPages }

    mutating func takePage(_ purpose: Purpose) -> UInt32? {
        switch purpose {
        case .free:
            if space.usedCount + rules.reservePages >= allowedPages { return nil }
        case .reserve:
            if space.usedCount >= allowedPages { return nil }
        case .drained:
            if space.freeCount == 0 { return nil }
        }
        return space.takePage()
    }

    mutating func addPage(_ page: UInt32, to slabClass: Int) {
        space.add(page, to: slabClass)
        classes.place(slabClass).pointee.takenAtPage = classes[slabClass].taken
        let home = classes.place(slabClass)
        home.pointee.pageCame = moverClock
        let pageCount = space.classes[slabClass].pageCount
        if pageCount >= 2 * max(rules.sharePagesLeast, home.pointee.sharePages) {
            home.pointee.sharePages = pageCount
            home.pointee.hotShare = rules.hotShare
            home.pointee.shareEvictions = 0
        }
    }

    /// Takes a page out of its class; the hand goes on with what takes its place.
    func removePage(_ page: UInt32) {
        let home = classes.place(Int(space.page(page).pointee.slabClass))
        if Int(space.page(page).pointee.position) == home.pointee.handPage { home.pointee.handSlot = 0 }
        let slabClass = Int(space.page(page).pointee.slabClass)
        space.remove(page)
        let pageCount = space.classes[slabClass].pageCount
        home.pointee.sharePages = max(rules.sharePagesLeast, min(home.pointee.sharePages, pageCount))
    }

    // MARK: Draining

    /// Rule 2. Returns false if there is no page to be had.
    mutating func drainCheapestPage(except excluded: Int) -> Bool {
        for _ in 0..<3 {
            guard
                let page = cheapestPage(except: excluded, pagesLeast: 2)
                    ?? cheapestPage(except: excluded, pagesLeast: 1)
            else { return false }
            if drain(page) { return true }
        }
        return false
    }

    private mutating func cheapestPage(except excluded: Int, pagesLeast: Int) -> UInt32? {
        var best: UInt32?
        var bestUsed = UInt32.max
        var sampled = 0
        let classCount = space.table.classCount
        // Somewhere else each time, so that no class always pays.
        let start = drainCursor
        drainCursor += 1
        for step in 0..<classCount where sampled < 8 {
            let slabClass = (start * 7 + step) % classCount + 1
            let pageCount = space.classes[slabClass].pageCount
            if slabClass == excluded || pageCount < pagesLeast { continue }
            for offset in 0..<min(2, pageCount) {
                let page = space.page(slabClass, at: (classes[slabClass].handPage + offset) % pageCount)
                sampled += 1
                if space.page(page).pointee.used < bestUsed {
                    bestUsed = space.page(page).pointee.used
                    best = page
                }
            }
        }
        return best
    }

    mutating func drainLargestClass() {
        var largest = 0
        var most = 0
        for slabClass in 1...space.table.classCount where space.classes[slabClass].pageCount > most {
            most = space.classes[slabClass].pageCount
            largest = slabClass
        }
        if most > 0 { _ = drain(space.page(largest, at: classes[largest].handPage % most)) }
    }

    /// Evicts what is in a page and takes it from its class. Returns false if something in it is being written.
    private mutating func drain(_ page: UInt32) -> Bool {
        if isPinned(page) { return false }
        removePage(page)
        counts.pageMoves += 1
        for slot in 0..<Int(space.page(page).pointee.bump) {
            let place = space.place(page: page, slot: slot)
            let chunk = space.chunk(place)
            switch chunk.pointee.phase {
            case .item: lose(place)
            case .part where space.chunk(chunk.pointee.previous).pointee.phase == .item:
                lose(chunk.pointee.previous)
            default: break
            }
        }
        space.release(page)
        return true
    }

    private func isPinned(_ page: UInt32) -> Bool {
        for slot in 0..<Int(space.page(page).pointee.bump) {
            let chunk = space.chunk(space.place(page: page, slot: slot))
            let head = chunk.pointee.phase == .part ? space.chunk(chunk.pointee.previous) : chunk
            if head.pointee.phase == .reserved { return true }
        }
        return false
    }

    private mutating func lose(_ place: Chunk.Place) {
        counts.lostInMoves += 1
        evict(Victim(place: place, ghost: .fromCold))
    }
}
