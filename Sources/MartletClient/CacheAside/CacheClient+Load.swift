extension CacheClient {
    /// The value kept under `key`, or what `load` brings, which is then kept for `timeToLive`.
    ///
    /// However many ask for a value that is not there, in this process and with `LoadPolicy.lease` in all others, one
    /// of them loads and the rest wait for the result. `load` runs in a task of its own; the caller's deadline is for
    /// the cache, not for it.
    ///
    /// `load` may itself load through the cache, in the same turn of `CacheConfiguration.concurrentLoadsMax`: other
    /// keys, and none whose load waits for this one.
    ///
    /// - Throws: What `load` throws; a `CacheError` of code `overloaded` if too many loads wait for their turn. What is
    ///   wrong with the cache only with `LoadPolicy.CacheFailure.rethrow`.
    public func value<Value: CacheValue & Sendable>(
        for key: CacheKey, as type: Value.Type = Value.self, timeToLive: Duration, policy: LoadPolicy = .standard,
        load: @escaping @Sendable () async throws -> Value
    ) async throws -> Value {
        var policy = policy
        policy.negativeTimeToLive = nil
        guard let name = try await named(key, policy) else { return try await core.load(load) }
        let lookUp = LookUp<Value>(cache: self, key: name, timeToLive: timeToLive, policy: policy) {
            try await load()
        }
        if let value = try await lookUp.value() { return value }
        // Somebody else has found out that there is nothing, and this load cannot say so.
        return try await core.load(load)
    }

    /// As `value(for:as:timeToLive:policy:load:)`, for a source that may have nothing: then the result is nil, and with
    /// `LoadPolicy.negativeTimeToLive` that is remembered, too.
    public func valueIfAny<Value: CacheValue & Sendable>(
        for key: CacheKey, as type: Value.Type = Value.self, timeToLive: Duration, policy: LoadPolicy = .standard,
        load: @escaping @Sendable () async throws -> Value?
    ) async throws -> Value? {
        guard let name = try await named(key, policy) else { return try await core.load(load) }
        return try await LookUp(cache: self, key: name, timeToLive: timeToLive, policy: policy, load: load).value()
    }

    /// nil if the cache cannot tell, and the source is to be asked then.
    private func named(_ key: CacheKey, _ policy: LoadPolicy) async throws(CacheError) -> CacheKey? {
        do throws(CacheError) {
            return try await named(key)
        } catch {
            guard case .load = policy.whenCacheFails, error.code != .cancelled else { throw error }
            return nil
        }
    }
}

/// One look into the cache with a source behind it.
///
///     value            nothing, and the lease is ours         nothing, and the lease is another's
///       |                      |                                      |
///       |  due for a           v                                      v
///       |  refresh, and   load, store if the item is still      look again, 10 ms and then 1.5 times as long,
///       |  it is ours     the lease, else let it be             until leaseWaitMax; then load and store nothing
///       v       |
///     return    +---> the same, while the old value is returned
///
/// Rules:
/// 1. A load that fails, or is cancelled, gives back what its look has won (`Claim`): another one wins then. Where the
///    look itself was given up, its connection does that.
/// 2. What is loaded is stored, and what was won given back, also if nobody waits any longer.
/// 3. With a value that is out of date at hand, the load goes on when those who waited for it have gone: it would be
///    begun again and again for callers with less patience than it takes.
struct LookUp<Value: CacheValue & Sendable>: Sendable {
    let cache: CacheClient
    /// With its namespace.
    let key: CacheKey
    let timeToLive: Duration
    let policy: LoadPolicy
    let load: @Sendable () async throws -> Value?

    private typealias Finding = Look<Value>.Finding
    private typealias Storing = Look<Value>.Storing

    /// What is asked each time.
    private var question: Look<Value> { Look(cache: cache, key: key, timeToLive: timeToLive, policy: policy) }

    func value() async throws -> Value? {
        guard let near = cache.near else { return try await found() }
        if let value = near.value(for: key, as: Value.self) { return value }
        let ticket = near.ticket(for: key)
        let value = try await found()
        if let value { near.keep(value, for: key, ticket) }
        return value
    }

    private func found() async throws -> Value? {
        while true {
            do {
                return try await attempt()
            } catch is AbandonedLoad {
                // It was joined just when the last of the others left it.
                continue
            }
        }
    }

