import CShims

/// The default policy, `martlet`: the segmented LRU without lists: HOT is a ring, COLD and WARM are bits that a hand
/// sweeps in address order.
///
/// Rules, for a class that needs a chunk and has none:
/// 1. Until a class first has to evict, new items are COLD and nobody keeps a queue. From then on new items are HOT and
///    stand in the ring; a key that a ghost remembers enters WARM at once.
/// 2. HOT over its target: the ring's oldest goes. If it was hit it becomes COLD with frequency 0, else it is evicted
///    (ghost A).
/// 3. Otherwise the hand, which skips HOT: an item with frequency loses one, and a COLD one becomes WARM; a WARM one
///    without becomes COLD; a COLD one without is evicted (ghost B).
/// 4. What has expired is reclaimed wherever it is met, without a ghost; pages known to hold much of it come before
///    everything else (RipeHand.swift).
/// 5. After 64 visits, of the ring and of the hand each, the lowest (frequency, WARM) seen is taken; a HOT one only if
///    there was no other.
/// 6. A part of a large item stands for its head: frequency 0 evicts the head, otherwise the first part wears it down.
/// 7. HOT should hold a tenth of the class's items. A ghost A hit raises that share by a thousandth (an item, in a
///    small class), a ghost B hit lowers it, between 2 % and 50 %; but not before as many victims were sought as an
///    eighth of the class, and a class of 16 pages or more that has twice the pages it had begins with a tenth again:
///    while a class is far too small for its keys they come back whatever its share, and that says nothing of the class
///    it becomes.
/// 8. HOT that is more than twice as long as it should be, and than 512 items, takes nobody in: the class gets pages
///    instead of evicting, so new items are COLD, as before its first eviction.
///
/// Ghosts and probation follow S3-FIFO (Yang et al., SOSP 2023) and ARC (Megiddo and Modha, FAST 2003).
///
/// Everything here runs under the class lock and ends in a hint; the stripe decides (Evictor.swift).
struct Victim: BitwiseCopyable {
    /// Of the head, if a part was met.
    let handle: Handle
    let hash: UInt64
    let frequency: UInt32
    let ghost: GhostRow.Kind

    static let visitsMax = 64
    static let prefetchDistance = 8
}

extension UnsafeMutablePointer where Pointee == SlabClass {
    /// Registers a chunk just taken as the future home of an item (not of a part) and writes its access word.
    @inline(__always)
    func admitLocked(_ handle: Handle, _ admission: Admission, _ store: StorePointer, now: UInt32) {
        if pointee.isPressed { return admitPressedLocked(handle, admission, store, now: now) }
        stampLocked(handle, admission.segment == .temp ? .temp : .cold, store, now: now)
    }

    @inline(never)
    private func admitPressedLocked(_ handle: Handle, _ admission: Admission, _ store: StorePointer, now: UInt32) {
        var segment = admission.segment
        if let ghost = admission.ghost {
            adaptLocked(ghost)
            sums.pointee.ghostHits += 1
            statistics.pointee.ghostHits += 1
        }
        if pointee.queuesEverything {
            if pointee.keepsLists { return admitListedLocked(handle, segment, store, now: now) }
            if segment == .warm { segment = .hot }
        } else if segment == .hot, isHotLongLocked {
            segment = .cold
        }
        if segment == .hot {
            trimRingLocked(store)
            if !ring.pointee.push(handle, store.pointee.ringBlocks) { segment = .cold }
        }
        stampLocked(handle, segment, store, now: now)
    }

    @inline(__always)
    private func stampLocked(_ handle: Handle, _ segment: Segment, _ store: StorePointer, now: UInt32) {
        countLocked(segment, 1)
        store.pointee.arena.item(handle).access = AccessWord(
            segment: segment, second: now, stamp: ring.pointee.lastStamp)
    }

    /// Rule 7: for so many items one victim must have been sought before HOT's share is learned.
    private static var settleDivisor: Int { 8 }

    /// Rule 7.
    private func adaptLocked(_ ghost: GhostRow.Kind) {
        if pointee.shareEvictions &* Self.settleDivisor < itemCountLocked { return }
        let step = 1 / Double(Swift.max(1, Swift.min(itemCountLocked, 1024)))
        let share = ghost == .fromHot ? pointee.hotShare + step : pointee.hotShare - step
        pointee.hotShare = Swift.min(Swift.max(share, 0.02), 0.5)
    }

    /// Items that HOT should hold.
    private var hotTargetLocked: Int { Int(pointee.hotShare * Double(itemCountLocked)) }

