/// From a class without a free chunk to a chunk: the ladder.
///
/// 1. A free chunk of the class's pages.
/// 2. A page from the pool.
/// 3. Evict in the class, up to 8 candidates.
/// 4. The page in reserve, or one drained for it that another class had (PageDrain.swift).
/// 5. A chunk of a larger class: free, or by eviction there.
/// 6. What was made free may have gone to others, who were quicker: once more from the start, a few times.
/// 7. Only then is the store out of memory. With `-M` only steps 1, 2 and 5 without eviction, once.
///
/// Each step holds one lock at a time; between two steps anything may have happened, so each starts from what is there.
enum Ladder {
    static let roundsMax = 8
    static let candidatesMax = 8
    static let drainedPagesMax = 8
    static let largerClassesMax = 16
}

/// What became of a hint.
enum UnlinkOutcome: BitwiseCopyable {
    /// The item is detached and belongs to the caller.
    case owned
    /// The item is detached and belongs to its last lease.
    case leased
    /// The hint no longer holds.
    case gone
}

extension UnsafeMutablePointer where Pointee == StoreCore {
    /// A reserved chunk of at least the class's size, or nil. `admission` is nil for a part of a large item.
    @inline(__always)
    func allocate(_ slabClass: Int, _ admission: Admission?, _ session: SessionPointer) -> Handle? {
        if let handle = takeChunk(slabClass, admission, session) { return handle }
        return allocateSlow(slabClass, admission, session)
    }

    @inline(__always)
    func takeChunk(_ slabClass: Int, _ admission: Admission?, _ session: SessionPointer) -> Handle? {
        let home = pointee.slabClass(slabClass)
        home.lock()
        let handle = takeAdmittedLocked(home, admission, session)
        home.unlock()
        passHook()
        return handle
    }

    @inline(__always)
    private func takeAdmittedLocked(
        _ home: UnsafeMutablePointer<SlabClass>, _ admission: Admission?, _ session: SessionPointer
    ) -> Handle? {
        guard let handle = home.takeChunkLocked(self) else { return nil }
        let item = pointee.arena.item(handle)
        if let admission {
            home.admitLocked(handle, admission, self, now: session.pointee.now)
        } else {
            item.access = AccessWord(raw: AccessWord.partBit)
        }
        item.state = ItemState(raw: ItemState.Phase.reserved.rawValue)
        return handle
    }

    @inline(never)
    private func allocateSlow(_ slabClass: Int, _ admission: Admission?, _ session: SessionPointer) -> Handle? {
        let home = pointee.slabClass(slabClass)
        if pointee.geometry.keepsLists { return allocateListed(home, admission, session) }
        for _ in 0..<(pointee.settings.evicts ? Ladder.roundsMax : 1) {
            while let page = takePage(.free) {
                addPage(page, home)
                if let handle = takeChunk(slabClass, admission, session) { return handle }
            }
            if pointee.settings.evicts {
                meetLimitNowAndThen(session)
                if let handle = evictIn(home, admission, session) { return handle }
                if let handle = takeForeignPage(home, admission, session) { return handle }
            } else if let handle = evictIn(home, admission, session) {
                // Of what has expired.
                return handle
            }
            if let handle = takeLarger(slabClass, admission, session) { return handle }
        }
        return nil
    }

    /// Counts a store that found no chunk of the class, nor of any other that would do.
    @inline(never)
    func countOutOfMemory(_ slabClass: Int) {
        let home = pointee.slabClass(slabClass)
        home.lock()
        home.statistics.pointee.outOfMemory += 1
        home.unlock()
    }

    /// Leaves a ghost of what is evicted, if the policy has any use for it. The lock of the hash's stripe is held.
    @inline(__always)
    func rememberLocked(_ hash: UInt64, _ kind: GhostRow.Kind) {
        if pointee.settings.eviction.hasGhosts { pointee.table.ghostHome(hash).remember(hash, kind) }
    }

    func addPage(_ page: Int, _ home: UnsafeMutablePointer<SlabClass>) {
        home.lock()
        home.addPageLocked(page, self)
        home.unlock()
    }

