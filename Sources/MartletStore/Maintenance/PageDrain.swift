/// Taking a page from a class by evicting what is in it: for a store whose class has no page at all, and where workers
/// meet a limit that has fallen. Pages that move for any other reason take along what is worth it (PageMove.swift).
///
/// 1. A class without pages takes the page that costs least: of 8 sampled pages of other classes the one with the
///    fewest chunks in use. A class's last page is taken only if no other is to be had.
/// 2. A page is pinned while something in it is being written, leased or freed: evicting the rest would not empty it,
///    so it keeps its items, and the next sample is taken. After the third all pages are tried in order of address,
///    each such search going on where the last one ended.
/// 3. Otherwise the page leaves its class: nothing of it is handed out meanwhile. Then each item in it is unlinked by a
///    hint. A walk counts as one used chunk, so that the page is not handed to another class under it.
/// 4. An empty page goes to the pool. If somebody came in between (a lease taken, a value being written since), the
///    page goes back to its class with all that is free in it: memory that nobody may use would be memory lost for as
///    long as a client cares to read slowly, and every further page taken like this would be lost as well.
enum PageDrain {
    static let samplesMax = 3
    static let sampledPages = 8
    static let pagesPerClass = 2
    /// Pages that one search tries at most.
    static let triedPagesMax = 64
    /// Headers looked at in one hold of the class lock.
    static let sliceChunks = 64
}

extension UnsafeMutablePointer where Pointee == StoreCore {
    /// Drains one page, not of class `excluded`. Returns false if there is none, or if those it met were pinned.
    func drainCheapestPage(except excluded: Int, _ session: SessionPointer) -> Bool {
        for _ in 0..<PageDrain.samplesMax {
            guard
                let page = cheapestPage(except: excluded, sparesLast: true)
                    ?? cheapestPage(except: excluded, sparesLast: false)
            else { return false }
            if drain(page.index, of: page.slabClass, session) { return true }
        }
        return false
    }

    /// Rule 2: drains the next page, not of class `excluded`, that is not pinned; or, `evenPinned`, the next one, as
    /// far as that goes. Returns whether a page became free.
    func drainNextPage(except excluded: Int, evenPinned: Bool = false, _ session: SessionPointer) -> Bool {
        let pageCount = pagesTouched
        var tried = 0
        for _ in 0..<pageCount {
            let pageIndex = pointee.drainCursor.wrappingAdd(1, ordering: .relaxed).oldValue % pageCount
            let owner = pointee.pages.owner(pageIndex)
            if owner.slabClass == 0 || owner.slabClass == excluded || owner.isDraining { continue }
            if drain(pageIndex, of: owner.slabClass, evenPinned: evenPinned, session) { return true }
            tried += 1
            if evenPinned || tried == PageDrain.triedPagesMax { return false }
        }
        return false
    }

    /// Pages taken at least once.
    var pagesTouched: Int {
        pointee.pool.lock()
        defer { pointee.pool.unlock() }
        return pointee.pool.pointee.bump
    }

    /// Drains one page of a class. Returns false if the page is pinned or no longer the class's.
    private func drain(
        _ pageIndex: Int, of slabClass: Int, evenPinned: Bool = false, _ session: SessionPointer
    ) -> Bool {
        let home = pointee.slabClass(slabClass)
        if !evenPinned, isPinned(pageIndex, home) {
            pointee.itemsFoundBusy.wrappingAdd(1, ordering: .relaxed)
            return false
        }
        home.lock()
        guard pointee.pages.owner(pageIndex) == PageOwner(slabClass) else {
            home.unlock()
            return false
        }
        let page = pointee.pages[pageIndex]
        home.removePageLocked(pageIndex, self)
        page.pointee.used = page.pointee.used + 1
        let bump = Int(page.pointee.bump)
        home.unlock()
        passHook()
        for chunk in 0..<bump {
            empty(pointee.arena.handle(page: pageIndex, offset: chunk * home.pointee.chunkBytes), session)
        }
        home.lock()
        page.pointee.used = page.pointee.used - 1
        let isEmpty = page.pointee.used == 0
        if isEmpty {
            pointee.pages.setOwner(pageIndex, .none)
        } else {
            home.restorePageLocked(pageIndex, self)
        }
        home.unlock()
        if isEmpty {
            givePage(pageIndex)
            pointee.pagesMoved.wrappingAdd(1, ordering: .relaxed)
        }
        passHook()
        return isEmpty
    }

    /// Rule 2, as a hint; also true if the page is no longer the class's.
    func isPinned(_ pageIndex: Int, _ home: UnsafeMutablePointer<SlabClass>) -> Bool {
        var first = 0
        while true {
            home.lock()
            guard pointee.pages.owner(pageIndex) == PageOwner(Int(home.pointee.index)) else {
                home.unlock()
                return true
            }
            let bump = Int(pointee.pages[pageIndex].pointee.bump)
            let last = Swift.min(bump, first + PageDrain.sliceChunks)
            var isPinned = false
            for chunk in first..<Swift.max(first, last) where !isPinned {
                isPinned = isPinnedLocked(
                    pointee.arena.handle(page: pageIndex, offset: chunk * home.pointee.chunkBytes))
            }
            home.unlock()
            passHook()
            if isPinned { return true }
            if last == bump { return false }
            first = last
        }
    }

