import NIOCore

extension CacheClient {
    // MARK: Stores

    /// Keeps `value` under `key`, whatever is there. `timeToLive` nil is for ever, or until it has to make room.
    ///
    /// Here and everywhere a life is one of whole seconds: what is given is rounded up, and what is 0 or less is one
    /// second, where to other clients 0 is for ever and less than that at once. To remove something, use `removeValue`.
    public func setValue(
        _ value: some CacheValue & Sendable, for key: CacheKey, timeToLive: Duration? = nil
    ) async throws(CacheError) {
        _ = try await store(.set, value, key, timeToLive)
    }

    /// Keeps `value` if nothing is there; says whether it did.
    @discardableResult
    public func addValue(
        _ value: some CacheValue & Sendable, for key: CacheKey, timeToLive: Duration? = nil
    ) async throws(CacheError) -> Bool {
        try await store(.add, value, key, timeToLive).outcome == .done
    }

    /// Keeps `value` if something is there; says whether it did.
    @discardableResult
    public func replaceValue(
        _ value: some CacheValue & Sendable, for key: CacheKey, timeToLive: Duration? = nil
    ) async throws(CacheError) -> Bool {
        try await store(.replace, value, key, timeToLive).outcome == .done
    }

    /// Keeps `value` if the item is still that which `version` came with.
    @discardableResult
    public func setValue(
        _ value: some CacheValue & Sendable, for key: CacheKey, ifVersionIs version: CacheVersion,
        timeToLive: Duration? = nil
    ) async throws(CacheError) -> StoreResult {
        switch try await store(.set, value, key, timeToLive, version).outcome {
        case .done: .stored
        case .missing: .missing
        case .conflict, .notStored: .conflict
        }
    }

    /// Puts bytes behind those that are there; says whether there were any. The item's life stays as it is.
    @discardableResult
    public func appendValue(_ value: some CacheValue & Sendable, to key: CacheKey) async throws(CacheError) -> Bool {
        try await store(.append, value, key, nil).outcome == .done
    }

    /// Puts bytes in front of those that are there; says whether there were any. The item's life stays as it is.
    @discardableResult
    public func prependValue(_ value: some CacheValue & Sendable, to key: CacheKey) async throws(CacheError) -> Bool {
        try await store(.prepend, value, key, nil).outcome == .done
    }

    private func store(
        _ verb: CacheRequest.Verb, _ value: some CacheValue, _ key: CacheKey, _ timeToLive: Duration?,
        _ version: CacheVersion? = nil
    ) async throws(CacheError) -> CacheReply {
        let name = try await named(key, toBe: verb)
        return try await changing(storeRequest(verb, value, name, timeToLive, version))
    }

    /// Makes a change. What is known of the key in this process is forgotten before it, and once more behind it, however
    /// it ended: what was read meanwhile may be what was there before.
    private func changing(_ request: CacheRequest) async throws(CacheError) -> CacheReply {
        core.forget(request.key)
        defer { core.forget(request.key) }
        return try await call(request)
    }

    /// The same with many changes.
    private func changing(_ requests: [CacheRequest]) async -> [CallOutcome] {
        let keys = requests.filter { $0.verb != .touch }.map(\.key)
        for key in keys { core.forget(key) }
        defer { for key in keys { core.forget(key) } }
        return await requests.first?.verb == .touch ? looks(requests) : calls(requests)
    }

    func storeRequest(
        _ verb: CacheRequest.Verb, _ value: some CacheValue, _ key: CacheKey, _ timeToLive: Duration?,
        _ version: CacheVersion? = nil
    ) throws(CacheError) -> CacheRequest {
        var request = CacheRequest(verb, key)
        let isWhole = verb != .append && verb != .prepend
        (request.value, request.clientFlags) = try encode(value, isWhole: isWhole)
        if isWhole { request.exptime = TimeToLive.exptime(timeToLive) }
        request.expectedToken = version?.token
        return request
    }

