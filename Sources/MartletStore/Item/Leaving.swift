/// How items leave: out of the bucket under the stripe lock, then, once nobody can reach them, back to their class.
///
/// The two steps never overlap: between them the item is detached and belongs to the thread that unlinked it, or to the
/// last of its leases.
enum LeaveReason: UInt8, BitwiseCopyable {
    /// Deleted, replaced, never published, or given up by its last lease.
    case dropped
    /// Expired or flushed; met by a store of the same key, or by one that needed room.
    case reclaimed
    /// The same, met by the crawler.
    case crawled
    case evicted
    /// Evicted although it had an expiry.
    case evictedMortal
}

extension UnsafeMutablePointer where Pointee == StoreCore {
    /// Why an item counts as absent, or nil if it lives. The caller holds the stripe lock.
    @inline(__always)
    func deathLocked(
        _ item: ItemPointer, _ state: ItemState, _ stripe: UnsafeMutablePointer<Stripe>, now: UInt32
    ) -> Death? {
        let expiry = item.expiry(state)
        if expiry != 0, expiry <= now { return .expired }
        if stripe.pointee.flushedThrough != 0, item.sequence(state) <= stripe.pointee.flushedThrough { return .flushed }
        return nil
    }

    /// Takes a linked item out of its bucket. Returns whether the caller now owns it (else its last lease does).
    func unlinkLocked(
        _ slot: Slot, hash: UInt64, _ item: ItemPointer, _ state: ItemState, _ session: SessionPointer
    ) -> Bool {
        let handle = slot.handle
        pointee.table.removeLocked(slot, hash: hash)
        return detachLocked(handle, item, state, session)
    }

    /// The half of unlinking that does not concern the bucket, for an item whose slot was taken over by another.
    @inline(__always)
    func detachLocked(_ handle: Handle, _ item: ItemPointer, _ state: ItemState, _ session: SessionPointer) -> Bool {
        account(handle, bytes: -itemBytes(item, state), session)
        item.state = state.with(phase: .detached)
        return !state.has(ItemState.isLarge) || item.large(state).release()
    }

    /// Counts bytes of linked items in the class of `handle`.
    @inline(__always)
    func account(_ handle: Handle, bytes: Int, _ session: SessionPointer) {
        let slabClass = pointee.pages.slabClass(pointee.arena.pageIndex(handle))
        session.pointee.counters.requestedBytes[slabClass].addAlone(bytes)
    }

    /// Frees a detached or never published item with all its parts. No lock is held.
    func freeItem(_ handle: Handle, _ reason: LeaveReason, now: UInt32) {
        freeParts(pointee.arena.item(handle))
        freeChunk(handle, reason, now: now)
    }

    /// Frees the parts of an item, first to last; before the head, so that a part's head is never a stranger. Returns
    /// how many there were.
    @inline(__always)
    @discardableResult
    func freeParts(_ item: ItemPointer) -> Int {
        let state = item.state
        return state.has(ItemState.isLarge) ? freePartsOfLarge(item, state) : 0
    }

    @inline(never)
    private func freePartsOfLarge(_ item: ItemPointer, _ state: ItemState) -> Int {
        var count = 0
        var part = item.large(state).firstPart
        while !part.isNone {
            let next = PartPointer(raw: pointee.arena.address(part)).next
            freeChunk(part, .dropped, now: 0)
            part = next
            count += 1
        }
        return count
    }

    /// Frees one chunk: an item's, counted out of its segment, or a part's.
    func freeChunk(_ handle: Handle, _ reason: LeaveReason, now: UInt32) {
        let home = pointee.slabClass(pointee.pages.slabClass(pointee.arena.pageIndex(handle)))
        home.lock()
        home.leaveLocked(pointee.arena.item(handle), self, reason, now: now)
        let emptied = home.putChunkLocked(handle, self)
        home.unlock()
        if let emptied { givePage(emptied) }
        passHook()
    }
}

extension UnsafeMutablePointer where Pointee == SlabClass {
    /// Counts an item that is about to be freed. Parts are in no segment.
    @inline(__always)
    func leaveLocked(_ item: ItemPointer, _ store: StorePointer, _ reason: LeaveReason, now: UInt32) {
        let access = item.access
        if access.isPart { return }
        if _slowPath(pointee.keepsLists) { unlistLeavingLocked(item, store) }
        countLocked(access.segment, -1)
        if reason != .dropped { countLossLocked(access, reason, now: now) }
    }

    private func countLossLocked(_ access: AccessWord, _ reason: LeaveReason, now: UInt32) {
        switch reason {
        case .dropped:
            return
        case .reclaimed, .crawled:
            if reason == .crawled {
                statistics.pointee.crawlerReclaimed &+= 1
            } else {
                statistics.pointee.reclaimed &+= 1
            }
            if !access.isFetched { statistics.pointee.expiredUnfetched &+= 1 }
        case .evicted, .evictedMortal:
            statistics.pointee.evicted &+= 1
            statistics.pointee.directReclaims &+= 1
            if reason == .evictedMortal { statistics.pointee.evictedNonzero &+= 1 }
            if !access.isFetched { statistics.pointee.evictedUnfetched &+= 1 }
            if access.frequency >= (pointee.keepsLists ? ItemLists.activeFrequency : 1) {
                statistics.pointee.evictedActive &+= 1
            }
            statistics.pointee.evictedSeconds = Int(now &- access.lastAccess(now: now))
        }
    }
}
