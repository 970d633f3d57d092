/// A walk through all items, bucket by bucket, in as many steps as its owner likes.
///
/// 1. Whatever is there from the walk's beginning to its end, under the same key, is met exactly once; what comes or
///    goes meanwhile may or may not be. Dead items are left out.
/// 2. Between two steps the walk holds nothing and the store knows nothing of it: it may rest for ever, or be dropped.
/// 3. A step holds one stripe lock for the time of one chain: ten slots and few more.
/// 4. The walk goes through a stripe's items in the order of the bits that name their bucket, read backwards. In this
///    order each bucket is one piece, however many there are: a split cuts a piece in two, a merge joins two. So one
///    number says how far the walk is, and stays right when the table grows or shrinks between two steps. (Redis's SCAN
///    uses the same order.)
/// 5. Only of a bucket that was merged behind the walk's back a part has been met; these items are told by their hash.
package struct TableWalk: BitwiseCopyable, Sendable {
    fileprivate var stripe = 0
    /// Everything before it has been met: bits that name a bucket, read backwards.
    fileprivate var position: UInt32 = 0

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
    /// Calls `visit` with the living items of the walk's next bucket. Returns false, without a call, when the walk is
    /// over.
    ///
    /// `visit` runs under a stripe lock: it copies what it needs and calls nothing of the store. `now` is the current
    /// server second.
    package func step(_ walk: inout TableWalk, now: UInt32, _ visit: (WalkedItem) -> Void) -> Bool {
        let table = core.pointee.table
        guard walk.stripe < table.stripeCount else { return false }
        let stripe = table.stripe(at: walk.stripe)
        stripe.lock()
        let count = stripe.pointee.bucketCount.load(ordering: .relaxed)
        let local = UInt32(HashTable.localBucket(HashTable.backwards(walk.position), bucketCount: count))
        let start = HashTable.backwards(local)
        let position = walk.position == start ? nil : walk.position
        visitChainLocked(local, walk.stripe, stripe, from: position, now: now, visit)
        stripe.unlock()
        core.passHook()

        walk.position = start + HashTable.pieceLength(local, bucketCount: count)
        if walk.position >> HashTable.localBits != 0 {
            walk.stripe += 1
            walk.position = 0
        }
        return true
    }

    /// Visits a chain, or only what stands at `position` or behind it in the walk's order.
    private func visitChainLocked(
        _ local: UInt32, _ stripeIndex: Int, _ stripe: UnsafeMutablePointer<Stripe>, from position: UInt32?,
        now: UInt32, _ visit: (WalkedItem) -> Void
    ) {
        var bucket = core.pointee.table.bucket(Int(local), stripeIndex)
        while true {
            for index in 0..<bucket.filledCount {
                let handle = bucket.handle(index)
                let item = core.pointee.arena.item(handle)
                let state = item.state
                if core.deathLocked(item, state, stripe, now: now) != nil { continue }
                if let position, order(of: item, state) < position { continue }
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

    /// Where an item stands in the walk's order.
    private func order(of item: ItemPointer, _ state: ItemState) -> UInt32 {
        HashTable.backwards(core.pointee.table.localBits(core.pointee.keyHash(item.key(state), item.keyLength)))
    }
}

extension HashTable {
    /// The bits that name a bucket, read from the other end.
    fileprivate static func backwards(_ bits: UInt32) -> UInt32 {
        var reversed: UInt32 = 0
        for place in 0..<localBits where bits >> place & 1 != 0 { reversed |= 1 << (localBits - 1 - place) }
        return reversed
    }

    /// How much of the walk's order one of `bucketCount` buckets takes: what differs only in bits that its number does
    /// not have. A bucket not split yet has one bit fewer than those that are.
    fileprivate static func pieceLength(_ bucket: UInt32, bucketCount: UInt32) -> UInt32 {
        let bits = UInt32(32 - bucketCount.leadingZeroBitCount)
        let half = UInt32(1) << (bits - 1)
        let isSplit = bucket >= half || bucket + half < bucketCount
        return 1 << (localBits - (isSplit ? bits : bits - 1))
    }
}