    /// Rule 8: times its target beyond which HOT is long; and the least that the target counts there for.
    private static var hotLong: Int { 2 }
    private static var hotLongItems: Int { 256 }

    /// Rule 8.
    private var isHotLongLocked: Bool {
        pointee.hotCount > Self.hotLong &* Swift.max(Self.hotLongItems, hotTargetLocked)
    }

    /// Deleted items leave their places in the ring; this keeps it at most about twice as long as HOT.
    private func trimRingLocked(_ store: StorePointer) {
        guard ring.pointee.count > 2 &* Swift.max(pointee.hotCount, 512) else { return }
        for _ in 0..<2 {
            guard let place = ring.pointee.pop(store.pointee.ringBlocks) else { return }
            if standsInRingLocked(place, store) { pushBackLocked(place.handle, store) }
        }
    }

    /// An item must not be HOT without a place in the ring: where there is no memory for one, it becomes COLD.
    func pushBackLocked(_ handle: Handle, _ store: StorePointer) {
        let item = store.pointee.arena.item(handle)
        var access = item.access
        if ring.pointee.push(handle, store.pointee.ringBlocks) {
            while !item.exchangeAccess(expected: access, desired: access.with(stamp: ring.pointee.lastStamp)) {
                access = item.access
            }
            return
        }
        moveLocked(item, &access, to: .cold, frequency: access.frequency)
    }

    /// Whether a place in the ring still means something: a chunk of this class, HOT, and linked or about to be.
    ///
    /// A place may outlive its chunk and even its page, whose bytes may now be the middle of somebody's value: nothing
    /// at the handle may be read before the page is known to be this class's.
    func standsInRingLocked(_ place: HotRing.Place, _ store: StorePointer) -> Bool {
        let handle = place.handle
        let pageIndex = store.pointee.arena.pageIndex(handle)
        guard store.pointee.pages.slabClass(pageIndex) == Int(pointee.index) else { return false }
        let bump = store.pointee.pages[pageIndex].pointee.bump
        let offset = store.pointee.arena.address(handle) - store.pointee.arena.pageAddress(pageIndex)
        guard offset < Int(bump) &* pointee.chunkBytes else { return false }
        let item = store.pointee.arena.item(handle)
        let phase = item.stateHint.phase
        let access = item.access
        guard phase == .linked || phase == .reserved else { return false }
        return access.segment == .hot && !access.isPart && access.stamp == place.stamp
    }

    /// The item to go, as a hint; nil if nothing evictable was met.
    func chooseVictimLocked(_ store: StorePointer, now: UInt32) -> Victim? {
        if pointee.keepsLists { return ListedSegments.chooseLocked(self, store, now: now) }
        if let victim = ripeVictimLocked(store, now: now) { return victim }
        if !store.pointee.settings.eviction.hasGhosts { return chooseByPolicyLocked(store, now: now) }
        pointee.isPressed = true
        pointee.shareEvictions = pointee.shareEvictions &+ 1
        var visits = 0
        if pointee.hotCount > hotTargetLocked, let victim = popVictimLocked(store, now: now, visits: &visits) {
            return victim
        }
        visits = 0
        return sweepLocked(store, now: now, visits: &visits)
    }

    /// Rule 2.
    private func popVictimLocked(_ store: StorePointer, now: UInt32, visits: inout Int) -> Victim? {
        while visits < Victim.visitsMax, let place = ring.pointee.pop(store.pointee.ringBlocks) {
            visits += 1
            guard standsInRingLocked(place, store) else { continue }
            let handle = place.handle
            let item = store.pointee.arena.item(handle)
            let state = item.stateHint
            // A page that somebody drains may come back with this item.
            if state.phase == .reserved || store.pointee.pages.owner(store.pointee.arena.pageIndex(handle)).isDraining {
                pushBackLocked(handle, store)
                continue
            }
            // Linked may have become detached just now; then the stripe will refuse.
            var access = item.access
            statistics.pointee.hotEdgeSecond = access.lastAccess(now: now)
            let expired = Self.hasExpired(item, state, now: now)
            if access.frequency == 0 || expired {
                // If the stripe refuses, the item goes on as COLD: it must not be HOT without a place in the ring.
                moveLocked(item, &access, to: .cold, frequency: 0)
                return victim(handle, item, state, frequency: 0, ghost: .fromHot, store)
            }
            statistics.pointee.movesToCold &+= 1
            moveLocked(item, &access, to: .cold, frequency: 0)
        }
        return nil
    }