    /// Keeps many values: each server gets all of its own at once. The keys that were not stored, and why.
    public func setValues<Value: CacheValue & Sendable>(
        _ values: [CacheKey: Value], timeToLive: Duration? = nil
    ) async -> [CacheKey: CacheError] {
        var failures: [CacheKey: CacheError] = [:]
        let names: [CacheKey]
        do throws(CacheError) {
            // All at once: where the generation has to be read first they wait for it together.
            names = try await named(Array(values.keys), toBe: .set)
        } catch {
            for key in values.keys { failures[key] = error }
            return failures
        }
        var keys: [CacheKey] = []
        var requests: [CacheRequest] = []
        for ((key, value), name) in zip(values, names) {
            do throws(CacheError) {
                requests.append(try storeRequest(.set, value, name, timeToLive))
                keys.append(key)
            } catch {
                failures[key] = error
            }
        }
        for (key, outcome) in zip(keys, await changing(requests)) {
            if case .failure(let error) = outcome { failures[key] = error }
        }
        return failures
    }

    /// Changes a value by what it is: reads it, calls `change`, and stores the result if the item has not changed
    /// meanwhile, else begins anew. All of that together has the time of one call.
    ///
    /// - Parameter timeToLive: The life from now on. nil keeps what is left of the one it has, and one without an end; a
    ///   server that knows only the classic commands cannot say what is left: there nil is for ever.
    /// - Returns: The new value; nil if there is none to change. One that was invalidated with a grace time is none: a
    ///   change would make it good again.
    /// - Throws: What `change` throws; a `CacheError` of code `refused` after `attemptsMax` conflicts.
    public func updateValue<Value: CacheValue & Sendable>(
        for key: CacheKey, as type: Value.Type = Value.self, timeToLive: Duration? = nil, attemptsMax: Int = 16,
        _ change: (inout Value) throws -> Void
    ) async throws -> Value? {
        let cache = asOneCall
        for _ in 0..<max(attemptsMax, 1) {
            let start = ContinuousClock.now
            guard let item = try await cache.item(for: key, as: type), !item.isStale else { return nil }
            guard let version = item.version else { throw CacheError(.unsupported, "the server keeps no versions") }
            var value = item.value
            try change(&value)
            let life = timeToLive ?? item.remainingTimeToLive.map { Self.left(of: $0, since: start) }
            switch try await cache.setValue(value, for: key, ifVersionIs: version, timeToLive: life) {
            case .stored: return value
            case .missing: return nil
            case .conflict: continue
            }
        }
        throw CacheError(.refused, "changed by others \(attemptsMax) times in a row")
    }

    /// Of a life in whole seconds, that was read after `start`. Less than a second counts for one as often as it is a
    /// part of one: else what is changed without pause would never end.
    private static func left(of life: Duration, since start: ContinuousClock.Instant) -> Duration {
        let passed = (ContinuousClock.now - start) / .seconds(1) + .random(in: 0..<1)
        return max(life - .seconds(Int64(passed)), .seconds(1))
    }

    // MARK: Removals

    /// Removes the item; says whether there was one.
    @discardableResult
    public func removeValue(for key: CacheKey) async throws(CacheError) -> Bool {
        try await changing(CacheRequest(.delete, named(key, toBe: .delete))).outcome == .done
    }

    /// Removes the item if it is still that which `version` came with. `stored` means that it did.
    @discardableResult
    public func removeValue(
        for key: CacheKey, ifVersionIs version: CacheVersion
    ) async throws(CacheError) -> StoreResult {
        var request = CacheRequest(.delete, try await named(key))
        request.expectedToken = version.token
        switch try await changing(request).outcome {
        case .done: return .stored
        case .missing: return .missing
        case .conflict, .notStored: return .conflict
        }
    }

    /// Removes many items. The keys for which that is not sure, and why; a key that was not there is as good as
    /// removed.
    public func removeValues(for keys: some Sequence<CacheKey>) async -> [CacheKey: CacheError] {
        await change(keys, .delete) { CacheRequest(.delete, $0) }.failures
    }

    /// Changes many items, each by a request; those that were there, and the keys for which it is not sure, and why.
    private func change(
        _ keys: some Sequence<CacheKey>, _ verb: CacheRequest.Verb, _ request: (CacheKey) -> CacheRequest
    ) async -> (there: Set<CacheKey>, failures: [CacheKey: CacheError]) {
        let keys = keys.unique()
        var there: Set<CacheKey> = []
        var failures: [CacheKey: CacheError] = [:]
        let names: [CacheKey]
        do throws(CacheError) {
            names = try await named(keys, toBe: verb)
        } catch {
            for key in keys { failures[key] = error }
            return (there, failures)
        }
        for (key, outcome) in zip(keys, await changing(names.map(request))) {
            switch outcome {
            case .success(let reply): if reply.outcome == .done { there.insert(key) }
            case .failure(let error): failures[key] = error
            }
        }
        return (there, failures)
    }

