/// Storing values: set, add, replace, cas, ms.
///
/// 1. Under the stripe lock the condition is judged. An item of the same shape and class is overwritten in place: one
///    hold, done.
/// 2. Otherwise a chunk is allocated and written with no stripe held, and published in a second hold, in which the
///    condition is judged again: anything may have happened in between.
extension StoreSession {
    /// Stores a value that is wholly in memory. `.tooLarge` leaves the old item alone.
    package func store(_ key: ItemKey, _ value: UnsafeRawBufferPointer, _ request: StoreRequest) -> StoreOutcome {
        switch request.mode {
        case .append, .prepend:
            return extend(key, value, request)
        case .set, .add, .replace:
            if value.count <= core.pointee.geometry.smallValueBytesMax { return storeSmall(key, value, request) }
            return storeLarge(key, value, request)
        }
    }

    /// Memory for a value that is still arriving. Client flags and expiry of the store to come decide where the item
    /// stands; they may be wrong, for want of knowledge.
    package func reserve(
        _ key: ItemKey, valueLength: Int, clientFlags: UInt32 = 0, expiry: UInt32 = 0
    ) -> ReserveOutcome {
        let request = StoreRequest(mode: .set, clientFlags: clientFlags, expiry: expiry)
        return reserve(key, valueLength: valueLength, request, isBounded: true)
    }

    private func reserve(
        _ key: ItemKey, valueLength: Int, _ request: StoreRequest, isBounded: Bool
    ) -> ReserveOutcome {
        let admission = admission(admission(of: key), request)
        if isTooLarge(keyCount: key.count, valueLength: valueLength) { return .tooLarge }
        let made: Handle?
        if valueLength > core.pointee.geometry.smallValueBytesMax {
            if isBounded, !core.mayReserve(beyond: 0, state) { return .noRoom }
            made = core.makeLargeHead(
                key, valueLength, admission, state, hasFlags: request.clientFlags != 0)
        } else {
            // Whatever the request will want is there.
            var shape = ItemShape(flags: 1, hasExpiry: true, hasSequence: true)
            shape.flags = request.clientFlags
            made = core.makeItem(key, valueLength, shape, admission, state)
        }
        guard let made else { return .noMemory }
        return .reserved(
            ItemReservation(session: state, head: made, hash: key.hash, total: valueLength, isBounded: isBounded))
    }

    /// Stores what a reservation has received; it must be complete. The key is the one it was made for.
    package func commit(_ reservation: consuming ItemReservation, _ request: StoreRequest) -> StoreOutcome {
        precondition(reservation.remaining == 0, "a value is committed before it is complete")
        let item = core.pointee.arena.item(reservation.head)
        let key = ItemKey(bytes: item.key(item.state), count: item.keyLength, hash: reservation.hash)
        switch request.mode {
        case .append, .prepend:
            return extend(key, reservation, request)
        case .set, .add, .replace:
            let head = reservation.take()
            if item.state.has(ItemState.hasFlags) { item.setClientFlags(request.clientFlags, item.state) }
            return publish(head, key, request, nil)
        }
    }

    // MARK: Steps

    /// A value of at most 4096 bytes, any mode but append and prepend.
    func storeSmall(_ key: ItemKey, _ value: UnsafeRawBufferPointer, _ request: StoreRequest) -> StoreOutcome {
        let shape = ItemShape(request)
        let size = shape.size(keyCount: key.count, valueLength: value.count)
        if isTooLarge(keyCount: key.count, valueLength: value.count) { return StoreOutcome(.tooLarge) }

        let stripe = core.pointee.table.stripe(key.hash)
        var outcome: StoreOutcome?
        var admission = Admission.fresh
        if let slot = lockAndFind(key, stripe) {
            let item = core.pointee.arena.item(slot.handle)
            let verdict = judgeLocked(item, request)
            if verdict.result == .stored {
                outcome = overwriteLocked(slot, item, key, value, request, shape, size, verdict, stripe)
                if outcome == nil { admission = Self.admission(replacing: item.access) }
            } else {
                outcome = refuseLocked(slot, item, verdict)
            }
        } else {
            let refusal = Self.judgeAbsence(request)
            if refusal == .stored { admission = admissionOfAbsentLocked(key) } else { outcome = StoreOutcome(refusal) }
        }
        stripe.unlock()
        core.passHook()
        if let outcome { return outcome }
        let placed = self.admission(admission, request)
        guard let new = core.makeItem(key, value.count, shape, placed, state) else { return StoreOutcome(.noMemory) }
        let item = core.pointee.arena.item(new)
        if let start = value.baseAddress {
            item.value(item.state).copyMemory(from: start, byteCount: value.count)
        }
        return publish(new, key, request, nil)
    }

