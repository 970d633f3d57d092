import CShims
import Synchronization

/// Taking up what another process has left in the arena: every chunk is looked at, nothing is taken on trust.
///
/// 1. The proof of the bytes: after a planned stop the sum of each page, and one that does not agree ends it all; in a
///    live file the seal of each item and part, and one that does not agree costs this item.
/// 2. First walk, by page: each linked item whose words are within bounds, whose parts lead from one to the next as
///    they should, and which neither time nor a flush has ended, goes into its bucket. Of two with one key the one with
///    the higher sequence stays. Nothing but the page's own items is written.
/// 3. Then, on one thread: what has lost to another becomes free, and the parts of those that stay are marked and name
///    their head and the part before. Two that share parts are an item and its copy (Inspection.swift, rule 1), of
///    which one has lost: the parts are the other's, whoever they named.
/// 4. Second walk, by page: chunks with nothing in them become the page's free list; items are counted, HOT ones go
///    into their ring, with lists each into its own, what expires makes the page due.
/// 5. Then, on one thread: classes get their pages in order of address, the pool the others.
///
/// The table has the size it had from the start, so nothing is split meanwhile. Ghosts and statistics are not kept.
struct Revival {
    let store: StorePointer
    let saved: SavedState
    let provesBySeals: Bool
    let now: UInt32

    /// Pages that a thread takes at once.
    private static let pagesPerTurn = 8

    /// What one thread finds.
    final class Tally: @unchecked Sendable {
        // Sendable: used by the thread it belongs to, and by the one that waits for all of them.
        @exclusivity(unchecked) var claims: [PartClaim] = []
        @exclusivity(unchecked) var losers: [Handle] = []
        @exclusivity(unchecked) var requestedBytes: [Int]
        @exclusivity(unchecked) var itemCount = 0
        /// Items of the page at hand with their hashes.
        @exclusivity(unchecked) var found: [(handle: Handle, hash: UInt64)] = []
        @exclusivity(unchecked) var queued: [Handle] = []

        init(classCount: Int) { requestedBytes = Array(repeating: 0, count: classCount + 1) }
    }

    private final class Progress: Sendable {
        let nextPage = Atomic<Int>(0)
        let isDamaged = Atomic<Bool>(false)
    }

    /// Returns the number of items, or nil if a page is not what it was: then the store is of no use any more.
    func run(threadCount: Int, _ inParallel: CacheStore.ParallelRun) -> Int? {
        let tallies = (0..<threadCount).map { _ in Tally(classCount: store.pointee.geometry.classCount) }
        let walk = UncheckedRevival(revival: self)
        var progress = Progress()
        inParallel(threadCount) { [progress] thread in
            walk.revival.eachPage(progress) { walk.revival.takeIn($0, tallies[thread]) }
        }
        if progress.isDamaged.load(ordering: .relaxed) { return nil }
        decide(tallies)
        progress = Progress()
        // Lists are in order of address then, which is that of their making as long as nothing was freed.
        inParallel(store.pointee.geometry.keepsLists ? 1 : threadCount) { [progress] thread in
            walk.revival.eachPage(progress) { page in
                walk.revival.settle(page, tallies[thread])
                return true
            }
        }
        handOut()
        return account(tallies)
    }

    private func eachPage(_ progress: Progress, _ body: (Int) -> Bool) {
        while !progress.isDamaged.load(ordering: .relaxed) {
            let first = progress.nextPage.wrappingAdd(Self.pagesPerTurn, ordering: .relaxed).oldValue
            if first >= saved.pages.count { return }
            for page in first..<min(first + Self.pagesPerTurn, saved.pages.count) where saved.pages[page].slabClass != 0
            {
                if !body(page) { progress.isDamaged.store(true, ordering: .relaxed) }
            }
        }
    }

    // MARK: First walk