    /// Declares the item out of date, but leaves it for `grace`: of those who ask, one is to recache it, and the others
    /// have the old value meanwhile instead of waiting. Says whether there was one. Old servers remove it.
    ///
    /// A grace of 0 or less is one second, as with lives: `removeValue` leaves nothing.
    @discardableResult
    public func invalidateValue(
        for key: CacheKey, servingStaleFor grace: Duration
    ) async throws(CacheError) -> Bool {
        var request = CacheRequest(.invalidate, try await named(key, toBe: .invalidate))
        request.exptime = TimeToLive.exptime(grace)
        return try await changing(request).outcome == .done
    }

    /// Declares many items out of date, as `invalidateValue` does for one. The keys for which that is not sure, and
    /// why.
    public func invalidateValues(
        for keys: some Sequence<CacheKey>, servingStaleFor grace: Duration
    ) async -> [CacheKey: CacheError] {
        await change(keys, .invalidate) { name in
            var request = CacheRequest(.invalidate, name)
            request.exptime = TimeToLive.exptime(grace)
            return request
        }.failures
    }

    // MARK: Counters and lives

    /// Adds to a counter. Without an initial value, nil if there is none; with one, a counter that is not there begins
    /// with it and lives for `timeToLive`. Beyond 64 bits it begins at 0 again.
    public func incrementCounter(
        _ key: CacheKey, by delta: UInt64 = 1, initialValue: UInt64? = nil, timeToLive: Duration? = nil
    ) async throws(CacheError) -> UInt64? {
        try await asOneCall.count(.increment, key, delta, initialValue, timeToLive)
    }

    /// Takes from a counter, which never goes below 0.
    public func decrementCounter(
        _ key: CacheKey, by delta: UInt64 = 1, initialValue: UInt64? = nil, timeToLive: Duration? = nil
    ) async throws(CacheError) -> UInt64? {
        try await asOneCall.count(.decrement, key, delta, initialValue, timeToLive)
    }

    private func count(
        _ verb: CacheRequest.Verb, _ key: CacheKey, _ delta: UInt64, _ initialValue: UInt64?, _ timeToLive: Duration?
    ) async throws(CacheError) -> UInt64? {
        var request = CacheRequest(verb, try await named(key))
        request.delta = delta
        request.initialNumber = initialValue
        if initialValue != nil { request.exptime = TimeToLive.exptime(timeToLive) }
        core.forget(request.key)
        defer { core.forget(request.key) }
        // An old server makes no counter: then it is added, and if somebody else was faster, counted once more.
        for _ in 0..<2 {
            let reply = try await call(request)
            if reply.outcome == .done { return reply.number }
            guard let initialValue else { return nil }
            let added = try await store(.add, initialValue, key, timeToLive)
            if added.outcome == .done { return initialValue }
        }
        return nil
    }

    /// Gives the item another life, from now on; nil for ever. Says whether there is one. An item that was invalidated
    /// with a grace time keeps that; what is only being loaded is none, and its lease keeps its life.
    @discardableResult
    public func touchValue(for key: CacheKey, timeToLive: Duration?) async throws(CacheError) -> Bool {
        var request = CacheRequest(.touch, try await named(key))
        request.exptime = TimeToLive.exptime(timeToLive)
        request.facts = [.token, .life]
        return try await look(request).outcome == .done
    }

    /// Gives many items another life, from now on; nil for ever. The keys under which there was one, and those that
    /// were not answered.
    public func touchValues(
        for keys: some Sequence<CacheKey>, timeToLive: Duration?
    ) async -> (touched: Set<CacheKey>, failures: [CacheKey: CacheError]) {
        let (there, failures) = await change(keys, .touch) { name in
            var request = CacheRequest(.touch, name)
            request.exptime = TimeToLive.exptime(timeToLive)
            request.facts = [.token, .life]
            return request
        }
        return (there, failures)
    }
}
