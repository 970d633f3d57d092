import Synchronization

/// What a slab class tells the page mover: what one page more would have brought it, and what one page less would have
/// cost. Guarded by the class lock.
///
/// 1. Everything is worn down with time: when the store has evicted an eighth as often as it has items, all sums are
///    halved. A class does so when it is next looked at.
/// 2. *Gain* of a page: stores of keys that a ghost remembers, divided by the class's pages. So many of them would have
///    been hits, had the class been larger.
/// 3. *Loss* of a page: hits on COLD items, for each COLD item, times the items of a page. COLD is what goes next.
///    Parts of large items stand in no segment and count as COLD, with their head's hits.
///    Where there were any, two more than there were: of few hits that are counted, chance is the greater part, and
///    classes with large chunks would pass pages to and fro by it.
/// 4. A class that has a page's worth of free chunks, or that nobody has hit, loses nothing. Where so many COLD items
///    would have had 32 hits on average, that is no chance (PageMover.swift, rule 3).
/// 5. A class that falls silent is not judged by its past: in spans of an eighth of the time of rule 1 or more, in
///    which at least 8 hits on its COLD items were to be expected from their share of all hits before, it is looked at
///    what there was. If that was less than a quarter, and its stores less than a quarter of the usual, it is taken
///    for the rule. A span in which fewer were to be expected goes on, for 16 times the time of rule 1. A share,
///    because a scan takes hits from all classes alike; and stores, because a class that is still being filled is not
///    silent. The first span begins when the class is first looked at: what it had before anybody missed a page says
///    nothing of now.
/// 6. A page that has just come stays until its class has stored as much as it holds, or the time of rule 1 is over, or
///    the class is found silent, or has two pages' worth of free chunks: one that stands empty now and then, because
///    its class holds a few tails of large values, would be given away with each of them, and nobody else asked. (Where
///    only what stands empty may go there is nobody else.)
struct MoverSums: BitwiseCopyable {
    /// Keys stored that a ghost remembers.
    var ghostHits = 0.0
    /// Hits on COLD items.
    var coldHits = 0.0
    /// Chunks taken.
    var stores = 0.0
    /// Halvings that the three above have seen.
    var halvings = 0

    /// Chunks taken since the start; and what the sums know of that, and how many there were when a page last came.
    var taken = 0
    var takenSeen = 0
    var takenAtPage = 0
    /// Evictions of the store when a page last came.
    var pageCame = 0
    /// What the sessions had counted at the last look.
    var coldHitsSeen = 0
    var evictionsUntold = 0
    /// Evictions of the store when the class last asked for a page.
    var lastRequest = 0
    /// Pages of the last run that cost nobody anything (PageMover, rule 3); 0 if its last page did.
    var freeRun = 0

    // Of the time that rule 5 looks at: since when, and what there was.
    var spanStart = 0
    var spanShare = 0.0
    var spanHits = 0.0
    var spanTotal = 0.0
    var spanTaken = 0

    /// Rule 1.
    static let itemsPerHalving = 8
    /// Rule 5.
    static let spansPerHalving = 8
    static let silentHitsMin = 8.0
    /// Halving windows after which a span that could tell nothing begins anew. Not sooner: a class whose share wears
    /// down with its hits would never be judged.
    static let spanWindowsMax = 16.0
    /// What is left to a class that is silent, of hits and of stores.
    static let silentShare = 0.25
    /// Halving windows that stores, worn down, stand for: each counts the last half as much as the one after it, and
    /// the look comes somewhere within.
    static let storeSpans = 1.5
    /// More chunks than any page has.
    private static let longAgo = 1 << 20
    /// Rule 3.
    static let hitsAssumed = 2.0
    /// Rule 4.
    static let hitsMissedMin = 32.0
    /// A class is looked at twice in the time in which it evicts a page's worth of chunks.
    static let looksPerPage = 2

    /// Rule 1.
    mutating func wearDown(to halvingsNow: Int) {
        let missed = halvingsNow - halvings
        // Who has read the number before another looked at the class comes too late.
        if missed <= 0 { return }
        halvings = halvingsNow
        let factor = missed < 64 ? 1 / Double(UInt64(1) << UInt64(missed)) : 0
        ghostHits *= factor
        coldHits *= factor
        stores *= factor
    }

