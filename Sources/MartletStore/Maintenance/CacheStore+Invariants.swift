/// What must hold whenever no operation is under way. Called after each step of model tests and at rest in stress
/// tests.
extension CacheStore {
    /// Checks everything; traps with a sentence at the first thing that does not hold. All sessions must be at rest, no
    /// hold outstanding, and of leases and reservations exactly as many as `expectedReservations` and `expectedLeases`
    /// say.
    package func _checkInvariants(expectedReservations: Int = 0, expectedLeases: Int = 0) {
        let broken = _brokenInvariant(expectedReservations: expectedReservations, expectedLeases: expectedLeases)
        if let broken { preconditionFailure(broken) }
    }

    /// The same without the trap: the sentence, or nil if everything holds.
    package func _brokenInvariant(expectedReservations: Int, expectedLeases: Int) -> String? {
        do throws(BrokenInvariant) {
            let linked = try checkTable()
            let counts = try checkPages(expectedReservations: expectedReservations, expectedLeases: expectedLeases)
            try expect(counts.linked == linked, "invariant 2: as many linked items in the arena as in the table")
            try expect(counts.requested == requestedBytes, "invariant 6: item bytes are the sum of the items' sizes")
            try checkPool()
            try expect(LockCheck.heldCount == 0, "invariant 13: no lock is held")
            return nil
        } catch {
            return error.sentence
        }
    }

    private struct BrokenInvariant: Error {
        let sentence: String
    }

    private func expect(_ condition: Bool, _ sentence: @autoclosure () -> String) throws(BrokenInvariant) {
        if !condition { throw BrokenInvariant(sentence: sentence()) }
    }

    private var requestedBytes: Int {
        var sum = 0
        core.forEachSession { session in
            for slabClass in 1...core.pointee.geometry.classCount {
                sum += session.pointee.counters.requestedBytes[slabClass].load(ordering: .relaxed)
            }
        }
        return sum
    }

    /// Invariants 1, 2, 10: slots name linked items of this very bucket; counts agree. Returns the number of items.
    private func checkTable() throws(BrokenInvariant) -> Int {
        let table = core.pointee.table
        var handles = Set<UInt32>()
        for index in 0..<table.stripeCount {
            let stripe = table.stripe(at: index)
            let bucketCount = stripe.pointee.bucketCount.load(ordering: .relaxed)
            var inStripe = 0
            for local in 0..<Int(bucketCount) {
                var bucket = table.bucket(local, index)
                while true {
                    let filled = bucket.filledCount
                    for slot in 0..<filled {
                        let handle = bucket.handle(slot)
                        try expect(!handle.isNone, "invariant 1: the filled slots are the first ones")
                        try expect(handles.insert(handle.raw).inserted, "invariant 1: no handle stands twice")
                        try check(handle, tag: bucket.tag(slot), local: local, stripeIndex: index, bucketCount)
                        inStripe += 1
                    }
                    if bucket.overflow == 0 { break }
                    try expect(filled == Bucket.slotCount, "invariant 1: only the last bucket of a chain has room")
                    bucket = table.overflowBucket(bucket.overflow)
                    try expect(bucket.filledCount > 0, "invariant 1: no overflow bucket is empty")
                }
            }
            try checkGhosts(stripeIndex: index, bucketCount: Int(bucketCount))
            try expect(inStripe == Int(stripe.pointee.itemCount), "invariant 2: the stripe's count is right")
        }
        return handles.count
    }

    /// Invariant 14: ghosts stand beside the buckets that there are, and only where somebody asks for them.
    private func checkGhosts(stripeIndex: Int, bucketCount: Int) throws(BrokenInvariant) {
        let table = core.pointee.table
        let first = core.pointee.settings.eviction.hasGhosts ? bucketCount : 0
        for local in first..<min(bucketCount + 2, Int(table.rowCountMax)) {
            let row = table.ghostRow(local, stripeIndex)
            try expect(
                row.raw.load(as: UInt64.self) == 0 && (row.raw + 8).load(as: UInt64.self) == 0,
                "invariant 14: nobody is remembered where nobody looks")
        }
    }

    private func check(_ handle: Handle, tag: UInt16, local: Int, stripeIndex: Int, _ bucketCount: UInt32)
        throws(BrokenInvariant)
    {
        let table = core.pointee.table
        let item = core.pointee.arena.item(handle)
        let state = item.state
        try expect(state.phase == .linked && !item.access.isPart, "invariant 1: a slot names a linked item")
        try expect((1...ItemKey.bytesMax).contains(item.keyLength), "invariant 8: keys have 1...250 bytes")
        let hash = core.pointee.keyHash(item.key(state), item.keyLength)
        try expect(
            HashTable.tag(hash) == tag && table.stripeIndex(hash) == stripeIndex
                && table.localBucket(hash, bucketCount: bucketCount) == local,
            "invariant 1: an item stands in the bucket of its hash")
        let sequence = item.sequence(state)
        try expect(
            sequence <= table.stripe(at: stripeIndex).pointee.sequence, "invariant 10: sequences come from the stripe")
        try expect(
            state.has(ItemState.hasSequence) || item.token == sequence, "invariant 10: a token is the sequence")
    }

