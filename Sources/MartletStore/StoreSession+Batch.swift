import CShims

/// What is known of a batch's keys is told ahead of time, so that its look-ups do not wait for memory one after the
/// other:
///
/// 1. Each key is hashed, and its stripe is on its way (`hashAndPrefetch`).
/// 2. When all are: their buckets, which the stripes tell.
/// 3. Then the items that the buckets' tags name (both: `prefetchItems`).
///
/// What is read here without a lock is only a hint; nothing depends on it.
extension StoreSession {
    /// Keys for which `prefetchItems` has room.
    package static var batchCountMax: Int { 64 }

    /// Hashes a key of 1...250 bytes and brings its stripe.
    package func hashAndPrefetch(_ bytes: UnsafeRawPointer, _ count: Int) -> UInt64 {
        let hash = core.pointee.keyHash(bytes, count)
        cshims_prefetch_write(core.pointee.table.stripe(hash))
        return hash
    }

    /// Brings buckets and items of `count` keys, at most `batchCountMax`, whose stripes are on their way. Their hashes
    /// are the words at `hashes` and every `stride` bytes from there.
    package func prefetchItems(hashes: UnsafeRawPointer, stride: Int, count: Int) {
        let buckets = state.pointee.batchBuckets
        let table = core.pointee.table
        var word = hashes
        for index in 0..<count {
            let bucket = table.home(word.load(as: UInt64.self))
            cshims_prefetch(bucket.raw)
            buckets[index] = bucket
            word += stride
        }
        word = hashes
        for index in 0..<count {
            prefetchItem(word.load(as: UInt64.self), in: buckets[index])
            word += stride
        }
    }

    @inline(__always)
    private func prefetchItem(_ hash: UInt64, in bucket: Bucket) {
        var matches = bucket.matches(HashTable.tag(hash))
        while matches != 0 {
            let index = matches.trailingZeroBitCount
            let handle = Handle(raw: cshims_load_hint(bucket.raw + (20 &+ 4 &* index)))
            if !handle.isNone {
                let address = core.pointee.arena.address(handle)
                cshims_prefetch_write(address)
                cshims_prefetch(address + 64)
            }
            matches &= matches &- 1
        }
    }
}
