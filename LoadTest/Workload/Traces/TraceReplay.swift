/// How a trace is replayed.
package struct TraceReplay: Sendable, Equatable {
    /// `-` is standard input, which can be read once only: no copies, one thread.
    package var path: String
    /// nil: the trace's first line tells.
    package var format: TraceFormat?
    /// Key-disjoint copies, each begun a share of the trace later than the one before and going round at its end,
    /// played in turns: copy c of n begins with request c * requests / n.
    package var copies: Int = 1
    /// Whether a get that misses is followed by a store, as with a cache in front of a database.
    package var storesOnMiss = true
    /// Requests of the trace, where copies must know where to begin; set by `Workload.replaying`.
    package var requests: UInt64 = 0

    package static let copiesMax = 1024

    package init(path: String) { self.path = path }
}

extension Workload {
    /// Replays a trace. `operationCount`, sizes, lives and the key space are the receiver's: sizes and lives for
    /// requests without their own. Reads the trace once (as far as it will be needed) to know its keys and to find what
    /// is wrong with it before anything is asked.
    package mutating func replay(_ replay: TraceReplay) throws(WorkloadError) -> TraceSummary? {
        guard (1...TraceReplay.copiesMax).contains(replay.copies) else {
            throw WorkloadError(
                "\(replay.copies) copies of a trace are none; 1 to \(TraceReplay.copiesMax) can be played")
        }
        var replay = replay
        guard replay.path != "-" else {
            guard replay.copies == 1 else {
                throw WorkloadError("standard input can be read once only; copies of a trace need a file")
            }
            keyCount = VersionTable.keysMax
            origin = .trace(replay)
            // Nobody knows yet: to be ready for it costs memory only.
            traceHasLives = true
            return nil
        }
        let requestsMax = replay.copies == 1 ? operationCount ?? .max : .max
        let summary = try TraceSummary(path: replay.path, format: replay.format, requestsMax: requestsMax)
        guard summary.requests > 0 else { throw WorkloadError("trace \(replay.path) has no requests") }
        replay.requests = summary.requests
        replay.format = summary.format
        firstKey = 0
        keyCount = summary.keys * UInt64(replay.copies)
        origin = .trace(replay)
        traceHasLives = summary.withLife > 0
        return summary
    }
}
