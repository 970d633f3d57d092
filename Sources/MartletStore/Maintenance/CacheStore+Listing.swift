/// Listing the items of a class, for `stats cachedump`.
extension CacheStore {
    /// Chunks looked at under one hold of the class lock.
    private static let sliceChunks = 16

    /// Calls `visit` with key, value length and expiry (server second, 0 for never) of living items of a class, page by
    /// page, until it returns false. What changes meanwhile may be missing or stand twice; nothing is invented.
    ///
    /// `visit` runs under the item's stripe lock: it copies what it needs and calls nothing of the store. `now` is the
    /// current server second.
    package func forEachItem(
        ofClass slabClass: Int, now: UInt32, _ visit: (UnsafeRawBufferPointer, Int, UInt32) -> Bool
    ) {
        guard (1...core.pointee.geometry.classCount).contains(slabClass) else { return }
        let home = core.pointee.slabClass(slabClass)
        var position = 0
        var chunk = 0
        while true {
            var hints: [(handle: Handle, hash: UInt64)] = []
            home.lock()
            guard position < home.pointee.pageCount else {
                home.unlock()
                return
            }
            let pageIndex = Int(home.pointee.pageList[position])
            let bump = Int(core.pointee.pages[pageIndex].pointee.bump)
            let last = min(bump, chunk + Self.sliceChunks)
            for index in chunk..<max(chunk, last) {
                let handle = core.pointee.arena.handle(page: pageIndex, offset: index * home.pointee.chunkBytes)
                let item = core.pointee.arena.item(handle)
                let state = item.stateHint
                guard state.phase == .linked, !item.access.isPart else { continue }
                hints.append((handle, core.pointee.keyHash(item.key(state), item.keyLength)))
            }
            home.unlock()
            chunk = last
            if chunk >= bump {
                position += 1
                chunk = 0
            }
            for hint in hints where !visitLiving(hint.handle, hint.hash, now: now, visit) { return }
        }
    }

    private func visitLiving(
        _ handle: Handle, _ hash: UInt64, now: UInt32,
        _ visit: (UnsafeRawBufferPointer, Int, UInt32) -> Bool
    ) -> Bool {
        let stripe = core.pointee.table.stripe(hash)
        stripe.lock()
        defer { stripe.unlock() }
        guard core.pointee.table.findLocked(handle, hash: hash) != nil else { return true }
        let item = core.pointee.arena.item(handle)
        let state = item.state
        if core.deathLocked(item, state, stripe, now: now) != nil { return true }
        let key = UnsafeRawBufferPointer(start: item.key(state), count: item.keyLength)
        return visit(key, item.valueLength(state), item.expiry(state))
    }

    /// Number of the largest slab class.
    package var slabClassMax: Int { core.pointee.geometry.classCount }
}
