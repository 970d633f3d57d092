extension CacheClient {
    /// The values kept under many keys, and for those that are not there what `load` brings, which is called once for
    /// all of them, each once and in the order given, and need not have all.
    ///
    /// With `LoadPolicy.lease` what was loaded is stored only where nothing has changed meanwhile. Keys that somebody
    /// else is loading are loaded here as well, and not stored; there is no waiting and no sharing between calls, and
    /// `leaseWaitMax` and `coalesces` mean nothing here.
    ///
    /// Values that are out of date, or due for a refresh, and that are this call's to recache, are loaded together with
    /// what is missing, and this call waits for that; if the load fails, and there is an old value for every key that
    /// was to be loaded, it returns those. With `LoadPolicy.negativeTimeToLive` it is remembered for which keys the
    /// source has nothing.
    ///
    /// - Throws: What `load` throws; it is not called if everything is there, nor for a caller who was cancelled while the
    ///   cache was asked. What is wrong with the cache only with
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
        var values: [CacheKey: Value] = [:]
        var asked: [Wanted<Value>] = []
        for (key, name) in zip(keys, names) {
            if let value = near?.value(for: name, as: type) {
                values[key] = value
            } else {
                let look = Look<Value>(cache: self, key: name, timeToLive: timeToLive, policy: policy)
                asked.append(Wanted(key: key, look: look, ticket: near?.ticket(for: name)))
            }
        }
        let found = await find(asked)
        for (wanted, value) in found.hits { values[wanted.key] = keptNear(value, wanted) }
        if let failure = found.failure {
            switch policy.whenCacheFails {
            case .load where failure.code != .cancelled: break
            case .load, .rethrow:
                await giveBack(found.missing.compactMap(\.claim))
                throw failure
            }
        }
        let loaded = try await loaded(found.missing, policy, load)
        for wanted in found.missing {
            if let value = loaded[wanted.key] { values[wanted.key] = keptNear(value, wanted) }
        }
        return values
    }

    // MARK: Looking

    /// What the cache has, and what is to be loaded; with the first error of the cache, or that the caller was
    /// cancelled.
    private func find<Value: CacheValue & Sendable>(_ asked: [Wanted<Value>]) async -> Found<Value> {
        var found = Found<Value>()
        guard !asked.isEmpty else { return found }
        let outcomes = await calls(asked.map { $0.look.request })
        for (wanted, outcome) in zip(asked, outcomes) {
            var wanted = wanted
            switch wanted.look.finding(outcome) {
            case .value(let value):
                // Nothing is what it stays.
                if let value { found.hits.append((wanted, value)) }
                continue
            case .refresh(let value, let storing):
                wanted.storing = storing
                wanted.fallback = value
            case .lead(let storing, let stale):
                wanted.storing = storing
                if wanted.look.policy.servesStaleOnError { wanted.fallback = stale }
            case .follow: break
            case .absent(let storing): wanted.storing = storing
            case .failed(let error, let storing):
                wanted.storing = storing
                if found.failure == nil || error.code == .cancelled { found.failure = error }
            }
            found.missing.append(wanted)
        }
        return found
    }

    private func keptNear<Value: CacheValue & Sendable>(_ value: Value, _ wanted: Wanted<Value>) -> Value {
        if let ticket = wanted.ticket { near?.keep(value, for: wanted.look.key, ticket) }
        return value
    }

    // MARK: Loading

    /// What `load` brings, once it is stored; what is there already if it fails and that is enough.
    private func loaded<Value: CacheValue & Sendable>(
        _ missing: [Wanted<Value>], _ policy: LoadPolicy,
        _ load: @Sendable ([CacheKey]) async throws -> [CacheKey: Value]
    ) async throws -> [CacheKey: Value] {
        guard !missing.isEmpty else { return [:] }
        let keys = missing.map(\.key)
        let start = ContinuousClock.now
        do {
            let values = try await core.load { try await load(keys) }
            let loadTime = ContinuousClock.now - start
            // Whatever goes wrong with the cache now: there are the values.
            await finish(
                missing.compactMap { $0.look.change(to: values[$0.key], $0.storing, loadTime: loadTime) })
            return values
        } catch {
            await giveBack(missing.compactMap(\.claim), after: policy.pause(behind: error))
            var values: [CacheKey: Value] = [:]
            for wanted in missing { values[wanted.key] = wanted.fallback }
            guard values.count == missing.count, !(error is CancellationError) else { throw error }
            return values
        }
    }

    /// For others to win: values that are there after a pause, for which nobody waits.
    private func giveBack(_ claims: [NamedClaim], after pause: Duration? = nil) async {
        let later = claims.filter { pause != nil && $0.claim.isForValue }.map(\.release)
        if let pause, !later.isEmpty {
            core.tasks.begin {
                try? await Task.sleep(for: pause)
                await finish(later)
            }
        }
        await finish(claims.filter { pause == nil || !$0.claim.isForValue }.map(\.release))
    }

    /// In a task of its own, because this one may be cancelled.
    private func finish(_ requests: [CacheRequest]) async {
        guard !requests.isEmpty else { return }
        _ = await Task { await calls(requests) }.value
    }
}

/// One key of many that the cache is asked for.
private struct Wanted<Value: CacheValue & Sendable>: Sendable {
    let key: CacheKey
    let look: Look<Value>
    /// Of the near cache, if there is one.
    let ticket: NearTable.Ticket?
    var storing = Look<Value>.Storing.never
    /// The old value, for a load that fails.
    var fallback: Value?

    init(key: CacheKey, look: Look<Value>, ticket: NearTable.Ticket?) {
        self.key = key
        self.look = look
        self.ticket = ticket
    }

    var claim: NamedClaim? { storing.claim.map { NamedClaim(name: look.key, claim: $0) } }
}

/// What has become of the keys that the cache was asked for.
private struct Found<Value: CacheValue & Sendable>: Sendable {
    var hits: [(Wanted<Value>, Value)] = []
    var missing: [Wanted<Value>] = []
    var failure: CacheError?
}

/// What was won under a key, by the name that this has in its namespace.
private struct NamedClaim {
    let name: CacheKey
    let claim: Claim

    var release: CacheRequest { claim.release(of: name) }
}
