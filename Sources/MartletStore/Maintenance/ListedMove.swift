import Synchronization

/// A page on its way with `-o memcached_mode`: as memcached's mover treats it, which never gives up.
///
/// 1. The page that goes is the one with the item used least recently: the tail of COLD, else of HOT, WARM or TEMP. So
///    its items are those that would have been evicted next.
/// 2. Whatever lives in it is relocated, read or not, and goes to the head of its list, as if it had been stored again.
/// 3. Room for that is a free chunk; below the memory limit a new page; else, if somebody asked for the move, the pool
///    was empty when it began or 5000 walks have brought nothing, the tails of the class's COLD, ten at a time. Those
///    in the page itself are no room: then the item waits for the next walk.
/// 4. What is leased waits too; one that is a single chunk is copied meanwhile, so that new readers find it elsewhere.
///    After 5000 walks a leased chain is taken out.
/// 5. Walks follow each other at once, then every 5 milliseconds, until the page is empty.
enum ListedMove {
    static let walksMax = 5000
    static let hastyWalksMax = 12
    static let evictionsPerItem = 10

    /// What the walk met last, in memcached's words.
    enum Status: UInt8, BitwiseCopyable, CaseIterable {
        case none, pass, fromSlab, fromLRU, busyUploading, busyActive, busyFloating, locked

        package var name: String {
            switch self {
            case .none: "none"
            case .pass: "pass"
            case .fromSlab: "from_slab"
            case .fromLRU: "from_lru"
            case .busyUploading: "busy_uploading"
            case .busyActive: "busy_active"
            case .busyFloating: "busy_floating"
            case .locked: "locked"
            }
        }
    }

    /// Since the start.
    struct Counts: ~Copyable {
        let busyWithoutMemory = Atomic<Int>(0)
        let busyDeletes = Atomic<Int>(0)
        /// Chunks evicted for room that lay in the page itself.
        let inlineReclaims = Atomic<Int>(0)
        let lastBusyStatus = Atomic<UInt8>(0)
    }
}

extension UnsafeMutablePointer where Pointee == StoreCore {
    // MARK: Beginning

    /// `slabs reassign`, and what the automover decides: begins to move a page to class `taker`, 0 for the pool, from
    /// `wanted`, 0 for the pool, or from any class that has two (nil). What somebody asked for may cost items
    /// (`mayEvict`). No lock is held.
    func beginListedMove(
        from wanted: Int?, to taker: Int, mayEvict: Bool, _ session: SessionPointer
    ) -> ReassignOutcome {
        let mover = pointee.mover
        if mover.pointee.turn.exchange(true, ordering: .acquiring) { return .busy }
        defer { mover.pointee.turn.store(false, ordering: .releasing) }
        if mover.pointee.isMoving.load(ordering: .relaxed) { return .busy }
        guard let giver = wanted ?? anyGiver(except: taker) else { return .badClass }
        if giver == 0 { return givePooled(to: taker, session) }
        guard let page = listedPageToGive(giver), var move = PageMove(page, from: giver, to: taker, self, session)
        else {
            return .noSpare
        }
        move.mayEvict = mayEvict || isFullWithoutPool
        mover.pointee.held.pointee.move = move
        mover.pointee.held.pointee.freeMovesLeft = 0
        mover.pointee.isMoving.store(true, ordering: .relaxed)
        pointee.maintainerBell.wake()
        return .started
    }

    /// The next class, in turns, that has more than one page.
    private func anyGiver(except taker: Int) -> Int? {
        let classCount = pointee.geometry.classCount
        for _ in 0..<classCount {
            let slabClass = pointee.drainCursor.wrappingAdd(1, ordering: .relaxed).oldValue % classCount + 1
            if slabClass != taker, pointee.slabClass(slabClass).pageCountHint > 1 { return slabClass }
        }
        return nil
    }

