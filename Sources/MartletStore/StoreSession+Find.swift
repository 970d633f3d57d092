/// Finding items: get, gets, gat, touch, mg, me.
extension StoreSession {
    /// Finds the item of a key and holds it; nil for a miss.
    ///
    /// `bump` counts the access for eviction and marks the item fetched. `newExpiry` gives it another expiry (0 for
    /// never). An item that cannot get one for lack of memory is dropped: losing it is allowed, living too long is not.
    package func hold(_ key: ItemKey, bump: Bool = true, newExpiry: UInt32? = nil) -> ItemHold? {
        let stripe = core.pointee.table.stripe(key.hash)
        stripe.lock()
        guard let slot = core.pointee.table.findLocked(key) else {
            stripe.unlock()
            return nil
        }
        let handle = slot.handle
        let item = core.pointee.arena.item(handle)
        let itemState = item.state
        if let death = core.deathLocked(item, itemState, stripe, now: state.pointee.now) {
            buryFoundLocked(slot, key.hash, stripe, death)
            return nil
        }
        let expiryBefore = item.expiry(itemState)
        if let newExpiry, !renewLocked(handle, item, itemState, newExpiry) {
            stripe.unlock()
            core.passHook()
            return holdRebuilt(key, bump: bump, newExpiry)
        }
        var before = item.access
        if bump {
            let hit = countHit(item)
            before = hit.before
            if hit.isCold {
                countColdHit(handle, item, itemState)
            } else {
                state.pointee.counters.coldHits[0].addAlone(1)
            }
        }
        return ItemHold(
            stripe: stripe, store: core, handle: handle, item: item, state: itemState, before: before,
            now: state.pointee.now, expiryBefore: expiryBefore, isVivified: false)
    }

    /// Counts a hit on a COLD item for the page mover, which asks what a page of the class is worth to it. The last
    /// part of a large item stands for its class as the head for its own: an item is worth nothing without either.
    @inline(__always)
    private func countColdHit(_ handle: Handle, _ item: ItemPointer, _ itemState: ItemState) {
        let slabClass = slabClass(of: handle)
        state.pointee.counters.coldHits[slabClass].addAlone(1)
        if itemState.has(ItemState.isLarge), !item.large(itemState).firstPart.isNone {
            let last = core.lastPartClass(total: item.valueLength(itemState), inline: item.large(itemState).inlineBytes)
            if last != slabClass { state.pointee.counters.coldHits[last].addAlone(1) }
        }
    }

    /// Meta `N` on a miss: holds a new, empty item with its win given to the caller, or the item that somebody else
    /// made in between; nil if there is no memory.
    package func vivify(_ key: ItemKey, expiry: UInt32, explicitToken: UInt64?) -> ItemHold? {
        let request = StoreRequest(mode: .add, expiry: expiry, explicitToken: explicitToken)
        let stripe = core.pointee.table.stripe(key.hash)
        while true {
            if let held = hold(key) { return held }
            stripe.lock()
            let admission = admissionOfAbsentLocked(key)
            stripe.unlock()
            core.passHook()
            guard let new = core.makeItem(key, 0, ItemShape(request), admission, state) else { return nil }
            if lockAndFind(key, stripe) == nil { return linkVivifiedLocked(new, key, request, stripe) }
            stripe.unlock()
            core.passHook()
            core.freeItem(new, .dropped, now: state.pointee.now)
        }
    }

    /// Links an empty item and goes on holding it: nobody sees it before its win is given out.
    private func linkVivifiedLocked(
        _ new: Handle, _ key: ItemKey, _ request: StoreRequest, _ stripe: UnsafeMutablePointer<Stripe>
    ) -> ItemHold? {
        let item = core.pointee.arena.item(new)
        guard core.pointee.table.insertLocked(new, hash: key.hash) else {
            stripe.unlock()
            core.freeItem(new, .dropped, now: state.pointee.now)
            return nil
        }
        let itemState = finishLocked(item, request.explicitToken, request.expiry, stripe, marks: ItemState.isWinSent)
        core.linkLocked(new, item, itemState, state)
        if core.pointee.table.wantsGrowthLocked(stripe) { growLocked(key.hash) }
        core.noteExpiry(new, request.expiry, now: state.pointee.now)
        state.pointee.counters.itemsStored.addAlone(1)
        return ItemHold(
            stripe: stripe, store: core, handle: new, item: item, state: item.state, before: item.access,
            now: state.pointee.now, expiryBefore: request.expiry, isVivified: true)
    }

    /// Takes a dead item out that a look-up has met, and counts what was found.
    @inline(never)
    private func buryFoundLocked(
        _ slot: Slot, _ hash: UInt64, _ stripe: UnsafeMutablePointer<Stripe>, _ death: Death
    ) {
        switch death {
        case .expired: state.pointee.counters.foundExpired.addAlone(1)
        case .flushed: state.pointee.counters.foundFlushed.addAlone(1)
        }
        buryLocked(slot, hash, stripe, .dropped)
    }