    private func storeLarge(_ key: ItemKey, _ value: UnsafeRawBufferPointer, _ request: StoreRequest) -> StoreOutcome {
        // It is here at once, whatever others are waiting for.
        switch reserve(key, valueLength: value.count, request, isBounded: false) {
        case .tooLarge:
            return StoreOutcome(.tooLarge)
        case .noMemory:
            return StoreOutcome(.noMemory)
        case .noRoom:
            return StoreOutcome(.noMemory)
        case .reserved(var reservation):
            guard reservation.append(value) else { return StoreOutcome(.noMemory) }
            return commit(reservation, request)
        }
    }

    /// Second hold of a store: judges again and links the written item, or frees it. With a `succession` the item found
    /// must be the version it names (else `.exists`, which then means: try again).
    func publish(_ new: Handle, _ key: ItemKey, _ request: StoreRequest, _ succession: Succession?) -> StoreOutcome {
        var expiry = request.expiry
        let stripe = core.pointee.table.stripe(key.hash)
        let item = core.pointee.arena.item(new)
        let slot = lockAndFind(key, stripe)
        let old = slot.map { core.pointee.arena.item($0.handle) }
        var verdict = old.map { judgeLocked($0, request) } ?? Verdict(Self.judgeAbsence(request))
        var marks: UInt8 = verdict.isStale ? ItemState.isWinSent : 0
        var keepsExpiry = verdict.isStale
        if let succession {
            verdict = judgeLocked(old, item, succession)
            marks = succession.keptMarks
            keepsExpiry = succession.keepsExpiry
        }
        marks &= old?.state.raw ?? 0
        if verdict.isStale { marks |= ItemState.isStale }
        if keepsExpiry, let old { expiry = old.expiry(old.state) }
        if verdict.result != .stored {
            if let slot, let old { _ = refuseLocked(slot, old, verdict) }
            stripe.unlock()
            core.passHook()
            core.freeItem(new, .dropped, now: state.pointee.now)
            return StoreOutcome(verdict.result)
        }

        let itemState = finishLocked(item, request.explicitToken, expiry, stripe, marks: marks)
        var displaced: Handle?
        if let slot, let old {
            let handle = slot.handle
            core.takeOverLocked(slot, new, item, itemState, state)
            if core.detachLocked(handle, old, old.state, state) { displaced = handle }
        } else if core.pointee.table.insertLocked(new, hash: key.hash) {
            core.linkLocked(new, item, itemState, state)
            if core.pointee.table.wantsGrowthLocked(stripe) { growLocked(key.hash) }
        } else {
            stripe.unlock()
            core.freeItem(new, .dropped, now: state.pointee.now)
            return StoreOutcome(.noMemory)
        }
        let outcome = StoreOutcome(
            .stored, token: item.token, valueLength: item.valueLength(itemState), slabClass: slabClass(of: new),
            expiry: expiry)
        stripe.unlock()
        core.passHook()

        state.pointee.counters.itemsStored.addAlone(1)
        core.noteExpiry(new, expiry, now: state.pointee.now)
        if let displaced { core.freeItem(displaced, .dropped, now: state.pointee.now) }
        return outcome
    }

    /// Whether a rebuilt item may still take the place of what it was built from.
    private func judgeLocked(_ old: ItemPointer?, _ new: ItemPointer, _ succession: Succession) -> Verdict {
        guard let old, old.sequence(old.state) == succession.sequence else { return Verdict(.exists) }
        // A touch in between may have given the item a word for an expiry that the new one lacks.
        if succession.keepsExpiry, old.expiry(old.state) != 0, !new.state.has(ItemState.hasExpiry) {
            return Verdict(.exists)
        }
        return Verdict(.stored, isStale: succession.marksStale)
    }

    /// Writes token and expiry of an item that is about to be linked. Returns its state with `marks` as its stale and
    /// win marks.
    func finishLocked(
        _ item: ItemPointer, _ explicitToken: UInt64?, _ expiry: UInt32, _ stripe: UnsafeMutablePointer<Stripe>,
        marks: UInt8
    ) -> ItemState {
        var itemState = item.state
        let sequence = stripe.issueTokenLocked()
        item.setSequence(sequence, itemState)
        if let explicit = explicitToken {
            item.token = explicit
            stripe.raiseSequenceLocked(to: explicit)
        } else {
            item.token = sequence
        }
        if itemState.has(ItemState.hasExpiry) { item.setExpiry(expiry) }
        itemState.raw = itemState.raw & ~ItemState.marksMask | marks
        return itemState
    }

    func growLocked(_ hash: UInt64) {
        core.pointee.table.growLocked(core.pointee.table.stripeIndex(hash))
        state.pointee.counters.bucketsAdded.addAlone(1)
    }

    @inline(__always)
    func slabClass(of handle: Handle) -> Int {
        core.pointee.pages.slabClass(core.pointee.arena.pageIndex(handle))
    }

    /// The class of an item of these lengths, for whoever counts those that were not stored.
    @inline(never)
    package func usualClass(keyCount: Int, valueLength: Int, clientFlags: UInt32, hasExpiry: Bool) -> Int {
        let shape = ItemShape(flags: clientFlags, hasExpiry: hasExpiry, hasSequence: false)
        return core.usualClass(keyCount, valueLength, shape)
    }

