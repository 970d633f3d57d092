/// What a store is made with. Nothing of it changes afterwards but the memory limit.
package struct StoreSettings: Sendable {
    /// `-m` in bytes: everything the store has, tables included (PagePool.swift).
    package var memoryLimitBytes = 64 << 20
    /// No more address space than this is set aside for pages, whatever the limit allows: for tests that make thousands
    /// of stores, each of which would otherwise have a gigabyte mapped and unmapped.
    package var arenaBytesMax = Int.max
    /// `-I`: header, key and value of an item together, at most half of the limit.
    package var itemBytesMax = 1 << 20
    /// `-f`, above 1.
    package var growthFactor = 1.05
    /// `-n`: the least room for key and value that the smallest chunk has; 0 for no such wish.
    package var chunkBytesMin = 0
    /// `slab_sizes`: chunk sizes one by one, ascending; empty where they follow from the growth factor.
    package var slabSizes: [Int] = []
    /// `slab_chunk_max` in bytes; nil for what the page size gives.
    package var slabChunkBytesMax: Int?
    /// memcached's pages, classes, accounting, segments and page moves in place of this store's own
    /// (SlabGeometry+Memcached.swift, ListedSegments.swift, Automove.swift). `eviction` is `segmented` or `none` then.
    package var isMemcachedMode = false
    /// With `isMemcachedMode`: HOT, WARM and COLD, or one flat list.
    package var isSegmented = true
    /// With `isMemcachedMode`: the segments are kept up in the background.
    package var maintainsSegments = true
    /// With `isMemcachedMode`: tokens count among an item's bytes.
    package var issuesTokens = true
    /// With `isMemcachedMode`: bytes of the limit that count as used from the start.
    package var presetBytes = 0
    /// Which items make room for new ones.
    package var eviction = EvictionPolicy.martlet
    /// Of `segmented`: the most that HOT and WARM have of a class's items.
    package var hotPercent = 20
    package var warmPercent = 40
    /// With `isMemcachedMode`: the age at which HOT and WARM items become COLD, as a multiple of that of the oldest
    /// COLD one.
    package var hotFactorMax = 0.2
    package var warmFactorMax = 2.0
    /// Items stored with no longer a life than this, in seconds, are TEMP: read as often as may be, they do not rise. 0
    /// for none.
    package var temporarySeconds: UInt32 = 0
    /// Each item bears the proof that it is whole (Restart/ItemSeal.swift).
    package var sealsItems = false
    /// Every token issued is above this.
    package var firstSequence: UInt64 = 0

    package init() {}

    package var evicts: Bool { eviction.evicts }
    /// What a bucket of the table takes, with the ghosts beside it.
    var bucketBytes: Int { Bucket.bytes + (eviction.hasGhosts ? GhostRow.bytes : 0) }
}

/// Why there is no store.
package enum StoreCreationError: Error, Equatable {
    /// The system refuses even as much address space as the limit needs.
    case memoryRefused(bytes: Int)
    /// The settings cannot be met; the sentence says which.
    case invalid(String)
    /// The memory file cannot be used; the sentence says why.
    case file(String)
}
