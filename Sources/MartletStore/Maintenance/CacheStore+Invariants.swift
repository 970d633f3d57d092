/// What must hold whenever no operation is under way. Called after each step of model tests and at rest in stress tests.
extension CacheStore {
    /// Checks everything; traps with a sentence at the first thing that does not hold. All sessions must be at rest, and
    /// no hold, lease or reservation outstanding unless `expectedReservations` and `expectedLeases` say so.
    package func _checkInvariants(expectedReservations: Int = 0, expectedLeases: Int = 0) {
        let linked = checkTable()
        let counts = checkPages(expectedReservations: expectedReservations, expectedLeases: expectedLeases)
        precondition(counts.linked == linked, "invariant 2: as many linked items in the arena as in the table")
        precondition(counts.requested == requestedBytes, "invariant 6: item bytes are the sum of the items' sizes")
        checkPool()
        precondition(LockCheck.heldCount == 0, "invariant 13: no lock is held")
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
    private func checkTable() -> Int {
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
                        precondition(!handle.isNone, "invariant 1: the filled slots are the first ones")
                        precondition(handles.insert(handle.raw).inserted, "invariant 1: no handle stands twice")
                        check(handle, tag: bucket.tag(slot), local: local, stripeIndex: index, bucketCount)
                        inStripe += 1
                    }
                    if bucket.overflow == 0 { break }
                    precondition(filled == Bucket.slotCount, "invariant 1: only the last bucket of a chain has room")
                    bucket = table.overflowBucket(bucket.overflow)
                    precondition(bucket.filledCount > 0, "invariant 1: no overflow bucket is empty")
                }
            }
            precondition(inStripe == Int(stripe.pointee.itemCount), "invariant 2: the stripe's count is right")
        }
        return handles.count
    }

    private func check(_ handle: Handle, tag: UInt16, local: Int, stripeIndex: Int, _ bucketCount: UInt32) {
        let table = core.pointee.table
        let item = core.pointee.arena.item(handle)
        let state = item.state
        precondition(state.phase == .linked && !item.access.isPart, "invariant 1: a slot names a linked item")
        precondition((1...ItemKey.bytesMax).contains(item.keyLength), "invariant 8: keys have 1...250 bytes")
        let hash = core.pointee.keyHash(item.key(state), item.keyLength)
        precondition(
            HashTable.tag(hash) == tag && table.stripeIndex(hash) == stripeIndex
                && table.localBucket(hash, bucketCount: bucketCount) == local,
            "invariant 1: an item stands in the bucket of its hash")
        let sequence = item.sequence(state)
        precondition(
            sequence <= table.stripe(at: stripeIndex).pointee.sequence, "invariant 10: sequences come from the stripe")
        precondition(
            state.has(ItemState.hasSequence) || item.token == sequence, "invariant 10: a token is the sequence")
    }

    private struct ChunkCounts {
        var linked = 0
        var reserved = 0
        var detached = 0
        var requested = 0
    }

    /// Invariants 3 to 9, 11.
    private func checkPages(expectedReservations: Int, expectedLeases: Int) -> ChunkCounts {
        var counts = ChunkCounts()
        for slabClass in 1...core.pointee.geometry.classCount {
            let home = core.pointee.slabClass(slabClass)
            var freeChunks = 0
            var bySegment = [0, 0, 0, 0]
            var hot = Set<UInt32>()
            for position in 0..<home.pointee.pageCount {
                let pageIndex = Int(home.pointee.pageList[position])
                let page = core.pointee.pages[pageIndex]
                precondition(
                    page.pointee.state == .owned && Int(page.pointee.position) == position
                        && core.pointee.pages.slabClass(pageIndex) == slabClass,
                    "invariant 4: a page of a class's list knows so")
                let free = checkPage(pageIndex, home, &counts, &bySegment, &hot)
                precondition(page.pointee.isOpen == (free > 0), "invariant 4: open pages have a free chunk")
                freeChunks += free
            }
            precondition(freeChunks == home.pointee.freeChunks, "invariant 3: the class's free chunks are counted")
            precondition(
                bySegment[Int(Segment.hot.rawValue)] <= home.pointee.hotCount
                    && bySegment[Int(Segment.cold.rawValue)] <= home.pointee.coldCount
                    && bySegment[Int(Segment.warm.rawValue)] <= home.pointee.warmCount,
                "invariant 6: segments hold what they count")
            home.pointee.ring.forEach(core.pointee.ringBlocks) { hot.remove($0.raw) }
            precondition(hot.isEmpty, "invariant 7: every HOT item has a place in the ring")
        }
        precondition(
            counts.reserved == expectedReservations, "invariant 11: reserved chunks are outstanding reservations")
        precondition(counts.detached <= expectedLeases, "invariant 11: detached items are leased")
        return counts
    }

    /// One page's chunks; returns the number of free and fresh ones.
    private func checkPage(
        _ pageIndex: Int, _ home: UnsafeMutablePointer<SlabClass>, _ counts: inout ChunkCounts,
        _ bySegment: inout [Int], _ hot: inout Set<UInt32>
    ) -> Int {
        let page = core.pointee.pages[pageIndex]
        var used = 0
        for chunk in 0..<Int(page.pointee.bump) {
            let handle = core.pointee.arena.handle(page: pageIndex, offset: chunk * home.pointee.chunkBytes)
            let item = core.pointee.arena.item(handle)
            let state = item.state
            if state.phase == .free { continue }
            used += 1
            if item.access.isPart { continue }
            bySegment[Int(item.access.segment.rawValue)] += 1
            switch state.phase {
            case .reserved: counts.reserved += 1
            case .detached: counts.detached += 1
            default:
                counts.linked += 1
                counts.requested += item.size(state)
                if item.access.segment == .hot { hot.insert(handle.raw) }
                check(item, state, handle, chunkBytes: home.pointee.chunkBytes)
            }
        }
        precondition(used == Int(page.pointee.used), "invariant 3: used chunks are counted")
        var free = 0
        var next = page.pointee.freeHead
        while next != 0 {
            let item = core.pointee.arena.item(Handle(raw: next))
            precondition(item.state.phase == .free, "invariant 3: the free list holds free chunks")
            precondition(
                core.pointee.arena.pageIndex(Handle(raw: next)) == pageIndex, "invariant 3: of this very page")
            next = item.access.raw
            free += 1
            precondition(free <= home.pointee.chunksPerPage, "invariant 3: the free list ends")
        }
        precondition(
            free + used == Int(page.pointee.bump), "invariant 3: every chunk handed out once is free or used")
        return home.pointee.chunksPerPage - used
    }

    /// Invariants 8 and 9.
    private func check(_ item: ItemPointer, _ state: ItemState, _ handle: Handle, chunkBytes: Int) {
        guard state.has(ItemState.isLarge) else {
            precondition(item.size(state) <= chunkBytes, "invariant 8: an item fits its chunk")
            return
        }
        let large = item.large(state)
        var length = large.inlineBytes
        precondition(state.keyOffset + item.keyLength + length <= chunkBytes, "invariant 8: a head fits its chunk")
        var previous = Handle.none
        var part = large.firstPart
        while !part.isNone {
            let pointer = PartPointer(raw: core.pointee.arena.address(part))
            precondition(
                pointer.item.access.isPart && pointer.item.state.phase == .linked && pointer.head == handle
                    && pointer.previous == previous, "invariant 9: a part knows its head and its neighbours")
            length += pointer.length
            previous = part
            part = pointer.next
        }
        precondition(length == large.totalLength, "invariant 9: the pieces make up the value")
    }

    /// Invariants 4 and 5.
    private func checkPool() {
        let pool = core.pointee.pool
        var owned = 0
        for slabClass in 1...core.pointee.geometry.classCount {
            owned += core.pointee.slabClass(slabClass).pointee.pageCount
        }
        var draining = 0
        for page in 0..<pool.pointee.bump where core.pointee.pages.slabClass(page) != 0 {
            if core.pointee.pages[page].pointee.state == .draining { draining += 1 }
        }
        var free = 0
        var next = pool.pointee.firstFree
        while next != 0 {
            free += 1
            precondition(free <= pool.pointee.freeCount, "invariant 4: the pool's list ends")
            next = core.pointee.pages[Int(next) - 1].pointee.nextOpen
        }
        precondition(free == pool.pointee.freeCount, "invariant 4: the pool's pages are counted")
        precondition(pool.pointee.usedCount == owned + draining, "invariant 4: a page is in one place only")
        precondition(pool.pointee.bump == owned + draining + free, "invariant 4: no page is lost")
    }
}
