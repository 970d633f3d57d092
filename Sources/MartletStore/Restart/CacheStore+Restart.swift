import Synchronization

/// A store's memory handed on from one process to the next: `takeUp` after the start, `handOn` at a planned stop.
extension CacheStore {
    /// Calls the closure with 0..<count, each on a thread of its own, and returns when all have ended. The store has no
    /// threads.
    package typealias ParallelRun = (_ count: Int, _ body: @escaping @Sendable (Int) -> Void) -> Void

    /// Whether there is something to take up: the file that the store was made with fits it.
    package var canTakeUp: Bool { core.pointee.backing?.pointee.owner.saved != nil }

    /// Takes up what the file holds; only for a store that nobody has used. Returns the number of items, or nil if the
    /// file is damaged: then the store is of no use, and another is to be made with the same file, which is told to
    /// start empty.
    package func takeUp(now: UInt32, threadCount: Int, _ inParallel: ParallelRun) -> Int? {
        guard let file = core.pointee.backing?.pointee.owner, let saved = file.saved else { return 0 }
        growTable(to: saved.rowCount)
        core.pointee.shrinking.powerBefore.store(saved.tablePower, ordering: .relaxed)
        let revival = Revival(store: core, saved: saved, provesBySeals: file.isLive, now: now)
        guard let count = revival.run(threadCount: threadCount, inParallel) else {
            file.forget(because: "\(file.path) is damaged")
            return nil
        }
        core.pointee.pendingFlush.store(saved.pendingFlush, ordering: .relaxed)
        file.release()
        return count
    }

    /// Ends the start of a store with a memory file: from now on the file says what the next process needs if this one
    /// dies, as far as it is kept up (`LiveHead`).
    package func openFile(now: UInt32, zeroMilliseconds: Int64) {
        guard let live = core.pointee.backing?.pointee.live else { return }
        var state = SavedState(settings: savedSettings)
        state.secret = core.pointee.secret
        noteTime(now: now, zeroMilliseconds: zeroMilliseconds)
        live.note(pendingFlush: core.pointee.pendingFlush.load(ordering: .relaxed))
        live.open(state, pageCount: core.pointee.arena.pageCountMax)
    }

    /// What time it is, for whoever has to go on from here without a planned stop. `zeroMilliseconds`: wall
    /// milliseconds at which server second 0 began.
    package func noteTime(now: UInt32, zeroMilliseconds: Int64) {
        core.pointee.backing?.pointee.live?.note(second: now, zeroMilliseconds: zeroMilliseconds)
    }

    /// Writes what the next store needs. Nobody uses the store any more: no session, lease or reservation. It is of no
    /// use afterwards. Returns why it could not be written, or nil.
    package func handOn(
        now: UInt32, zeroMilliseconds: Int64, threadCount: Int, _ inParallel: ParallelRun
    ) -> String? {
        guard let backing = core.pointee.backing else { return nil }
        backing.pointee.live?.shut()
        var state = SavedState(settings: savedSettings)
        state.secret = core.pointee.secret
        state.second = now
        state.zeroMilliseconds = zeroMilliseconds
        state.pendingFlush = core.pointee.pendingFlush.load(ordering: .relaxed)
        state.rowCount = meanRowCount
        state.tablePower = UInt32(core.pointee.tablePower)
        for index in 0..<core.pointee.table.stripeCount {
            let stripe = core.pointee.table.stripe(at: index)
            state.stripes.append(
                SavedState.Stripe(sequence: stripe.pointee.sequence, flushedThrough: stripe.pointee.flushedThrough))
        }
        for index in 0...core.pointee.geometry.classCount {
            let home = core.pointee.slabClass(index)
            state.classes.append(
                SavedState.SlabClass(isPressed: home.pointee.isPressed, hotShare: home.pointee.hotShare))
        }
        state.pages = sumPages(threadCount: threadCount, inParallel)
        backing.pointee.cutUntaken(takenCount: state.pages.count)
        return backing.pointee.owner.write(state)
    }

    // MARK: Steps

    private var savedSettings: SavedSettings {
        var settings = SavedSettings(core.pointee.settings)
        settings.geometry = core.pointee.geometry.digest
        return settings
    }

    private var meanRowCount: UInt32 {
        let table = core.pointee.table
        var sum = 0
        for index in 0..<table.stripeCount {
            sum += Int(table.stripe(at: index).pointee.bucketCount.load(ordering: .relaxed))
        }
        return UInt32(max(1, sum / table.stripeCount))
    }

    /// Gives an empty table the size that another had: its memory is all zeroes, so its buckets are empty. No larger
    /// than the limit full of the smallest items would make it.
    private func growTable(to rowCount: UInt32) {
        let table = core.pointee.table
        let itemCountMax = core.pointee.limitBytes / core.pointee.slabClass(1).pointee.chunkBytes
        let useful = UInt32(clamping: itemCountMax * 2 / (15 * table.stripeCount) + 2)
        let count = min(max(1, rowCount), table.rowCountMax, useful)
        for index in 0..<table.stripeCount {
            table.stripe(at: index).pointee.bucketCount.store(count, ordering: .relaxed)
        }
        maintainer.state.pointee.counters.bucketsAdded.addAlone((Int(count) - 1) * table.stripeCount)
    }

    private func sumPages(threadCount: Int, _ inParallel: ParallelRun) -> [SavedState.Page] {
        let pageCount = core.pointee.pool.pointee.bump
        let sums = PageSums(pageCount: pageCount)
        let store = self
        inParallel(threadCount) { thread in
            for page in stride(from: thread, to: pageCount, by: threadCount) { sums.set(page, store.savedPage(page)) }
        }
        return sums.pages
    }

    private func savedPage(_ index: Int) -> SavedState.Page {
        let slabClass = core.pointee.pages.slabClass(index)
        guard slabClass != 0 else { return SavedState.Page(slabClass: 0, bump: 0) }
        let bump = Int(core.pointee.pages[index].pointee.bump)
        let bytes = bump * core.pointee.slabClass(slabClass).pointee.chunkBytes
        return SavedState.Page(slabClass: slabClass, bump: bump, sum: core.sum(ofPage: index, bytes))
    }
}

/// Pages summed by several threads.
private final class PageSums: @unchecked Sendable {
    // Sendable: each thread writes places of its own, and they are read when all have ended.
    private let start: UnsafeMutablePointer<SavedState.Page>
    private let pageCount: Int

    init(pageCount: Int) {
        self.pageCount = pageCount
        start = .allocate(capacity: max(1, pageCount))
        start.initialize(repeating: SavedState.Page(slabClass: 0, bump: 0), count: max(1, pageCount))
    }

    deinit { start.deallocate() }

    func set(_ page: Int, _ facts: SavedState.Page) { start[page] = facts }

    var pages: [SavedState.Page] { Array(UnsafeBufferPointer(start: start, count: pageCount)) }
}