    private struct ChunkCounts {
        var linked = 0
        var reserved = 0
        var leases = 0
        var parts = 0
        var partsOfItems = 0
        var requested = 0
    }

    /// What the pages of one class hold.
    private struct ClassCounts {
        var bySegment = [0, 0, 0, 0]
        /// HOT items of the class's own pages.
        var hot = Set<UInt32>()
    }

    /// Invariants 3 to 9, 11, 12.
    private func checkPages(expectedReservations: Int, expectedLeases: Int) throws(BrokenInvariant) -> ChunkCounts {
        var counts = ChunkCounts()
        for slabClass in 1...core.pointee.geometry.classCount {
            let home = core.pointee.slabClass(slabClass)
            var inClass = ClassCounts()
            var freeChunks = 0
            for position in 0..<home.pointee.pageCount {
                let pageIndex = Int(home.pointee.pageList[position])
                let page = core.pointee.pages[pageIndex]
                try expect(
                    Int(page.pointee.position) == position
                        && core.pointee.pages.owner(pageIndex) == PageOwner(slabClass),
                    "invariant 4: a page of a class's list knows so")
                try expect(
                    home.pointee.crawlPagesLeft > 0
                        || home.pointee.firstDue.load(ordering: .relaxed)
                            <= max(
                                page.pointee.firstDue.load(ordering: .relaxed),
                                core.pointee.crawlSecond.load(ordering: .relaxed) &+ 1),
                    "invariant 12: a class is due no later than the first of its pages, or in the next second")
                let free = try checkPage(pageIndex, home, &counts, &inClass)
                try checkFreeList(pageIndex, home)
                try expect(page.pointee.isOpen == (free > 0), "invariant 4: open pages have a free chunk")
                freeChunks += free
            }
            if let moving = core.movingPage, moving.giver == slabClass {
                _ = try checkPage(moving.page, home, &counts, &inClass, walks: 1)
                try checkFreeList(moving.page, home, walks: 1)
            }
            try expect(freeChunks == home.pointee.freeChunks, "invariant 3: the class's free chunks are counted")
            if home.pointee.keepsLists {
                try expect(core.listsMatch(home), "invariant 15: every item is in the list of its segment, once")
                inClass.hot.removeAll()
            }
            home.ring.pointee.forEach(core.pointee.ringBlocks) { place in
                if core.pointee.arena.item(place.handle).access.stamp == place.stamp {
                    inClass.hot.remove(place.handle.raw)
                }
            }
            try expect(inClass.hot.isEmpty, "invariant 7: every HOT item has a place in the ring")
            try expect(
                inClass.bySegment[Int(Segment.hot.rawValue)] == home.pointee.hotCount
                    && inClass.bySegment[Int(Segment.cold.rawValue)] == home.pointee.coldCount
                    && inClass.bySegment[Int(Segment.warm.rawValue)] == home.pointee.warmCount
                    && inClass.bySegment[Int(Segment.temp.rawValue)] == home.pointee.tempCount,
                "invariant 6: segments hold what they count")
        }
        try expect(counts.parts == counts.partsOfItems, "invariant 9: every part has its item")
        try expect(
            counts.reserved == expectedReservations, "invariant 11: reserved chunks are outstanding reservations")
        try expect(counts.leases == expectedLeases, "invariant 11: leases are those outstanding")
        return counts
    }

    /// One page's chunks; returns the number of free and fresh ones.
    private func checkPage(
        _ pageIndex: Int, _ home: UnsafeMutablePointer<SlabClass>, _ counts: inout ChunkCounts,
        _ inClass: inout ClassCounts, walks: Int = 0
    ) throws(BrokenInvariant) -> Int {
        let page = core.pointee.pages[pageIndex]
        var used = 0
        for chunk in 0..<Int(page.pointee.bump) {
            let handle = core.pointee.arena.handle(page: pageIndex, offset: chunk * home.pointee.chunkBytes)
            let item = core.pointee.arena.item(handle)
            let state = item.state
            if state.phase == .free { continue }
            used += 1
            if item.access.isPart {
                counts.parts += 1
                continue
            }
            inClass.bySegment[Int(item.access.segment.rawValue)] += 1
            try count(item, state, &counts)
            guard state.phase == .linked else { continue }
            if item.access.segment == .hot { inClass.hot.insert(handle.raw) }
            try check(item, state, handle, chunkBytes: home.pointee.chunkBytes)
            try expect(
                item.expiry(state) == 0 || page.pointee.firstDue.load(ordering: .relaxed) <= item.expiry(state),
                "invariant 12: a page is due no later than the first of its items")
        }
        try expect(used + walks == Int(page.pointee.used), "invariant 3: used chunks are counted")
        return home.pointee.chunksPerPage - used
    }

