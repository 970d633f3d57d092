/// With `-o restart_checksums`: eight bytes at the end of each chunk that prove what is in it.
///
///     chunk   | header, words, key, value or piece | room | seal 8 |
///
/// 1. An item is sealed when it is linked and whenever it changes in place, under the same hold of its stripe; a part
///    when its value is complete, before its head is linked.
/// 2. A seal is a sum of everything that an answer is made of, of the chunk's handle and of the secret. What changes
///    without a change of the item is left out: the access word, leases, and where the first part stands.
/// 3. Between the first change of an item and its new seal the two disagree. So whoever finds a linked item with the
///    right seal after the process has died at any point has found the whole of one version of it.
/// 4. That this version was not followed by another is proved elsewhere: who links a new version has sealed it before,
///    and its sequence is higher; who unlinks takes the phase `linked` away, which is sealed, too.
struct ItemSeal: BitwiseCopyable {
    private let sum: MemorySum

    static let bytes = 8

    init(secret: (UInt64, UInt64)) { sum = MemorySum(secret: secret) }

    /// The seal of an item once it is linked with `state`.
    func ofItem(_ item: ItemPointer, _ state: ItemState, _ handle: Handle) -> UInt64 {
        let lengths = UInt64(item.smallLength) | UInt64(item.keyLength) << 16
        let identity = lengths | UInt64(state.with(phase: .linked).raw) << 24 | UInt64(handle.raw) << 32
        var seed = KeyHash.fold(identity ^ 0x9e37_79b9_7f4a_7c15, item.token ^ 0xd6e8_feb8_6659_fd93) ^ identity
        let words = item.raw + ItemPointer.headerBytes
        if !state.has(ItemState.isLarge) {
            return sum(words, item.size(state) &- ItemPointer.headerBytes, seed: seed)
        }
        let large = item.large(state)
        seed ^= UInt64(large.totalLength) << 32 | UInt64(large.inlineBytes)
        seed = sum(words, state.largeOffset &- ItemPointer.headerBytes, seed: seed)
        return sum(item.key(state), item.keyLength &+ large.inlineBytes, seed: seed)
    }

    func ofPart(_ part: PartPointer, _ handle: Handle) -> UInt64 {
        sum(part.piece, part.length, seed: part.keyHash ^ UInt64(handle.raw) << 32 ^ UInt64(part.length))
    }
}

extension UnsafeMutablePointer where Pointee == StoreCore {
    /// Where the seal of a chunk stands: behind what its class offers to items.
    @inline(__always)
    func sealAddress(_ handle: Handle) -> UnsafeMutableRawPointer {
        let slabClass = pointee.pages.slabClass(pointee.arena.pageIndex(handle))
        return pointee.arena.address(handle) + Int(pointee.geometry.chunkBytes[slabClass])
    }

    /// Rule 1, for a linked item, or one about to be linked with `state`. The stripe lock is held.
    @inline(__always)
    func sealLocked(_ handle: Handle, _ item: ItemPointer, _ state: ItemState) {
        if _slowPath(pointee.geometry.sealBytes != 0) { sealItem(handle, item, state) }
    }

    @inline(never)
    private func sealItem(_ handle: Handle, _ item: ItemPointer, _ state: ItemState) {
        sealAddress(handle).storeBytes(of: itemSeal.ofItem(item, state, handle), as: UInt64.self)
    }

    /// Rule 1, for a part at its place.
    @inline(never)
    func sealPart(_ handle: Handle) {
        guard pointee.settings.sealsItems else { return }
        let part = PartPointer(raw: pointee.arena.address(handle))
        sealAddress(handle).storeBytes(of: itemSeal.ofPart(part, handle), as: UInt64.self)
    }

    /// Rule 1, for all parts of an item that is complete and not linked yet.
    @inline(__always)
    func sealParts(_ head: Handle) {
        if _slowPath(pointee.geometry.sealBytes != 0) { sealEachPart(head) }
    }

    @inline(never)
    private func sealEachPart(_ head: Handle) {
        let item = pointee.arena.item(head)
        guard item.state.has(ItemState.isLarge) else { return }
        var part = item.large(item.state).firstPart
        while !part.isNone {
            sealPart(part)
            part = PartPointer(raw: pointee.arena.address(part)).next
        }
    }

    var itemSeal: ItemSeal { ItemSeal(secret: pointee.secret) }
}
