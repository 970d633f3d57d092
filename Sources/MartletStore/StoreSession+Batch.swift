import CShims

/// What is known of a batch's keys is told ahead of time, so that its look-ups do not wait for memory one after the
/// other:
///
/// 1. Each key is hashed, and its stripe is on its way (`hashAndPrefetch`).
/// 2. When all are: their buckets, which the stripes tell (`prefetchBuckets`).
/// 3. Then the first two lines of the items that the buckets' tags name (`prefetchHeads`).
/// 4. And the rest of them, as their heads tell how long they are (`prefetchRests`). Not with memory that is a file's:
///    a page may be cut out of it after the bucket was read, and whoever then reads there, instead of asking for a
///    line, takes room that the file system need not have.
///
/// `prefetchItems` does all three. Whoever has something else to do between two of them waits for nothing: `firstIndex`
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

    /// Brings buckets and items of `count` keys, at most `batchCountMax`, whose stripes are on their way. Their hashes
    /// are the words at `hashes` and every `stride` bytes from there.
    package func prefetchItems(hashes: UnsafeRawPointer, stride: Int, count: Int) {
        prefetchBuckets(hashes: hashes, stride: stride, count: count, at: 0)
        let itemCount = prefetchHeads(hashes: hashes, stride: stride, count: count, at: 0)
        prefetchRests(itemCount: itemCount, at: 0)
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

    /// Brings the beginnings of the items that those buckets name. Returns how many there are.
    @inline(__always)
    package func prefetchHeads(hashes: UnsafeRawPointer, stride: Int, count: Int, at firstIndex: Int) -> Int {
        let buckets = state.pointee.batchBuckets + firstIndex
        let items = state.pointee.batchItems + firstIndex
        let arena = core.pointee.arena
        var word = hashes
        var itemCount = 0
        for index in 0..<count {
            if let item = Self.prefetchItem(word.load(as: UInt64.self), in: buckets[index], arena) {
                items[itemCount] = item
                itemCount &+= 1
            }
            word += stride
        }
        return itemCount
    }

    /// Brings what is behind those beginnings.
    @inline(__always)
    package func prefetchRests(itemCount: Int, at firstIndex: Int) {
        if core.pointee.backing != nil { return }
        let items = state.pointee.batchItems + firstIndex
        for index in 0..<itemCount { Self.prefetchRest(items[index]) }
    }

    /// Brings the first two lines of the item that has the hash's tag, and gives where it is. Of several, which is
    /// rare, that is the first.
    @inline(__always)
    private static func prefetchItem(_ hash: UInt64, in bucket: Bucket, _ arena: Arena) -> UnsafeMutableRawPointer? {
        let matches = bucket.matches(HashTable.tag(hash))
        if matches == 0 { return nil }
        let handle = Handle(raw: cshims_load_hint(bucket.raw + (20 &+ 4 &* matches.trailingZeroBitCount)))
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
