/// Taking a page from a class by evicting what is in it.
///
/// 1. A class without pages takes the page that costs least: of 8 sampled pages of other classes the one with the fewest
///    chunks in use. A class's last page is taken only if no other is to be had.
/// 2. The page leaves its class first: nothing of it is handed out again. Then each item in it is unlinked by a hint.
/// 3. What is being written or leased stays until its owner frees it; the last free gives the page to the pool. What was
///    being written may be linked after the walk has passed it, where no hand ever comes by: the maintainer walks a
///    draining page again in each of its passes.
/// 4. A walk counts as one used chunk, so that the page is not handed to another class under it.
enum PageMover {
    static let sampledPages = 8
    static let pagesPerClass = 2
}

extension UnsafeMutablePointer where Pointee == StoreCore {
    /// Drains one page, not of class `excluded`. Returns false if there is none.
    func drainCheapestPage(except excluded: Int, _ session: SessionPointer) -> Bool {
        guard
            let page = cheapestPage(except: excluded, sparesLast: true)
                ?? cheapestPage(except: excluded, sparesLast: false)
        else { return false }
        return drain(page.index, of: page.slabClass, session)
    }

    /// Drains one page of a class. Returns false if the page is no longer the class's.
    func drain(_ pageIndex: Int, of slabClass: Int, _ session: SessionPointer) -> Bool {
        let home = pointee.slabClass(slabClass)
        home.lock()
        guard pointee.pages.owner(pageIndex) == PageOwner(slabClass) else {
            home.unlock()
            return false
        }
        home.removePageLocked(pageIndex, self)
        walkAndUnlock(pageIndex, home, session)
        pointee.pagesMoved.wrappingAdd(1, ordering: .relaxed)
        return true
    }

    /// Rule 3: walks a page that is draining already.
    func drainAgain(_ pageIndex: Int, _ session: SessionPointer) {
        let owner = pointee.pages.owner(pageIndex)
        guard owner.isDraining else { return }
        let home = pointee.slabClass(owner.slabClass)
        home.lock()
        guard pointee.pages.owner(pageIndex) == owner else {
            home.unlock()
            return
        }
        walkAndUnlock(pageIndex, home, session)
    }

    /// Rule 4. Takes over the class lock of a draining page, gives it up and empties the page.
    private func walkAndUnlock(_ pageIndex: Int, _ home: UnsafeMutablePointer<SlabClass>, _ session: SessionPointer) {
        let page = pointee.pages[pageIndex]
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
        if isEmpty { pointee.pages.setOwner(pageIndex, .none) }
        home.unlock()
        if isEmpty { givePage(pageIndex) }
        passHook()
    }

    /// Unlinks what lives in a chunk of a page being walked. Its key may be read without the class lock: the chunk is not
    /// handed out again, so whoever owned it when it was linked was its last owner.
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

    private func unlink(_ handle: Handle, hash: UInt64, _ session: SessionPointer) {
        let stripe = pointee.table.stripe(hash)
        stripe.lock()
        guard let slot = pointee.table.findLocked(handle, hash: hash) else {
            stripe.unlock()
            pointee.itemsFoundBusy.wrappingAdd(1, ordering: .relaxed)
            return
        }
        let item = pointee.arena.item(handle)
        let state = item.state
        let dead = deathLocked(item, state, stripe, now: session.pointee.now) != nil
        if !dead { pointee.table.ghostHome(hash).remember(hash, .fromCold) }
        let reason: LeaveReason = dead ? .reclaimed : item.expiry(state) == 0 ? .evicted : .evictedMortal
        let owned = unlinkLocked(slot, hash: hash, item, state, session)
        stripe.unlock()
        passHook()
        pointee.itemsLostInMoves.wrappingAdd(1, ordering: .relaxed)
        if owned { freeItem(handle, reason, now: session.pointee.now) }
    }

    /// Rule 1.
    private func cheapestPage(except excluded: Int, sparesLast: Bool) -> (index: Int, slabClass: Int)? {
        var best: (index: Int, slabClass: Int)?
        var bestUsed = Int.max
        var sampled = 0
        let classCount = pointee.geometry.classCount
        // Start somewhere else each time, so that no class always pays.
        let start = Int(pointee.pagesMoved.load(ordering: .relaxed))
        for step in 0..<classCount where sampled < PageMover.sampledPages {
            let slabClass = (start &* 7 &+ step) % classCount + 1
            if slabClass == excluded { continue }
            let home = pointee.slabClass(slabClass)
            home.lock()
            if home.pointee.pageCount > (sparesLast ? 1 : 0) {
                for offset in 0..<Swift.min(PageMover.pagesPerClass, home.pointee.pageCount) {
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

    /// A page of the class with the most, for giving memory back to the limit.
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
