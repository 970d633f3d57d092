import CShims

/// A policy that compares a few items: of the next 16 under the hand, in order of address, the one that ranks lowest
/// goes.
///
/// Exact order over a whole class would cost eight bytes an item for lists, or a look at every item. A new item takes
/// the chunk of the one that went, so each run of 16 chunks gets new items at the same rate and loses its lowest:
/// nearly what the whole class would lose.
protocol WindowPolicy {
    /// The lower, the sooner it goes; of equals the one with the lowest address. `lots` is for who draws lots.
    static func rank(_ item: WindowItem, lots: inout UInt64) -> UInt64
}

/// What a policy may know of an item without the lock of its stripe.
struct WindowItem: BitwiseCopyable {
    let access: AccessWord
    /// Server second of the last access.
    let lastAccess: UInt32
    /// Server second of expiry, 0 for never.
    let expiry: UInt32

    /// Items compared in one choice.
    static let countMax = 16
}

extension UnsafeMutablePointer where Pointee == SlabClass {
    /// The lowest of the next items; at once one that has expired, or whose part says that it was not read.
    func lowestInWindowLocked<Policy: WindowPolicy>(
        _ policy: Policy.Type, _ store: StorePointer, now: UInt32
    ) -> Victim? {
        var lowest: Handle?
        var lowestRank = UInt64.max
        var compared = 0
        var visits = 0
        var pagesLeft = pointee.pageCount &+ 1
        // Passed on as a variable: changed in place, it would be an access to the whole class, lock included, for the
        // thread sanitizer.
        var lots = pointee.lots
        defer { pointee.lots = lots }
        while compared < WindowItem.countMax, visits < Victim.visitsMax,
            let handle = advanceHandLocked(store, pagesLeft: &pagesLeft)
        {
            visits += 1
            let item = store.pointee.arena.item(handle)
            let state = item.stateHint
            guard state.phase == .linked else { continue }
            let access = item.access
            if access.isPart {
                if let victim = visitPartLocked(PartPointer(raw: item.raw), store, now: now) { return victim }
                continue
            }
            let expiry = item.expiry(state)
            if expiry != 0, expiry <= now { return certainVictimLocked(handle, store) }
            compared += 1
            let rank = Policy.rank(
                WindowItem(access: access, lastAccess: access.lastAccess(now: now), expiry: expiry),
                lots: &lots)
            if lowest == nil || rank < lowestRank {
                lowest = handle
                lowestRank = rank
            }
        }
        guard let lowest else { return nil }
        statistics.pointee.coldEdgeSecond = store.pointee.arena.item(lowest).access.lastAccess(now: now)
        return certainVictimLocked(lowest, store)
    }

    /// Moves the hand on. Returns the chunk it stood at; nil once round the class and a page.
    func advanceHandLocked(_ store: StorePointer, pagesLeft: inout Int) -> Handle? {
        while true {
            if pointee.handPage >= pointee.pageCount {
                if pointee.pageCount == 0 { return nil }
                pointee.handPage = 0
                pointee.handChunk = 0
            }
            let pageIndex = Int(pointee.pageList[pointee.handPage])
            if pointee.handChunk >= Int(store.pointee.pages[pageIndex].pointee.bump) {
                pointee.handPage = pointee.handPage &+ 1
                pointee.handChunk = 0
                pagesLeft &-= 1
                if pagesLeft < 0 { return nil }
                continue
            }
            let handle = store.pointee.arena.handle(page: pageIndex, offset: pointee.handChunk &* pointee.chunkBytes)
            cshims_prefetch(store.pointee.arena.address(handle) + Victim.prefetchDistance &* pointee.chunkBytes)
            pointee.handChunk = pointee.handChunk &+ 1
            return handle
        }
    }

    /// A linked item of the class that goes even if it is hit before the stripe is held.
    ///
    /// Safe: the class lock keeps the chunk from being freed, so its key is complete and stays.
    func certainVictimLocked(_ handle: Handle, _ store: StorePointer) -> Victim {
        let item = store.pointee.arena.item(handle)
        let hash = store.pointee.keyHash(item.key(item.stateHint), item.keyLength)
        return Victim(handle: handle, hash: hash, frequency: AccessWord.frequencyMax, ghost: .fromCold)
    }
}
