import CShims

/// Growth: each stripe is a linear-hash table of its own.
///
/// 1. All stripes have as many buckets as they need on average, one for 7.5 items. Stripes differ by a few per cent: if
///    each had its own number, the last rows would be memory with a bucket here and there (a tenth of the table with
///    4096 stripes and 700,000 items), and each would keep the most that it ever had.
/// 2. A stripe tells the table how many items it has whenever that has changed by 8: one shared counter, seldom
///    touched.
/// 3. An insert into a stripe with fewer splits one bucket under the lock it already holds: bucket n - 2^L, whose items
///    go to itself or to the new bucket n. So does one that finds 15 items per bucket, whatever the other stripes have.
/// 4. Keys are hashed again from the items, because a slot holds no split bits. Safe: all of them are linked items of
///    this stripe, whose lock is held.
/// 5. Nobody ever sees two places for a key, and there is no second table, no background thread and no pause.
/// 6. The ghosts of the split bucket are copied: half of them will never match, which only shortens the memory.
extension HashTable {
    @inline(__always)
    func wantsGrowthLocked(_ stripe: UnsafeMutablePointer<Stripe>) -> Bool {
        let items = stripe.pointee.itemCount
        let count = stripe.pointee.bucketCount.load(ordering: .relaxed)
        return (count < rowCountWanted || items > count &* 15)
            && count < words.pointee.rowCeiling.load(ordering: .acquiring)
    }

    /// Buckets that a stripe needs on average.
    @inline(__always)
    var rowCountWanted: UInt32 {
        let items = UInt64(bitPattern: words.pointee.toldCount.load(ordering: .relaxed))
        return UInt32(truncatingIfNeeded: (items &* 2) &>> stripeBits) / 15 &+ 1
    }

    /// Rule 2. Called after each change of the stripe's count.
    @inline(__always)
    func tellCountLocked(_ stripe: UnsafeMutablePointer<Stripe>) {
        let change = Int32(bitPattern: stripe.pointee.itemCount &- stripe.pointee.toldCount)
        if change.magnitude < 8 { return }
        stripe.pointee.toldCount = stripe.pointee.itemCount
        words.pointee.toldCount.wrappingAdd(Int64(change), ordering: .relaxed)
    }

    /// Splits one bucket of the stripe. Bounded by the length of its chain (mean 15 slots).
    @inline(never)
    func growLocked(_ stripeIndex: Int) {
        let stripe = stripe(at: stripeIndex)
        let count = stripe.pointee.bucketCount.load(ordering: .relaxed)
        let origin = Self.origin(of: count)
        let source = bucket(origin, stripeIndex)
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
        ghostRow(Int(count), stripeIndex).copy(from: ghostRow(origin, stripeIndex))
    }

    /// The bucket that `bucket`, which is not the first, is split off from.
    @inline(__always)
    static func origin(of bucket: UInt32) -> Int {
        Int(bucket &- (UInt32(1) &<< (31 &- UInt32(truncatingIfNeeded: bucket.leadingZeroBitCount))))
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
