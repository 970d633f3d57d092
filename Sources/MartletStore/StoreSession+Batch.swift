import CShims

/// What is known of a batch's keys is told ahead of time, so that its look-ups do not wait for memory one after the
/// other:
///
/// 1. Each key is hashed, and its stripe is on its way (`hashAndPrefetch`).
/// 2. When all are: their buckets, which the stripes tell (`prefetchBuckets`).
/// 3. Then the first two lines of the items that the buckets' tags name, and the next bucket of the chain for keys that
///    have none there (`prefetchHeads`).
/// 4. The items that those buckets name (`prefetchOverflow`). One item in ten to twenty-five is there, by how far the
///    table is between two powers of two. No third bucket is brought; few chains have one.
/// 5. And the rest of the items, as their heads tell how long they are (`prefetchRests`). Not with memory that is a
///    file's: a page may be cut out of it after the bucket was read, and whoever then reads there, instead of asking
///    for a line, takes room that the file system need not have.
///
/// `prefetchItems` does 2 to 5. Whoever has something else to do between two of them waits for nothing: `firstIndex`
/// tells several batches apart that are under way at the same time.
///
/// What is read here without a lock is only a hint; nothing depends on it.
extension StoreSession {
    /// Keys of one batch.
    package static var batchCountMax: Int { 64 }
    /// Keys of all batches under way: `firstIndex` and the count together are at most as many.
    package static var prefetchCountMax: Int { 2 * batchCountMax }

    /// Hashes a key of 1...250 bytes and brings its stripe.
    package func hashAndPrefetch(_ bytes: UnsafeRawPointer, _ count: Int) -> UInt64 {
        let hash = core.pointee.keyHash(bytes, count)
        cshims_prefetch_write(core.pointee.table.stripe(hash))
        return hash
    }

    /// What is on its way for one batch.
    package struct Prefetched: BitwiseCopyable {
        /// Items whose beginnings have been brought.
        package var itemCount = 0
        /// Buckets that are not their chains' first, and still have to be looked into.
        package var overflowCount = 0

        package init() {}
    }

    /// Brings buckets and items of `count` keys, at most `batchCountMax`, whose stripes are on their way. Their hashes
    /// are the words at `hashes` and every `stride` bytes from there.
    package func prefetchItems(hashes: UnsafeRawPointer, stride: Int, count: Int) {
        prefetchBuckets(hashes: hashes, stride: stride, count: count, at: 0)
        var prefetched = prefetchHeads(hashes: hashes, stride: stride, count: count, at: 0)
        prefetchOverflow(&prefetched, at: 0)
        prefetchRests(prefetched, at: 0)
    }

    /// Brings the buckets of `count` keys whose stripes are on their way.
    @inline(__always)
    package func prefetchBuckets(hashes: UnsafeRawPointer, stride: Int, count: Int, at firstIndex: Int) {
        let buckets = state.pointee.batchBuckets + firstIndex
        let table = core.pointee.table
        var word = hashes
        for index in 0..<count {
            let bucket = table.home(word.load(as: UInt64.self))
            cshims_prefetch(bucket.raw)
            buckets[index] = bucket
            word += stride
        }
    }

    /// Brings the beginnings of the items that those buckets name, and the next buckets of the others' chains.
    @inline(__always)
    package func prefetchHeads(
        hashes: UnsafeRawPointer, stride: Int, count: Int, at firstIndex: Int
    ) -> Prefetched {
        let buckets = state.pointee.batchBuckets + firstIndex
        let tags = state.pointee.batchTags + firstIndex
        let items = state.pointee.batchItems + firstIndex
        let arena = core.pointee.arena
        var word = hashes
        var prefetched = Prefetched()
        for index in 0..<count {
            let tag = HashTable.tag(word.load(as: UInt64.self))
            let bucket = buckets[index]
            let matches = bucket.matches(tag)
            if matches != 0 {
                if let item = Self.prefetchItem(bucket, matches, arena) {
                    items[prefetched.itemCount] = item
                    prefetched.itemCount &+= 1
                }
            } else {
                let next = cshims_load_hint(bucket.overflowAddress)
                if next != 0 {
                    // In the place of one that has been looked into.
                    buckets[prefetched.overflowCount] = core.pointee.table.overflowBucket(next)
                    tags[prefetched.overflowCount] = tag
                    cshims_prefetch(buckets[prefetched.overflowCount].raw)
                    prefetched.overflowCount &+= 1
                }
            }
            word += stride
        }
        return prefetched
    }

    /// Brings the beginnings of the items that the chains' next buckets name.
    @inline(__always)
    package func prefetchOverflow(_ prefetched: inout Prefetched, at firstIndex: Int) {
        let buckets = state.pointee.batchBuckets + firstIndex
        let tags = state.pointee.batchTags + firstIndex
        let items = state.pointee.batchItems + firstIndex
        let arena = core.pointee.arena
        for index in 0..<prefetched.overflowCount {
            let matches = buckets[index].matches(tags[index])
            if matches != 0, let item = Self.prefetchItem(buckets[index], matches, arena) {
                items[prefetched.itemCount] = item
                prefetched.itemCount &+= 1
            }
        }
        prefetched.overflowCount = 0
    }

    /// Brings what is behind those beginnings.
    @inline(__always)
    package func prefetchRests(_ prefetched: Prefetched, at firstIndex: Int) {
        if core.pointee.backing != nil { return }
        let items = state.pointee.batchItems + firstIndex
        for index in 0..<prefetched.itemCount { Self.prefetchRest(items[index]) }
    }

    /// Brings the first two lines of the first item of those slots, and gives where it is. To have several is rare.
    @inline(__always)
    private static func prefetchItem(
        _ bucket: Bucket, _ matches: UInt32, _ arena: Arena
    ) -> UnsafeMutableRawPointer? {
        let handle = Handle(raw: cshims_load_hint(bucket.handleAddress(matches.trailingZeroBitCount)))
        if handle.isNone { return nil }
        let item = arena.address(handle)
        cshims_prefetch_write(item)
        cshims_prefetch(item + lineBytes)
        return item
    }

    /// Brings what is behind an item's first two lines. Of a large item the length is that of nothing; it is read from
    /// where it is leased.
    @inline(__always)
    private static func prefetchRest(_ item: UnsafeMutableRawPointer) {
        let word = cshims_load_hint(item + 4)
        let valueLength = Int(UInt16(truncatingIfNeeded: word))
        let keyLength = Int(UInt8(truncatingIfNeeded: word &>> 16))
        let end = Int(bitPattern: item) &+ (ItemPointer.headerBytes &+ fieldBytes) &+ valueLength &+ keyLength
        var line = Int(bitPattern: item) & ~(lineBytes &- 1) &+ 2 &* lineBytes
        if line < end {
            let last = min(end, line &+ prefetchedBytesMax)
            repeat {
                cshims_prefetch(UnsafeRawPointer(bitPattern: line).unsafelyUnwrapped)
                line &+= lineBytes
            } while line < last
        }
    }

    private static var lineBytes: Int { 64 }
    /// Expiry and client flags, which an item may have.
    private static var fieldBytes: Int { 8 }
    /// Beyond that the processor has seen where it goes.
    private static var prefetchedBytesMax: Int { 2048 }
}
