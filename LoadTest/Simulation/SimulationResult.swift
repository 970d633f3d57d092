/// What a model counted.
package struct SimulationCounts: BitwiseCopyable, Sendable, Codable {
    package var requests = 0
    package var reads = 0
    package var misses = 0
    /// Of the values asked for.
    package var readBytes = 0
    package var missBytes = 0
    package var stores = 0
    /// Stores for which there was no memory.
    package var refused = 0
    package var evictions = 0
    /// Items that had expired and were met by a request, a store in need or a crawler.
    package var reclaimed = 0
    package var pageMoves = 0
    /// Items that a page move copied, and items that it cost.
    package var relocated = 0
    package var lostInMoves = 0
    /// Steps of hand and ring.
    package var visits = 0
    /// Keys that came back soon after they were evicted from HOT and from the rest.
    package var ghostHitsFromHot = 0
    package var ghostHitsFromCold = 0

    package init() {}
}

/// What one cache came to.
package struct SimulationResult: Sendable, Codable {
    /// One slab class at the end.
    package struct SlabClass: Sendable, Codable {
        package var index: Int
        package var chunkBytes: Int
        package var pages: Int
        package var items: Int
        package var evictions: Int
    }

    package var policy: String
    /// `-m`.
    package var memoryBytes: Int
    package var counts: SimulationCounts
    package var items: Int
    /// Keys and values of these.
    package var itemBytes: Int
    package var pageBytes: Int
    package var pages: Int
    /// Hash table, ghosts, rings and the like; within `memoryBytes` for Martlet, beside it for memcached.
    package var tableBytes: Int
    package var classes: [SlabClass]

    package var missRatio: Double {
        counts.reads == 0 ? 0 : Double(counts.misses) / Double(counts.reads)
    }

    package var byteMissRatio: Double {
        counts.readBytes == 0 ? 0 : Double(counts.missBytes) / Double(counts.readBytes)
    }
}
