import CShims

/// Takes back what has expired, one page at a time, without walking the whole cache (CrawlPass.swift says which pages).
///
/// 1. A page is scanned in slices of 16 chunks under the class lock; each expired item becomes a hint that is carried
///    out under its stripe.
/// 2. The page's due seconds are set to never *before* the scan, and lowered afterwards to what the lives left in the
///    page say, so that an item stored meanwhile is not missed (DueSeconds.swift).
/// 3. The second by which a 16th of the items will have expired is told from a histogram of the lives left, by powers
///    of two.
/// 4. After a flush every page is scanned once, and every item in it is a hint.
struct Crawler {
    static let sliceChunks = 16

    let session: StoreSession

    init(session: StoreSession) { self.session = session }

    private struct Hint: BitwiseCopyable {
        let handle: Handle
        let hash: UInt64
    }

    /// Scans one page and gives back what is dead. Returns the number of items taken.
    func scan(_ pageIndex: Int) -> Int {
        let store = session.core
        let takesEverything =
            store.pointee.pages[pageIndex].pointee.firstDue.load(ordering: .relaxed) == DueSeconds.sweep
        // Even if nobody owns the page. Before the look at its items, so that what is stored meanwhile is seen by it or
        // lowers the seconds after it.
        store.pointee.pages.forgetDue(pageIndex)
        let slabClass = store.pointee.pages.slabClass(pageIndex)
        if slabClass == 0 { return 0 }
        let home = store.pointee.slabClass(slabClass)
        var lives = LifeHistogram()
        var taken = 0
        var first = 0
        var hasLeft = false
        while true {
            var more = false
            withUnsafeTemporaryAllocation(of: Hint.self, capacity: Self.sliceChunks) { hints in
                home.lock()
                let count = collectLocked(
                    home, pageIndex, first, takesEverything: takesEverything, &lives, hints, &more)
                home.unlock()
                store.passHook()
                guard let count else {
                    hasLeft = true
                    return
                }
                for index in 0..<count where bury(hints[index].handle, hints[index].hash) { taken += 1 }
            }
            if !more { break }
            first += Self.sliceChunks
        }
        if hasLeft || store.pointee.pages.slabClass(pageIndex) != slabClass {
            // The page changed hands, or was being drained and may be back: what it now holds may have been due when
            // this scan set it to never.
            store.makeRipe(pageIndex, at: takesEverything ? DueSeconds.sweep : session.now)
        }
        if let due = lives.due(now: session.now) { store.pointee.pages[pageIndex].pointee.nextDue.lower(to: due) }
        if lives.first < DueSeconds.never { store.lowerFirstDue(pageIndex, to: lives.first) }
        return taken
    }

    /// Hints of one slice; nil if the page is no longer the class's.
    private func collectLocked(
        _ home: UnsafeMutablePointer<SlabClass>, _ pageIndex: Int, _ first: Int, takesEverything: Bool,
        _ lives: inout LifeHistogram, _ hints: UnsafeMutableBufferPointer<Hint>, _ more: inout Bool
    ) -> Int? {
        let store = session.core
        guard store.pointee.pages.owner(pageIndex) == PageOwner(Int(home.pointee.index)) else { return nil }
        let bump = Int(store.pointee.pages[pageIndex].pointee.bump)
        let last = min(bump, first + Self.sliceChunks)
        more = last < bump
        var count = 0
        for chunk in first..<max(first, last) {
            let handle = store.pointee.arena.handle(page: pageIndex, offset: chunk * home.pointee.chunkBytes)
            let item = store.pointee.arena.item(handle)
            let state = item.stateHint
            guard state.phase == .linked, !item.access.isPart else { continue }
            home.statistics.pointee.crawlerItemsChecked &+= 1
            let expiry = item.expiry(state)
            if takesEverything || (expiry != 0 && expiry <= session.now) {
                hints[count] = Hint(handle: handle, hash: store.pointee.keyHash(item.key(state), item.keyLength))
                count += 1
            }
            lives.add(expiry, now: session.now)
        }
        return count
    }

    /// Takes an item out if it still is there and dead.
    private func bury(_ handle: Handle, _ hash: UInt64) -> Bool {
        let store = session.core
        let stripe = store.pointee.table.stripe(hash)
        stripe.lock()
        guard let slot = store.pointee.table.findLocked(handle, hash: hash) else {
            stripe.unlock()
            return false
        }
        let item = store.pointee.arena.item(handle)
        guard store.deathLocked(item, item.state, stripe, now: session.now) != nil else {
            stripe.unlock()
            return false
        }
        let owned = store.unlinkLocked(slot, hash: hash, item, item.state, session.state)
        stripe.unlock()
        store.passHook()
        if owned { store.freeItem(handle, .crawled, now: session.now) }
        return true
    }
}

/// The lives left of a page's items, by powers of two.
private struct LifeHistogram {
    private var counts: InlineArray<32, Int> = .init(repeating: 0)
    /// Items that have not expired, those that never will included.
    private var living = 0
    /// The earliest expiry to come.
    private(set) var first = DueSeconds.never

    mutating func add(_ expiry: UInt32, now: UInt32) {
        if expiry == 0 {
            living += 1
        } else if expiry > now {
            living += 1
            counts[31 - (expiry - now).leadingZeroBitCount] += 1
            first = min(first, expiry)
        }
    }

    /// The second by which a 16th will have expired, at most a power of two too early; nil if that never happens.
    func due(now: UInt32) -> UInt32? {
        var seen = 0
        for power in 0..<32 {
            seen += counts[power]
            if seen >= DueSeconds.ripeCount(of: living) { return max(first, now &+ (UInt32(1) << power)) }
        }
        return nil
    }
}
