/// Changing what is there: append, prepend, and every change that an item has no room for.
///
/// 1. In place under one hold, if the chunk has the room and the words.
/// 2. Otherwise the item's version is captured (small values copied, large ones leased), a new item is built from it
///    with no lock held, and published only if the item still is that version. If not, another writer has advanced:
///    again.
extension StoreSession {
    /// The bytes that an append or prepend adds: in memory, or in a reservation.
    enum AddedValue: BitwiseCopyable {
        case bytes(UnsafeRawBufferPointer)
        /// A complete, reserved item.
        case item(Handle)
    }

    func extend(_ key: ItemKey, _ value: UnsafeRawBufferPointer, _ request: StoreRequest) -> StoreOutcome {
        // As a reservation would be, before anything else is asked.
        if isTooLarge(keyCount: key.count, valueLength: value.count) { return StoreOutcome(.tooLarge) }
        return extend(key, .bytes(value), value.count, request)
    }

    func extend(_ key: ItemKey, _ reservation: consuming ItemReservation, _ request: StoreRequest) -> StoreOutcome {
        let total = reservation.total
        let head = reservation.take()
        let outcome = extend(key, .item(head), total, request)
        core.freeItem(head, .dropped, now: state.pointee.now)
        return outcome
    }

    private func extend(_ key: ItemKey, _ added: AddedValue, _ count: Int, _ request: StoreRequest) -> StoreOutcome {
        let stripe = core.pointee.table.stripe(key.hash)
        while true {
            guard let slot = lockAndFind(key, stripe) else {
                stripe.unlock()
                core.passHook()
                guard let outcome = vivifyExtended(key, added, count, request) else { continue }
                return outcome
            }
            let item = core.pointee.arena.item(slot.handle)
            let verdict = judgeLocked(item, request)
            if verdict.result != .stored {
                stripe.unlock()
                core.passHook()
                return StoreOutcome(verdict.result)
            }
            let total = item.valueLength(item.state) + count
            if isTooLarge(keyCount: key.count, valueLength: total) {
                stripe.unlock()
                core.passHook()
                return StoreOutcome(.tooLarge)
            }
            if let outcome = extendLocked(slot, item, key, added, total, request, stripe) {
                stripe.unlock()
                core.passHook()
                return outcome
            }
            let version = captureLocked(slot.handle, item)
            stripe.unlock()
            core.passHook()
            let isAppend = request.mode == .append
            let rebuilt = Rebuild(
                prefix: isAppend ? nil : added, keepsValue: true, suffix: isAppend ? added : nil, length: total,
                flags: version.flags, explicitToken: request.explicitToken)
            let outcome = publishRebuilt(key, version, rebuilt)
            if outcome.result != .exists { return outcome }
        }
    }

    /// Meta `N` with append or prepend on a miss; nil if an item has appeared meanwhile.
    private func vivifyExtended(
        _ key: ItemKey, _ added: AddedValue, _ count: Int, _ request: StoreRequest
    ) -> StoreOutcome? {
        guard let expiry = request.vivifyExpiry else { return StoreOutcome(Self.judgeAbsence(request)) }
        let shape = ItemShape(
            flags: request.clientFlags, hasExpiry: true, hasSequence: request.explicitToken != nil)
        guard let new = build(key, shape, count, { $0.add(added) }) else { return StoreOutcome(.noMemory) }
        let addition = StoreRequest(
            mode: .add, clientFlags: request.clientFlags, expiry: expiry, explicitToken: request.explicitToken)
        let outcome = publish(new, key, addition, nil)
        return outcome.result == .notStored ? nil : outcome
    }

    /// Rule 1; nil if it does not fit.
    private func extendLocked(
        _ slot: Slot, _ item: ItemPointer, _ key: ItemKey, _ added: AddedValue, _ total: Int, _ request: StoreRequest,
        _ stripe: UnsafeMutablePointer<Stripe>
    ) -> StoreOutcome? {
        let itemState = item.state
        let slabClass = slabClass(of: slot.handle)
        guard case .bytes(let bytes) = added, !itemState.has(ItemState.isLarge),
            total <= core.pointee.geometry.smallValueBytesMax, state.pointee.notes == nil,
            itemState.keyOffset + key.count + total <= Int(core.pointee.geometry.chunkBytes[slabClass]),
            request.explicitToken == nil || itemState.has(ItemState.hasSequence)
        else { return nil }

        let length = item.smallLength
        let value = item.value(itemState)
        if let start = bytes.baseAddress {
            if request.mode == .append {
                (value + length).copyMemory(from: start, byteCount: bytes.count)
            } else {
                (value + bytes.count).copyMemory(from: value, byteCount: length)
                value.copyMemory(from: start, byteCount: bytes.count)
            }
        }
        item.smallLength = total
        core.account(slot.handle, bytes: bytes.count, state)
        renewTokenLocked(item, request.explicitToken, stripe)
        core.sealLocked(slot.handle, item, item.state)
        markStored(item)
        state.pointee.counters.itemsStored.addAlone(1)
        return StoreOutcome(.stored, token: item.token, valueLength: total, slabClass: slabClass)
    }

    /// Gives a changed item its new token; stale and win marks end with the old value.
    func renewTokenLocked(_ item: ItemPointer, _ explicit: UInt64?, _ stripe: UnsafeMutablePointer<Stripe>) {
        let sequence = stripe.issueTokenLocked()
        item.setSequence(sequence, item.state)
        item.token = explicit ?? sequence
        if let explicit { stripe.raiseSequenceLocked(to: explicit) }
        item.state = ItemState(raw: item.state.raw & ~(ItemState.isStale | ItemState.isWinSent))
    }
}
