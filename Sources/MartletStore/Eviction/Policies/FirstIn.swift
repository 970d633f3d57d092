/// `fifo`: who was stored first. Every item is HOT and stands in the ring of its class from the start.
///
/// An item overwritten in place keeps its place. One that cannot go when its turn comes (leased) has lost its place: it
/// is COLD then, and the hand finds it when the ring is empty.
enum FirstIn {
    static func chooseLocked(_ home: UnsafeMutablePointer<SlabClass>, _ store: StorePointer, now: UInt32) -> Victim? {
        for _ in 0..<Victim.visitsMax {
            guard let handle = home.popStandingLocked(store) else { break }
            guard let handle else { continue }
            let item = store.pointee.arena.item(handle)
            var access = item.access
            home.statistics.pointee.hotEdgeSecond = access.lastAccess(now: now)
            home.moveLocked(item, &access, to: .cold, frequency: access.frequency)
            return home.certainVictimLocked(handle, store)
        }
        return home.lowestInWindowLocked(LeastRecentlyUsed.self, store, now: now)
    }
}

extension UnsafeMutablePointer where Pointee == SlabClass {
    /// Takes the oldest place from the ring. Nil if there is none; a nil handle if nothing that may go stood there:
    /// what is being written, or drained by somebody, is put back.
    func popStandingLocked(_ store: StorePointer) -> Handle?? {
        guard let place = ring.pointee.pop(store.pointee.ringBlocks) else { return nil }
        guard standsInRingLocked(place, store) else { return .some(nil) }
        let handle = place.handle
        let isDraining = store.pointee.pages.owner(store.pointee.arena.pageIndex(handle)).isDraining
        if isDraining || store.pointee.arena.item(handle).stateHint.phase == .reserved {
            pushBackLocked(handle, store)
            return .some(nil)
        }
        return handle
    }
}
