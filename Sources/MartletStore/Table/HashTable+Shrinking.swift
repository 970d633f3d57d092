import Synchronization

/// Shrinking: what growth (HashTable+Growth.swift) does, backwards, a bucket at a time.
///
/// 1. When the stripes have half as many buckets again as they need, the maintainer sets a ceiling, a quarter above the
///    need and one (TableShrinking.swift). Growth stops there until the end.
/// 2. It goes through the stripes by turns and merges the last bucket of each, n - 1, into the one it was split off
///    from, until all are down at the ceiling: one merge per hold of the lock. No key is hashed, no item touched.
/// 3. A stripe that would want to grow again at once keeps its buckets, and with them all stripes their rows.
/// 4. Whoever takes a stripe's lock after the maintainer sees the ceiling. So once it has been everywhere, nobody
///    writes to the rows above what was kept: their memory goes back to the system without any lock. Then the ceiling
///    is lifted. Who looks ahead with an old count reads zeroes there, which name nothing.
/// 5. If more items come while this is under way than the ceiling was made for, it is lifted at once and no memory
///    goes; the limit goes on counting these rows.
/// 6. Ghosts of both buckets are remembered by turns, as far as there is room.
/// 7. Overflow buckets stay with their stripe, for its later chains; a longer chain may need new ones.
extension HashTable {
    /// Items for each bucket that is left: one fewer than make a stripe grow whatever the others have.
    private static var mergedItemsMax: UInt32 { 14 }

    /// Merges the stripe's last bucket, which is not its first. Returns false, with nothing changed, if the stripe
    /// would want it back at once, or if no overflow bucket is to be had for the longer chain.
    func mergeLocked(_ stripeIndex: Int) -> Bool {
        let stripe = stripe(at: stripeIndex)
        let last = stripe.pointee.bucketCount.load(ordering: .relaxed) &- 1
        if stripe.pointee.itemCount > last &* Self.mergedItemsMax { return false }
        let origin = Self.origin(of: last)
        let source = bucket(Int(last), stripeIndex)
        let target = bucket(origin, stripeIndex)
        let (moved, stayed) = (measure(source), measure(target))
        let bucketsWanted = (moved.slots + stayed.slots + Bucket.slotCount - 1) / Bucket.slotCount
        guard reserveOverflowLocked(bucketsWanted - stayed.buckets, stripe) else { return false }

        while let slot = lastSlot(source) {
            let isAppended = appendLocked(slot.handle, tag: slot.bucket.tag(slot.index), to: target, stripe)
            precondition(isAppended, "overflow buckets were reserved")
            removeLocked(slot, chain: source, stripe)
        }
        ghostRow(origin, stripeIndex).merge(ghostRow(Int(last), stripeIndex))
        stripe.pointee.bucketCount.store(last, ordering: .relaxed)
        return true
    }

    private func measure(_ first: Bucket) -> (slots: Int, buckets: Int) {
        var bucket = first
        var buckets = 1
        while bucket.overflow != 0 {
            bucket = overflowBucket(bucket.overflow)
            buckets += 1
        }
        return ((buckets - 1) * Bucket.slotCount + bucket.filledCount, buckets)
    }

    private func lastSlot(_ first: Bucket) -> Slot? {
        var bucket = first
        while bucket.overflow != 0 { bucket = overflowBucket(bucket.overflow) }
        let filled = bucket.filledCount
        return filled == 0 ? nil : Slot(bucket: bucket, index: filled - 1)
    }

    /// Sees to it that the stripe has `count` free overflow buckets.
    private func reserveOverflowLocked(_ count: Int, _ stripe: UnsafeMutablePointer<Stripe>) -> Bool {
        var found = 0
        var free = stripe.pointee.freeOverflow
        while free != 0, found < count {
            found += 1
            free = overflowBucket(free).overflow
        }
        while found < count {
            guard let number = bumpOverflow() else { return false }
            overflowBucket(number).overflow = stripe.pointee.freeOverflow
            stripe.pointee.freeOverflow = number
            found += 1
        }
        return true
    }

    /// Gives the memory of the rows from `first` to before `end` back to the system; nobody may be touching them. Rows
    /// that share a piece of memory with others keep it.
    func discardRows(from first: UInt32, to end: UInt32, isHuge: Bool) {
        let pieceBytes = isHuge ? ArenaLayout.hugePageBytes : AddressRange.systemPageBytes
        discardCells(of: rows, cellBytes: Bucket.bytes, from: first, to: end, pieceBytes)
        discardCells(of: ghosts, cellBytes: GhostRow.bytes, from: first, to: end, AddressRange.systemPageBytes)
    }

    private func discardCells(
        of area: UnsafeMutableRawPointer, cellBytes: Int, from first: UInt32, to end: UInt32, _ pieceBytes: Int
    ) {
        let rowBytes = cellBytes &<< Int(stripeBits)
        var offset = (Int(first) * rowBytes + pieceBytes - 1) / pieceBytes * pieceBytes
        // Nothing stands behind the last row, so that the piece in which it ends goes with it.
        let endOffset = (Int(end) * rowBytes + pieceBytes - 1) / pieceBytes * pieceBytes
        while offset < endOffset {
            let bytes = min(endOffset - offset, ArenaLayout.hugePageBytes)
            AddressRange.discard(area + offset, bytes: bytes)
            offset += bytes
        }
    }
}
