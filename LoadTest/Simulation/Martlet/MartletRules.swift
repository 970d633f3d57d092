/// Everything about Martlet's store that a simulation may change; as it stands, what the server does.
package struct MartletRules: Sendable, Equatable {
    /// Who goes when a class has no free chunk.
    package enum Choice: String, Sendable, CaseIterable {
        /// HOT ring, COLD and WARM under the hand, ghosts.
        case martlet
        /// Exact over the class: longest unread, longest there.
        case lru, fifo
        /// memcached's segments under the hand.
        case segmented
        /// Of the next `sampled` items at the hand: fewest hits, soonest to expire, any.
        case lfu, ttl, random
    }

    /// When a page goes from one class to another.
    package enum Mover: String, Sendable, CaseIterable {
        /// Never: a class without pages has the reserve, then the chunks of larger classes.
        case none
        /// A class without pages takes the one with the fewest chunks in use among 8.
        case needy
        /// That, and pages follow the marginal use, items moved along.
        case marginal
    }

    package var choice = Choice.martlet
    package var mover = Mover.marginal

    // MARK: Memory

    package var pageBytes = 1 << 16
    package var growthFactor = 1.05
    package var chunkBytesMin = 48
    package var headerBytes = 16
    /// Header and the optional words, all of which a large item has.
    package var largeHeaderBytes = 48
    package var partHeaderBytes = 32
    /// Values above this make large items.
    package var smallValueBytesMax = 4096
    package var itemBytesMax = 1 << 20
    /// Whether table, ghosts, rings and page facts are taken from the limit.
    package var chargesTables = true
    /// What the process has beside the store, counted within the limit (up to a 32nd of it).
    package var outsideBytes = 1536 << 10
    package var bucketSlots = 10
    package var bucketBytes = 64
    package var loadMaxHalves = 15
    package var overflowSlots = 10
    package var overflowBytes = 64
    /// Whether overflow buckets given back go to all stripes.
    package var sharesOverflow = false
    /// 0 for what the memory limit says.
    package var stripeBits = 0
    package var reservePages = 1

    // MARK: Segments

    /// Fingerprints for each bucket.
    package var ghostLanes = 8
    /// Shares of a class's items: HOT at first, at least, at most.
    package var hotShare = 0.1
    package var hotShareMin = 0.02
    package var hotShareMax = 0.5
    /// Times its target beyond which HOT takes nobody in.
    package var hotLong = 2.0
    /// Of a class's items those that it has to evict before its HOT share learns from ghosts; and the fewest pages
    /// whose doubling has it begin anew.
    package var settleShare = 0.125
    package var sharePagesLeast = 8
    /// A ghost hit moves the HOT target by one item in so many; 0 for never.
    package var adaptDivisor = 1024
    package var visitsMax = 64
    package var frequencyMax: UInt8 = 3
    /// Whether a HOT item that was hit goes on as WARM instead of COLD.
    package var hotSurvivorsAreWarm = false
    /// Whether the hand takes an item's frequency down to 0 at once.
    package var handClearsFrequency = false
    /// Whether a key that a ghost remembers enters WARM.
    package var ghostsAdmit = true
    /// Whether that is so for large items, too.
    package var largeGhosts = true
    package var overwriteCountsAsHit = true
    /// Frequency that a HOT item needs to survive.
    package var hotHitsNeeded: UInt8 = 1
    /// Items with a shorter life than this enter as COLD without a place in the ring; 0 for none.
    package var shortLifeSeconds: UInt32 = 0
    /// Of `lfu`, `ttl` and `random`.
    package var sampled = 16

    // MARK: Page mover `marginal`

    /// How much more a page must be worth to the one who gets it than to the one who gives it: 1 + this.
    package var moverMargin = 0.5
    /// Hits on COLD items that are taken for granted where there were any.
    package var hitsAssumed = 2.0
    /// How many times more a page must be worth between 64 evictions after a move that cost something and 64 after any.
    package var hurryMargin = 16.0
    /// Checks in the time in which a class evicts a page's worth of items.
    package var checksPerPage = 2.0
    /// The counters are halved after as many evictions as there are items, divided by this.
    package var halvingDivisor = 8.0
    package var ghostHitsMin = 4.0
    /// Evictions between two moves, unless a page costs nobody anything.
    package var evictionsPerMove = 64
    /// Whether a class whose keys have not come back gets pages that stand empty in others, and moves keep what there
    /// is room for.
    package var takesEmpty = true
    /// Pages that cost nobody anything and go one after the other, at most; 1 for no such runs.
    package var freeRunMax = 32
    /// Hits that the giver would have had on average, for a run.
    package var runEvidence = 32.0
    /// A class is found silent in a time between two halvings, divided by this; 0 for never.
    package var silenceDivisor = 8.0
    /// Hits on COLD items that were to be expected from a class when it is judged.
    package var silentHitsMin = 8.0
    /// Windows after which a span that could tell nothing begins anew.
    package var spanWindowsMax = 16.0
    /// Whether the worth of a page to who has it is counted from COLD items that the hand finds hit, not from hits.
    package var lossCountsPromotions = false
    package var sampledPages = 8
    /// Whether live items of a moved page are copied; otherwise they are lost.
    package var relocates = true
    /// Whether COLD items without a hit are worth copying as well.
    package var relocatesCold = false

    package init() {}

    /// Stripes of the hash table.
    func stripeBits(memoryBytes: Int) -> Int {
        stripeBits > 0 ? stripeBits : memoryBytes < 256 << 20 ? 10 : memoryBytes <= 16 << 30 ? 12 : 14
    }

    var table: SlabTable {
        .martlet(pageBytes: pageBytes, growthFactor: growthFactor, chunkBytesMin: chunkBytesMin)
    }

    var buckets: BucketTable.Form {
        .init(
            slotCount: bucketSlots, bucketBytes: bucketBytes, loadMaxHalves: loadMaxHalves, ghostLanes: ghostLanes,
            overflowSlotCount: overflowSlots, overflowBytes: overflowBytes, sharesOverflow: sharesOverflow)
    }
}