    /// Whether an item is over the item limit. Optional words do not count: the answer depends neither on how the value
    /// arrived nor on what its chunk has room for.
    @inline(__always)
    func isTooLarge(keyCount: Int, valueLength: Int) -> Bool {
        // Unsigned, so that a negative length is refused as well. The limit is at least a kilobyte.
        UInt(bitPattern: valueLength)
            > UInt(
                bitPattern: core.pointee.settings.itemBytesMax &- core.pointee.geometry.itemOverheadBytes &- keyCount)
    }

    /// A key that a ghost remembers enters WARM at once; the ghost is used up.
    @inline(__always)
    func admissionOfAbsentLocked(_ key: ItemKey) -> Admission {
        guard core.pointee.settings.eviction.hasGhosts else { return .fresh }
        let ghost = core.pointee.table.ghostHome(key.hash).take(key.hash)
        return Admission(segment: ghost == nil ? .hot : .warm, ghost: ghost)
    }

    /// For a value that is still to come: one more hold, because its chunk is taken before anything is judged.
    private func admission(of key: ItemKey) -> Admission {
        guard core.pointee.settings.eviction.hasGhosts else { return .fresh }
        let stripe = core.pointee.table.stripe(key.hash)
        let admission: Admission
        if let slot = lockAndFind(key, stripe) {
            admission = Self.admission(replacing: core.pointee.arena.item(slot.handle).access)
        } else {
            admission = admissionOfAbsentLocked(key)
        }
        stripe.unlock()
        core.passHook()
        return admission
    }

    /// Short-lived items are TEMP, whatever is known of their keys.
    @inline(__always)
    func admission(_ usual: Admission, _ request: StoreRequest) -> Admission {
        let temporarySeconds = core.pointee.tuning.temporarySeconds.load(ordering: .relaxed)
        if temporarySeconds == 0 || request.expiry == 0 { return usual }
        if request.expiry > state.pointee.now, request.expiry &- state.pointee.now > temporarySeconds { return usual }
        return Admission(segment: .temp, ghost: usual.ghost)
    }

    /// A key that is stored again keeps what it has earned.
    private static func admission(replacing access: AccessWord) -> Admission {
        let isWorthy = access.segment == .warm || access.frequency > 0
        return Admission(segment: isWorthy ? .warm : .hot, ghost: nil)
    }

    /// In place: same class, no longer than its chunk, room for every word the request needs, and not large (a lease
    /// could be reading it). Nil if that is not so, and with seals: a process that dies in between would leave neither
    /// the old value nor the new one.
    @inline(__always)
    private func overwriteLocked(
        _ slot: Slot, _ item: ItemPointer, _ key: ItemKey, _ value: UnsafeRawBufferPointer, _ request: StoreRequest,
        _ shape: ItemShape, _ size: Int, _ verdict: Verdict, _ stripe: UnsafeMutablePointer<Stripe>
    ) -> StoreOutcome? {
        let itemState = item.state
        let slabClass = slabClass(of: slot.handle)
        let grownSize = itemState.keyOffset &+ key.count &+ value.count
        // In lists what is stored again is a new item.
        guard !itemState.has(ItemState.isLarge), shape.bits & ~itemState.raw == 0, state.pointee.notes == nil,
            core.pointee.geometry.sealBytes == 0, core.pointee.geometry.slabClass(for: size) == slabClass,
            grownSize <= Int(core.pointee.geometry.chunkBytes[slabClass])
        else { return nil }

        core.account(slot.handle, bytes: value.count &- item.smallLength, state)
        item.smallLength = value.count
        if let start = value.baseAddress {
            item.value(itemState).copyMemory(from: start, byteCount: value.count)
        }
        if itemState.has(ItemState.hasFlags) { item.setClientFlags(request.clientFlags, itemState) }
        var expiry = request.expiry
        var marks: UInt8 = 0
        if verdict.isStale {
            expiry = item.expiry(itemState)
            marks = itemState.raw & ItemState.isWinSent | ItemState.isStale
        }
        item.state = finishLocked(item, request.explicitToken, expiry, stripe, marks: marks)
        markStored(item)
        core.noteExpiry(slot.handle, expiry, now: state.pointee.now)
        state.pointee.counters.itemsStored.addAlone(1)
        return StoreOutcome(
            .stored, token: item.token, valueLength: value.count, slabClass: slabClass, expiry: expiry)
    }

    /// An overwrite counts as a hit, but the new value has not been fetched.
    @inline(__always)
    func markStored(_ item: ItemPointer) {
        let now = state.pointee.now
        var before = item.access
        while true {
            let after = AccessWord(raw: before.hit(now: now).raw & ~AccessWord.fetchedBit)
            if after == before || item.exchangeAccess(expected: before, desired: after) { return }
            before = item.access
        }
    }
}
