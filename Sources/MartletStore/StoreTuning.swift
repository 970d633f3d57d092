import Synchronization

/// What may be changed while the store is used, and asked of its maintainer. Any thread reads and writes it; a change
/// holds from the next look on.
struct StoreTuning: ~Copyable {
    /// `StoreSettings.temporarySeconds`.
    let temporarySeconds: Atomic<UInt32>
    /// `StoreSettings.hotPercent` and `.warmPercent`.
    let hotPercent: Atomic<Int>
    let warmPercent: Atomic<Int>
    /// With lists only: HOT, WARM and COLD rather than one flat list; kept up in the background; and the ages of
    /// `StoreSettings.hotFactorMax` and `.warmFactorMax`, in thousandths.
    let isSegmented: Atomic<Bool>
    let maintainsSegments: Atomic<Bool>
    let hotThousandths: Atomic<Int>
    let warmThousandths: Atomic<Int>
    /// With lists only: `slab_automove`, its ratio in thousandths, its window in seconds.
    let automoveLevel = Atomic<Int>(1)
    let automoveThousandths = Atomic<Int>(800)
    let automoveWindow = Atomic<Int>(10)
    /// Classes that miss pages are given some of others'.
    let movesPages = Atomic<Bool>(true)
    /// The maintainer looks for expired items of its own accord.
    let crawls = Atomic<Bool>(true)
    /// Headers that one pass of the crawl may look at, and those of one class; `CacheStore.setCrawlPace`.
    let crawlHeadersMax = Atomic<Int>(CrawlPass.headersMax)
    let crawlClassHeadersMax = Atomic<Int>(.max)
    /// Scans asked for, and how many of these have come to their end; the second of the last one.
    let scansAsked = Atomic<Int>(0)
    let scansEnded = Atomic<Int>(0)
    let scanSecond = Atomic<UInt32>(0)

    init(_ settings: StoreSettings) {
        temporarySeconds = Atomic(settings.temporarySeconds)
        hotPercent = Atomic(settings.hotPercent)
        warmPercent = Atomic(settings.warmPercent)
        isSegmented = Atomic(settings.isSegmented)
        maintainsSegments = Atomic(settings.maintainsSegments)
        hotThousandths = Atomic(Self.thousandths(settings.hotFactorMax))
        warmThousandths = Atomic(Self.thousandths(settings.warmFactorMax))
    }
}

extension StoreTuning {
    /// At most a million.
    fileprivate static func thousandths(_ factor: Double) -> Int { Int(min(max(factor, 0), 1e6) * 1000) }
}

extension CacheStore {
    package func setTemporarySeconds(_ seconds: UInt32) {
        core.pointee.tuning.temporarySeconds.store(seconds, ordering: .relaxed)
    }

    /// With lists: segments, or one flat list.
    package func setSegmented(_ isSegmented: Bool) {
        core.pointee.tuning.isSegmented.store(isSegmented, ordering: .relaxed)
    }

    /// With lists: `StoreSettings.hotFactorMax` and `.warmFactorMax`.
    package func setSegmentAges(hotFactor: Double, warmFactor: Double) {
        core.pointee.tuning.hotThousandths.store(StoreTuning.thousandths(hotFactor), ordering: .relaxed)
        core.pointee.tuning.warmThousandths.store(StoreTuning.thousandths(warmFactor), ordering: .relaxed)
    }

    /// The most that HOT and WARM have of a class's items, with `segmented`.
    package func setSegmentShares(hotPercent: Int, warmPercent: Int) {
        core.pointee.tuning.hotPercent.store(hotPercent, ordering: .relaxed)
        core.pointee.tuning.warmPercent.store(warmPercent, ordering: .relaxed)
    }

    /// Whether pages go to the classes that miss them. What the memory limit, `reassign` and a store that finds no
    /// chunk at all need moves in any case.
    package func setMovesPages(_ moves: Bool) { core.pointee.tuning.movesPages.store(moves, ordering: .relaxed) }

    /// Whether expired items are looked for in the background. A scan that is asked for happens in any case.
    package func setCrawls(_ crawls: Bool) { core.pointee.tuning.crawls.store(crawls, ordering: .relaxed) }
}

extension CacheStore {
    /// `lru_crawler_sleep` and `lru_crawler_tocrawl`: a pause of so many microseconds for each thousand items looked
    /// at, and the most that a run looks at in a class (0 for all). The crawl rests between passes anyway, so the pause
    /// decides how long a pass is; one of 100 microseconds is the usual.
    package func setCrawlPace(sleepMicroseconds: Int, itemsMax: Int) {
        let headers = CrawlPass.headersMax * 100 / max(1, sleepMicroseconds)
        core.pointee.tuning.crawlHeadersMax.store(
            sleepMicroseconds == 0 ? 4 * CrawlPass.headersMax : min(max(headers, 1), 4 * CrawlPass.headersMax),
            ordering: .relaxed)
        core.pointee.tuning.crawlClassHeadersMax.store(itemsMax == 0 ? .max : itemsMax, ordering: .relaxed)
    }
}
