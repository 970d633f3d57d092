/// A class that can spare a page.
struct PageGiver: BitwiseCopyable {
    let slabClass: Int
    /// By one page (MoverSums, rule 3).
    let loss: Double
    /// Whether it loses nothing for certain (MoverSums, rule 4).
    let isProvenFree: Bool
}

/// Who gives a page, and which: rules 2 to 4 of the mover (PageMover.swift). The turn is the caller's.
extension UnsafeMutablePointer where Pointee == StoreCore {
    /// The class that loses least by a page, and not more than `lossMax`; any that has two, if that is infinite; with
    /// `onlyEmpty` none that has not as many chunks free as a page has. Takes one class lock after the other; the turn
    /// is the caller's.
    func cheapestGiver(
        except taker: Int, lossMax: Double, onlyEmpty: Bool = false, _ session: SessionPointer
    ) -> PageGiver? {
        let mover = pointee.mover
        let halvings = mover.pointee.halvings.load(ordering: .relaxed)
        let clock = mover.pointee.evictions.load(ordering: .relaxed)
        let window = halvingWindow
        let total = takeInHits(halvings)
        var items = 1
        for slabClass in 1...pointee.geometry.classCount {
            var hits = 0
            forEachSession { hits += $0.pointee.counters.coldHits[slabClass].load(ordering: .relaxed) }
            let home = pointee.slabClass(slabClass)
            home.lock()
            home.sums.pointee.wearDown(to: halvings)
            home.sums.pointee.takeIn(coldHitsNow: hits)
            items += home.itemCountLocked
            home.unlock()
            passHook()
        }
        var best: PageGiver?
        for slabClass in 1...pointee.geometry.classCount where slabClass != taker {
            let home = pointee.slabClass(slabClass)
            home.lock()
            home.sums.pointee.judgeSilence(now: clock, window: window, worn: total.worn, total: total.ever)
            if home.mayGiveLocked(now: clock, window: window, onlyEmpty: onlyEmpty)
                || lossMax == .infinity && home.pointee.pageCount > 1,
                !onlyEmpty || home.pointee.freeChunks >= home.pointee.chunksPerPage
            {
                let loss = home.lossLocked
                let isProven = loss == 0 && home.isProvenFreeLocked(hitsPerItem: total.worn / Double(items))
                if loss < best?.loss ?? lossMax || (loss == 0 && (best == nil || isProven && !best!.isProvenFree)) {
                    best = PageGiver(slabClass: slabClass, loss: loss, isProvenFree: isProven)
                }
            }
            home.unlock()
            passHook()
        }
        return best
    }

    /// All hits: worn down to now, and since the start.
    private func takeInHits(_ halvings: Int) -> (worn: Double, ever: Double) {
        var now = 0
        forEachSession { session in
            for slabClass in 0...pointee.geometry.classCount {
                now += session.pointee.counters.coldHits[slabClass].load(ordering: .relaxed)
            }
        }
        var held = pointee.mover.pointee.held.pointee
        while held.halvings < halvings {
            held.halvings += 1
            held.hits /= 2
        }
        held.hits += Double(now - held.hitsSeen)
        held.hitsSeen = now
        pointee.mover.pointee.held.pointee = held
        return (held.hits, Double(now))
    }

    /// Rule 4; nil if all that were tried are pinned.
    func pageToGive(_ slabClass: Int, _ session: SessionPointer) -> Int? {
        let home = pointee.slabClass(slabClass)
        for attempt in 0..<PageMover.pageTriesMax {
            var best: Int?
            var bestCost = Int.max
            for sample in 1...PageMover.sampledPages {
                home.lock()
                let pageCount = home.pointee.pageCount
                guard pageCount > 1, sample <= pageCount else {
                    home.unlock()
                    break
                }
                let position = (home.pointee.handPage + attempt * PageMover.sampledPages + sample) % pageCount
                let page = Int(home.pointee.pageList[position])
                let cost = costLocked(page, home, now: session.pointee.now)
                home.unlock()
                passHook()
                if cost < bestCost {
                    bestCost = cost
                    best = page
                }
            }
            guard let best else { return nil }
            if !isPinned(best, home) { return best }
            pointee.itemsFoundBusy.wrappingAdd(1, ordering: .relaxed)
        }
        return nil
    }

    /// Items worth keeping among the first headers of a page; what is being written counts for more than all others.
    private func costLocked(_ page: Int, _ home: UnsafeMutablePointer<SlabClass>, now: UInt32) -> Int {
        var cost = 0
        for chunk in 0..<Swift.min(PageMover.sampledHeaders, Int(pointee.pages[page].pointee.bump)) {
            let item = pointee.arena.item(pointee.arena.handle(page: page, offset: chunk * home.pointee.chunkBytes))
            let state = item.stateHint
            switch state.phase {
            case .free: continue
            case .reserved, .detached: cost += PageMover.sampledHeaders
            case .linked: cost += item.access.isPart || isWorthKeeping(item, state, now: now) ? 1 : 0
            }
        }
        return cost
    }
}
