/// delete, md.
extension StoreSession {
    /// Removes an item; with `compareToken` only that version of it.
    package func delete(_ key: ItemKey, compareToken: ComparedToken? = nil) -> DeleteOutcome {
        let stripe = core.pointee.table.stripe(key.hash)
        guard let slot = lockAndFind(key, stripe, isLookup: true) else {
            stripe.unlock()
            core.passHook()
            return DeleteOutcome(.notFound)
        }
        let handle = slot.handle
        let item = core.pointee.arena.item(handle)
        let slabClass = slabClass(of: handle)
        if let compareToken, !compareToken.matches(item.token) {
            stripe.unlock()
            core.passHook()
            return DeleteOutcome(.exists, slabClass: slabClass)
        }
        let owned = core.unlinkLocked(slot, hash: key.hash, item, item.state, state)
        stripe.unlock()
        core.passHook()
        if owned { core.freeItem(handle, .dropped, now: state.pointee.now) }
        return DeleteOutcome(.done, slabClass: slabClass)
    }

    /// Marks an item stale, empties it, or both. It gets a new token either way.
    package func invalidate(_ key: ItemKey, _ request: InvalidateRequest) -> DeleteOutcome {
        let stripe = core.pointee.table.stripe(key.hash)
        while true {
            guard let slot = lockAndFind(key, stripe, isLookup: true) else {
                stripe.unlock()
                core.passHook()
                return DeleteOutcome(.notFound)
            }
            let item = core.pointee.arena.item(slot.handle)
            let slabClass = slabClass(of: slot.handle)
            if let compare = request.compareToken, !compare.matches(item.token) {
                stripe.unlock()
                core.passHook()
                return DeleteOutcome(.exists, slabClass: slabClass)
            }
            if invalidateLocked(slot, item, request, stripe) {
                stripe.unlock()
                core.passHook()
                return DeleteOutcome(.done, slabClass: slabClass)
            }
            let version = captureLocked(slot.handle, item)
            stripe.unlock()
            core.passHook()
            let rebuild = Rebuild(
                prefix: nil, keepsValue: !request.dropsValue, suffix: nil,
                length: request.dropsValue ? 0 : version.length,
                flags: request.dropsValue ? request.clientFlags : version.flags,
                explicitToken: request.explicitToken, newExpiry: request.newExpiry, marksStale: request.marksStale)
            switch publishRebuilt(key, version, rebuild).result {
            case .stored: return DeleteOutcome(.done, slabClass: slabClass)
            case .exists: continue
            default: return DeleteOutcome(.noMemory)
            }
        }
    }

    /// In place, unless a leased value would change or a word is missing.
    private func invalidateLocked(
        _ slot: Slot, _ item: ItemPointer, _ request: InvalidateRequest, _ stripe: UnsafeMutablePointer<Stripe>
    ) -> Bool {
        let itemState = item.state
        if request.dropsValue, itemState.has(ItemState.isLarge) || state.pointee.notes != nil { return false }
        if request.explicitToken != nil, !itemState.has(ItemState.hasSequence) { return false }
        if (request.newExpiry ?? 0) != 0, !itemState.has(ItemState.hasExpiry) { return false }
        if request.dropsValue, request.clientFlags != 0, !itemState.has(ItemState.hasFlags) { return false }

        if request.dropsValue {
            core.account(slot.handle, bytes: -item.smallLength, state)
            item.smallLength = 0
            if itemState.has(ItemState.hasFlags) { item.setClientFlags(request.clientFlags, itemState) }
        }
        renewTokenLocked(item, request.explicitToken, stripe)
        if request.marksStale { item.state = ItemState(raw: item.state.raw | ItemState.isStale) }
        if let newExpiry = request.newExpiry, itemState.has(ItemState.hasExpiry) {
            item.setExpiry(newExpiry)
            core.noteExpiry(slot.handle, newExpiry, now: state.pointee.now)
        }
        core.sealLocked(slot.handle, item, item.state)
        return true
    }
}
