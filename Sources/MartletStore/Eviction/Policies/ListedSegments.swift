/// memcached's own rules over its own lists (ItemLists.swift), for `-o memcached_mode`.
///
/// Rules, each of which looks at the tail of one list:
/// 1. What has expired is reclaimed, up to five in a row. What is being written goes to the head.
/// 2. HOT: an active item becomes WARM; one beyond HOT's share of the class's items, or unused for longer than
///    `hot_max_factor` times the age of COLD's tail, becomes COLD; else it stays.
/// 3. WARM: an active item goes to the head; else as in HOT, with WARM's share and factor.
/// 4. COLD: an active item becomes WARM.
/// 5. A store that finds no chunk evicts the tail of COLD, active or not. If COLD is empty, HOT's tail goes there
///    first (WARM, if it is active), then WARM's; TEMP items, which wait for their expiry, are last.
/// 6. Flat: there is only COLD, and rule 5 alone. An item used again after a minute goes to the head.
///
/// memcached weighs HOT and WARM in bytes; here items are counted, which within a class is nearly the same.
enum ListedSegments {
    typealias Home = UnsafeMutablePointer<SlabClass>

    static let triesMax = 5
    /// Rule 6, in seconds.
    static let flatRestSeconds: UInt32 = 60

    /// What came of a look at a tail.
    enum Pull: BitwiseCopyable {
        /// Nothing has to change.
        case rest
        case moved
        /// Expired: the caller takes it out.
        case dead(Victim)
    }

    /// How much HOT or WARM may hold, and how old its tail may become.
    struct Bound: BitwiseCopyable {
        var countMax: Int
        var secondsMax: UInt32

        static let none = Bound(countMax: 0, secondsMax: 0)
    }

    /// The first item from the tail on that is linked and not leased; nil within `tries`, or at the head. Rule 1's
    /// second half.
    private static func linkedTailLocked(
        _ home: Home, _ segment: Segment, _ store: StorePointer, tries: Int, evenLeased: Bool
    ) -> Handle? {
        var handle = home.tailLocked(segment)
        for _ in 0..<tries {
            if handle.isNone { return nil }
            let item = store.pointee.arena.item(handle)
            let state = item.stateHint
            let before = home.beforeLocked(handle, store)
            switch state.phase {
            case .linked where evenLeased || !store.isBusyHint(item, state): return handle
            case .reserved where !before.isNone:
                home.relistLocked(handle, to: segment, frequency: 0, store)
            default: break
            }
            handle = before
        }
        return nil
    }

    private static func isDead(_ item: ItemPointer, now: UInt32) -> Bool {
        let expiry = item.expiry(item.stateHint)
        return expiry != 0 && expiry <= now
    }

    // MARK: Upkeep

    /// Rules 1 to 4 for one segment.
    static func pullLocked(
        _ home: Home, _ segment: Segment, _ bound: Bound, _ store: StorePointer, now: UInt32
    ) -> Pull {
        guard let handle = linkedTailLocked(home, segment, store, tries: triesMax, evenLeased: true) else {
            return .rest
        }
        let item = store.pointee.arena.item(handle)
        if isDead(item, now: now) { return .dead(home.certainVictimLocked(handle, store)) }
        let access = item.access
        switch segment {
        case .temp: return .rest
        case .cold:
            guard access.isActive else { return .rest }
            home.statistics.pointee.movesToWarm &+= 1
            home.relistLocked(handle, to: .warm, frequency: 1, store)
        case .hot, .warm:
            if access.isActive {
                if segment == .hot {
                    home.statistics.pointee.movesToWarm &+= 1
                } else {
                    home.statistics.pointee.movesWithin &+= 1
                }
                home.relistLocked(handle, to: .warm, frequency: 1, store)
            } else {
                let count = segment == .hot ? home.pointee.hotCount : home.pointee.warmCount
                let isOld = now &- access.lastAccess(now: now) > bound.secondsMax
                guard count > bound.countMax || isOld else { return .rest }
                home.statistics.pointee.movesToCold &+= 1
                home.relistLocked(handle, to: .cold, frequency: access.frequency, store)
            }
        }
        return .moved
    }

    // MARK: Eviction

    /// Rule 5.
    static func chooseLocked(_ home: Home, _ store: StorePointer, now: UInt32) -> Victim? {
        var mayRefill = true
        var tries = 0
        while mayRefill, tries < Victim.visitsMax {
            tries += 1
            if let handle = linkedTailLocked(home, .cold, store, tries: Victim.visitsMax, evenLeased: false) {
                return home.certainVictimLocked(handle, store)
            }
            switch pullLocked(home, .hot, .none, store, now: now) {
            case .moved: continue
            case .dead(let victim): return victim
            case .rest: mayRefill = false
            }
        }
        for segment in [Segment.hot, .warm, .temp] {
            if let handle = linkedTailLocked(home, segment, store, tries: Victim.visitsMax, evenLeased: false) {
                return home.certainVictimLocked(handle, store)
            }
        }
        return nil
    }
}

extension UnsafeMutablePointer where Pointee == StoreCore {
    /// Whether an item is leased or pinned, as a hint: it cannot be had at once.
    func isBusyHint(_ item: ItemPointer, _ state: ItemState) -> Bool {
        if state.has(ItemState.isLarge), item.large(state).leases.pointee.load(ordering: .relaxed) > 1 { return true }
        guard pointee.pins.pointee.count.load(ordering: .relaxed) > 0 else { return false }
        return pointee.pins.pointee.contains(pointee.keyHash(item.key(state), item.keyLength))
    }
}
