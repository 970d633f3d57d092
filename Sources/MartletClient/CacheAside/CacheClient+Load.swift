import NIOCore

extension CacheClient {
    /// The value kept under `key`, or what `load` brings, which is then kept for `timeToLive`.
    ///
    /// However many ask for a value that is not there, in this process and with `LoadPolicy.lease` in all others, one
    /// of them loads and the rest wait for the result. `load` runs in a task of its own; the caller's deadline is for
    /// the cache, not for it.
    ///
    /// - Throws: What `load` throws. What is wrong with the cache only with `LoadPolicy.CacheFailure.rethrow`.
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
/// A load that fails gives its lease back.
struct LookUp<Value: CacheValue & Sendable>: Sendable {
    let cache: CacheClient
    /// With its namespace.
    let key: CacheKey
    let timeToLive: Duration
    let policy: LoadPolicy
    let load: @Sendable () async throws -> Value?

    /// What the cache said.
    private enum Finding {
        case value(Value?)
        /// A value, and the task of loading the next one.
        case refresh(Value?, Storing)
        /// The task of loading; with a value that is out of date, if there is one.
        case lead(CacheVersion?, stale: Value?)
        /// Somebody else is loading.
        case follow
        /// There is nothing, and no lease.
        case absent(Storing)
        case failed(CacheError)
    }

    /// How a loaded value is stored.
    private enum Storing: Sendable {
        /// In the place of the item with this version, and of no other; of an empty one, if it is but a lease.
        case replacing(CacheVersion?, isLease: Bool)
        /// The same with a date in front.
        case replacingDated(CacheVersion?)
        /// If nothing has come meanwhile.
        case adding
        case addingDated
        /// In the place of something that is no value.
        case overwriting
        case never

        var isDated: Bool {
            switch self {
            case .replacingDated, .addingDated: true
            default: false
            }
        }
    }

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
            _ = share(replaces: !storing.isDated, outlivesWaiters: true) { try await fetch(storing) }
            return value
        case .lead(let version, let stale):
            return try await shared(replaces: true) {
                try await fetch(.replacing(version, isLease: stale == nil), orElse: stale)
            }
        case .follow: return try await shared { try await follow() }
        case .absent(let storing): return try await shared { try await fetch(storing) }
        case .failed(let error):
            guard case .load = policy.whenCacheFails, error.code != .cancelled else { throw error }
            return try await shared { try await fetch(error.code == .undecodable ? .overwriting : .never) }
        }
    }

    // MARK: Sharing

    private func shared(
        replaces: Bool = false, _ work: @escaping @Sendable () async throws -> Value?
    ) async throws -> Value? {
        try await share(replaces: replaces, outlivesWaiters: false, work).value()
    }

    private func share(
        replaces: Bool, outlivesWaiters: Bool, _ work: @escaping @Sendable () async throws -> Value?
    ) -> SharedLoad<Value?> {
        guard policy.coalesces else {
            let load = SharedLoad<Value?>(outlivesWaiters: outlivesWaiters)
            load.start(in: cache.core.tasks, work)
            return load
        }
        return cache.core.loads.join(
            key, as: Value?.self, replaces: replaces, outlivesWaiters: outlivesWaiters, work)
    }

    // MARK: Looking

    private func look() async -> Finding {
        var request = CacheRequest(.get, key)
        request.leaseSeconds = policy.leaseSeconds
        request.refreshSeconds = policy.refreshSeconds(timeToLive)
        request.facts = .token
        do throws(CacheError) {
            let reply = try await cache.call(request)
            let isDated = reply.isClassic && policy.refreshSeconds(timeToLive) != nil
            guard reply.outcome == .done else { return .absent(isDated ? .addingDated : .adding) }
            let version = reply.token.map { CacheVersion(token: $0) }
            let refresh = Storing.replacing(version, isLease: false)
            // What is known to be nothing lives shortly enough to be nothing until then, unless it was declared out of
            // date.
            if reply.isNothing { return reply.hasWon && reply.isStale ? .lead(version, stale: nil) : .value(nil) }
            guard let buffer = reply.usableValue else { return reply.hasWon ? .lead(version, stale: nil) : .follow }
            let value: Value = try cache.decode(buffer, reply.clientFlags)
            if isDated { return isDue(buffer, reply) ? .refresh(value, .replacingDated(version)) : .value(value) }
            guard reply.hasWon else { return .value(value) }
            return reply.isStale ? .lead(version, stale: value) : .refresh(value, refresh)
        } catch {
            return .failed(error)
        }
    }

    /// A value without a date was stored by somebody who needs none.
    private func isDue(_ buffer: ByteBuffer, _ reply: CacheReply) -> Bool {
        var buffer = buffer
        guard ClientFlags(rawValue: reply.clientFlags).contains(.dated) else { return false }
        return ValueDate(taking: &buffer)?.isDue(at: ValueDate.now, random: .random(in: 0..<1)) ?? false
    }

    /// Looks again until there is a value, or the lease is free.
    private func follow() async throws -> Value? {
        let end = ContinuousClock.now + policy.leaseWaitMax
        var wait = Duration.milliseconds(10)
        while ContinuousClock.now < end {
            try await Task.sleep(for: wait * Double.random(in: 0.8...1.2))
            wait = min(wait * 1.5, .milliseconds(250))
            switch await look() {
            case .value(let value), .refresh(let value, _): return value
            case .lead(let version, let stale):
                return try await fetch(.replacing(version, isLease: stale == nil), orElse: stale)
            case .follow: continue
            case .absent(let storing): return try await fetch(storing)
            case .failed(let error):
                guard case .load = policy.whenCacheFails, error.code != .cancelled else { throw error }
                return try await fetch(.never)
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
            if case .replacing(_, isLease: true) = storing { await remove(storing) }
            if policy.servesStaleOnError, let stale, !(error is CancellationError) { return stale }
            throw error
        }
        await store(value, storing, loadTime: ContinuousClock.now - start)
        return value
    }

    /// Whatever goes wrong with the cache now: there is a value, and the caller gets it.
    private func store(_ value: Value?, _ storing: Storing, loadTime: Duration) async {
        var request = CacheRequest(.set, key)
        switch storing {
        case .replacing(let version, _), .replacingDated(let version): request.expectedToken = version?.token
        case .adding, .addingDated: request.verb = .add
        case .overwriting: break
        case .never: return
        }
        if let value {
            let life = policy.valueLife(timeToLive)
            let date = storing.isDated ? ValueDate(life: life, load: loadTime) : nil
            guard let (buffer, flags) = try? cache.encode(value, date: date) else { return await remove(storing) }
            (request.value, request.clientFlags) = (buffer, flags)
            request.exptime = TimeToLive.exptime(life + (policy.staleGrace ?? .zero))
        } else {
            guard let life = policy.negativeTimeToLive else { return await remove(storing) }
            request.clientFlags = ClientFlags.nothing.rawValue
            request.exptime = TimeToLive.exptime(life)
        }
        _ = try? await cache.call(request)
    }

    /// Removes the lease, so that others need not wait for its end, or the value that the source no longer has. In a
    /// task of its own, because this one may be cancelled.
    private func remove(_ storing: Storing) async {
        guard case .replacing(let version?, _) = storing else { return }
        var request = CacheRequest(.delete, key)
        request.expectedToken = version.token
        let final = request
        _ = await Task { try? await cache.call(final) }.value
    }
}