    /// Safe: the class lock keeps a part from being freed, and its head goes after it.
    private func isPinnedLocked(_ handle: Handle) -> Bool {
        let item = pointee.arena.item(handle)
        let state = item.stateHint
        switch state.phase {
        case .free: return false
        case .reserved, .detached: return true
        case .linked: break
        }
        let head = item.access.isPart ? pointee.arena.item(PartPointer(raw: item.raw).head) : item
        let headState = head.stateHint
        if headState.phase != .linked { return true }
        return headState.has(ItemState.isLarge) && head.large(headState).leases.pointee.load(ordering: .relaxed) > 1
    }

    /// Unlinks what lives in a chunk of a page being walked. Its key may be read without the class lock: the chunk is
    /// not handed out again, so whoever owned it when it was linked was its last owner.
    private func empty(_ handle: Handle, _ session: SessionPointer) {
        let item = pointee.arena.item(handle)
        let state = item.stateHint
        guard state.phase == .linked else { return }
        if item.access.isPart {
            let part = PartPointer(raw: item.raw)
            unlink(part.head, hash: part.keyHash, session)
        } else {
            unlink(handle, hash: pointee.keyHash(item.key(state), item.keyLength), session)
        }
    }

    /// Evicts an item, leased or not. Returns false if it was gone already, or goes on for its leases.
    @discardableResult
    func unlink(_ handle: Handle, hash: UInt64, _ session: SessionPointer) -> Bool {
        let stripe = pointee.table.stripe(hash)
        stripe.lock()
        guard let slot = pointee.table.findLocked(handle, hash: hash) else {
            stripe.unlock()
            pointee.itemsFoundBusy.wrappingAdd(1, ordering: .relaxed)
            return false
        }
        let item = pointee.arena.item(handle)
        let state = item.state
        let dead = deathLocked(item, state, stripe, now: session.pointee.now) != nil
        if !dead {
            rememberLocked(hash, .fromCold)
            tellEvictionLocked(handle, item, state, session)
        }
        let reason: LeaveReason = dead ? .reclaimed : item.expiry(state) == 0 ? .evicted : .evictedMortal
        let owned = unlinkLocked(slot, hash: hash, item, state, session)
        stripe.unlock()
        passHook()
        pointee.itemsLostInMoves.wrappingAdd(1, ordering: .relaxed)
        if owned { freeItem(handle, reason, now: session.pointee.now) }
        return owned
    }

    /// Rule 1.
    private func cheapestPage(except excluded: Int, sparesLast: Bool) -> (index: Int, slabClass: Int)? {
        var best: (index: Int, slabClass: Int)?
        var bestUsed = Int.max
        var sampled = 0
        let classCount = pointee.geometry.classCount
        // Start somewhere else each time, so that no class always pays.
        let start = pointee.drainCursor.wrappingAdd(1, ordering: .relaxed).oldValue
        for step in 0..<classCount where sampled < PageDrain.sampledPages {
            let slabClass = (start &* 7 &+ step) % classCount + 1
            if slabClass == excluded { continue }
            let home = pointee.slabClass(slabClass)
            home.lock()
            if home.pointee.pageCount > (sparesLast ? 1 : 0) {
                for offset in 0..<Swift.min(PageDrain.pagesPerClass, home.pointee.pageCount) {
                    let position = (home.pointee.handPage + offset) % home.pointee.pageCount
                    let pageIndex = Int(home.pointee.pageList[position])
                    let used = Int(pointee.pages[pageIndex].pointee.used)
                    sampled += 1
                    if used < bestUsed {
                        bestUsed = used
                        best = (pageIndex, slabClass)
                    }
                }
            }
            home.unlock()
        }
        return best
    }

    /// A page of the class with the most, for giving memory back to the limit. Returns false if there is none, or it is
    /// pinned.
    func drainLargestClass(_ session: SessionPointer) -> Bool {
        var best: (index: Int, slabClass: Int)?
        var most = 0
        for slabClass in 1...pointee.geometry.classCount {
            let home = pointee.slabClass(slabClass)
            home.lock()
            if home.pointee.pageCount > most {
                most = home.pointee.pageCount
                best = (Int(home.pointee.pageList[home.pointee.handPage % most]), slabClass)
            }
            home.unlock()
        }
        guard let best else { return false }
        return drain(best.index, of: best.slabClass, session)
    }
}

extension UnsafeMutablePointer where Pointee == SlabClass {
    /// Number of pages, for a look from outside.
    var pageCountHint: Int {
        lock()
        defer { unlock() }
        return pointee.pageCount
    }
}