    /// Rules 1 and 2. Returns false for a page that is not what it was.
    private func takeIn(_ page: Int, _ tally: Tally) -> Bool {
        let facts = saved.pages[page]
        let chunkBytes = store.pointee.slabClass(facts.slabClass).pointee.chunkBytes
        if !provesBySeals, store.sum(ofPage: page, chunkBytes * facts.bump) != facts.sum { return false }
        let inspection = Inspection(store: store, saved: saved, provesBySeals: provesBySeals)
        for chunk in 0..<facts.bump {
            let handle = store.pointee.arena.handle(page: page, offset: chunk &* chunkBytes)
            let item = store.pointee.arena.item(handle)
            let state = item.state
            if state.phase != .linked { continue }
            if item.access.isPart {
                // Whatever was left there by an item that had the chunk before.
                PartPointer(raw: item.raw).isClaimed = false
                continue
            }
            guard inspection.isWhole(item, state, handle, facts.slabClass, &tally.claims) else {
                item.state = ItemState(raw: 0)
                continue
            }
            let hash = store.pointee.keyHash(item.key(state), item.keyLength)
            if isDead(item, state, hash) {
                item.state = ItemState(raw: 0)
                continue
            }
            cshims_prefetch_write(store.pointee.table.home(hash).raw)
            tally.found.append((handle, hash))
        }
        for (handle, hash) in tally.found { link(handle, hash, tally) }
        tally.found.removeAll(keepingCapacity: true)
        return true
    }

    private func isDead(_ item: ItemPointer, _ state: ItemState, _ hash: UInt64) -> Bool {
        let expiry = item.expiry(state)
        if expiry != 0, expiry <= now { return true }
        let flushed = saved.stripes[store.pointee.table.stripeIndex(hash)].flushedThrough
        return flushed != 0 && item.sequence(state) <= flushed
    }

    private func link(_ handle: Handle, _ hash: UInt64, _ tally: Tally) {
        let table = store.pointee.table
        let item = store.pointee.arena.item(handle)
        let state = item.state
        let key = ItemKey(bytes: item.key(state), count: item.keyLength, hash: hash)
        let sequence = item.sequence(state)
        let stripe = table.stripe(hash)
        stripe.lock()
        defer { stripe.unlock() }
        if sequence > stripe.pointee.sequence { stripe.raiseSequenceLocked(to: sequence) }
        if let slot = table.findLocked(key) {
            let other = store.pointee.arena.item(slot.handle)
            if other.sequence(other.state) >= sequence {
                tally.losers.append(handle)
            } else {
                tally.losers.append(slot.handle)
                slot.bucket.set(slot.index, tag: slot.bucket.tag(slot.index), handle: handle)
            }
        } else if !table.insertLocked(handle, hash: hash) {
            tally.losers.append(handle)
        }
    }

    // MARK: Between the walks

    /// Rule 3.
    private func decide(_ tallies: [Tally]) {
        for tally in tallies {
            for loser in tally.losers { store.pointee.arena.item(loser).state = ItemState(raw: 0) }
        }
        for tally in tallies {
            for claim in tally.claims where store.pointee.arena.item(claim.head).state.phase == .linked {
                let part = PartPointer(raw: store.pointee.arena.address(claim.part))
                part.head = claim.head
                part.previous = claim.previous
                part.isClaimed = true
            }
            tally.claims = []
        }
    }

    // MARK: Second walk

    /// Rule 4.
    private func settle(_ pageIndex: Int, _ tally: Tally) {
        let facts = saved.pages[pageIndex]
        let home = store.pointee.slabClass(facts.slabClass)
        let pages = store.pointee.pages
        let page = pages[pageIndex]
        pages.forgetDue(pageIndex)
        var freeHead: UInt32 = 0
        var used: UInt32 = 0
        var counts: InlineArray<4, Int> = [0, 0, 0, 0]
        for chunk in (0..<facts.bump).reversed() {
            let handle = store.pointee.arena.handle(page: pageIndex, offset: chunk &* home.pointee.chunkBytes)
            let item = store.pointee.arena.item(handle)
            let state = item.state
            let isPart = item.access.isPart
            let part = PartPointer(raw: item.raw)
            if state.phase != .linked || (isPart && !part.isClaimed) {
                item.state = ItemState(raw: 0)
                item.access = AccessWord(raw: freeHead)
                freeHead = handle.raw
                continue
            }
            used += 1
            if isPart {
                part.isClaimed = false
                continue
            }
            if state.has(ItemState.isLarge) { item.large(state).leases.pointee.store(1, ordering: .relaxed) }
            let expiry = item.expiry(state)
            if expiry != 0 {
                page.pointee.firstDue.lower(to: expiry)
                page.pointee.nextDue.lower(to: expiry)
            }
            tally.requestedBytes[facts.slabClass] += store.itemBytes(item, state)
            tally.itemCount += 1
            counts[Int(item.access.segment.rawValue)] += 1
            if item.access.segment == .hot || home.pointee.keepsLists { tally.queued.append(handle) }
        }
        page.pointee.bump = UInt32(facts.bump)
        page.pointee.freeHead = freeHead
        page.pointee.used = used
        page.pointee.isOpen = false
        queue(tally, home, counts)
    }