    /// Step 3.
    func evictIn(
        _ home: UnsafeMutablePointer<SlabClass>, _ admission: Admission?, _ session: SessionPointer
    ) -> Handle? {
        for _ in 0..<Ladder.candidatesMax {
            home.lock()
            if let handle = takeAdmittedLocked(home, admission, session) {
                home.unlock()
                return handle
            }
            let victim = home.chooseVictimLocked(self, now: session.pointee.now)
            home.unlock()
            passHook()
            guard let victim, let reason = evict(victim, session) else { continue }

            let item = pointee.arena.item(victim.handle)
            let chunks = 1 &+ freeParts(item)
            let isOwn = pointee.pages.slabClass(pointee.arena.pageIndex(victim.handle)) == Int(home.pointee.index)
            // The victim of a part that was met: its head stands in another class.
            if !isOwn { freeChunk(victim.handle, reason, now: session.pointee.now) }
            home.lock()
            var emptied: Int?
            if isOwn {
                home.leaveLocked(item, self, reason, now: session.pointee.now)
                emptied = home.putChunkLocked(victim.handle, self)
            }
            let handle = takeAdmittedLocked(home, admission, session)
            let evictions = home.countEvictionLocked(chunks: chunks)
            home.unlock()
            if let emptied { givePage(emptied) }
            passHook()
            if evictions > 0 { considerMove(to: Int(home.pointee.index), evictions, session) }
            if pointee.mover.pointee.workersHelp.load(ordering: .relaxed) { _ = advanceMove(session) }
            if let handle { return handle }
        }
        return nil
    }

    /// Step 4.
    private func takeForeignPage(
        _ home: UnsafeMutablePointer<SlabClass>, _ admission: Admission?, _ session: SessionPointer
    ) -> Handle? {
        if let page = takePage(.reserve) {
            addPage(page, home)
            if let handle = takeChunk(Int(home.pointee.index), admission, session) { return handle }
        }
        for _ in 0..<Ladder.drainedPagesMax {
            let excluded = Int(home.pointee.index)
            guard drainCheapestPage(except: excluded, session) || drainNextPage(except: excluded, session) else {
                return nil
            }
            if let page = takePage(.drained) { addPage(page, home) }
            if let handle = takeChunk(Int(home.pointee.index), admission, session) { return handle }
        }
        return nil
    }

    /// Step 5.
    private func takeLarger(_ slabClass: Int, _ admission: Admission?, _ session: SessionPointer) -> Handle? {
        let last = pointee.geometry.classCount
        if slabClass >= last { return nil }
        for larger in slabClass + 1...last {
            if let handle = takeChunk(larger, admission, session) { return handle }
        }
        guard pointee.settings.evicts else { return nil }
        var tried = 0
        for larger in slabClass + 1...last where pointee.slabClass(larger).pageCountHint > 0 {
            if let handle = evictIn(pointee.slabClass(larger), admission, session) { return handle }
            tried += 1
            if tried == Ladder.largerClassesMax { break }
        }
        return nil
    }

    /// Carries out a victim's hint: under the stripe lock the item must still be there, not hit again, not leased.
    /// Returns why it left, with the detached item now the caller's; nil if the hint no longer holds.
    func evict(_ victim: Victim, _ session: SessionPointer) -> LeaveReason? {
        let stripe = pointee.table.stripe(victim.hash)
        stripe.lock()
        guard let slot = pointee.table.findLocked(victim.handle, hash: victim.hash) else {
            stripe.unlock()
            return nil
        }
        let item = pointee.arena.item(victim.handle)
        let state = item.state
        let dead = deathLocked(item, state, stripe, now: session.pointee.now) != nil
        let isLeased = state.has(ItemState.isLarge) && item.large(state).leases.pointee.load(ordering: .relaxed) > 1
        if isLeased || (!dead && (item.access.frequency > victim.frequency || !pointee.settings.evicts)) {
            stripe.unlock()
            return nil
        }
        let reason: LeaveReason = dead ? .reclaimed : item.expiry(state) == 0 ? .evicted : .evictedMortal
        if !dead {
            rememberLocked(victim.hash, victim.ghost)
            tellEvictionLocked(victim.handle, item, state, session)
        }
        let owned = unlinkLocked(slot, hash: victim.hash, item, state, session)
        stripe.unlock()
        passHook()
        return owned ? reason : nil
    }
}
