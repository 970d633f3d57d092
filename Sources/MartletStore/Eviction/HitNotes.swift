import Synchronization

/// What the hits of one session ask of the lists of `-o memcached_mode`: a queue from the session's thread to the
/// maintainer.
///
///     hit on a COLD item that becomes active   -> WARM
///     hit on an item of the flat list, unread for a minute   -> head
///
/// A note is a handle and nothing more: what stands there by then decides. Where the queue is full the hit leaves no
/// note (`lru_bumps_dropped`), and the item may ask again.
struct HitNotes: ~Copyable {
    private let handles: UnsafeMutablePointer<UInt32>
    /// Written by the session, and by the maintainer; both only grow.
    private let written = Atomic<Int>(0)
    private let read = Atomic<Int>(0)
    let dropped = Atomic<Int>(0)
    /// Fetches by class and segment (class * 4 + segment); written by the session.
    let fetches: UnsafeMutablePointer<Atomic<Int>>
    private let fetchCount: Int

    static let countMax = 8192

    init(classCount: Int) {
        handles = OwnLines.allocate(UInt32.self, count: Self.countMax)
        handles.initialize(repeating: 0, count: Self.countMax)
        fetchCount = (classCount + 1) * 4
        fetches = OwnLines.allocate(Atomic<Int>.self, count: fetchCount)
        for index in 0..<fetchCount { (fetches + index).initialize(to: Atomic(0)) }
    }

    borrowing func deallocate() {
        handles.deallocate()
        fetches.deallocate()
    }

    /// The session's thread. Returns false if there is no room.
    borrowing func push(_ handle: Handle) -> Bool {
        let position = written.load(ordering: .relaxed)
        guard position - read.load(ordering: .acquiring) < Self.countMax else {
            dropped.addAlone(1)
            return false
        }
        handles[position % Self.countMax] = handle.raw
        written.store(position + 1, ordering: .releasing)
        return true
    }

    /// The maintainer's thread.
    borrowing func pop() -> Handle? {
        let position = read.load(ordering: .relaxed)
        guard position < written.load(ordering: .acquiring) else { return nil }
        let handle = Handle(raw: handles[position % Self.countMax])
        read.store(position + 1, ordering: .releasing)
        return handle
    }
}

extension StoreSession {
    /// Counts an access to an item under its stripe lock, at the session's second. Returns the access word before, and
    /// whether it was that of a COLD item and has changed: what the page mover wants to know.
    @inline(__always)
    func countHit(_ item: ItemPointer) -> (before: AccessWord, isCold: Bool) {
        let now = state.pointee.now
        var before = item.access
        while true {
            let after = before.hit(now: now)
            if after == before { return (before, false) }
            // With lists no word is ever left as it is by `hit`: frequencies stay under the highest.
            if _slowPath(state.pointee.notes != nil) { return (countListedHit(item), false) }
            let (isExchanged, found) = item.weakExchangeAccess(expected: before, desired: after)
            if isExchanged { return (before, before.raw & AccessWord.segmentMask == AccessWord.coldBits) }
            before = found
        }
    }

    /// ItemLists, rule 2, for a fetch. Returns the access word before.
    @inline(never)
    private func countListedHit(_ item: ItemPointer) -> AccessWord {
        let now = state.pointee.now
        let notes = state.pointee.notes.unsafelyUnwrapped
        let isSegmented = core.pointee.tuning.isSegmented.load(ordering: .relaxed)
        let page = core.pointee.arena.pageIndex(ofAddress: item.raw)
        let handle = core.pointee.arena.handle(page: page, offset: item.raw - core.pointee.arena.pageAddress(page))
        var before = item.access
        let segment = Int(before.segment.rawValue)
        notes.pointee.fetches[core.pointee.pages.slabClass(page) * 4 + segment].addAlone(1)
        while true {
            guard let after = before.listedHit(now: now, isSegmented: isSegmented) else { return before }
            if item.exchangeAccess(expected: before, desired: after) {
                let isNoted = isSegmented ? after.isActive && after.segment == .cold : after.segment == .cold
                if isNoted, after.raw & ~AccessWord.fetchedBit != before.raw & ~AccessWord.fetchedBit,
                    !notes.pointee.push(handle), isSegmented
                {
                    // The next hit asks again.
                    _ = item.exchangeAccess(
                        expected: after, desired: after.with(segment: after.segment, frequency: 1))
                }
                return before
            }
            before = item.access
        }
    }
}

extension AccessWord {
    /// ItemLists, rule 2: the word after a fetch, nil if it stays as it is.
    fileprivate func listedHit(now: UInt32, isSegmented: Bool) -> AccessWord? {
        var after = AccessWord(raw: raw | Self.fetchedBit)
        if isSegmented {
            if isActive { return nil }
            if !isFetched { return after.with(segment: segment, frequency: 1) }
            after = after.with(segment: segment, frequency: ItemLists.activeFrequency)
            return segment == .cold ? after : after.with(second: now)
        }
        let rest = now &- lastAccess(now: now)
        if rest > ListedSegments.flatRestSeconds { return after.with(second: now) }
        return after == self ? nil : after
    }
}

extension UnsafeMutablePointer where Pointee == StoreCore {
    /// Carries out what the sessions have noted. The maintainer's thread; no lock is held.
    func followHitNotes(now: UInt32) {
        let isSegmented = pointee.tuning.isSegmented.load(ordering: .relaxed)
        forEachSession { session in
            guard let notes = session.pointee.notes else { return }
            // What comes meanwhile waits for the next pass.
            for _ in 0..<HitNotes.countMax {
                guard let handle = notes.pointee.pop() else { return }
                follow(handle, isSegmented: isSegmented, now: now)
            }
        }
    }

    private func follow(_ handle: Handle, isSegmented: Bool, now: UInt32) {
        let page = pointee.arena.pageIndex(handle)
        let slabClass = pointee.pages.slabClass(page)
        if slabClass == 0 { return }
        let home = pointee.slabClass(slabClass)
        home.lock()
        defer {
            home.unlock()
            passHook()
        }
        let offset = pointee.arena.address(handle) - pointee.arena.pageAddress(page)
        guard pointee.pages.slabClass(page) == slabClass, offset % home.pointee.chunkBytes == 0,
            offset < Int(pointee.pages[page].pointee.bump) * home.pointee.chunkBytes
        else { return }
        let item = pointee.arena.item(handle)
        let access = item.access
        guard item.stateHint.phase == .linked, !access.isPart, access.segment == .cold else { return }
        if !isSegmented {
            home.relistLocked(handle, to: .cold, frequency: access.frequency, self)
        } else if access.isActive {
            home.statistics.pointee.movesToWarm &+= 1
            home.relistLocked(handle, to: .warm, frequency: 1, second: now, self)
        }
    }
}
