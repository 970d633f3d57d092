/// What the store knows about itself at one moment: totals, and a row for each slab class that owns pages.
///
/// Gathered by `CacheStore.statistics()`, which sums what the sessions counted. The counts since the start or the last
/// `resetStatistics()` are so marked; the rest describes the moment. A value the engine has no such thing for stays 0.
package struct StoreStatistics: Sendable {
    // MARK: Memory

    package var memoryLimitBytes = 0
    package var pageBytes = 0
    /// Bytes of all pages that classes own or the pool holds ready.
    package var pagedBytes = 0
    /// Pages that belonged to a class and wait in the pool.
    package var pooledPages = 0
    /// Bytes of the hash table with its ghosts.
    package var tableBytes = 0
    /// Base-2 logarithm of the buckets with which memcached's table would hold the most items that this one was made
    /// for.
    package var tablePower = 0

    // MARK: Items

    package var itemCount = 0
    /// Bytes of all items, headers and keys included.
    package var itemBytes = 0
    /// Bytes taken for values that are still arriving.
    package var reservedBytes = 0
    /// Items stored since the start.
    package var itemsStored = 0
    /// Items that a request other than a store looked for and found expired, or flushed; since the start.
    package var foundExpired = 0
    package var foundFlushed = 0

    // MARK: Pages on the move, since the start

    package var pagesMoved = 0
    /// Live items that moved to another chunk with their page.
    package var itemsRelocated = 0
    /// Parts of large items that did.
    package var partsRelocated = 0
    /// Items that were evicted because there was no room to relocate them.
    package var itemsLostInMoves = 0
    /// Items found leased or being written while their page was drained.
    package var itemsFoundBusy = 0
    /// With lists: of these, items that lacked room to go; leased chains taken out; chunks made free in the page
    /// itself; and what was met last, in memcached's words.
    package var busyWithoutMemory = 0
    package var busyDeletes = 0
    package var inlineReclaims = 0
    package var lastBusyStatus = "none"
    /// With lists: hits that found no room for their note.
    package var bumpsDropped = 0
    /// Whether a page is being drained now.
    package var isMovingPage = false
    /// Whether a scan for expired items that was asked for has not ended.
    package var isScanning = false
    /// Passes of the maintainer.
    package var maintainerPasses = 0

    package var classes: [SlabClass] = []

    package init() {}

    /// One slab class.
    package struct SlabClass: Sendable {
        /// 1 or more, as in `StoreOutcome.slabClass`.
        package var id = 0
        package var chunkBytes = 0
        package var chunksPerPage = 0
        package var pageCount = 0
        package var usedChunks = 0
        package var freeChunks = 0

        /// Items by segment.
        package var hotCount = 0
        package var warmCount = 0
        package var coldCount = 0
        package var tempCount = 0
        /// Seconds since the last access of the item last examined at each segment's edge.
        package var hotAgeSeconds = 0
        package var warmAgeSeconds = 0
        package var coldAgeSeconds = 0
        /// Bytes of the class's items, headers and keys included.
        package var itemBytes = 0

        // Since the start or the last reset.

        package var evicted = 0
        /// Evicted with an expiry set.
        package var evictedWithExpiry = 0
        /// Evicted without ever having been fetched.
        package var evictedUnfetched = 0
        /// Evicted although hit since the last sweep: the bound of a search was reached.
        package var evictedActive = 0
        /// Seconds since the last access of the item evicted last.
        package var evictedAgeSeconds = 0
        package var outOfMemory = 0
        /// Expired or flushed items taken back by a store: of their key, or because it needed room.
        package var reclaimed = 0
        package var expiredUnfetched = 0
        /// Expired or flushed items taken back by the maintainer.
        package var crawlerReclaimed = 0
        package var crawlerItemsChecked = 0
        package var movesToCold = 0
        package var movesToWarm = 0
        package var movesWithin = 0
        /// Keys stored that had been evicted not long before.
        package var ghostHits = 0
        /// Evictions that a store had to make itself.
        package var directReclaims = 0
        /// With lists: fetches by segment (hot, cold, warm, temp) of the item fetched.
        package var fetches = [0, 0, 0, 0]

        package init() {}

        package var itemCount: Int { hotCount + warmCount + coldCount + tempCount }
    }
}
