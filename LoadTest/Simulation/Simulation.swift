import LoadWorkload

/// What a cache would have missed: requests replayed through models of slab caches, without a server.
///
/// Goals: the miss ratio of Martlet's own policy within half a percent of the server's, memcached's within a few; many
/// sizes and policies in one reading of the trace; the same seed makes the same figures; millions of requests a second.
/// Non-goals: throughput, latency, threads, the wire.
/// Threads: everything belongs to the one that calls. A model holds no clock: the second of a request is in the
/// request.
///
///     OperationSource -> RequestStream -> batch of requests -> MartletCache     (slab pages, ring, hand, ghosts, mover)
///                        (key numbers,                      -> MemcachedCache   (slab pages, segment lists, mover)
///                         seconds)                          -> FarthestCache    (Belady's bound, needs the future)
///
/// Reading order: SimulatedRequest, RequestStream; SlabTable, Chunk, SlabSpace; MartletRules, BucketTable,
/// MartletCache; MemcachedCache; FarthestCache.
package struct Simulation: ~Copyable {
    private var caches: [any SimulatedCache] = []
    /// Requests replayed so far.
    package private(set) var requests: UInt64 = 0

    package init() {}

    /// Adds a cache. All of them see the same requests.
    package mutating func add(_ cache: any SimulatedCache) {
        precondition(requests == 0, "a cache joins before the first request")
        caches.append(cache)
    }

    /// Replays everything that is left of the stream.
    package mutating func replay(_ stream: inout RequestStream) throws(WorkloadError) {
        while try stream.fill() {
            for cache in caches { cache.replay(stream.batch) }
            requests += UInt64(stream.batch.count)
        }
    }

    /// Forgets the counts, not the contents: what follows is counted from here.
    package func resetCounts() {
        for cache in caches { cache.resetCounts() }
    }

    package func _checkInvariants() {
        for cache in caches { cache._checkInvariants() }
    }

    /// What the caches came to, in the order in which they were added.
    package func results() -> [SimulationResult] {
        caches.map { $0.result() }
    }
}

/// A cache that takes part in a simulation.
package protocol SimulatedCache: AnyObject {
    func replay(_ batch: RequestBatch)
    func resetCounts()
    func result() -> SimulationResult
    /// Traps if the model contradicts itself.
    func _checkInvariants()
}

/// A model of a cache: a value that owns its memory, so that the compiler, not the running program, sees to it that
/// nobody else changes it meanwhile.
protocol CacheModel: ~Copyable {
    mutating func replay(_ batch: RequestBatch)
    mutating func resetCounts()
    func result() -> SimulationResult
    func _checkInvariants()
}

/// A model in a place of its own.
final class ModelPlace<Model: CacheModel & ~Copyable>: SimulatedCache {
    private var model: Model

    init(_ model: consuming Model) { self.model = model }

    func replay(_ batch: RequestBatch) { model.replay(batch) }
    func resetCounts() { model.resetCounts() }
    func result() -> SimulationResult { model.result() }
    func _checkInvariants() { model._checkInvariants() }
}