    /// Takes a dead item out, gives up the lock and frees it.
    @inline(never)
    private func buryLocked(
        _ slot: Slot, _ hash: UInt64, _ stripe: UnsafeMutablePointer<Stripe>, _ reason: LeaveReason
    ) {
        let handle = slot.handle
        let item = core.pointee.arena.item(handle)
        let owned = core.unlinkLocked(slot, hash: hash, item, item.state, state)
        stripe.unlock()
        core.passHook()
        if owned { core.freeItem(handle, reason, now: state.pointee.now) }
    }

    /// Locks the stripe of `key` and finds its living item; a dead one is taken out first. The lock is held on return.
    ///
    /// A store makes use of what a dead item leaves, so it is reclaimed; whoever only looks (`isLookup`) has found it
    /// dead.
    @inline(__always)
    func lockAndFind(_ key: ItemKey, _ stripe: UnsafeMutablePointer<Stripe>, isLookup: Bool = false) -> Slot? {
        while true {
            stripe.lock()
            guard let slot = core.pointee.table.findLocked(key) else { return nil }
            let item = core.pointee.arena.item(slot.handle)
            guard let death = core.deathLocked(item, item.state, stripe, now: state.pointee.now) else { return slot }
            if isLookup {
                buryFoundLocked(slot, key.hash, stripe, death)
            } else {
                buryLocked(slot, key.hash, stripe, .reclaimed)
            }
        }
    }

    /// Gives a linked item another expiry in place. Returns false if it has no word for one.
    @inline(__always)
    private func renewLocked(_ handle: Handle, _ item: ItemPointer, _ itemState: ItemState, _ expiry: UInt32) -> Bool {
        guard itemState.has(ItemState.hasExpiry) else { return expiry == 0 }
        item.setExpiry(expiry)
        core.sealLocked(handle, item, itemState)
        core.noteExpiry(handle, expiry, now: state.pointee.now)
        return true
    }

    /// Holds an item after giving it room for an expiry.
    @inline(never)
    private func holdRebuilt(_ key: ItemKey, bump: Bool, _ expiry: UInt32) -> ItemHold? {
        rebuildWithExpiry(key)
        return hold(key, bump: bump, newExpiry: expiry)
    }

    /// Publishes the item anew, with an expiry word and the same token. Only small items lack the word.
    private func rebuildWithExpiry(_ key: ItemKey) {
        let stripe = core.pointee.table.stripe(key.hash)
        while let snapshot = snapshotSmall(key, stripe) {
            let shape = ItemShape(
                flags: snapshot.flags, hasExpiry: true, hasSequence: snapshot.state.has(ItemState.hasSequence))
            let admission = Admission(segment: .warm, ghost: nil)
            guard let new = core.makeItem(key, snapshot.length, shape, admission, state) else {
                _ = delete(key)
                return
            }
            let item = core.pointee.arena.item(new)
            item.value(item.state).copyMemory(from: state.pointee.scratch, byteCount: snapshot.length)
            if replaceUnchanged(key, stripe, snapshot, with: new) { return }
            core.freeItem(new, .dropped, now: state.pointee.now)
        }
    }

    private struct Snapshot: BitwiseCopyable {
        let handle: Handle
        let state: ItemState
        let token: UInt64
        let sequence: UInt64
        let flags: UInt32
        let length: Int
    }

    /// Copies a small item without expiry word into the scratch space; nil if there is none (any more).
    private func snapshotSmall(_ key: ItemKey, _ stripe: UnsafeMutablePointer<Stripe>) -> Snapshot? {
        let slot = lockAndFind(key, stripe)
        defer {
            stripe.unlock()
            core.passHook()
        }
        guard let slot else { return nil }
        let item = core.pointee.arena.item(slot.handle)
        let itemState = item.state
        if itemState.has(ItemState.hasExpiry) { return nil }
        state.pointee.scratch.copyMemory(from: item.value(itemState), byteCount: item.smallLength)
        return Snapshot(
            handle: slot.handle, state: itemState, token: item.token, sequence: item.sequence(itemState),
            flags: item.clientFlags(itemState), length: item.smallLength)
    }

    /// Puts `new` in the place of the item that the snapshot shows, if it is still that item in that version.
    private func replaceUnchanged(
        _ key: ItemKey, _ stripe: UnsafeMutablePointer<Stripe>, _ snapshot: Snapshot, with new: Handle
    ) -> Bool {
        guard let slot = lockAndFind(key, stripe) else {
            stripe.unlock()
            core.passHook()
            return false
        }
        let old = core.pointee.arena.item(slot.handle)
        guard slot.handle == snapshot.handle, old.sequence(old.state) == snapshot.sequence,
            old.token == snapshot.token
        else {
            stripe.unlock()
            core.passHook()
            return false
        }
        let item = core.pointee.arena.item(new)
        var itemState = item.state
        itemState.raw |= old.state.raw & (ItemState.isStale | ItemState.isWinSent)
        item.token = snapshot.token
        item.setSequence(snapshot.sequence, itemState)
        item.inheritAccess(old)
        core.takeOverLocked(slot, new, item, itemState, state)
        let owned = core.detachLocked(snapshot.handle, old, old.state, state)
        stripe.unlock()
        core.passHook()
        if owned { core.freeItem(snapshot.handle, .dropped, now: state.pointee.now) }
        return true
    }
}
