/// The store's account of itself.
extension CacheStore {
    /// A snapshot. Takes class and pool locks one at a time; allocates; any thread.
    package func statistics() -> StoreStatistics {
        var result = StoreStatistics()
        let geometry = core.pointee.geometry
        let pool = core.pointee.pool
        pool.lock()
        result.memoryLimitBytes = core.pointee.limitBytes
        result.pooledPages = pool.pointee.freeCount
        result.pagedBytes =
            (pool.pointee.usedCount + pool.pointee.freeCount) * geometry.pageBytes + core.pointee.settings.presetBytes
        result.tableBytes = core.tableBytesLocked()
        pool.unlock()
        result.pageBytes = geometry.pageBytes

        core.forEachSession { session in
            result.itemsStored += session.pointee.counters.itemsStored.load(ordering: .relaxed)
            result.foundExpired += session.pointee.counters.foundExpired.load(ordering: .relaxed)
            result.foundFlushed += session.pointee.counters.foundFlushed.load(ordering: .relaxed)
            result.reservedBytes += session.pointee.counters.reservedBytes.load(ordering: .relaxed)
        }
        result.tablePower = core.pointee.tablePower
        result.itemCount = itemCount
        for slabClass in 1...geometry.classCount {
            let row = statistics(ofClass: slabClass)
            result.itemBytes += row.itemBytes
            if row.pageCount > 0 || row.evicted > 0 || row.outOfMemory > 0 { result.classes.append(row) }
        }
        result.pagesMoved = core.pointee.pagesMoved.load(ordering: .relaxed)
        result.itemsRelocated = core.pointee.itemsRelocated.load(ordering: .relaxed)
        result.partsRelocated = core.pointee.partsRelocated.load(ordering: .relaxed)
        result.isMovingPage = core.pointee.mover.pointee.isMoving.load(ordering: .relaxed)
        result.itemsLostInMoves = core.pointee.itemsLostInMoves.load(ordering: .relaxed)
        result.itemsFoundBusy = core.pointee.itemsFoundBusy.load(ordering: .relaxed)
        if geometry.keepsLists { addListed(to: &result) }
        result.isScanning = isScanning
        result.maintainerPasses = core.pointee.maintainerPasses.load(ordering: .relaxed)
        return result
    }

    private func addListed(to result: inout StoreStatistics) {
        let moves = UnsafePointer(core)
        result.busyWithoutMemory = moves.pointee.listedMoves.busyWithoutMemory.load(ordering: .relaxed)
        result.busyDeletes = moves.pointee.listedMoves.busyDeletes.load(ordering: .relaxed)
        result.inlineReclaims = moves.pointee.listedMoves.inlineReclaims.load(ordering: .relaxed)
        let status = moves.pointee.listedMoves.lastBusyStatus.load(ordering: .relaxed)
        result.lastBusyStatus = (ListedMove.Status(rawValue: status) ?? .none).name
        core.forEachSession { session in
            guard let notes = session.pointee.notes else { return }
            result.bumpsDropped += notes.pointee.dropped.load(ordering: .relaxed)
        }
    }

    /// Starts the counts of every class anew.
    package func resetStatistics() {
        for slabClass in 1...core.pointee.geometry.classCount {
            let home = core.pointee.slabClass(slabClass)
            let fetches = fetches(ofClass: slabClass)
            home.lock()
            home.statistics.pointee = SlabClassStatistics()
            home.statistics.pointee.fetchesBefore = fetches
            home.unlock()
        }
    }

    /// Linked items, expired ones that nobody has met yet included.
    package var itemCount: Int {
        var count = 0
        for index in 0..<core.pointee.table.stripeCount {
            let stripe = core.pointee.table.stripe(at: index)
            stripe.lock()
            count += Int(stripe.pointee.itemCount)
            stripe.unlock()
        }
        return count
    }

    private func statistics(ofClass slabClass: Int) -> StoreStatistics.SlabClass {
        let now = core.pointee.latestSecond.load(ordering: .relaxed)
        var row = StoreStatistics.SlabClass()
        row.id = slabClass
        core.forEachSession { session in
            row.itemBytes += session.pointee.counters.requestedBytes[slabClass].load(ordering: .relaxed)
        }
        let home = core.pointee.slabClass(slabClass)
        home.lock()
        defer { home.unlock() }
        row.chunkBytes = home.pointee.chunkBytes
        row.chunksPerPage = home.pointee.chunksPerPage
        row.pageCount = home.pointee.pageCount
        row.freeChunks = home.pointee.freeChunks
        row.usedChunks = home.pointee.pageCount * home.pointee.chunksPerPage - home.pointee.freeChunks
        row.hotCount = home.pointee.hotCount
        row.warmCount = home.pointee.warmCount
        row.coldCount = home.pointee.coldCount
        row.tempCount = home.pointee.tempCount
        let counted = home.statistics.pointee
        row.hotAgeSeconds = Self.age(counted.hotEdgeSecond, now)
        row.warmAgeSeconds = Self.age(counted.warmEdgeSecond, now)
        row.coldAgeSeconds = Self.age(counted.coldEdgeSecond, now)
        row.evicted = counted.evicted
        row.evictedWithExpiry = counted.evictedNonzero
        row.evictedUnfetched = counted.evictedUnfetched
        row.evictedActive = counted.evictedActive
        row.evictedAgeSeconds = counted.evictedSeconds
        row.outOfMemory = counted.outOfMemory
        row.reclaimed = counted.reclaimed
        row.expiredUnfetched = counted.expiredUnfetched
        row.crawlerReclaimed = counted.crawlerReclaimed
        row.crawlerItemsChecked = counted.crawlerItemsChecked
        row.movesToCold = counted.movesToCold
        row.movesToWarm = counted.movesToWarm
        row.movesWithin = counted.movesWithin
        row.directReclaims = counted.directReclaims
        row.ghostHits = counted.ghostHits
        guard core.pointee.geometry.keepsLists else { return row }
        row.hotAgeSeconds = Int(home.tailAgeLocked(.hot, core, now: now))
        row.warmAgeSeconds = Int(home.tailAgeLocked(.warm, core, now: now))
        row.coldAgeSeconds = Int(home.tailAgeLocked(.cold, core, now: now))
        let fetches = fetches(ofClass: slabClass)
        for segment in 0..<4 { row.fetches[segment] = fetches[segment] - counted.fetchesBefore[segment] }
        return row
    }

    /// With lists: fetches since the start, by segment.
    private func fetches(ofClass slabClass: Int) -> InlineArray<4, Int> {
        var sums = InlineArray<4, Int>(repeating: 0)
        core.forEachSession { session in
            guard let notes = session.pointee.notes else { return }
            for segment in 0..<4 {
                sums[segment] += notes.pointee.fetches[slabClass * 4 + segment].load(ordering: .relaxed)
            }
        }
        return sums
    }

    private static func age(_ second: UInt32, _ now: UInt32) -> Int {
        second == 0 || second > now ? 0 : Int(now - second)
    }
}
