/// Memory for a value that is still arriving, invisible until `StoreSession.commit`. Its end without a commit gives the
/// memory back.
///
/// A large value's parts are taken as the bytes arrive: a stalled client holds about what it has sent. What all others
/// hold so is at most a quarter of the memory limit; beyond it no part is had, because reserved chunks are never
/// evicted and stalled uploads would push out everybody's items. Who lacks room may try again when others have ended.
///
/// Public, with an inlinable end, for the reason given at `ItemHold`.
public struct ItemReservation: ~Copyable {
    /// The session, the head and the value length, as the inlinable end can name them.
    @usableFromInline let sessionAddress: UnsafeMutableRawPointer
    @usableFromInline let rawHead: UInt32
    let hash: UInt64
    /// Value length.
    let total: Int
    /// Value bytes there is memory for.
    @usableFromInline var held: Int
    /// The last try for more memory failed because others hold too much for now.
    package private(set) var lacksRoom = false
    private let isBounded: Bool
    private var filled = 0
    private var lastPart: Handle = .none
    private var piece: UnsafeMutableRawPointer
    private var pieceLeft: Int

    /// Takes over a written head (`StoreCore.makeHead`).
    init(session: SessionPointer, head: Handle, hash: UInt64, total: Int, isBounded: Bool) {
        sessionAddress = UnsafeMutableRawPointer(session)
        rawHead = head.raw
        self.hash = hash
        self.total = total
        self.isBounded = isBounded
        let item = session.pointee.store.pointee.arena.item(head)
        let state = item.state
        piece = item.value(state)
        pieceLeft = state.has(ItemState.isLarge) ? item.large(state).inlineBytes : total
        held = pieceLeft
        session.pointee.counters.reservedBytes.addAlone(held)
    }

    @inlinable
    deinit { ItemReservation.end(sessionAddress, rawHead, held) }

    @usableFromInline
    static func end(_ sessionAddress: UnsafeMutableRawPointer, _ rawHead: UInt32, _ held: Int) {
        let session = sessionAddress.assumingMemoryBound(to: SessionState.self)
        session.pointee.counters.reservedBytes.addAlone(-held)
        session.pointee.store.freeItem(Handle(raw: rawHead), .dropped, now: session.pointee.now)
    }

    var session: SessionPointer { sessionAddress.assumingMemoryBound(to: SessionState.self) }
    var head: Handle { Handle(raw: rawHead) }

    /// Bytes still to come.
    package var remaining: Int { total - filled }

    /// The next bytes to fill. Empty only if none remain, or if there is no memory (a store that cannot be had).
    package mutating func writableSpan() -> UnsafeMutableRawBufferPointer {
        if pieceLeft == 0, remaining > 0, !addPart() { return UnsafeMutableRawBufferPointer(start: nil, count: 0) }
        return UnsafeMutableRawBufferPointer(start: piece, count: pieceLeft)
    }

    /// Notes that `bytes` of the writable span are filled.
    package mutating func advance(_ bytes: Int) {
        precondition(bytes >= 0 && bytes <= pieceLeft, "more was filled than there was room")
        piece += bytes
        pieceLeft -= bytes
        filled += bytes
    }

    /// Copies bytes into the reservation. Returns false if there is no memory for them.
    mutating func append(_ bytes: UnsafeRawBufferPointer) -> Bool {
        var rest = bytes
        while !rest.isEmpty {
            let span = writableSpan()
            if span.isEmpty { return false }
            let count = min(span.count, rest.count)
            span.baseAddress!.copyMemory(from: rest.baseAddress!, byteCount: count)
            advance(count)
            rest = UnsafeRawBufferPointer(rebasing: rest[count...])
        }
        return true
    }

    /// Hands the complete item over: the caller publishes or frees it.
    consuming func take() -> Handle {
        session.pointee.counters.reservedBytes.addAlone(-held)
        let handle = head
        session.pointee.store.sealParts(handle)
        discard self
        return handle
    }

    private mutating func addPart() -> Bool {
        let store = session.pointee.store
        lacksRoom = isBounded && !store.mayReserve(beyond: held, session)
        if lacksRoom { return false }
        guard
            let (handle, length) = store.allocatePiece(
                of: remaining, behind: store.pointee.geometry.partOverheadBytes, nil, session)
        else { return false }

        let part = PartPointer(raw: store.pointee.arena.address(handle))
        part.head = head
        part.next = .none
        part.previous = lastPart
        part.length = length
        part.keyHash = hash
        // From here on the hand may turn the part into a hint on its head, which is not linked yet.
        part.item.publishState(ItemState(raw: ItemState.Phase.linked.rawValue))
        if lastPart.isNone {
            let item = store.pointee.arena.item(head)
            item.large(item.state).firstPart = handle
        } else {
            PartPointer(raw: store.pointee.arena.address(lastPart)).next = handle
        }
        lastPart = handle
        piece = part.piece
        pieceLeft = length
        held += length
        session.pointee.counters.reservedBytes.addAlone(length)
        return true
    }
}

/// What came of asking for a reservation.
package enum ReserveOutcome: ~Copyable {
    case reserved(ItemReservation)
    /// Longer than the item limit (`-I`).
    case tooLarge
    /// Everything is reserved or leased, or eviction is off.
    case noMemory
    /// Unfinished values of others hold too much for now.
    case noRoom
}

extension UnsafeMutablePointer where Pointee == StoreCore {
    /// Whether a reservation that holds `held` bytes may hold more: all others together hold at most a quarter of the
    /// memory limit. Who goes first may find two items' size more there: what the last one to pass held itself, and
    /// what the one who went first before has left behind.
    func mayReserve(beyond held: Int, _ session: SessionPointer) -> Bool {
        var sum = 0
        forEachSession { sum += $0.pointee.counters.reservedBytes.load(ordering: .relaxed) }
        let share = pointee.limitBytes / 4
        let extraBytes = session.pointee.goesFirst ? min(2 * pointee.settings.itemBytesMax, share) : 0
        return sum - held <= share + extraBytes
    }
}
