import CShims

/// Takes back what has expired, without walking the whole cache.
///
/// 1. Each page knows the second at which a scan pays (`nextDue`): the earliest expiry stored into it since the last
///    scan, or what the last scan foresaw.
/// 2. A due page is scanned in slices of 16 chunks under the class lock; each expired item becomes a hint that is carried
///    out under its stripe. `nextDue` is set to never *before* the scan, and lowered afterwards, so that an item stored
///    meanwhile is not missed.
/// 3. What a scan foresees is the second by which a 16th of the page's mortal items will have expired (from a histogram
///    of remaining lives by powers of two), so that pages of mixed lives are not scanned for every single item.
/// 4. After a flush every page is due once.
struct Crawler {
    static let sliceChunks = 16
    /// Pages looked at in one pass of the maintainer.
    static let pagesPerPass = 256

    let session: StoreSession
    /// Flushed items are hints too, whatever their expiry.
    let takesEverything: Bool

    private struct Hint: BitwiseCopyable {
        let handle: Handle
        let hash: UInt64
    }

    /// Scans one page and gives back what is dead. Returns the number of items taken.
    func scan(_ pageIndex: Int) -> Int {
        let store = session.core
        let page = store.pointee.pages[pageIndex]
        // Reset even if nobody owns the page: a due second left behind would be met again in every pass. Acquiring, so that
        // what was stored before the due second was lowered is seen by the scan.
        _ = page.pointee.nextDue.exchange(UInt32.max, ordering: .acquiringAndReleasing)
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
                let count = collectLocked(home, page, pageIndex, first, &lives, hints, &more)
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
            // The page changed hands, or was being drained and may be back: what it now holds may have been due when this
            // scan set it to never.
            store.pointee.pages.lowerDue(pageIndex, to: session.now)
        }
        if let due = lives.due(now: session.now) { store.pointee.pages.lowerDue(pageIndex, to: due) }
        return taken
    }

    /// Hints of one slice; nil if the page is no longer the class's.
    private func collectLocked(
        _ home: UnsafeMutablePointer<SlabClass>, _ page: UnsafeMutablePointer<Page>, _ pageIndex: Int, _ first: Int,
        _ lives: inout LifeHistogram, _ hints: UnsafeMutableBufferPointer<Hint>, _ more: inout Bool
    ) -> Int? {
        let store = session.core
        guard store.pointee.pages.owner(pageIndex) == PageOwner(Int(home.pointee.index)) else { return nil }
        let bump = Int(page.pointee.bump)
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
            if expiry > session.now { lives.add(expiry - session.now) }
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

/// Remaining lives by powers of two.
private struct LifeHistogram {
    private var counts: InlineArray<32, Int> = .init(repeating: 0)
    private var total = 0

    mutating func add(_ seconds: UInt32) {
        counts[31 - max(1, seconds).leadingZeroBitCount] += 1
        total += 1
    }

    /// The second by which about a 16th will have expired; nil if nothing will.
    func due(now: UInt32) -> UInt32? {
        if total == 0 { return nil }
        var seen = 0
        for power in 0..<32 {
            seen += counts[power]
            if seen * 16 >= total { return now &+ (UInt32(1) << power) }
        }
        return nil
    }
}
