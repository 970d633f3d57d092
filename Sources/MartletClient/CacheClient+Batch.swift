import NIOCore

extension CacheClient {
    /// The values kept under many keys: each server is asked for all of its own at once, and all servers together.
    ///
    /// Never throws: a key that was not answered in time is among the failures, and the others are not the worse for
    /// it.
    @inlinable
    public func values<Value: CacheValue & Sendable>(
        for keys: some Sequence<CacheKey>, as type: Value.Type = Value.self
    ) async -> BatchResult<Value> {
        let keys = Array(keys)
        if isNearCached { return await nearValues(for: keys, as: type) }
        let found = await found(keys)
        // Here, where the compiler knows the type, and not there: for a hundred keys that is worth more than the rest.
        var hits = [CacheKey: Value](minimumCapacity: keys.count)
        var misses: Set<CacheKey> = []
        var failures: [CacheKey: CacheError] = [:]
        for place in keys.indices {
            switch found.bytes(place) {
            case .bytes(let buffer, let clientFlags):
                do {
                    hits[keys[place]] = try Value(decoding: buffer, clientFlags: clientFlags)
                } catch {
                    failures[keys[place]] = CacheError(.undecodable, "no \(Value.self)", underlying: error)
                }
            case .nothing: misses.insert(keys[place])
            case .failure(let error): failures[keys[place]] = error
            }
        }
        var result = BatchResult(hits: hits, misses: misses, failures: failures)
        if hits.count < keys.count { result.settle() }
        return result
    }

    @usableFromInline
    var isNearCached: Bool { near != nil }

    /// What is under each key.
    @usableFromInline
    func found(_ keys: [CacheKey]) async -> FoundReplies {
        let names: [CacheKey]
        do throws(CacheError) {
            names = try await named(keys)
        } catch {
            return FoundReplies(cache: self, outcomes: keys.map { _ in .failure(error) })
        }
        return FoundReplies(cache: self, outcomes: await calls(names.map { CacheRequest(.get, $0) }))
    }

    fileprivate func found(_ outcome: CallOutcome) -> FoundBytes {
        switch outcome {
        case .success(let reply):
            guard let buffer = reply.usableValue, !reply.hasWon else { return .nothing }
            guard reply.clientFlags & ClientFlags.notPlain != 0 else {
                return .bytes(buffer, clientFlags: reply.clientFlags)
            }
            do throws(CacheError) {
                return .bytes(try plain(buffer, reply.clientFlags), clientFlags: reply.clientFlags)
            } catch {
                return .failure(error)
            }
        case .failure(let error): return .failure(error)
        }
    }

    /// The same with values from this process, and for it.
    @usableFromInline
    func nearValues<Value: CacheValue & Sendable>(
        for keys: [CacheKey], as type: Value.Type
    ) async -> BatchResult<Value> {
        var result = BatchResult<Value>()
        guard let near else { return result }
        let keys = keys.unique()
        let names: [CacheKey]
        do throws(CacheError) {
            names = try await named(keys)
        } catch {
            for key in keys { result.failures[key] = error }
            return result
        }
        var wanted: [(key: CacheKey, name: CacheKey, ticket: NearTable.Ticket)] = []
        for (key, name) in zip(keys, names) {
            if let value = near.value(for: name, as: type) {
                result.hits[key] = value
            } else {
                wanted.append((key, name, near.ticket(for: name)))
            }
        }
        let outcomes = await calls(wanted.map { CacheRequest(.get, $0.name) })
        for ((key, name, ticket), outcome) in zip(wanted, outcomes) {
            switch found(outcome) {
            case .bytes(let buffer, let clientFlags):
                do throws(CacheError) {
                    let value: Value = try decode(plain: buffer, clientFlags)
                    result.hits[key] = value
                    near.keep(value, for: name, ticket)
                } catch {
                    result.failures[key] = error
                }
            case .nothing: result.misses.insert(key)
            case .failure(let error): result.failures[key] = error
            }
        }
        return result
    }
}

/// What was found under several keys, in their order.
@usableFromInline
struct FoundReplies: Sendable {
    fileprivate let cache: CacheClient
    fileprivate let outcomes: [CallOutcome]

    @usableFromInline
    func bytes(_ place: Int) -> FoundBytes { cache.found(outcomes[place]) }
}

/// What is under a key, not yet a value of any type.
@usableFromInline
enum FoundBytes: Sendable {
    case bytes(ByteBuffer, clientFlags: UInt32)
    case nothing
    case failure(CacheError)
}
