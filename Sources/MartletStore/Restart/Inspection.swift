import Glibc

/// Whether what lies in a chunk is an item as the store would have written it. Only reads, and only within the arena,
/// whatever the bytes say.
///
/// In a live file the chain of a large item may also be as a move leaves it that did not end (Relocation.swift, rule
/// 7). One of these, and no more:
///
/// 1. Its first parts, or all, name one and the same other head than the one they are reached from: the copy that takes
///    the place of that one, equal to it in all but what changes with the place. As its key is the same, at most one of
///    the two stays.
/// 2. One part names another before it than the one that it is reached from: of these two one is the copy of the other,
///    equal in every word and byte.
///
/// Who takes the item up has its parts name what they are reached from (`PartClaim`).
struct Inspection {
    private let store: StorePointer
    private let pages: [SavedState.Page]
    /// Nil where the pages' sums have proved the bytes already.
    private let seal: ItemSeal?

    init(store: StorePointer, saved: SavedState, provesBySeals: Bool) {
        self.store = store
        pages = saved.pages
        seal = provesBySeals ? store.itemSeal : nil
    }

    /// Whether the chunk of a class holds a whole item. Adds its parts to `claims`.
    func isWhole(
        _ item: ItemPointer, _ state: ItemState, _ handle: Handle, _ slabClass: Int,
        _ claims: inout [PartClaim]
    ) -> Bool {
        guard (1...ItemKey.bytesMax).contains(item.keyLength) else { return false }
        let room = Int(store.pointee.geometry.chunkBytes[slabClass])
        guard state.has(ItemState.isLarge) else {
            // There are classes for more, but small values are copied to where there is room for no more than that.
            return item.smallLength <= ItemPointer.copiedValueBytesMax && item.size(state) <= room
                && isSealed(item, state, handle, room)
        }
        // Its words stand in front of its key.
        guard state.keyOffset <= room else { return false }
        let large = item.large(state)
        let inline = large.inlineBytes
        guard state.keyOffset + item.keyLength + inline <= room, inline <= large.totalLength,
            isSealed(item, state, handle, room)
        else { return false }
        let before = claims.count
        if claimParts(of: item, large, handle, &claims) { return true }
        claims.removeLast(claims.count - before)
        return false
    }

    private func isSealed(_ item: ItemPointer, _ state: ItemState, _ handle: Handle, _ room: Int) -> Bool {
        guard let seal else { return true }
        return (item.raw + room).load(as: UInt64.self) == seal.ofItem(item, state, handle)
    }

    /// Follows the chain of an item from part to part. Each is at least a byte long, so this ends.
    private func claimParts(
        of item: ItemPointer, _ large: LargeWords, _ head: Handle, _ claims: inout [PartClaim]
    ) -> Bool {
        var left = large.totalLength - large.inlineBytes
        var previous = Handle.none
        var next = large.firstPart
        var named = head
        var isUnfinished = false
        let hash = store.pointee.keyHash(item.key(item.state), item.keyLength)
        while !next.isNone {
            // A chain that goes on behind the value's last byte.
            if left <= 0 { return false }
            guard let room = room(ofChunk: next) else { return false }
            let part = PartPointer(raw: store.pointee.arena.address(next))
            guard part.item.state.phase == .linked, part.item.access.isPart, part.keyHash == hash,
                (1...left).contains(part.length), PartPointer.headerBytes + part.length <= room
            else { return false }
            if previous.isNone, part.head != head {
                guard isCopy(part.head, of: head) else { return false }
                isUnfinished = true
                named = part.head
            }
            if part.head != named {
                guard part.head == head else { return false }
                named = head
            }
            if part.previous != previous {
                guard !isUnfinished, isCopy(part.previous, ofPart: previous) else { return false }
                isUnfinished = true
            }
            if let seal, (part.raw + room).load(as: UInt64.self) != seal.ofPart(part, next) { return false }
            claims.append(PartClaim(part: next, head: head, previous: previous))
            left -= part.length
            if left == 0 { return part.next.isNone }
            previous = next
            next = part.next
        }
        return left == 0
    }

    /// Rule 1. `head` has been looked at; of the other the state is left out, which says reserved for as long as it is
    /// not linked, and leases.
    private func isCopy(_ handle: Handle, of head: Handle) -> Bool {
        guard seal != nil, let room = room(ofChunk: handle), room == self.room(ofChunk: head) else { return false }
        let (item, other) = (store.pointee.arena.item(head), store.pointee.arena.item(handle))
        let state = item.state
        let (large, copied) = (item.large(state), other.large(state))
        return item.smallLength == other.smallLength && item.keyLength == other.keyLength
            && memcmp(item.raw + 8, other.raw + 8, state.largeOffset - 8) == 0
            && large.totalLength == copied.totalLength && large.inlineBytes == copied.inlineBytes
            && large.firstPart == copied.firstPart
            && memcmp(item.key(state), other.key(state), item.keyLength + large.inlineBytes) == 0
    }

    /// Rule 2. `part` has been looked at, or is none.
    private func isCopy(_ handle: Handle, ofPart part: Handle) -> Bool {
        guard seal != nil, let room = room(ofChunk: handle), room == self.room(ofChunk: part) else {
            return false
        }
        let own = PartPointer(raw: store.pointee.arena.address(part))
        let other = PartPointer(raw: store.pointee.arena.address(handle))
        return other.item.state.phase == .linked && other.item.access.isPart && other.head == own.head
            && other.next == own.next && other.previous == own.previous && other.length == own.length
            && other.keyHash == own.keyHash && memcmp(other.piece, own.piece, own.length) == 0
    }

    /// How much a chunk at this place holds; nil if no chunk that was handed out begins there.
    private func room(ofChunk handle: Handle) -> Int? {
        if handle.isNone { return nil }
        let arena = store.pointee.arena
        let page = arena.pageIndex(handle)
        guard page < pages.count, pages[page].slabClass != 0 else { return nil }
        let chunkBytes = store.pointee.slabClass(pages[page].slabClass).pointee.chunkBytes
        let offset = arena.address(handle) - arena.pageAddress(page)
        guard offset % chunkBytes == 0, offset / chunkBytes < pages[page].bump else { return nil }
        return Int(store.pointee.geometry.chunkBytes[pages[page].slabClass])
    }
}

/// A part of an item that is whole, and what it is to name.
struct PartClaim: BitwiseCopyable {
    let part: Handle
    let head: Handle
    let previous: Handle
}
