import CShims

/// The second hand of a class: through its ripe pages only, for what has expired. It goes before every policy.
///
/// 1. It looks only while the class may have something due, and in each second at most once round the class.
/// 2. Pages that are not ripe are passed over; in a ripe one every 16th item or more has expired, so that a store that
///    needs room finds some after a few looks, and nothing that lives has to go, even if the maintainer is late.
/// 3. Pages passed over and items looked at together are at most 64 for one store.
extension UnsafeMutablePointer where Pointee == SlabClass {
    /// An expired item, as a hint; nil if none was met.
    @inline(__always)
    func ripeVictimLocked(_ store: StorePointer, now: UInt32) -> Victim? {
        // While the crawl walks the class, `firstDue` is set to never and only lowered bit by bit.
        if pointee.firstDue.load(ordering: .relaxed) > now, pointee.crawlPagesLeft == 0 { return nil }
        return seekRipeLocked(store, now: now)
    }

    @inline(never)
    private func seekRipeLocked(_ store: StorePointer, now: UInt32) -> Victim? {
        if pointee.ripeSecond != now {
            pointee.ripeSecond = now
            pointee.ripePage = 0
            pointee.ripeChunk = 0
        }
        for _ in 0..<Victim.visitsMax {
            if pointee.ripePage >= pointee.pageCount { return nil }
            let pageIndex = Int(pointee.pageList[pointee.ripePage])
            let page = store.pointee.pages[pageIndex]
            let isRipe = pointee.ripeChunk > 0 || page.pointee.nextDue.load(ordering: .relaxed) <= now
            guard isRipe, pointee.ripeChunk < Int(page.pointee.bump) else {
                pointee.ripePage = pointee.ripePage &+ 1
                pointee.ripeChunk = 0
                continue
            }
            let handle = store.pointee.arena.handle(page: pageIndex, offset: pointee.ripeChunk &* pointee.chunkBytes)
            let item = store.pointee.arena.item(handle)
            cshims_prefetch(item.raw + Victim.prefetchDistance &* pointee.chunkBytes)
            pointee.ripeChunk = pointee.ripeChunk &+ 1

            let state = item.stateHint
            guard state.phase == .linked, !item.access.isPart else { continue }
            let expiry = item.expiry(state)
            if expiry == 0 || expiry > now { continue }
            // Safe: the class lock keeps the chunk from being freed, so its key is complete and stays.
            let hash = store.pointee.keyHash(item.key(state), item.keyLength)
            return Victim(handle: handle, hash: hash, frequency: AccessWord.frequencyMax, ghost: .fromCold)
        }
        return nil
    }
}
