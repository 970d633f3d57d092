import LoadEngine

/// What the scenario measured: plain values for text and JSON.
package struct DatabaseResult: Codable, Sendable {
    /// Name and version, and why it is not PostgreSQL if that was looked for.
    package var database: String
    package var databaseNote: String?
    package var cache: String
    package var cacheVersion: String
    /// Name to value, for the reader.
    package var settings: [String: String]
    /// Seconds since 1970 at the start.
    package var startedAt: Double
    package var rowCount: Int
    package var valueBytes: Int
    package var fillSeconds: Double
    package var steady: [SteadyResult]
    package var stampedes: [StampedeResult]
    /// Values that were compared with what their rows hold.
    package var verified: Int
    /// Values that cannot have come from a correct cache or database.
    package var wrong: Int
    /// The first of them, in sentences.
    package var violations: [Violation]

    package static let violationsMax = 10

    /// The ratio of the requests per second with the cache to those without.
    package var gain: Double? {
        guard let without = steady.first(where: { $0.way == .direct }),
            let with = steady.first(where: { $0.way == .cacheAside }), without.reads.rate > 0
        else { return nil }
        return with.reads.rate / without.reads.rate
    }
}

/// How clients get a value.
package enum ReadWay: String, Codable, Sendable, CaseIterable {
    /// Each request is a query.
    case direct
    /// get; on a miss query and set. Whoever changes a row deletes the item.
    case cacheAside
    /// mg with N; who wins queries and stores, the others wait. Whoever changes a row deletes the item.
    case leaseWaiting
    /// The same, but whoever changes a row marks the item as stale, and the others are content with it meanwhile.
    case leaseStale
}

/// A phase in which all clients ask by popularity.
package struct SteadyResult: Codable, Sendable {
    package var way: ReadWay
    package var reads: ReadResult
}

/// A phase in which all clients ask for one key, whose row changes again and again.
package struct StampedeResult: Codable, Sendable {
    package var way: ReadWay
    package var reads: ReadResult
    package var expiries: Int
    /// Queries from one expiry to the next.
    package var queriesPerExpiry: Double
    package var queriesPerExpiryMost: Int
}

/// What all clients of a phase did in the time that was measured.
package struct ReadResult: Codable, Sendable {
    package var seconds = 0.0
    package var requests = 0
    package var hits = 0
    package var misses = 0
    package var queries = 0
    /// Stores that came too late: the item had changed meanwhile.
    package var overtaken = 0
    /// Stores that the cache refused.
    package var refused = 0
    /// Stale values that the cache called so.
    package var staleMarked = 0
    /// Values older than the row had been, by acknowledgement, when they were asked for, with nothing said about it.
    package var staleUnmarked = 0
    /// Requests that waited for somebody else's query.
    package var waited = 0
    /// Requests that grew tired of waiting and made a query of their own.
    package var impatient = 0
    package var response = LatencyHistogram()
    package var query = LatencyHistogram()

    package init() {}

    package var rate: Double { seconds > 0 ? Double(requests) / seconds : 0 }
    package var queryRate: Double { seconds > 0 ? Double(queries) / seconds : 0 }
    /// nil where the cache was not asked.
    package var hitRatio: Double? { hits + misses > 0 ? Double(hits) / Double(hits + misses) : nil }

    mutating func add(_ other: ReadResult) {
        requests += other.requests
        hits += other.hits
        misses += other.misses
        queries += other.queries
        overtaken += other.overtaken
        refused += other.refused
        staleMarked += other.staleMarked
        staleUnmarked += other.staleUnmarked
        waited += other.waited
        impatient += other.impatient
        response.add(other.response)
        query.add(other.query)
    }
}
