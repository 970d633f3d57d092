import MartletClient

/// The right to do something that need not be done twice, for a while.
///
/// It is no lock: it is gone when its life is over, when it is evicted and when its server ends, whatever its holder is
/// doing. It saves double work; it protects nothing. Where two at once would be wrong, the `token` can help: who is
/// served with it, a database say, refuses a smaller one than it has seen. It grows from lease to lease as long as the
/// server is not started anew.
public struct CacheLease: Sendable {
    fileprivate let cache: CacheClient
    /// What the right is for.
    public let key: CacheKey
    /// The server's version of the lease.
    public let token: UInt64
    fileprivate let name: String

    /// Lengthens it by as much from now on: the lease with its next token, nil if it is somebody else's by now.
    public func renewed(for duration: Duration) async throws(CacheError) -> CacheLease? {
        let version = CacheVersion(token: token)
        guard try await cache.setValue(name, for: key, ifVersionIs: version, timeToLive: duration) == .stored else {
            return nil
        }
        return try await cache.lease(on: key, named: name)
    }

    /// Gives it up, unless it is somebody else's by now.
    public func end() async throws(CacheError) {
        // Still ours if the name is: a renewal has changed the version.
        guard let own = try await cache.lease(on: key, named: name) else { return }
        try await cache.removeValue(for: key, ifVersionIs: CacheVersion(token: own.token))
    }
}

extension CacheClient {
    /// Takes a lease, if nobody has it; nil if somebody has.
    ///
    /// - Throws: If the cache does not say. A lease that was taken all the same, by a call that was late or cancelled, is
    ///   given up as soon as it is seen, so that nobody has to wait for its end.
    public func lease(on key: CacheKey, for duration: Duration) async throws(CacheError) -> CacheLease? {
        let name =
            String(UInt64.random(in: .min ... .max), radix: 16) + String(UInt64.random(in: .min ... .max), radix: 16)
        do throws(CacheError) {
            guard try await addValue(name, for: key, timeToLive: duration) else { return nil }
            return try await lease(on: key, named: name)
        } catch {
            giveUpUnseen(key, name)
            throw error
        }
    }

    /// Does `body` under a lease and gives it up behind that, also if the task is cancelled; nil, and nothing is done,
    /// if somebody else has it.
    public func withLease<Result>(
        on key: CacheKey, for duration: Duration, _ body: (CacheLease) async throws -> Result
    ) async throws -> Result? {
        guard let lease = try await lease(on: key, for: duration) else { return nil }
        do {
            let result = try await body(lease)
            await giveUp(lease)
            return result
        } catch {
            await giveUp(lease)
            throw error
        }
    }

    /// Looks a few times for what nobody knows of: a call that is late may be done later than the first look.
    private func giveUpUnseen(_ key: CacheKey, _ name: String) {
        let pause = min(timeout, .seconds(60))
        tasks.begin {
            for wait in 0..<3 {
                // Cancelled at the client's end; then it lives as long as it was given.
                guard (try? await Task.sleep(for: pause * wait)) != nil else { return }
                guard let lease = try? await lease(on: key, named: name) else { continue }
                if (try? await lease.end()) != nil { return }
            }
        }
    }

    /// In a task of its own, because this one may be cancelled.
    private func giveUp(_ lease: CacheLease) async {
        _ = await Task { try? await lease.end() }.value
    }

    fileprivate func lease(on key: CacheKey, named name: String) async throws(CacheError) -> CacheLease? {
        guard let item = try await item(for: key, as: String.self), item.value == name, let version = item.version
        else {
            return nil
        }
        return CacheLease(cache: self, key: key, token: version.token, name: name)
    }
}
