/// Whether what lies in a chunk is an item as the store would have written it. Only reads, and only within the arena,
/// whatever the bytes say.
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
        _ claims: inout [(head: Handle, part: Handle)]
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
        of item: ItemPointer, _ large: LargeWords, _ head: Handle, _ claims: inout [(head: Handle, part: Handle)]
    ) -> Bool {
        var left = large.totalLength - large.inlineBytes
        var previous = Handle.none
        var next = large.firstPart
        let hash = store.pointee.keyHash(item.key(item.state), item.keyLength)
        while !next.isNone {
            // A chain that goes on behind the value's last byte.
            if left <= 0 { return false }
            guard let room = room(ofChunk: next) else { return false }
            let part = PartPointer(raw: store.pointee.arena.address(next))
            guard part.item.state.phase == .linked, part.item.access.isPart, part.head == head,
                part.previous == previous, part.keyHash == hash, (1...left).contains(part.length),
                PartPointer.headerBytes + part.length <= room
            else { return false }
            if let seal, (part.raw + room).load(as: UInt64.self) != seal.ofPart(part, next) { return false }
            claims.append((head, next))
            left -= part.length
            if left == 0 { return part.next.isNone }
            previous = next
            next = part.next
        }
        return left == 0
    }

    /// How much a chunk at this place holds; nil if no chunk that was handed out begins there.
    private func room(ofChunk handle: Handle) -> Int? {
        let arena = store.pointee.arena
        let page = arena.pageIndex(handle)
        guard page < pages.count, pages[page].slabClass != 0 else { return nil }
        let chunkBytes = store.pointee.slabClass(pages[page].slabClass).pointee.chunkBytes
        let offset = arena.address(handle) - arena.pageAddress(page)
        guard offset % chunkBytes == 0, offset / chunkBytes < pages[page].bump else { return nil }
        return Int(store.pointee.geometry.chunkBytes[pages[page].slabClass])
    }
}
