/// What to ask of a server: everything but how fast and by how many connections.
package struct Workload: Sendable {
    package enum Origin: Sendable {
        /// Operations drawn by `mix` and `popularity`.
        case synthetic
        /// One `set` of each key, in order: to fill a cache.
        case fill
        /// The requests of a trace; see `replay`.
        case trace(TraceReplay)
    }

    package var origin: Origin = .synthetic
    package var keys: KeySpace = .plain
    /// Keys `firstKey` and on; runs with disjoint keys have different ones.
    package var firstKey: UInt64 = 0
    /// At least 1.
    package var keyCount: UInt64 = 10_000
    package var popularity: Popularity = .uniform
    package var sizes: Sizes = .fixed(100)
    package var lives: Lives = .forever
    package var mix: Mix = .gets
    /// Whether a get that misses is followed by a store.
    package var storesOnMiss = false
    /// Operations of all threads together; nil: without end, or as many as the keys or the trace have.
    package var operationCount: UInt64?

    /// Whether requests of a trace say how long what they store lives.
    package var traceHasLives = false

    package init() {}

    /// Facebook's ETC pool: its key and value sizes, 30 reads to a store, popularity as of most key-value stores.
    package static var etc: Workload {
        var workload = Workload()
        workload.keys = KeySpace.etc
        workload.sizes = .etc
        workload.popularity = Popularity(.zipf(exponent: 0.99))
        workload.mix = .etc
        return workload
    }

    /// Whether anything that is stored expires.
    package var hasLives: Bool { lives != .forever || traceHasLives }

    /// Key numbers lie below; `VersionTable` needs as many words. The greatest number where it cannot be said.
    package var keyNumbersEnd: UInt64 {
        let (end, overflows) = firstKey.addingReportingOverflow(keyCount)
        let (furtherEnd, overflowsFurther) = end.addingReportingOverflow(popularity.scan?.furtherKeys ?? 0)
        return overflows || overflowsFurther ? .max : furtherEnd
    }
}