    private func queue(_ tally: Tally, _ home: UnsafeMutablePointer<SlabClass>, _ counts: InlineArray<4, Int>) {
        home.lock()
        for segment in 0..<4 { home.countLocked(Segment(rawValue: UInt8(segment)) ?? .cold, counts[segment]) }
        for handle in tally.queued.reversed() {
            let item = store.pointee.arena.item(handle)
            if home.pointee.keepsLists {
                home.listLocked(handle, item.access.segment, store)
            } else if home.ring.pointee.push(handle, store.pointee.ringBlocks) {
                item.access = item.access.with(stamp: home.ring.pointee.lastStamp)
            } else {
                home.countLocked(.hot, -1)
                home.countLocked(.cold, 1)
                item.access = item.access.with(segment: .cold, frequency: item.access.frequency)
            }
        }
        home.unlock()
        tally.queued.removeAll(keepingCapacity: true)
    }

    // MARK: At the end

    /// Rule 5.
    private func handOut() {
        let pool = store.pointee.pool
        pool.pointee.bump = saved.pages.count
        pool.pointee.usedCount = saved.pages.count
        for (index, facts) in saved.pages.enumerated() {
            let isBacked = store.isBacked(index)
            if facts.slabClass == 0 || store.pointee.pages[index].pointee.used == 0 || !isBacked {
                store.givePage(index)
                continue
            }
            let home = store.pointee.slabClass(facts.slabClass)
            home.lock()
            home.restorePageLocked(index, store)
            home.unlock()
        }
        for (index, facts) in saved.classes.enumerated() where index > 0 {
            let home = store.pointee.slabClass(index)
            home.lock()
            home.pointee.isPressed = home.pointee.isPressed || facts.isPressed
            if facts.hotShare > 0, facts.hotShare < 1 { home.pointee.hotShare = facts.hotShare }
            home.unlock()
        }
    }

    private func account(_ tallies: [Tally]) -> Int {
        guard let session = store.pointee.sessions[0] else { return 0 }
        var itemCount = 0
        for tally in tallies {
            itemCount += tally.itemCount
            for (slabClass, bytes) in tally.requestedBytes.enumerated() {
                session.pointee.counters.requestedBytes[slabClass].addAlone(bytes)
            }
        }
        session.pointee.counters.itemsStored.addAlone(itemCount)
        return itemCount
    }
}

/// A revival as its threads share it.
private struct UncheckedRevival: @unchecked Sendable {
    // Sendable: constants, and a store of which each thread changes what rules 2 and 4 say.
    let revival: Revival
}

extension PartPointer {
    /// A byte of the spare ones, used only between the two walks.
    fileprivate var isClaimed: Bool {
        get { (raw + 4).load(as: UInt8.self) == 1 }
        nonmutating set { (raw + 4).storeBytes(of: newValue ? 1 : 0, as: UInt8.self) }
    }
}

extension UnsafeMutablePointer where Pointee == StoreCore {
    /// The sum of the first `bytes` of a page, as FILE.meta has it. Pages do not change places.
    func sum(ofPage page: Int, _ bytes: Int) -> UInt64 {
        MemorySum(secret: pointee.secret)(pointee.arena.pageAddress(page), bytes, seed: UInt64(page))
    }
}
