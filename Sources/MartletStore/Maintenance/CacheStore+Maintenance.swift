/// What the maintainer thread does, as steps: the store itself has no thread.
extension CacheStore {
    /// Pages drained in one pass to meet the limit, and pooled pages whose memory is returned.
    private static let drainedPagesPerPass = 16
    /// Slices of page moves in one pass.
    private static let moveSlicesPerPass = 256

    /// One pass at server second `now`: a delayed flush, expired items, pages beyond the limit. Returns whether there
    /// is more to do at once. One thread at a time.
    package func maintain(now: UInt32) -> Bool {
        let session = maintainer
        core.pointee.latestSecond.store(now, ordering: .relaxed)
        session.setNow(now)
        core.pointee.maintainerPasses.wrappingAdd(1, ordering: .relaxed)
        // Before the crawl: what has expired at a list's tail is reclaimed by the upkeep in memcached, too.
        let hasMoreListed = core.pointee.geometry.keepsLists && maintainLists(session)
        let hasMoreExpired = crawlIfWanted(session)
        let hasMoreBuckets = core.shrinkTable(session.state)
        core.wishTableAhead()
        let hasMorePages = meetLimit(session)
        return movePages() || hasMoreExpired || hasMoreBuckets || hasMorePages || hasMoreListed
    }

    /// Carries out what the page mover was asked for, as the maintainer; bounded. Returns whether there is more to do at
    /// once. The thread of `maintain`, or whoever stands in for it.
    package func movePages() -> Bool {
        guard core.pointee.mover.hasWork else { return false }
        for _ in 0..<Self.moveSlicesPerPass where !core.advanceMove(maintainer.state) {
            return false
        }
        return true
    }

    /// Sleeps until a class asks for a page, or `wake()` is called, at most so long. The thread of `maintain`.
    package func awaitWork(milliseconds: Int) {
        core.pointee.maintainerBell.wait(milliseconds: milliseconds)
    }

    /// Has the system make the huge pages that are wished for. It may take milliseconds; nobody waits for it. One thread
    /// at a time, which should let all others go first.
    package func makeMemory() {
        core.makeWantedHugePage()
        core.makeWantedTablePage()
    }

    /// Sleeps until memory is wished for, or `wake()` is called. The thread of `makeMemory`.
    package func awaitMemoryWish() {
        core.pointee.memoryBell.wait()
    }

    /// Ends `awaitWork` and `awaitMemoryWish`. Any thread.
    package func wake() {
        core.pointee.maintainerBell.wake()
        core.pointee.memoryBell.wake()
    }

    /// `cache_memlimit`: returns false if the limit is out of bounds (below a megabyte, below twice the item size
    /// limit, or above the address space reserved at start), or if the file that holds the pages could not grow that
    /// far. Shrinking happens in the passes that follow.
    package func setMemoryLimit(bytes: Int) -> Bool {
        let pageBytes = core.pointee.geometry.pageBytes
        if bytes < 1 << 20 || bytes / 2 < core.pointee.settings.itemBytesMax { return false }
        if bytes > core.pointee.arena.pageCountMax * pageBytes { return false }
        if let backing = core.pointee.backing, !backing.pointee.hasRoom(for: bytes / pageBytes) { return false }
        core.pointee.pool.lock()
        core.pointee.pool.pointee.limitBytes.store(bytes, ordering: .relaxed)
        core.pointee.pool.unlock()
        return true
    }