    /// A pooled page goes at once.
    private func givePooled(to taker: Int, _ session: SessionPointer) -> ReassignOutcome {
        pointee.pool.lock()
        let pooled = pointee.pool.pointee.freeCount
        pointee.pool.unlock()
        guard pooled > 1, let page = takePage(.free) else { return .noSpare }
        addPage(page, pointee.slabClass(taker))
        pointee.pagesMoved.wrappingAdd(1, ordering: .relaxed)
        tellMove(from: 0, to: taker, session)
        return .started
    }

    /// Rule 1; nil if the class has no second page.
    private func listedPageToGive(_ slabClass: Int) -> Int? {
        let home = pointee.slabClass(slabClass)
        home.lock()
        defer { home.unlock() }
        guard home.pointee.pageCount > 1 else { return nil }
        for segment in [Segment.cold, .hot, .warm, .temp] {
            let tail = home.tailLocked(segment)
            if tail.isNone { continue }
            let page = pointee.arena.pageIndex(tail)
            if pointee.pages.owner(page) == PageOwner(slabClass) { return page }
        }
        return Int(home.pointee.pageList[0])
    }

    /// Whether as many pages are in use as the limit allows.
    var isFullWithoutPool: Bool {
        let pool = pointee.pool
        pool.lock()
        defer { pool.unlock() }
        return pool.pointee.usedCount >= allowedPagesLocked() && pool.pointee.freeCount == 0
    }

    /// Whether in use or in the pool there are as many as the limit allows.
    var isMemoryTaken: Bool {
        let pool = pointee.pool
        pool.lock()
        defer { pool.unlock() }
        return pool.pointee.usedCount + pool.pointee.freeCount >= allowedPagesLocked()
    }

    // MARK: Walking

    /// `walk` for a page of listed items.
    func walkListed(_ move: inout PageMove, chunks: Int, _ session: SessionPointer) -> PageMove.Outcome {
        if move.chunk == move.chunkCount, move.chunkCount > 0 {
            move.walks += 1
            move.chunk = 0
            move.busyItems = 0
            if move.walks > ListedMove.walksMax, isMemoryTaken { move.mayEvict = true }
            pointee.mover.pointee.held.pointee.move.mayEvict = move.mayEvict
        }
        let home = pointee.slabClass(move.giver)
        let end = Swift.min(move.chunkCount, move.chunk &+ chunks)
        while move.chunk < end {
            let handle = pointee.arena.handle(page: move.page, offset: move.chunk * home.pointee.chunkBytes)
            if let status = vacateListed(handle, home, move, session) {
                move.busyItems += 1
                move.lastStatus = status
            }
            move.chunk += 1
        }
        if move.chunk < move.chunkCount { return .underWay }
        if move.busyItems > 0 {
            pointee.itemsFoundBusy.wrappingAdd(move.busyItems, ordering: .relaxed)
            pointee.listedMoves.lastBusyStatus.store(move.lastStatus.rawValue, ordering: .relaxed)
        }
        if !endMove(move, home) { return move.walks < ListedMove.hastyWalksMax ? .underWay : .waiting }
        tellMove(from: move.giver, to: move.taker, session)
        return .ended
    }

    /// Empties a chunk, or says why it is not empty.
    private func vacateListed(
        _ handle: Handle, _ home: UnsafeMutablePointer<SlabClass>, _ move: PageMove, _ session: SessionPointer
    ) -> ListedMove.Status? {
        let item = pointee.arena.item(handle)
        let state = item.stateHint
        switch state.phase {
        case .free: return nil
        case .reserved, .detached: return .busyFloating
        case .linked: break
        }
        let isPart = item.access.isPart
        let head = isPart ? PartPointer(raw: item.raw).head : handle
        let hash = isPart ? PartPointer(raw: item.raw).keyHash : pointee.keyHash(item.key(state), item.keyLength)
        if pointee.pins.pointee.count.load(ordering: .relaxed) > 0, pointee.pins.pointee.contains(hash) {
            return .locked
        }
        let victim = Victim(handle: head, hash: hash, frequency: AccessWord.frequencyMax, ghost: .fromCold)
        if reclaimIfDead(victim, session) { return item.stateHint.phase == .free ? nil : .busyFloating }
        guard isPart || state.has(ItemState.isLarge) else {
            return relocateSmall(handle, hash, home, session) ? nil : withoutMemory()
        }
        return vacateLarge(handle, head, hash, isPart: isPart, home, move, session)
    }

