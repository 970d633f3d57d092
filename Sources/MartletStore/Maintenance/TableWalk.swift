/// A walk through all items, bucket by bucket, in as many steps as its owner likes.
///
/// 1. Whatever is there from the walk's beginning to its end, under the same key, is met exactly once; what comes or goes
///    meanwhile may or may not be. Dead items are left out.
/// 2. Between two steps the walk holds nothing and the store knows nothing of it: it may rest for ever, or be dropped.
/// 3. A step holds one stripe lock for the time of one chain, ten slots and few more; of a bucket that was split while the
///    walk rested in its stripe, for those of all its parts.
/// 4. A stripe may split buckets while it is walked. What the walk has to meet in its bucket b is then in b and in those
///    split off from b since the walk came to the stripe, so these are looked at in the same step and not again.
package struct TableWalk: BitwiseCopyable, Sendable {
    fileprivate var stripe = 0
    fileprivate var bucket: UInt32 = 0
    /// Buckets of the stripe when the walk came to it; 0 if it has not yet.
    fileprivate var bucketCount: UInt32 = 0

    package init() {}
}

/// What a walk tells of an item. Only valid during the call that it is given to.
package struct WalkedItem {
    package let key: UnsafeRawBufferPointer
    /// Server second of expiry, 0 for never.
    package let expiry: UInt32
    /// Server second.
    package let lastAccess: UInt32
    package let wasFetched: Bool
    package let token: UInt64
    package let clientFlags: UInt32
    package let slabClass: Int
    /// Header, key and value together, in bytes.
    package let itemSize: Int
}

extension CacheStore {
    /// Calls `visit` with the living items of the walk's next bucket. Returns false, without a call, when the walk is over.
    ///
    /// `visit` runs under a stripe lock: it copies what it needs and calls nothing of the store. `now` is the current
    /// server second.
    package func step(_ walk: inout TableWalk, now: UInt32, _ visit: (WalkedItem) -> Void) -> Bool {
        let table = core.pointee.table
        guard walk.stripe < table.stripeCount else { return false }
        let stripe = table.stripe(at: walk.stripe)
        stripe.lock()
        let count = stripe.pointee.bucketCount.load(ordering: .relaxed)
        if walk.bucketCount == 0 { walk.bucketCount = count }
        visitChainLocked(walk.bucket, walk.stripe, stripe, now: now, visit)
        // Rule 4: candidates agree with the bucket in all bits that had a meaning for the whole stripe.
        let period = UInt32(1) &<< (31 &- UInt32(truncatingIfNeeded: walk.bucketCount.leadingZeroBitCount))
        var candidate = walk.bucket % period
        while candidate < count {
            if candidate >= walk.bucketCount, Self.origin(of: candidate, walk.bucketCount) == walk.bucket {
                visitChainLocked(candidate, walk.stripe, stripe, now: now, visit)
            }
            candidate += period
        }
        stripe.unlock()
        core.passHook()

        walk.bucket += 1
        if walk.bucket == walk.bucketCount {
            walk.stripe += 1
            walk.bucket = 0
            walk.bucketCount = 0
        }
        return true
    }

    /// Which of the first `count` buckets the items of `bucket` were in.
    private static func origin(of bucket: UInt32, _ count: UInt32) -> UInt32 {
        var origin = bucket
        while origin >= count { origin -= UInt32(1) &<< (31 &- UInt32(truncatingIfNeeded: origin.leadingZeroBitCount)) }
        return origin
    }

    private func visitChainLocked(
        _ local: UInt32, _ stripeIndex: Int, _ stripe: UnsafeMutablePointer<Stripe>, now: UInt32,
        _ visit: (WalkedItem) -> Void
    ) {
        var bucket = core.pointee.table.bucket(Int(local), stripeIndex)
        while true {
            for index in 0..<bucket.filledCount {
                let handle = bucket.handle(index)
                let item = core.pointee.arena.item(handle)
                let state = item.state
                if core.deathLocked(item, state, stripe, now: now) != nil { continue }
                let access = item.access
                visit(
                    WalkedItem(
                        key: UnsafeRawBufferPointer(start: item.key(state), count: item.keyLength),
                        expiry: item.expiry(state), lastAccess: access.lastAccess(now: now),
                        wasFetched: access.isFetched, token: item.token, clientFlags: item.clientFlags(state),
                        slabClass: core.pointee.pages.slabClass(core.pointee.arena.pageIndex(handle)),
                        itemSize: core.itemBytes(item, state)))
            }
            if bucket.overflow == 0 { return }
            bucket = core.pointee.table.overflowBucket(bucket.overflow)
        }
    }
}
