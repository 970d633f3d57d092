/// Which optional words an item needs; fixed for the life of its chunk.
struct ItemShape: BitwiseCopyable {
    var bits: UInt8
    var flags: UInt32

    @inline(__always)
    init(flags: UInt32, hasExpiry: Bool, hasSequence: Bool) {
        self.flags = flags
        bits =
            (hasExpiry ? ItemState.hasExpiry : 0) | (flags != 0 ? ItemState.hasFlags : 0)
            | (hasSequence ? ItemState.hasSequence : 0)
    }

    @inline(__always)
    init(_ request: StoreRequest) {
        // A store that may turn out stale keeps the old expiry, whatever that is.
        self.init(
            flags: request.clientFlags, hasExpiry: request.expiry != 0 || request.storesStaleWhenOlder,
            hasSequence: request.explicitToken != nil)
    }

    /// A large item's: every optional word.
    static var large: ItemShape {
        var shape = ItemShape(flags: 0, hasExpiry: true, hasSequence: true)
        shape.bits = ItemState.hasExpiry | ItemState.hasFlags | ItemState.hasSequence | ItemState.isLarge
        return shape
    }

    @inline(__always)
    var state: ItemState { ItemState(raw: bits) }

    /// Header, optional words, key and value of a small item.
    @inline(__always)
    func size(keyCount: Int, valueLength: Int) -> Int {
        state.keyOffset &+ keyCount &+ valueLength
    }
}

extension UnsafeMutablePointer where Pointee == StoreCore {
    /// A reserved small item with everything written but value, token and expiry; nil if there is no memory.
    ///
    /// Where the chunk has room for it anyway, an expiry word is added: a later touch then happens in place.
    @inline(__always)
    func makeItem(
        _ key: ItemKey, _ valueLength: Int, _ wanted: ItemShape, _ admission: Admission, _ session: SessionPointer
    ) -> Handle? {
        var shape = wanted
        let size = shape.size(keyCount: key.count, valueLength: valueLength)
        var slabClass = pointee.geometry.slabClass(for: size)
        if _slowPath(pointee.geometry.keepsLists) {
            slabClass = listedClass(size, key.count, valueLength, wanted.flags)
        }
        if shape.bits & ItemState.hasExpiry == 0, Int(pointee.geometry.chunkBytes[slabClass]) &- size >= 4 {
            shape.bits |= ItemState.hasExpiry
        }
        guard let handle = allocate(slabClass, admission, session) else {
            countOutOfMemory(slabClass)
            return nil
        }
        let item = pointee.arena.item(handle)
        writeHead(item, key, shape)
        item.smallLength = valueLength
        return handle
    }

    /// The class of a small item of `size` bytes, with lists.
    @inline(never)
    private func listedClass(_ size: Int, _ keyCount: Int, _ valueLength: Int, _ flags: UInt32) -> Int {
        let accounted =
            pointee.geometry.itemOverheadBytes + keyCount + valueLength
            + (flags != 0 ? SlabGeometry.memcachedFlagsBytes : 0)
        return pointee.geometry.slabClass(for: pointee.geometry.listedBytes(size, accounted: accounted))
    }

    /// A reserved large item, ready to receive its value through a reservation; nil if there is no memory.
    ///
    /// Large items have every optional word: 16 bytes on more than 4 KiB.
    func makeLargeHead(
        _ key: ItemKey, _ valueLength: Int, _ admission: Admission, _ session: SessionPointer, hasFlags: Bool = false
    ) -> Handle? {
        let shape = ItemShape.large
        let before = largeHeadBytes(key.count, hasFlags: hasFlags)
        guard let (handle, inlineBytes) = allocatePiece(of: valueLength, behind: before, admission, session) else {
            return nil
        }
        if admission.ghost != nil, inlineBytes < valueLength {
            countGhost(ofLastPart: lastPartClass(total: valueLength, inline: inlineBytes), handle)
        }
        let item = pointee.arena.item(handle)
        let large = item.large(shape.state)
        large.totalLength = valueLength
        large.leases.initialize(to: .init(1))
        large.inlineBytes = inlineBytes
        large.firstPart = .none
        writeHead(item, key, shape)
        item.smallLength = 0xffff
        return handle
    }

    /// What stands in front of the value of a large item.
    private func largeHeadBytes(_ keyCount: Int, hasFlags: Bool) -> Int {
        let bytes = ItemShape.large.state.keyOffset + keyCount
        guard pointee.geometry.keepsLists else { return bytes }
        let accounted =
            pointee.geometry.itemOverheadBytes + keyCount + (hasFlags ? SlabGeometry.memcachedFlagsBytes : 0)
        return pointee.geometry.listedBytes(bytes, accounted: accounted)
    }

    /// The class of an item of these lengths, as it is if there is a chunk for it at once. Of lengths that no item may
    /// have: that of the longest.
    func usualClass(_ keyCount: Int, _ valueLength: Int, _ shape: ItemShape) -> Int {
        var bytes = shape.size(keyCount: keyCount, valueLength: valueLength)
        if valueLength > pointee.geometry.smallValueBytesMax {
            bytes = largeHeadBytes(keyCount, hasFlags: shape.flags != 0) + valueLength
        } else if pointee.geometry.keepsLists {
            return listedClass(bytes, keyCount, valueLength, shape.flags)
        }
        return pointee.geometry.slabClass(for: min(bytes, pointee.geometry.chunkBytesMax))
    }

    /// A large item is missed in the class of its last part as in that of its head.
    private func countGhost(ofLastPart slabClass: Int, _ head: Handle) {
        if slabClass == pointee.pages.slabClass(pointee.arena.pageIndex(head)) { return }
        let home = pointee.slabClass(slabClass)
        home.lock()
        home.sums.pointee.ghostHits += 1
        home.unlock()
        passHook()
    }

    @inline(__always)
    private func writeHead(_ item: ItemPointer, _ key: ItemKey, _ shape: ItemShape) {
        let state = shape.state.with(phase: .reserved)
        item.keyLength = key.count
        item.key(state).copyMemory(from: key.bytes, byteCount: key.count)
        if state.has(ItemState.hasFlags) { item.setClientFlags(shape.flags, state) }
        if state.has(ItemState.hasExpiry) { item.setExpiry(0) }
        item.state = state
    }

    /// Puts a complete item in the slot of another and links it. The caller holds the stripe lock and detaches the old.
    @inline(__always)
    func takeOverLocked(
        _ slot: Slot, _ new: Handle, _ item: ItemPointer, _ state: ItemState, _ session: SessionPointer
    ) {
        slot.bucket.set(slot.index, tag: slot.bucket.tag(slot.index), handle: new)
        linkLocked(new, item, state, session)
    }

    /// Makes a complete item linked and counts it.
    @inline(__always)
    func linkLocked(_ handle: Handle, _ item: ItemPointer, _ state: ItemState, _ session: SessionPointer) {
        sealLocked(handle, item, state)
        item.publishState(state.with(phase: .linked))
        account(handle, bytes: itemBytes(item, state), session)
    }
}
