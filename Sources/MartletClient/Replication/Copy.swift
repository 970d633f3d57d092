import NIOCore

/// What one server of several has under a key, or is to have.
struct Copy: Sendable {
    var value: ByteBuffer
    var clientFlags: UInt32
    var version: UInt64
    /// The life it has left.
    var exptime: Int32
}

extension Copy {
    /// What a retrieval with `facts` has brought; nil if there is nothing, or nothing whole. A note that there is
    /// nothing is a copy, too.
    init?(_ reply: CacheReply) throws(CacheError) {
        guard reply.outcome == .done, let value = reply.isNothing ? reply.value : reply.usableValue else { return nil }
        guard let version = reply.token, !reply.isClassic else {
            throw CacheError(.unsupported, "copies need the meta protocol")
        }
        self.value = value
        clientFlags = reply.clientFlags
        self.version = version
        exptime = reply.secondsToLive.map(TimeToLive.exptime(secondsLeft:)) ?? 0
    }

    static let facts: CacheRequest.Facts = [.token, .life]
}

extension CacheClient {
    /// Conflicts in a row after which a store is given up: each is a store by somebody else.
    private static let attemptsMax = 16

    /// The copy here; nil if there is none.
    func copy(of key: CacheKey) async -> Result<Copy?, CacheError> {
        do throws(CacheError) {
            var request = CacheRequest(.get, try await named(key))
            request.facts = Copy.facts
            return .success(try Copy(try await call(request)))
        } catch {
            return .failure(error)
        }
    }

    /// The copies here of many keys.
    func copies(of keys: [CacheKey]) async -> [Result<Copy?, CacheError>] {
        let requests: [CacheRequest]
        do throws(CacheError) {
            requests = try await named(keys).map { name in
                var request = CacheRequest(.get, name)
                request.facts = Copy.facts
                return request
            }
        } catch {
            return keys.map { _ in .failure(error) }
        }
        return await calls(requests).map { outcome in
            do throws(CacheError) { return .success(try Copy(try outcome.get())) } catch { return .failure(error) }
        }
    }

    /// Stores a copy here, unless what is here is as new: the version that is here now, the copy's or a greater one.
    ///
    /// If neither is sure, the key is remembered as one whose change has failed: what is here may be older.
    ///
    /// - Parameter replacesSame: An item of the copy's own version is stored anew: its parts may be gone.
    func stored(
        _ copy: Copy, _ key: CacheKey, replacesSame: Bool = false
    ) async -> Result<UInt64, CacheError> {
        let cache = asOneCall
        let name: CacheKey
        do throws(CacheError) {
            name = try await cache.named(key, toBe: .set)
        } catch {
            return .failure(error)
        }
        core.forget(name)
        defer { core.forget(name) }
        do throws(CacheError) {
            return .success(try await cache.store(copy, named: name, replacesSame))
        } catch {
            cache.noteFailure(of: name, error)
            return .failure(error)
        }
    }

    private func store(
        _ copy: Copy, named key: CacheKey, _ replacesSame: Bool
    ) async throws(CacheError) -> UInt64 {
        for _ in 0..<Self.attemptsMax {
            var look = CacheRequest(.get, key)
            look.facts = [.token, .noValue]
            // By the route of the change: in a migration that says which pool has the copy.
            let seen = try await ask(look)
            var request = CacheRequest(.add, key)
            (request.value, request.clientFlags) = (copy.value, copy.clientFlags)
            request.exptime = copy.exptime
            request.newToken = copy.version
            if seen.outcome == .done {
                guard let token = seen.token, !seen.isClassic else {
                    throw CacheError(.unsupported, "copies need the meta protocol")
                }
                if token > copy.version || token == copy.version && !replacesSame { return token }
                request.verb = .set
                request.expectedToken = token
            }
            if try await call(request).outcome == .done { return copy.version }
        }
        throw CacheError(.refused, "changed by others \(Self.attemptsMax) times in a row")
    }

    /// A look and an addition are in no log by themselves, but what they were for has failed.
    private func noteFailure(of key: CacheKey, _ error: CacheError) {
        let change = CacheRequest(.set, key).at(rank)
        guard InvalidationLog.concerns(change, error) else { return }
        core.cluster.topology.node(for: change).note(key)
    }
}
