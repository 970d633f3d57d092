/// Who is told of every call: metrics, traces. `MartletClientServices` has one for swift-metrics and
/// swift-distributed-tracing.
///
/// A client without one pays a comparison with nil for each call.
public protocol CacheObserver: Sendable {
    /// A call begins. nil if nobody wants to know how it ends.
    func begin(_ operation: CacheOperation) -> (any CacheObservation)?

    /// The source behind the cache was asked, and took so long; with the error it failed with.
    func loaded(_ duration: Duration, _ error: (any Error)?)
}

/// A call under way.
public protocol CacheObservation: Sendable {
    /// Called once, on any thread.
    func end(_ result: CacheOperation.Result)
}

/// What a call asks for.
public struct CacheOperation: Sendable {
    /// How it ended.
    public enum Result: Sendable {
        /// A value was there; of many keys, for so many.
        case hit(count: Int)
        /// There was an old value, and somebody is to recache it.
        case stale
        /// There was no value; of many keys, for none.
        case miss
        /// Something else than a retrieval was done, or not done because of what was there.
        case done
        /// Keys that were asked for together, of which so many were not answered; there was a value for so many others.
        case partial(hits: Int, failures: Int)
        /// There is no answer.
        case failure(CacheError)
    }

    /// `get`, `set`, `add`, `replace`, `append`, `prepend`, `delete`, `invalidate`, `increment`, `decrement`, `touch`.
    public let name: String
    /// How many keys there are.
    public let keyCount: Int
    /// The server that has the key, where there is but one.
    public let server: CacheServer?
}

extension CacheClient {
    /// The same call, observed.
    func observed(
        _ observer: any CacheObserver, _ request: CacheRequest,
        _ call: () async throws(CacheError) -> CacheReply
    ) async throws(CacheError) -> CacheReply {
        let server = core.cluster.topology.node(for: request.at(rank)).server
        let observation = observer.begin(
            CacheOperation(name: "\(request.verb)", keyCount: 1, server: server))
        do throws(CacheError) {
            let reply = try await call()
            observation?.end(reply.result(of: request.verb))
            return reply
        } catch {
            observation?.end(.failure(error))
            throw error
        }
    }

    func observed(
        _ observer: any CacheObserver, _ requests: [CacheRequest], _ call: () async -> [CallOutcome]
    ) async -> [CallOutcome] {
        guard let verb = requests.first?.verb else { return [] }
        let observation = observer.begin(
            CacheOperation(name: "\(verb)", keyCount: requests.count, server: nil))
        let outcomes = await call()
        guard let observation else { return outcomes }
        var (hits, failures) = (0, 0)
        for outcome in outcomes {
            switch outcome {
            case .success(let reply): hits += reply.usableValue == nil ? 0 : 1
            case .failure: failures += 1
            }
        }
        let isRetrieval = verb == .get
        observation.end(
            failures > 0
                ? .partial(hits: hits, failures: failures) : !isRetrieval ? .done : hits > 0 ? .hit(count: hits) : .miss
        )
        return outcomes
    }
}

extension CacheReply {
    fileprivate func result(of verb: CacheRequest.Verb) -> CacheOperation.Result {
        guard verb == .get else { return .done }
        guard usableValue != nil else { return .miss }
        return isStale ? .stale : .hit(count: 1)
    }
}