    private func vacateLarge(
        _ handle: Handle, _ head: Handle, _ hash: UInt64, isPart: Bool, _ home: UnsafeMutablePointer<SlabClass>,
        _ move: PageMove, _ session: SessionPointer
    ) -> ListedMove.Status? {
        switch leaseForMove(head, hash, part: isPart ? handle : nil, keepsUnread: true, session) {
        case .gone:
            return .pass
        case .leased:
            let item = pointee.arena.item(head)
            if !isPart, item.large(item.stateHint).firstPart.isNone {
                _ = relocateLeased(handle, hash, home, session)
            } else if move.walks > ListedMove.walksMax {
                unlink(head, hash: hash, session)
                pointee.listedMoves.busyDeletes.wrappingAdd(1, ordering: .relaxed)
            }
            return .busyActive
        case .ours(let isWorthy):
            guard isWorthy else {
                endLease(head, session)
                unlink(head, hash: hash, session)
                return nil
            }
            let isSettled =
                isPart ? relocatePart(handle, head, hash, home, session) : relocateLarge(handle, hash, home, session)
            endLease(head, session)
            return isSettled ? nil : withoutMemory()
        }
    }

    private func withoutMemory() -> ListedMove.Status {
        pointee.listedMoves.busyWithoutMemory.wrappingAdd(1, ordering: .relaxed)
        return .fromLRU
    }

    /// Rule 4: takes a lease of its own, so that what is copied stays.
    private func relocateLeased(
        _ handle: Handle, _ hash: UInt64, _ home: UnsafeMutablePointer<SlabClass>, _ session: SessionPointer
    ) -> Bool {
        let stripe = pointee.table.stripe(hash)
        stripe.lock()
        let isThere = pointee.table.findLocked(handle, hash: hash) != nil
        if isThere {
            let item = pointee.arena.item(handle)
            item.large(item.state).acquire()
        }
        stripe.unlock()
        passHook()
        guard isThere else { return false }
        let isSettled = relocateLarge(handle, hash, home, evenLeased: true, session)
        endLease(handle, session)
        return isSettled
    }

    // MARK: Room

    /// Rule 3: a free chunk of the class, not yet entered anywhere. Taken in the hold in which `enter` is called.
    func takeListedForMove(
        _ home: UnsafeMutablePointer<SlabClass>, _ session: SessionPointer, enter: (Handle) -> Void
    ) -> Handle? {
        for attempt in 0...ListedMove.evictionsPerItem {
            home.lock()
            if let handle = home.takeChunkLocked(self) {
                enter(handle)
                home.unlock()
                passHook()
                return handle
            }
            if attempt == ListedMove.evictionsPerItem {
                home.unlock()
                return nil
            }
            let victim = home.chooseVictimLocked(self, now: session.pointee.now)
            home.unlock()
            passHook()
            if !isMemoryTaken, growListed(home) { continue }
            guard pointee.mover.pointee.held.pointee.move.mayEvict, pointee.settings.evicts, let victim else {
                return nil
            }
            guard let reason = evict(victim, session) else { continue }
            if pointee.pages.owner(pointee.arena.pageIndex(victim.handle)).isDraining {
                pointee.listedMoves.inlineReclaims.wrappingAdd(1, ordering: .relaxed)
            }
            freeItem(victim.handle, reason, now: session.pointee.now)
        }
        return nil
    }
}
