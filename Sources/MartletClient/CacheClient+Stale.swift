/// Looks at items, and touches, by those who recache nothing; what they do to items that were declared out of date, and
/// to leases, is undone.
///
/// Rules:
/// 1. Who is told to recache gives that back (`Claim`), so that another one is told. The version stays, where it is
///    shown to the caller; memcached before 1.6.27 cannot do that, and there the item has another version behind it.
/// 2. A life is for what is good: an item out of date gets back the one that it had, which is its grace.
///    So does a lease, or what its holder never brings would be waited for as long as a value lives; and it is nothing
///    that could be touched.
/// 3. All of that has the time of one call. If rule 2 fails, the item is remembered as one whose change has failed.
extension CacheClient {
    /// A request whose facts are `token` and `life` at least.
    func look(_ request: CacheRequest) async throws(CacheError) -> CacheReply {
        let cache = asOneCall
        let reply = try await cache.call(request)
        if let undoing = amends(for: request, reply) { await cache.make([undoing]) }
        return seen(reply, request)
    }

    /// Rule 2: the reply as whoever has asked sees it.
    private func seen(_ reply: CacheReply, _ request: CacheRequest) -> CacheReply {
        request.verb == .touch && reply.isLease ? CacheReply(.missing) : reply
    }

    /// Many such requests.
    func looks(_ requests: [CacheRequest]) async -> [CallOutcome] {
        let cache = asOneCall
        var outcomes = await cache.calls(requests)
        var undoing: [CacheRequest] = []
        for (place, request) in requests.enumerated() {
            guard case .success(let reply) = outcomes[place], reply.isStale || reply.isLease else { continue }
            if let one = amends(for: request, reply) { undoing.append(one) }
            outcomes[place] = .success(seen(reply, request))
        }
        if !undoing.isEmpty { await cache.make(undoing) }
        return outcomes
    }

    /// What undoes what the look has done; nil if that was nothing.
    private func amends(for request: CacheRequest, _ reply: CacheReply) -> CacheRequest? {
        if reply.isLease, request.exptime != nil { return reply.returnOfLife(to: request.key) }
        guard reply.isStale else { return nil }
        if let claim = Claim(reply) {
            var release = claim.release(of: request.key)
            if request.exptime == nil { release.newToken = claim.token }
            return release
        }
        guard request.exptime != nil, let exptime = reply.staleExptime else { return nil }
        var touch = CacheRequest(.touch, request.key)
        touch.exptime = exptime
        return touch
    }

    /// In a task of its own, because this one may be cancelled.
    private func make(_ requests: [CacheRequest]) async {
        let outcomes = await Task {
            let outcomes = await calls(requests)
            // Rule 1: the whole command is refused for one flag that is not known.
            var plain: [CacheRequest] = []
            for (request, outcome) in zip(requests, outcomes) where request.newToken != nil {
                guard case .failure(let error) = outcome, error.code == .refused, !error.isServerFailure else {
                    continue
                }
                var request = request
                request.newToken = nil
                plain.append(request)
            }
            if !plain.isEmpty { _ = await calls(plain) }
            return outcomes
        }.value
        for (request, outcome) in zip(requests, outcomes) where request.verb == .touch {
            guard case .failure(let error) = outcome else { continue }
            core.cluster.remember(CacheRequest(.invalidate, request.key).at(rank), error)
        }
    }
}