    /// Has the coming passes look for expired items on every page of some classes (nil: of all), not only where it
    /// pays. A scan that is asked for at second `now` is over with a pass at that second or a later one. Returns false
    /// if these have no items. Any thread.
    package func scanSoon(classes: Set<Int>? = nil, now: UInt32 = 0) -> Bool {
        let geometry = core.pointee.geometry
        let chosen = (1...geometry.classCount).filter { classes?.contains($0) ?? true }
        guard chosen.contains(where: { core.pointee.slabClass($0).pageCountHint > 0 }) else { return false }
        let now = max(now, core.pointee.latestSecond.load(ordering: .relaxed))
        for page in 0..<core.pagesTouched where classes?.contains(core.pointee.pages.slabClass(page)) ?? true {
            core.makeRipe(page, at: max(now, DueSeconds.sweep + 1))
        }
        core.pointee.tuning.scanSecond.store(now, ordering: .relaxed)
        core.pointee.tuning.scansAsked.wrappingAdd(1, ordering: .releasing)
        return true
    }

    /// Whether a scan that was asked for has not come to its end. Any thread.
    package var isScanning: Bool {
        core.pointee.tuning.scansAsked.load(ordering: .relaxed)
            != core.pointee.tuning.scansEnded.load(ordering: .relaxed)
    }

    /// Expired items are looked for in the background, or only where a scan was asked for.
    private func crawlIfWanted(_ session: StoreSession) -> Bool {
        let asked = core.pointee.tuning.scansAsked.load(ordering: .acquiring)
        guard core.pointee.tuning.crawls.load(ordering: .relaxed) || isScanning || hasFlushed else { return false }
        let hasMore = crawl(session)
        // To a pass of an earlier second than the scan's its pages are not ripe yet.
        if !hasMore, session.now >= core.pointee.tuning.scanSecond.load(ordering: .relaxed) {
            core.pointee.tuning.scansEnded.store(asked, ordering: .relaxed)
        }
        return hasMore
    }

    /// After a flush each page is looked at once, whether or not anything else is looked for.
    private var hasFlushed: Bool {
        guard core.pointee.sweepsEverything.load(ordering: .relaxed) else { return false }
        core.pointee.tuning.scansAsked.wrappingAdd(1, ordering: .releasing)
        return true
    }

    private func crawl(_ session: StoreSession) -> Bool {
        if core.pointee.sweepsEverything.exchange(false, ordering: .relaxed) {
            for page in 0..<core.pagesTouched { core.makeRipe(page, at: DueSeconds.sweep) }
        }
        guard core.pointee.tellsCrawls.load(ordering: .relaxed), let listener = session.state.pointee.listener else {
            var pass = CrawlPass(session: session)
            return pass.run()
        }
        let before = crawlCounts()
        var pass = CrawlPass(session: session)
        let hasMore = pass.run()
        for (index, counts) in zip(crawlCounts(), before).enumerated() where counts.0.examined > counts.1.examined {
            listener.crawled(
                listener.context, index + 1, counts.0.examined - counts.1.examined,
                counts.0.reclaimed - counts.1.reclaimed)
        }
        return hasMore
    }

    /// What the crawl has counted in each class.
    private func crawlCounts() -> [(examined: Int, reclaimed: Int)] {
        (1...core.pointee.geometry.classCount).map { slabClass in
            let home = core.pointee.slabClass(slabClass)
            home.lock()
            defer { home.unlock() }
            return (home.statistics.pointee.crawlerItemsChecked, home.statistics.pointee.crawlerReclaimed)
        }
    }

    /// Drains pages while more are in use than the limit allows. If only pinned ones are left, one of them loses what
    /// can be evicted, so that it is free in the end; that is tried again in later passes. Where nothing is evicted,
    /// only free pages go.
    private func meetLimit(_ session: StoreSession) -> Bool {
        let hasMoreToReturn = core.trimPool(countMax: Self.drainedPagesPerPass)
        core.trimBacking()
        guard core.pointee.settings.evicts else { return hasMoreToReturn }
        for _ in 0..<Self.drainedPagesPerPass {
            if !core.isOverLimit() { return hasMoreToReturn }
            if core.returnPage(session.state) || core.drainLargestClass(session.state)
                || core.drainNextPage(except: 0, session.state)
            {
                continue
            }
            _ = core.drainNextPage(except: 0, evenPinned: true, session.state)
            return hasMoreToReturn
        }
        return true
    }
}
