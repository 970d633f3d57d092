import Synchronization

/// What may be changed while the store is used, and asked of its maintainer. Any thread reads and writes it; a change
/// holds from the next look on.
struct StoreTuning: ~Copyable {
    /// `StoreSettings.temporarySeconds`.
    let temporarySeconds: Atomic<UInt32>
    /// `StoreSettings.hotPercent` and `.warmPercent`.
    let hotPercent: Atomic<Int>
    let warmPercent: Atomic<Int>
    /// Classes that miss pages are given some of others'.
    let movesPages = Atomic<Bool>(true)
    /// The maintainer looks for expired items of its own accord.
    let crawls = Atomic<Bool>(true)
    /// Scans asked for, and how many of these have come to their end.
    let scansAsked = Atomic<Int>(0)
    let scansEnded = Atomic<Int>(0)

    init(_ settings: StoreSettings) {
        temporarySeconds = Atomic(settings.temporarySeconds)
        hotPercent = Atomic(settings.hotPercent)
        warmPercent = Atomic(settings.warmPercent)
    }
}

extension CacheStore {
    package func setTemporarySeconds(_ seconds: UInt32) {
        core.pointee.tuning.temporarySeconds.store(seconds, ordering: .relaxed)
    }

    /// The most that HOT and WARM have of a class's items, with `segmented`.
    package func setSegmentShares(hotPercent: Int, warmPercent: Int) {
        core.pointee.tuning.hotPercent.store(hotPercent, ordering: .relaxed)
        core.pointee.tuning.warmPercent.store(warmPercent, ordering: .relaxed)
    }

    /// Whether pages go to the classes that miss them. What the memory limit, `reassign` and a store that finds no chunk
    /// at all need moves in any case.
    package func setMovesPages(_ moves: Bool) { core.pointee.tuning.movesPages.store(moves, ordering: .relaxed) }

    /// Whether expired items are looked for in the background. A scan that is asked for happens in any case.
    package func setCrawls(_ crawls: Bool) { core.pointee.tuning.crawls.store(crawls, ordering: .relaxed) }
}
