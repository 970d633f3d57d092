import NIOCore

extension CacheClient {
    /// The values kept under many keys, and for those that are not there what `load` brings, which is called once for
    /// all of them, each once and in the order given, and need not have all.
    ///
    /// With `LoadPolicy.lease` what was loaded is stored only where nothing has changed meanwhile. Keys that somebody
    /// else is loading are loaded here as well, and not stored; there is no waiting and no sharing between calls.
    ///
    /// - Throws: What `load` throws; it is not called if everything is there. What is wrong with the cache only with
    ///   `LoadPolicy.CacheFailure.rethrow`.
    public func values<Value: CacheValue & Sendable>(
        for keys: some Sequence<CacheKey>, as type: Value.Type = Value.self, timeToLive: Duration,
        policy: LoadPolicy = .standard, load: @Sendable ([CacheKey]) async throws -> [CacheKey: Value]
    ) async throws -> [CacheKey: Value] {
        let keys = keys.unique()
        let names: [CacheKey]
        do throws(CacheError) {
            names = try await named(keys)
        } catch {
            guard case .load = policy.whenCacheFails, error.code != .cancelled else { throw error }
            return try await core.load { try await load(keys) }
        }
        let requests = names.map { name in
            var request = CacheRequest(.get, name)
            request.leaseSeconds = policy.leaseSeconds
            request.facts = .token
            return request
        }
        var values: [CacheKey: Value] = [:]
        var missing: [CacheKey] = []
        var stores: [CacheKey: CacheRequest] = [:]
        // Of those, the ones with nothing in them: a value that is out of date stays where the source has no better
        // one.
        var leases: [CacheKey: CacheRequest] = [:]
        for ((key, name), outcome) in zip(zip(keys, names), await calls(requests)) {
            do throws(CacheError) {
                let reply = try outcome.get()
                // Nothing is what it stays, unless it was declared out of date.
                if reply.isNothing, !(reply.hasWon && reply.isStale) { continue }
                if let buffer = reply.usableValue, !(reply.hasWon && reply.isStale) {
                    values[key] = try decode(buffer, reply.clientFlags)
                    continue
                }
                stores[key] = store(reply, name)
                if reply.usableValue == nil { leases[key] = stores[key] }
            } catch {
                if case .rethrow = policy.whenCacheFails { throw error }
                if error.code == .undecodable { stores[key] = CacheRequest(.set, name) }
            }
            missing.append(key)
        }
        guard !missing.isEmpty else { return values }
        do {
            let wanted = missing
            let loaded = try await core.load { try await load(wanted) }
            await keep(loaded, stores, timeToLive, policy)
            for key in wanted { values[key] = loaded[key] }
            return values
        } catch {
            // In a task of its own, because this one may be cancelled.
            let given = leases
            await Task { await keep([CacheKey: Value](), given, timeToLive, policy) }.value
            throw error
        }
    }

    /// How a key that was looked for is stored; nil if somebody else is loading it.
    private func store(_ reply: CacheReply, _ key: CacheKey) -> CacheRequest? {
        guard reply.outcome == .done else { return CacheRequest(.add, key) }
        guard reply.hasWon else { return nil }
        var request = CacheRequest(.set, key)
        request.expectedToken = reply.token
        return request
    }

    /// Stores what was loaded and gives back the leases of what was not. Whatever goes wrong: there are the values.
    private func keep<Value: CacheValue & Sendable>(
        _ values: [CacheKey: Value], _ stores: [CacheKey: CacheRequest], _ timeToLive: Duration, _ policy: LoadPolicy
    ) async {
        var requests: [CacheRequest] = []
        for (key, store) in stores {
            if let value = values[key], let (buffer, flags) = try? encode(value) {
                var request = store
                (request.value, request.clientFlags) = (buffer, flags)
                request.exptime = TimeToLive.exptime(policy.itemLife(timeToLive))
                requests.append(request)
            } else if let token = store.expectedToken {
                var request = CacheRequest(.delete, store.key)
                request.expectedToken = token
                requests.append(request)
            }
        }
        _ = await calls(requests)
    }
}
