import Synchronization

/// How far the maintainer is with making the table smaller; the rules stand in HashTable+Shrinking.swift. Its alone.
struct TableShrinking: ~Copyable {
    /// Buckets that every stripe is to have; 0 while nothing is to shrink.
    let target = Atomic<UInt32>(0)
    /// The stripe to go on with.
    let stripe = Atomic<Int>(0)
    /// Stripes one after the other that had nothing to merge.
    let finished = Atomic<Int>(0)
    /// The most buckets that a stripe keeps for now.
    let kept = Atomic<UInt32>(0)
    /// Rows that may have memory: the most buckets that a stripe was seen to have since memory last went back, and those
    /// whose memory was made ahead. Any thread reads it: the limit counts these rows until their memory goes.
    let touched = Atomic<UInt32>(0)

    /// The largest `tablePower` before the table last began to shrink, also in the process before this one.
    let powerBefore = Atomic<UInt32>(0)

    static let mergesPerPass = 8192
    /// It is not worth the work for fewer bytes, nor where they would hardly be one huge page of the table.
    static let savedBytesMin = 256 << 10
    static let savedBytesMinHuge = 8 << 20

    /// Buckets for each stripe to shrink to, if stripes with `rows` on average have half as many again as the `wanted`
    /// ones and more: a quarter more, and one.
    static func target(rows: Int, wanted: Int, bytesPerRow: Int, isHuge: Bool) -> UInt32? {
        let target = wanted + wanted / 4 + 1
        let savedBytes = (rows - target) * bytesPerRow
        guard rows > wanted + wanted / 2, savedBytes >= (isHuge ? savedBytesMinHuge : savedBytesMin) else { return nil }
        return UInt32(target)
    }
}

extension UnsafeMutablePointer where Pointee == StoreCore {
    /// Makes the table smaller by a bounded number of merges, if that is due. Returns whether there is more to do at
    /// once.
    func shrinkTable(_ session: SessionPointer) -> Bool {
        let table = pointee.table
        let wanted = table.rowCountWanted
        var target = pointee.shrinking.target.load(ordering: .relaxed)
        if target == 0 {
            let rows = pointee.linkedBucketCount / table.stripeCount
            guard
                let due = TableShrinking.target(
                    rows: rows, wanted: Int(wanted), bytesPerRow: bytesPerTableRow, isHuge: pointee.hasHugeTable)
            else { return false }
            target = due
            beginShrinking(to: target)
        } else if wanted > target {
            endShrinking()
            return false
        }

        // By turns, so that nobody has to wait for one stripe again and again.
        var stripe = pointee.shrinking.stripe.load(ordering: .relaxed)
        var finished = pointee.shrinking.finished.load(ordering: .relaxed)
        for _ in 0..<TableShrinking.mergesPerPass where finished < table.stripeCount {
            finished = mergeOne(stripe, target, session) ? 0 : finished + 1
            stripe = (stripe + 1) % table.stripeCount
            passHook()
        }
        pointee.shrinking.stripe.store(stripe, ordering: .relaxed)
        pointee.shrinking.finished.store(finished, ordering: .relaxed)
        if finished < table.stripeCount { return true }

        let kept = pointee.shrinking.kept.load(ordering: .relaxed)
        table.discardRows(
            from: kept, to: pointee.shrinking.touched.load(ordering: .relaxed), isHuge: pointee.hasHugeTable)
        pointee.shrinking.touched.store(kept, ordering: .relaxed)
        endShrinking()
        return false
    }

    /// Wishes for the table's next huge page when the rows have come half through the last one. A stripe that grows
    /// would otherwise wait for its zeroes with the lock held.
    func wishTableAhead() {
        guard pointee.hasHugeTable, pointee.shrinking.target.load(ordering: .relaxed) == 0 else { return }
        let table = pointee.table
        let pageBytes = ArenaLayout.hugePageBytes
        let rowBytes = table.stripeCount * Bucket.bytes
        let usedBytes = Int(table.rowCountWanted) * rowBytes
        let next = (usedBytes + pageBytes - 1) / pageBytes * pageBytes
        let end = next + pageBytes
        let touchedBytes = Int(pointee.shrinking.touched.load(ordering: .relaxed)) * rowBytes
        guard next - usedBytes < pageBytes / 2, next >= touchedBytes, end <= Int(table.rowCountMax) * rowBytes
        else { return }
        pointee.shrinking.touched.raise(to: UInt32((end + rowBytes - 1) / rowBytes))
        pointee.wantedTablePage.store(next / pageBytes, ordering: .relaxed)
        pointee.memoryBell.wake()
    }

    /// For the thread that makes memory. What the rows hold already stays as it is.
    func makeWantedTablePage() {
        let page = pointee.wantedTablePage.exchange(0, ordering: .relaxed)
        guard page > 0 else { return }
        let pageBytes = ArenaLayout.hugePageBytes
        AddressRange.populate(pointee.table.rows + page * pageBytes, bytes: pageBytes)
    }

    private var bytesPerTableRow: Int {
        pointee.table.stripeCount * pointee.settings.bucketBytes
    }

    private func beginShrinking(to target: UInt32) {
        pointee.shrinking.powerBefore.store(UInt32(pointee.tablePower), ordering: .relaxed)
        pointee.shrinking.target.store(target, ordering: .relaxed)
        pointee.shrinking.kept.store(target, ordering: .relaxed)
        pointee.shrinking.finished.store(0, ordering: .relaxed)
        pointee.table.words.pointee.rowCeiling.store(target, ordering: .releasing)
    }

    /// Lifts the ceiling.
    private func endShrinking() {
        pointee.shrinking.target.store(0, ordering: .relaxed)
        // Whoever sees it sees the rows without their memory, too.
        pointee.table.words.pointee.rowCeiling.store(pointee.table.rowCountMax, ordering: .releasing)
    }

    /// Merges one bucket of a stripe. Returns false if the stripe has come to its end.
    private func mergeOne(_ index: Int, _ target: UInt32, _ session: SessionPointer) -> Bool {
        let stripe = pointee.table.stripe(at: index)
        stripe.lock()
        defer { stripe.unlock() }
        let count = stripe.pointee.bucketCount.load(ordering: .relaxed)
        pointee.shrinking.touched.raise(to: count)
        if count <= target { return false }
        guard pointee.table.mergeLocked(index) else {
            pointee.shrinking.kept.raise(to: count)
            return false
        }
        session.pointee.counters.bucketsAdded.addAlone(-1)
        return true
    }
}

extension Atomic where Value == UInt32 {
    /// Raises what only the calling thread writes.
    fileprivate borrowing func raise(to value: UInt32) {
        if value > load(ordering: .relaxed) { store(value, ordering: .relaxed) }
    }
}
