import CShims

/// Growth: each stripe is a linear-hash table of its own.
///
/// 1. When an insert leaves a stripe with more than 7.5 items per bucket, the inserting thread splits one bucket under
///    the lock it already holds: bucket n - 2^L, whose items go to itself or to the new bucket n.
/// 2. Keys are hashed again from the items, because a slot holds no split bits. Safe: all of them are linked items of
///    this stripe, whose lock is held.
/// 3. Nobody ever sees two places for a key, and there is no second table, no background thread and no pause.
/// 4. The ghosts of the split bucket are copied: half of them will never match, which only shortens the memory.
extension HashTable {
    @inline(__always)
    func wantsGrowthLocked(_ stripe: UnsafeMutablePointer<Stripe>) -> Bool {
        let count = stripe.pointee.bucketCount.load(ordering: .relaxed)
        return stripe.pointee.itemCount &* 2 > count &* 15 && count < rowCountMax
    }

    /// Splits one bucket of the stripe. Bounded by the length of its chain (mean 15 slots).
    @inline(never)
    func growLocked(_ stripeIndex: Int) {
        let stripe = stripe(at: stripeIndex)
        let count = stripe.pointee.bucketCount.load(ordering: .relaxed)
        let half = UInt32(1) &<< (31 &- UInt32(truncatingIfNeeded: count.leadingZeroBitCount))
        let source = bucket(Int(count &- half), stripeIndex)
        let target = bucket(Int(count), stripeIndex)
        target.clear()
        prefetchChain(source)

        let grown = count &+ 1
        stripe.pointee.bucketCount.store(grown, ordering: .relaxed)
        var current = source
        var index = 0
        while true {
            let handle = index < Bucket.slotCount ? current.handle(index) : .none
            if handle.isNone {
                if index < Bucket.slotCount || current.overflow == 0 { break }
                current = overflowBucket(current.overflow)
                index = 0
                continue
            }
            let item = arena.item(handle)
            let hash = keyHash(item.key(item.state), item.keyLength)
            if localBucket(hash, bucketCount: grown) == Int(count),
                appendLocked(handle, tag: Self.tag(hash), to: target, stripe)
            {
                let wasOverflow = current.raw != source.raw && current.overflow == 0 && current.filledCount == 1
                removeLocked(Slot(bucket: current, index: index), chain: source, stripe)
                // The last slot moved into this one; look at it again, unless its bucket was given back.
                if wasOverflow { break }
            } else {
                index += 1
            }
        }
        ghostRow(Int(count), stripeIndex).copy(from: ghostRow(Int(count &- half), stripeIndex))
    }

    private func prefetchChain(_ first: Bucket) {
        var bucket = first
        while true {
            for index in 0..<bucket.filledCount { cshims_prefetch(arena.address(bucket.handle(index))) }
            if bucket.overflow == 0 { return }
            bucket = overflowBucket(bucket.overflow)
        }
    }
}