    private func attempt() async throws -> Value? {
        if policy.coalesces, let load = cache.core.loads.load(of: key, as: Value?.self) {
            return try await load.value()
        }
        switch await look() {
        case .value(let value): return value
        case .refresh(let value, let storing):
            // Where everybody may come to refresh, one in each process does.
            _ = share(replaces: !storing.isDated, outlivesWaiters: true, isAwaited: false) { try await fetch(storing) }
            return value
        case .lead(let storing, let stale):
            // Rule 3.
            return try await shared(replaces: true, outlivesWaiters: stale != nil) {
                try await fetch(storing, orElse: stale)
            }
        case .follow: return try await shared { try await follow() }
        case .absent(let storing): return try await shared { try await fetch(storing) }
        case .failed(let error, let storing):
            guard case .load = policy.whenCacheFails, error.code != .cancelled else {
                await giveBack(storing)
                throw error
            }
            return try await shared(replaces: storing.claim != nil) { try await fetch(storing) }
        }
    }

    // MARK: Sharing

    private func shared(
        replaces: Bool = false, outlivesWaiters: Bool = false, _ work: @escaping @Sendable () async throws -> Value?
    ) async throws -> Value? {
        let load = share(replaces: replaces, outlivesWaiters: outlivesWaiters, isAwaited: true, work)
        return try await load.value(isExpected: true)
    }

    /// With `isAwaited` the caller goes on to wait for it.
    private func share(
        replaces: Bool, outlivesWaiters: Bool, isAwaited: Bool, _ work: @escaping @Sendable () async throws -> Value?
    ) -> SharedLoad<Value?> {
        guard policy.coalesces else {
            let load = SharedLoad<Value?>(outlivesWaiters: outlivesWaiters)
            if isAwaited { load.expectWaiter() }
            load.start(in: cache.core.tasks, work)
            return load
        }
        return cache.core.loads.join(
            key, as: Value?.self, replaces: replaces, outlivesWaiters: outlivesWaiters, isAwaited: isAwaited, work)
    }

    // MARK: Looking

    private func look() async -> Finding {
        let question = question
        do throws(CacheError) {
            let reply = try await cache.call(question.request)
            return question.finding(.success(reply))
        } catch {
            return question.finding(.failure(error))
        }
    }

    /// Looks again until there is a value, or the lease is free.
    private func follow() async throws -> Value? {
        let end = ContinuousClock.now + policy.leaseWaitMax
        var wait = Duration.milliseconds(10)
        while ContinuousClock.now < end {
            try await Task.sleep(for: wait * Double.random(in: 0.8...1.2))
            wait = min(wait * 1.5, .milliseconds(250))
            switch await look() {
            case .value(let value): return value
            case .refresh(let value, let storing):
                // It has just been loaded.
                await giveBack(storing)
                return value
            case .lead(let storing, let stale): return try await fetch(storing, orElse: stale)
            case .follow: continue
            case .absent(let storing): return try await fetch(storing)
            case .failed(let error, let storing):
                guard case .load = policy.whenCacheFails, error.code != .cancelled else {
                    await giveBack(storing)
                    throw error
                }
                return try await fetch(storing)
            }
        }
        return try await fetch(.never)
    }

    // MARK: Loading

    private func fetch(_ storing: Storing, orElse stale: Value? = nil) async throws -> Value? {
        let value: Value?
        let start = ContinuousClock.now
        do {
            value = try await cache.core.load(load)
        } catch {
            // A value that is still there stays for the others: it is out of date, but the source has no better one.
            await giveBack(storing, after: policy.pause(behind: error))
            if policy.servesStaleOnError, let stale, !(error is CancellationError) { return stale }
            throw error
        }
        await store(value, storing, loadTime: ContinuousClock.now - start)
        return value
    }

    /// Whatever goes wrong with the cache now: there is a value, and the caller gets it.
    private func store(_ value: Value?, _ storing: Storing, loadTime: Duration) async {
        if let change = question.change(to: value, storing, loadTime: loadTime) { await finish(change) }
    }

    /// Rule 1: so others need not wait for the end of what this look has won. A value that is there is given back after
    /// a pause, for which nobody waits.
    private func giveBack(_ storing: Storing, after pause: Duration? = nil) async {
        guard let claim = storing.claim else { return }
        guard let pause, claim.isForValue else { return await finish(claim.release(of: key)) }
        cache.core.tasks.begin {
            try? await Task.sleep(for: pause)
            await finish(claim.release(of: key))
        }
    }

    /// Rule 2: in a task of its own, because this one may be cancelled.
    private func finish(_ request: CacheRequest) async {
        _ = await Task { try? await cache.call(request) }.value
    }
}
