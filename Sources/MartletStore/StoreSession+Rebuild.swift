/// Building a new version of an item out of the old one.
extension StoreSession {
    /// What an item was at one moment. A small value is in the session's scratch space, a large one is leased.
    struct ItemVersion: ~Copyable {
        let sequence: UInt64
        let flags: UInt32
        let hasExpiry: Bool
        let length: Int
        let lease: ItemLease?
        /// The item of the lease.
        let leased: ItemPointer?
    }

    /// What to make of a version.
    struct Rebuild: BitwiseCopyable {
        var prefix: AddedValue?
        var keepsValue: Bool
        var suffix: AddedValue?
        /// Value length of the result.
        var length: Int
        var flags: UInt32
        var explicitToken: UInt64?
        /// nil keeps the expiry that the item has when the new version is published.
        var newExpiry: UInt32?
        /// Which of the stale and win marks the new version keeps.
        var keptMarks: UInt8 = 0
        var marksStale = false
    }

    /// Captures an item under its stripe lock.
    func captureLocked(_ handle: Handle, _ item: ItemPointer) -> ItemVersion {
        let itemState = item.state
        var lease: ItemLease?
        var leased: ItemPointer?
        if itemState.has(ItemState.isLarge) {
            item.large(itemState).acquire()
            lease = ItemLease(store: core, handle: handle)
            leased = item
        } else {
            state.pointee.scratch.copyMemory(from: item.value(itemState), byteCount: item.smallLength)
        }
        return ItemVersion(
            sequence: item.sequence(itemState), flags: item.clientFlags(itemState),
            hasExpiry: itemState.has(ItemState.hasExpiry), length: item.valueLength(itemState), lease: lease,
            leased: leased)
    }

    /// Builds and publishes a new version. `.exists` says that the item is no longer the captured version: capture
    /// again.
    func publishRebuilt(_ key: ItemKey, _ version: borrowing ItemVersion, _ rebuild: Rebuild) -> StoreOutcome {
        let needsExpiry = version.hasExpiry || (rebuild.newExpiry ?? 0) != 0
        let shape = ItemShape(
            flags: rebuild.flags, hasExpiry: needsExpiry, hasSequence: rebuild.explicitToken != nil)
        let scratch = UnsafeRawBufferPointer(start: state.pointee.scratch, count: version.length)
        let made = build(key, shape, rebuild.length) { writer in
            if let prefix = rebuild.prefix, !writer.add(prefix) { return false }
            if rebuild.keepsValue {
                guard writer.addOld(version, scratch) else { return false }
            }
            guard let suffix = rebuild.suffix else { return true }
            return writer.add(suffix)
        }
        guard let made else { return StoreOutcome(.noMemory) }
        let request = StoreRequest(
            mode: .set, clientFlags: rebuild.flags, expiry: rebuild.newExpiry ?? 0,
            explicitToken: rebuild.explicitToken)
        return publish(
            made, key, request,
            Succession(
                sequence: version.sequence, keepsExpiry: rebuild.newExpiry == nil, keptMarks: rebuild.keptMarks,
                marksStale: rebuild.marksStale))
    }

    /// A reserved item of `length` value bytes, filled by `fill`; nil if there is no memory.
    func build(
        _ key: ItemKey, _ shape: ItemShape, _ length: Int, _ fill: (inout ValueWriter) -> Bool
    ) -> Handle? {
        if length <= core.pointee.geometry.smallValueBytesMax {
            let admission = Admission(segment: .warm, ghost: nil)
            guard let handle = core.makeItem(key, length, shape, admission, state) else { return nil }
            let item = core.pointee.arena.item(handle)
            var writer = ValueWriter(core, at: item.value(item.state))
            let filled = fill(&writer)
            precondition(filled, "a small value always fits")
            return handle
        }
        guard let head = core.makeLargeHead(key, length, .fresh, state) else { return nil }
        let item = core.pointee.arena.item(head)
        item.setClientFlags(shape.flags, item.state)
        var writer = ValueWriter(
            core, into: ItemReservation(session: state, head: head, hash: key.hash, total: length, isBounded: false))
        guard fill(&writer) else { return nil }
        return writer.finish()
    }
}

/// Writes the pieces of a rebuilt value one after the other, into a small item or through a reservation.
struct ValueWriter: ~Copyable {
    private let store: StorePointer
    private var position: UnsafeMutableRawPointer?
    private var reservation: ItemReservation?

    init(_ store: StorePointer, at position: UnsafeMutableRawPointer) {
        self.store = store
        self.position = position
    }

    init(_ store: StorePointer, into reservation: consuming ItemReservation) {
        self.store = store
        self.reservation = consume reservation
    }

    /// The complete item; only when writing into a reservation.
    consuming func finish() -> Handle {
        guard let complete = reservation.take() else { preconditionFailure("there is no reservation to finish") }
        return complete.take()
    }

    mutating func add(_ added: StoreSession.AddedValue) -> Bool {
        switch added {
        case .bytes(let bytes): return addBytes(bytes)
        case .item(let handle): return addItem(store.pointee.arena.item(handle))
        }
    }

    mutating func addOld(_ version: borrowing StoreSession.ItemVersion, _ scratch: UnsafeRawBufferPointer) -> Bool {
        guard let leased = version.leased else { return addBytes(scratch) }
        return addItem(leased)
    }

    private mutating func addItem(_ item: ItemPointer) -> Bool {
        let state = item.state
        if !state.has(ItemState.isLarge) {
            return addBytes(UnsafeRawBufferPointer(start: item.value(state), count: item.smallLength))
        }
        var fits = true
        var part = item.large(state).firstPart
        let inline = UnsafeRawBufferPointer(start: item.value(state), count: item.large(state).inlineBytes)
        fits = addBytes(inline)
        while fits, !part.isNone {
            let pointer = PartPointer(raw: store.pointee.arena.address(part))
            fits = addBytes(UnsafeRawBufferPointer(start: pointer.piece, count: pointer.length))
            part = pointer.next
        }
        return fits
    }

    private mutating func addBytes(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard let start = bytes.baseAddress, bytes.count > 0 else { return true }
        if let position {
            position.copyMemory(from: start, byteCount: bytes.count)
            self.position = position + bytes.count
            return true
        }
        return reservation!.append(bytes)
    }
}
