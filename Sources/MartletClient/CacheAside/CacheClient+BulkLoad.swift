import NIOCore

extension CacheClient {
    /// The values kept under many keys, and for those that are not there what `load` brings, which is called once for
    /// all of them, each once and in the order given, and need not have all.
    ///
    /// With `LoadPolicy.lease` what was loaded is stored only where nothing has changed meanwhile. Keys that somebody
    /// else is loading are loaded here as well, and not stored; there is no waiting and no sharing between calls.
    ///
    /// - Throws: What `load` throws; it is not called if everything is there. What is wrong with the cache only with
    ///   `LoadPolicy.CacheFailure.rethrow`; then nothing is loaded.
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
        // Of those, the ones that were won: they are given back if nothing comes of it.
        var claims: [CacheKey: NamedClaim] = [:]
        var failure: CacheError?
        for ((key, name), outcome) in zip(zip(keys, names), await calls(requests)) {
            do throws(CacheError) {
                let reply = try outcome.get()
                // Nothing is what it stays, unless it was declared out of date.
                if reply.isNothing, !(reply.hasWon && reply.isStale) { continue }
                claims[key] = Claim(reply).map { NamedClaim(name: name, claim: $0) }
                stores[key] = store(reply, name)
                if let buffer = reply.usableValue, !(reply.hasWon && reply.isStale) {
                    values[key] = try decode(buffer, reply.clientFlags)
                    stores[key] = nil
                    continue
                }
            } catch {
                failure = failure ?? error
                // There is no list of parts where one should be, and no version either.
                if error.code == .undecodable, stores[key] == nil { stores[key] = CacheRequest(.set, name) }
            }
            missing.append(key)
        }
        if let failure, case .rethrow = policy.whenCacheFails {
            await giveBack(claims)
            throw failure
        }
        guard !missing.isEmpty else { return values }
        do {
            let wanted = missing
            let loaded = try await core.load { try await load(wanted) }
            await keep(loaded, stores, claims, timeToLive, policy)
            for key in wanted { values[key] = loaded[key] }
            return values
        } catch {
            await giveBack(claims, after: policy.pause(behind: error))
            throw error
        }
    }

    /// How a key that was looked for is stored; nil if somebody else is loading it.
    private func store(_ reply: CacheReply, _ key: CacheKey) -> CacheRequest? {
        guard reply.outcome == .done else { return CacheRequest(.add, key) }
        // Bytes that turn out to be no such value are replaced as well, and nothing that has come since.
        guard reply.hasWon || reply.usableValue != nil else { return nil }
        var request = CacheRequest(.set, key)
        request.expectedToken = reply.token
        request.otherToken = reply.otherToken
        return request
    }

    /// Stores what was loaded and removes what was won and has no value. Whatever goes wrong: there are the values.
    private func keep<Value: CacheValue & Sendable>(
        _ values: [CacheKey: Value], _ stores: [CacheKey: CacheRequest], _ claims: [CacheKey: NamedClaim],
        _ timeToLive: Duration, _ policy: LoadPolicy
    ) async {
        var requests: [CacheRequest] = []
        for (key, store) in stores {
            if let value = values[key], let (buffer, flags) = try? encode(value) {
                var request = store
                (request.value, request.clientFlags) = (buffer, flags)
                request.exptime = TimeToLive.exptime(policy.itemLife(timeToLive))
                requests.append(request)
            } else if let won = claims[key] {
                requests.append(won.claim.removal(of: won.name))
            }
        }
        await finish(requests)
    }

    /// For others to win: values that are there after a pause, for which nobody waits.
    private func giveBack(_ claims: [CacheKey: NamedClaim], after pause: Duration? = nil) async {
        let later = claims.values.filter { pause != nil && $0.claim.isForValue }.map(\.release)
        if let pause, !later.isEmpty {
            core.tasks.begin {
                try? await Task.sleep(for: pause)
                await finish(later)
            }
        }
        await finish(claims.values.filter { pause == nil || !$0.claim.isForValue }.map(\.release))
    }

    /// In a task of its own, because this one may be cancelled.
    private func finish(_ requests: [CacheRequest]) async {
        guard !requests.isEmpty else { return }
        _ = await Task { await calls(requests) }.value
    }
}

/// What was won under a key, by the name that this has in its namespace.
private struct NamedClaim {
    let name: CacheKey
    let claim: Claim

    var release: CacheRequest { claim.release(of: name) }
}
