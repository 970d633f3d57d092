/// Keeping up the segments of `-o memcached_mode` while nobody has to go (ListedSegments.swift): what memcached calls
/// juggling. One thread at a time, the maintainer's.
///
/// 1. Each class with pages is looked at in each pass: first TEMP for what has expired, then HOT, WARM and COLD in
///    turns. As many of them as memcached's thread may come to between two of our passes.
/// 2. 50 tails at most are looked at in one hold of the class lock.
/// 3. While the lists are flat (`lru mode flat`), whatever is in HOT or WARM becomes COLD.
struct Juggling {
    static let turnsMax = 10_000
    static let pullsPerHold = 50

    private let session: StoreSession
    private var store: StorePointer { session.core }

    init(session: StoreSession) { self.session = session }

    /// One pass. Returns whether some class has more to do at once.
    func run() -> Bool {
        store.followHitNotes(now: session.now)
        guard store.pointee.tuning.maintainsSegments.load(ordering: .relaxed) else { return false }
        var hasMore = false
        for slabClass in 1...store.pointee.geometry.classCount {
            if juggle(store.pointee.slabClass(slabClass)) { hasMore = true }
        }
        return hasMore
    }

    /// Rule 1. Returns whether the turns did not suffice.
    private func juggle(_ home: ListedSegments.Home) -> Bool {
        var turns = 0
        var isTemporary = true
        while turns < Self.turnsMax {
            var dead: Victim?
            var pulls = 0
            var isResting = false
            home.lock()
            if home.pointee.pageCount == 0 {
                home.unlock()
                return false
            }
            let bounds = boundsLocked(home)
            while pulls < Self.pullsPerHold, dead == nil, !isResting {
                pulls += 1
                if isTemporary {
                    dead = victim(ListedSegments.pullLocked(home, .temp, .none, store, now: session.now))
                    isTemporary = dead != nil
                } else {
                    (dead, isResting) = turnLocked(home, bounds)
                }
            }
            home.unlock()
            store.passHook()
            turns += pulls
            if let dead { _ = store.reclaimIfDead(dead, session.state) }
            if isResting { return false }
        }
        return true
    }

    private func victim(_ pull: ListedSegments.Pull) -> Victim? {
        if case .dead(let victim) = pull { return victim }
        return nil
    }

    /// HOT, or WARM where HOT may rest; and COLD. Returns what has expired, and whether nothing had to change.
    private func turnLocked(
        _ home: ListedSegments.Home, _ bounds: (hot: ListedSegments.Bound, warm: ListedSegments.Bound)
    ) -> (Victim?, Bool) {
        var isResting = true
        switch ListedSegments.pullLocked(home, .hot, bounds.hot, store, now: session.now) {
        case .dead(let victim): return (victim, false)
        case .moved: isResting = false
        case .rest:
            switch ListedSegments.pullLocked(home, .warm, bounds.warm, store, now: session.now) {
            case .dead(let victim): return (victim, false)
            case .moved: isResting = false
            case .rest: break
            }
        }
        guard store.pointee.tuning.isSegmented.load(ordering: .relaxed) else { return (nil, isResting) }
        switch ListedSegments.pullLocked(home, .cold, .none, store, now: session.now) {
        case .dead(let victim): return (victim, false)
        case .moved: return (nil, false)
        case .rest: return (nil, isResting)
        }
    }

    /// ListedSegments, rules 2 and 3; rule 3 here.
    private func boundsLocked(
        _ home: ListedSegments.Home
    ) -> (hot: ListedSegments.Bound, warm: ListedSegments.Bound) {
        let tuning = UnsafePointer(store)
        guard tuning.pointee.tuning.isSegmented.load(ordering: .relaxed) else { return (.none, .none) }
        let count = home.itemCountLocked - home.pointee.tempCount
        let age = Double(home.tailAgeLocked(.cold, store, now: session.now))
        func bound(_ percent: Int, _ thousandths: Int) -> ListedSegments.Bound {
            ListedSegments.Bound(
                countMax: count * percent / 100,
                secondsMax: UInt32(min(age * Double(thousandths) / 1000, Double(AccessWord.secondMask))))
        }
        return (
            bound(
                tuning.pointee.tuning.hotPercent.load(ordering: .relaxed),
                tuning.pointee.tuning.hotThousandths.load(ordering: .relaxed)),
            bound(
                tuning.pointee.tuning.warmPercent.load(ordering: .relaxed),
                tuning.pointee.tuning.warmThousandths.load(ordering: .relaxed))
        )
    }
}

extension UnsafeMutablePointer where Pointee == StoreCore {
    /// Takes out an item that was found expired, if it still is. No lock is held.
    func reclaimIfDead(_ victim: Victim, _ session: SessionPointer) -> Bool {
        let stripe = pointee.table.stripe(victim.hash)
        stripe.lock()
        guard let slot = pointee.table.findLocked(victim.handle, hash: victim.hash) else {
            stripe.unlock()
            return false
        }
        let item = pointee.arena.item(victim.handle)
        guard deathLocked(item, item.state, stripe, now: session.pointee.now) != nil else {
            stripe.unlock()
            return false
        }
        let isOwned = unlinkLocked(slot, hash: victim.hash, item, item.state, session)
        stripe.unlock()
        passHook()
        if isOwned { freeItem(victim.handle, .reclaimed, now: session.pointee.now) }
        return true
    }
}