    /// Takes in what was counted since the last look; `coldHitsNow` is the sum of all sessions.
    mutating func takeIn(coldHitsNow: Int) {
        let hits = Double(coldHitsNow - coldHitsSeen)
        coldHitsSeen = coldHitsNow
        coldHits += hits
        spanHits += hits
        stores += Double(taken - takenSeen)
        takenSeen = taken
    }

    /// Rule 5, at time `now`. `window` is the time between two halvings; of all hits `total` have been counted ever,
    /// and `worn` is left of them.
    mutating func judgeSilence(now: Int, window: Double, worn: Double, total: Double) {
        if spanTotal == 0 { return beginSpan(now: now, worn: worn, total: total) }
        let length = Double(now - spanStart)
        guard length * Double(Self.spansPerHalving) >= window else { return }
        let expectedHits = spanShare * (total - spanTotal)
        if expectedHits < Self.silentHitsMin {
            // Its share was too small then to tell anything by now; it may have grown.
            if length > window * Self.spanWindowsMax { beginSpan(now: now, worn: worn, total: total) }
            return
        }
        let expectedStores = stores * Swift.min(1, length / (Self.storeSpans * window))
        if spanHits < expectedHits * Self.silentShare, Double(taken - spanTaken) <= expectedStores * Self.silentShare {
            coldHits = spanHits * Swift.max(1, window / length)
            takenAtPage = taken - Self.longAgo
        }
        beginSpan(now: now, worn: worn, total: total)
    }

    private mutating func beginSpan(now: Int, worn: Double, total: Double) {
        spanShare = coldHits / (worn + 1)
        spanStart = now
        spanHits = 0
        spanTotal = total
        spanTaken = taken
    }
}

extension UnsafeMutablePointer where Pointee == SlabClass {
    /// Counts an eviction by a store, by the chunks that it has freed. Returns those not told before when it is time
    /// for a look, else 0.
    @inline(__always)
    func countEvictionLocked(chunks: Int) -> Int {
        sums.pointee.evictionsUntold = sums.pointee.evictionsUntold &+ chunks
        let untold = sums.pointee.evictionsUntold
        if untold &* MoverSums.looksPerPage < pointee.chunksPerPage { return 0 }
        sums.pointee.evictionsUntold = 0
        return untold
    }

    /// Rule 2.
    var gainLocked: Double { sums.pointee.ghostHits / Double(Swift.max(1, pointee.pageCount)) }

    /// Rules 3 and 4.
    var lossLocked: Double {
        let hits = sums.pointee.coldHits
        if hits == 0 || hasEmptyPageLocked { return 0 }
        let parts = pointee.pageCount &* pointee.chunksPerPage &- pointee.freeChunks &- itemCountLocked
        return Double(pointee.chunksPerPage) * (hits + MoverSums.hitsAssumed)
            / Double(Swift.max(1, pointee.coldCount &+ parts))
    }

    /// Rule 4: whether there is more to say for a class that loses nothing than that it was not hit. `hitsPerItem` is
    /// the average of all classes.
    func isProvenFreeLocked(hitsPerItem: Double) -> Bool {
        hasEmptyPageLocked || Double(pointee.coldCount) * hitsPerItem >= MoverSums.hitsMissedMin
    }

    /// Whether as many chunks are free as a page has.
    var hasEmptyPageLocked: Bool { pointee.freeChunks >= pointee.chunksPerPage }

    /// Whether the class may give a page at all, at time `now`: rule 6, and never the last. `onlyEmpty`: only what
    /// stands empty may go anyway.
    func mayGiveLocked(now: Int, window: Double, onlyEmpty: Bool) -> Bool {
        if pointee.pageCount < 2 { return false }
        return pointee.freeChunks >= (onlyEmpty ? 1 : 2) &* pointee.chunksPerPage
            || sums.pointee.taken &- sums.pointee.takenAtPage >= pointee.chunksPerPage
            || Double(now - sums.pointee.pageCame) > window
    }
}