    /// Rules 3 to 6.
    private func sweepLocked(_ store: StorePointer, now: UInt32, visits: inout Int) -> Victim? {
        var best: Victim?
        var bestScore = UInt32.max
        var pagesLeft = pointee.pageCount &+ 1
        while visits < Victim.visitsMax {
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
                if pagesLeft < 0 { break }
                continue
            }
            let offset = pointee.handChunk &* pointee.chunkBytes
            let handle = store.pointee.arena.handle(page: pageIndex, offset: offset)
            let item = store.pointee.arena.item(handle)
            cshims_prefetch(item.raw + Victim.prefetchDistance &* pointee.chunkBytes)
            pointee.handChunk = pointee.handChunk &+ 1
            visits += 1

            let state = item.stateHint
            guard state.phase == .linked else { continue }
            let access = item.access
            if access.isPart {
                if let victim = visitPartLocked(PartPointer(raw: item.raw), store, now: now) { return victim }
                continue
            }
            if Self.hasExpired(item, state, now: now) {
                return victim(handle, item, state, frequency: AccessWord.frequencyMax, ghost: .fromCold, store)
            }
            let score = access.frequency &* 2 &+ (access.segment == .warm ? 1 : 0)
            if access.segment == .hot {
                // Worse than every other, but better than none: the places in the ring may all be stale.
                if best == nil {
                    best = victim(handle, item, state, frequency: access.frequency, ghost: .fromHot, store)
                }
                continue
            }
            if score == 0 || access.segment == .temp && access.frequency == 0 {
                statistics.pointee.coldEdgeSecond = access.lastAccess(now: now)
                return victim(handle, item, state, frequency: 0, ghost: .fromCold, store)
            }
            if score < bestScore {
                bestScore = score
                best = victim(handle, item, state, frequency: access.frequency, ghost: .fromCold, store)
            }
            wearLocked(item, access, now: now)
        }
        return best
    }

    /// Rule 3: one step down, or a second chance.
    private func wearLocked(_ item: ItemPointer, _ access: AccessWord, now: UInt32) {
        var current = access
        switch (access.segment, access.frequency > 0) {
        case (.cold, true):
            statistics.pointee.movesToWarm &+= 1
            moveLocked(item, &current, to: .warm, frequency: access.frequency &- 1)
        case (.warm, true):
            statistics.pointee.movesWithin &+= 1
            moveLocked(item, &current, to: .warm, frequency: access.frequency &- 1)
        case (.warm, false):
            statistics.pointee.movesToCold &+= 1
            statistics.pointee.warmEdgeSecond = access.lastAccess(now: now)
            moveLocked(item, &current, to: .cold, frequency: 0)
        case (.temp, true):
            moveLocked(item, &current, to: .temp, frequency: access.frequency &- 1)
        default:
            break
        }
    }

    /// Rule 6. Head handle and hash of a part are fixed while it is linked; of the head only atomic words are read.
    func visitPartLocked(_ part: PartPointer, _ store: StorePointer, now: UInt32) -> Victim? {
        let head = store.pointee.arena.item(part.head)
        guard head.stateHint.phase == .linked else { return nil }
        let access = head.access
        if access.frequency == 0 {
            return Victim(handle: part.head, hash: part.keyHash, frequency: 0, ghost: .fromCold)
        }
        if part.previous.isNone {
            let worn = access.with(segment: access.segment, frequency: access.frequency &- 1)
            _ = head.exchangeAccess(expected: access, desired: worn)
        }
        return nil
    }

    /// Changes segment and frequency, keeping what readers change meanwhile; the counts follow.
    func moveLocked(_ item: ItemPointer, _ access: inout AccessWord, to segment: Segment, frequency: UInt32) {
        let before = access.segment
        while !item.exchangeAccess(expected: access, desired: access.with(segment: segment, frequency: frequency)) {
            access = item.access
        }
        if before != segment {
            countLocked(before, -1)
            countLocked(segment, 1)
        }
    }

    @inline(__always)
    private static func hasExpired(_ item: ItemPointer, _ state: ItemState, now: UInt32) -> Bool {
        let expiry = item.expiry(state)
        return expiry != 0 && expiry <= now
    }

    /// Safe: the class lock keeps the chunk from being freed, so its key is complete and stays.
    private func victim(
        _ handle: Handle, _ item: ItemPointer, _ state: ItemState, frequency: UInt32, ghost: GhostRow.Kind,
        _ store: StorePointer
    ) -> Victim {
        let hash = store.pointee.keyHash(item.key(state), item.keyLength)
        return Victim(handle: handle, hash: hash, frequency: frequency, ghost: ghost)
    }
}

/// How a new item enters its class.
struct Admission: BitwiseCopyable {
    let segment: Segment
    let ghost: GhostRow.Kind?

    static var fresh: Admission { Admission(segment: .hot, ghost: nil) }
}
