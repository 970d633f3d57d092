import NIOCore

/// Which caches a call goes to, if it is not this one alone.
indirect enum CacheRoute: Sendable {
    case plain
    /// From an older pool to this one.
    case migrating(Migration)
    /// Here, and to another one as well, whose answers nobody waits for.
    case shadowed(Shadow)
}

extension CacheClient {
    /// One request by the view's route.
    func ask(_ request: CacheRequest) async throws(CacheError) -> CacheReply {
        switch route {
        case .plain: return try await askHere(request)
        case .migrating(let migration): return try await migration.ask(request, self)
        case .shadowed(let shadow):
            shadow.send([request], timeout: timeout)
            return try await askHere(request)
        }
    }

    /// Many requests by the view's route.
    func ask(_ requests: [CacheRequest]) async -> [CallOutcome] {
        switch route {
        case .plain: return await askHere(requests)
        case .migrating(let migration): return await migration.ask(requests, self)
        case .shadowed(let shadow):
            shadow.send(requests, timeout: timeout)
            return await askHere(requests)
        }
    }

    /// Remembers a change that was not even sent, wherever it would have gone.
    func remember(_ request: CacheRequest, _ error: CacheError) {
        if case .migrating(let migration) = route { migration.remember(request, error) }
        core.cluster.remember(request.at(rank), error)
    }

    /// The servers of this cache, and no other.
    func askHere(_ request: CacheRequest) async throws(CacheError) -> CacheReply {
        try await core.cluster.call(own(request), deadline: deadline)
    }

    func askHere(_ requests: [CacheRequest]) async -> [CallOutcome] {
        await core.cluster.call(rank == 0 && !isCopy ? requests : requests.map(own), deadline: deadline)
    }

    /// The request for the server that this view means.
    private func own(_ request: CacheRequest) -> CacheRequest {
        var request = request.at(rank)
        if isCopy { request.isOfCopy = true }
        return request
    }
}