    private func count(_ item: ItemPointer, _ state: ItemState, _ counts: inout ChunkCounts) throws(BrokenInvariant) {
        if state.phase == .reserved { counts.reserved += 1 }
        if state.phase == .linked {
            counts.linked += 1
            counts.requested += core.itemBytes(item, state)
        }
        guard state.has(ItemState.isLarge) else {
            try expect(state.phase != .detached, "invariant 11: a small item goes as soon as it is unlinked")
            return
        }
        let leases = Int(item.large(state).leases.pointee.load(ordering: .relaxed))
        counts.leases += state.phase == .detached ? leases : leases - 1
        try expect(leases > 0, "invariant 11: an item without link or lease is freed")
        var part = item.large(state).firstPart
        while !part.isNone {
            counts.partsOfItems += 1
            part = PartPointer(raw: core.pointee.arena.address(part)).next
        }
    }

    private func checkFreeList(
        _ pageIndex: Int, _ home: UnsafeMutablePointer<SlabClass>, walks: Int = 0
    ) throws(BrokenInvariant) {
        let page = core.pointee.pages[pageIndex]
        var free = 0
        var next = page.pointee.freeHead
        while next != 0 {
            let item = core.pointee.arena.item(Handle(raw: next))
            try expect(item.state.phase == .free, "invariant 3: the free list holds free chunks")
            try expect(
                core.pointee.arena.pageIndex(Handle(raw: next)) == pageIndex, "invariant 3: of this very page")
            next = item.access.raw
            free += 1
            try expect(free <= home.pointee.chunksPerPage, "invariant 3: the free list ends")
        }
        try expect(
            free + Int(page.pointee.used) - walks == Int(page.pointee.bump),
            "invariant 3: every chunk handed out once is free or used")
    }

    /// Invariants 8 and 9.
    private func check(_ item: ItemPointer, _ state: ItemState, _ handle: Handle, chunkBytes: Int)
        throws(BrokenInvariant)
    {
        guard state.has(ItemState.isLarge) else {
            let room = chunkBytes - (core.pointee.geometry.keepsLists ? SlabGeometry.linkBytes : 0)
            try expect(item.size(state) <= room, "invariant 8: an item fits its chunk")
            return
        }
        let large = item.large(state)
        var length = large.inlineBytes
        try expect(state.keyOffset + item.keyLength + length <= chunkBytes, "invariant 8: a head fits its chunk")
        var previous = Handle.none
        var part = large.firstPart
        while !part.isNone {
            let pointer = PartPointer(raw: core.pointee.arena.address(part))
            try expect(
                pointer.item.access.isPart && pointer.item.state.phase == .linked && pointer.head == handle
                    && pointer.previous == previous, "invariant 9: a part knows its head and its neighbours")
            length += pointer.length
            previous = part
            part = pointer.next
        }
        try expect(length == large.totalLength, "invariant 9: the pieces make up the value")
    }

    /// Invariants 4 and 5.
    private func checkPool() throws(BrokenInvariant) {
        let pool = core.pointee.pool
        // A page on its way counts as in use, and is in no list.
        var owned = core.movingPage == nil ? 0 : 1
        for slabClass in 1...core.pointee.geometry.classCount {
            owned += core.pointee.slabClass(slabClass).pointee.pageCount
        }
        let free = try count(pool.pointee.firstFree, atMost: pool.pointee.freeCount)
        try expect(free == pool.pointee.freeCount, "invariant 4: the pool's pages are counted")
        let discarded = try count(pool.pointee.firstDiscarded, atMost: pool.pointee.discardedCount)
        try expect(discarded == pool.pointee.discardedCount, "invariant 4: pages without memory are counted")
        try expect(
            pool.pointee.usedCount == owned, "invariant 4: a page is in one place only, and none goes on draining")
        let wanted = pool.pointee.wantedHugePage == 0 ? 0 : ArenaLayout.hugePageBytes / core.pointee.geometry.pageBytes
        try expect(pool.pointee.bump == owned + free + discarded + wanted, "invariant 4: no page is lost")
        try expect(pool.pointee.isHugePageComing == (wanted > 0), "invariant 4: a huge page that comes is wanted")
    }

    /// Length of one of the pool's lists.
    private func count(_ first: UInt32, atMost countMax: Int) throws(BrokenInvariant) -> Int {
        var count = 0
        var next = first
        while next != 0 {
            count += 1
            try expect(count <= countMax, "invariant 4: the pool's list ends")
            try expect(
                core.pointee.pages.owner(Int(next) - 1) == .none, "invariant 4: a page in the pool belongs to no class")
            next = core.pointee.pages[Int(next) - 1].pointee.nextOpen
        }
        return count
    }
}
