/// `segmented`: memcached's policy on this store's terms.
///
/// 1. Every new item is HOT and stands in the ring, also one stored again.
/// 2. An item is active when it is hit again after it was read: frequency 2 or more. Whoever changes segment keeps one
///    hit, so that the next makes it active.
/// 3. HOT over its share (20 % of the class's items): the ring's oldest becomes WARM if it is active, else COLD.
/// 4. The hand looks at the next 16 COLD items, and at what lies between them: an active COLD one becomes WARM; if WARM
///    is over its share (40 %), the one unread for longest becomes COLD, or stays for another round if it is active;
///    the COLD one unread for longest goes.
/// 5. Where 64 chunks in a row are not COLD (what is read often lies together when it was stored together) the ring's
///    oldest goes instead. WARM items go only if there is no HOT one, and TEMP items, which wait for their expiry,
///    last.
///
/// memcached keeps each segment as a list and moves items from thread to thread in the background; here COLD and WARM
/// are bits, and everything happens when somebody has to go.
enum Segmented {
    private static let activeFrequency: UInt32 = 2
    private typealias Home = UnsafeMutablePointer<SlabClass>

    static func chooseLocked(_ home: UnsafeMutablePointer<SlabClass>, _ store: StorePointer, now: UInt32) -> Victim? {
        shrinkHotLocked(home, store, now: now)
        var window = Window()
        var visits = 0
        var pagesLeft = home.pointee.pageCount &+ 1
        while window.count < WindowItem.countMax, visits < Victim.visitsMax,
            let handle = home.advanceHandLocked(store, pagesLeft: &pagesLeft)
        {
            visits += 1
            let item = store.pointee.arena.item(handle)
            let state = item.stateHint
            guard state.phase == .linked else { continue }
            var access = item.access
            if access.isPart {
                if let victim = home.visitPartLocked(PartPointer(raw: item.raw), store, now: now) { return victim }
                continue
            }
            let expiry = item.expiry(state)
            if expiry != 0, expiry <= now { return home.certainVictimLocked(handle, store) }
            let isActive = access.frequency >= activeFrequency
            if access.segment == .cold, isActive {
                home.statistics.pointee.movesToWarm &+= 1
                home.moveLocked(item, &access, to: .warm, frequency: 1)
                access = access.with(segment: .warm, frequency: 1)
            }
            window.add(handle, access, now: now)
        }
        shrinkWarmLocked(home, store, window, now: now)
        guard let handle = window.oldest(.cold) ?? oldestHotLocked(home, store) ?? window.rest else { return nil }
        home.statistics.pointee.coldEdgeSecond = store.pointee.arena.item(handle).access.lastAccess(now: now)
        return home.certainVictimLocked(handle, store)
    }

    /// Rule 3.
    private static func shrinkHotLocked(_ home: Home, _ store: StorePointer, now: UInt32) {
        let share = Int(store.pointee.tuning.hotPercent.load(ordering: .relaxed))
        for _ in 0..<Victim.visitsMax {
            if home.pointee.hotCount &* 100 <= home.itemCountLocked &* share { return }
            guard let place = home.popStandingLocked(store) else { return }
            guard let handle = place else { continue }
            let item = store.pointee.arena.item(handle)
            var access = item.access
            home.statistics.pointee.hotEdgeSecond = access.lastAccess(now: now)
            let isActive = access.frequency >= activeFrequency
            if isActive {
                home.statistics.pointee.movesToWarm &+= 1
            } else {
                home.statistics.pointee.movesToCold &+= 1
            }
            home.moveLocked(item, &access, to: isActive ? .warm : .cold, frequency: min(access.frequency, 1))
        }
    }

    /// Rule 5. It becomes COLD, because it has no place in the ring any more.
    private static func oldestHotLocked(_ home: Home, _ store: StorePointer) -> Handle? {
        for _ in 0..<Victim.visitsMax {
            guard let place = home.popStandingLocked(store) else { return nil }
            guard let handle = place else { continue }
            let item = store.pointee.arena.item(handle)
            var access = item.access
            home.moveLocked(item, &access, to: .cold, frequency: access.frequency)
            return handle
        }
        return nil
    }

    /// Rule 4, its second part.
    private static func shrinkWarmLocked(_ home: Home, _ store: StorePointer, _ window: Window, now: UInt32) {
        let share = Int(store.pointee.tuning.warmPercent.load(ordering: .relaxed))
        guard home.pointee.warmCount &* 100 > home.itemCountLocked &* share, let handle = window.oldest(.warm) else {
            return
        }
        let item = store.pointee.arena.item(handle)
        var access = item.access
        home.statistics.pointee.warmEdgeSecond = access.lastAccess(now: now)
        let isActive = access.frequency >= activeFrequency
        if isActive {
            home.statistics.pointee.movesWithin &+= 1
        } else {
            home.statistics.pointee.movesToCold &+= 1
        }
        home.moveLocked(item, &access, to: isActive ? .warm : .cold, frequency: min(access.frequency, 1))
    }

    /// The item unread for longest of each segment, of those looked at.
    private struct Window {
        /// COLD items looked at.
        var count = 0
        private var handles: InlineArray<4, Handle> = .init(repeating: .none)
        private var seconds: InlineArray<4, UInt32> = .init(repeating: .max)

        mutating func add(_ handle: Handle, _ access: AccessWord, now: UInt32) {
            let segment = Int(access.segment.rawValue)
            if access.segment == .cold { count += 1 }
            let second = access.lastAccess(now: now)
            if handles[segment].isNone || second < seconds[segment] {
                handles[segment] = handle
                seconds[segment] = second
            }
        }

        func oldest(_ segment: Segment) -> Handle? {
            let handle = handles[Int(segment.rawValue)]
            return handle.isNone ? nil : handle
        }

        var rest: Handle? { oldest(.warm) ?? oldest(.hot) ?? oldest(.temp) }
    }
}
