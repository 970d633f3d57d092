#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// From an old pool of servers to a new one, without a storm of misses.
///
///     let users = newCache.migrating(Migration(from: oldCache, [
///         (monday, .populatingByWrites), (tuesday, .populatingByReads(0.1)), (wednesday, .newFirst), (friday, .newOnly)]))
///
/// |                     | read from                  | written to                        |
/// | ------------------- | -------------------------- | --------------------------------- |
/// | `oldOnly`           | old                        | old                               |
/// | `populatingByWrites`| old                        | old, and new                      |
/// | `populatingByReads` | old; a part copied to new  | old, and new                      |
/// | `newFirst`          | new, old where that misses | new, and old                      |
/// | `newOnly`           | new                        | new                               |
///
/// Rules:
/// 1. All processes change at the same times, because the times are part of the configuration.
/// 2. The pool that is read first is the one whose answers count. Stores and removals go to the other as well; what
///    depends on something there (add, replace, versions, counters) is done in the first, and removes the key in the
///    other.
/// 3. A value is copied under a lease of the new pool that was taken before the old one was read: what is stored or
///    removed meanwhile voids the lease, so a copy never overwrites what is newer.
/// 4. A second pool that fails fails nothing.
/// 5. A copy lives for what is left of the value's life. A server without the meta protocol does not tell that: then
///    there is a copy only with `timeToLiveIfUnknown`, because no other end would ever come.
///
/// The pools are asked with a time of a call each, one behind the other where rule 3 or the mode says so: while one of
/// them hangs, and does not yet count as down, a call takes up to twice as long, and the copy, or the lease given back,
/// as long again.
///
/// A removal that does not reach the second pool stays in that client's invalidation log, as ever.
public struct Migration: Sendable {
    /// Which pool is read and which are written to; in the order of the table above.
    public enum Mode: Sendable, Equatable {
        /// As if there were no new pool.
        case oldOnly
        /// The old pool's answers count; the new one gets what is stored and removed.
        case populatingByWrites
        /// With the part of the keys whose values are copied when they are read: 0...1.
        case populatingByReads(Double)
        /// The new pool's answers count; what it has not is taken from the old one, and copied.
        case newFirst
        /// As if there were no old pool.
        case newOnly
    }

    /// How long a copy of a value lives whose old pool cannot say what is left of its life, servers and proxies without
    /// the meta protocol; nil for no copies of such values. No longer than an old value may be served.
    public var timeToLiveIfUnknown: Duration?

    private let old: CacheClient
    private let plan: [(from: Date, mode: Mode)]
    private let now: @Sendable () -> Date

    /// Before the first time only the old pool is used.
    public init(
        from old: CacheClient, _ plan: [(Date, Mode)], now: @escaping @Sendable () -> Date = { Date() }
    ) {
        self.old = old
        self.plan = plan.map { (from: $0.0, mode: $0.1) }.sorted { $0.from < $1.from }
        self.now = now
    }

    /// What is in force.
    public var mode: Mode {
        let now = now()
        return plan.last { $0.from <= now }?.mode ?? .oldOnly
    }

    // MARK: Asking

    /// Lives of the leases that copies are made under.
    private static let leaseSeconds: Int32 = 5

    func ask(_ request: CacheRequest, _ new: CacheClient) async throws(CacheError) -> CacheReply {
        let old = old.timeout(new.timeout)
        switch mode {
        case .oldOnly: return try await old.askHere(request)
        case .newOnly: return try await new.askHere(request)
        case .populatingByWrites: return try await ask(request, first: old, second: new, copies: 0)
        case .populatingByReads(let share): return try await ask(request, first: old, second: new, copies: share)
        case .newFirst:
            guard request.verb == .get else { return try await change(request, first: new, second: old) }
            return try await pull(request, new, old)
        }
    }

    func ask(_ requests: [CacheRequest], _ new: CacheClient) async -> [CallOutcome] {
        switch mode {
        case .oldOnly: return await old.timeout(new.timeout).askHere(requests)
        case .newOnly: return await new.askHere(requests)
        default: break
        }
        return await withTaskGroup(of: (Int, CallOutcome).self) { group in
            for (place, request) in requests.enumerated() {
                group.addTask {
                    do throws(CacheError) {
                        return (place, .success(try await ask(request, new)))
                    } catch {
                        return (place, .failure(error))
                    }
                }
            }
            var outcomes = [CallOutcome](repeating: .failure(CacheError(.cancelled)), count: requests.count)
            for await (place, outcome) in group { outcomes[place] = outcome }
            return outcomes
        }
    }

    /// A change of the old pool that was not even sent.
    func remember(_ request: CacheRequest, _ error: CacheError) {
        old.core.cluster.remember(request.at(old.rank), error)
    }

    /// The old pool comes first.
    private func ask(
        _ request: CacheRequest, first: CacheClient, second: CacheClient, copies: Double
    ) async throws(CacheError) -> CacheReply {
        guard request.verb == .get else { return try await change(request, first: first, second: second) }
        guard copies > 0, request.key.isIn(share: copies) else { return try await first.askHere(request) }
        // Rule 3: the lease first.
        let lease = await Self.lease(request.key, second)
        var request = request
        request.facts.insert(.life)
        let reply: CacheReply
        do throws(CacheError) {
            reply = try await first.askHere(request)
        } catch {
            if let lease { await Self.giveBack(request.key, lease, second) }
            throw error
        }
        if let lease {
            if Self.isValue(reply) {
                await copy(request.key, reply, lease, second)
            } else {
                await Self.giveBack(request.key, lease, second)
            }
        }
        return reply
    }

    /// The new pool comes first, and what it has not comes from the old one.
    private func pull(
        _ request: CacheRequest, _ new: CacheClient, _ old: CacheClient
    ) async throws(CacheError) -> CacheReply {
        var leased = request
        leased.leaseSeconds = request.leaseSeconds ?? Self.leaseSeconds
        leased.facts.insert(.token)
        let reply = try await new.askHere(leased)
        guard reply.outcome == .missing || (!reply.isNothing && reply.usableValue == nil) else { return reply }
        var look = CacheRequest(.get, request.key)
        look.facts = .life
        let found = try? await old.askHere(look)
        guard var found, Self.isValue(found) else {
            if request.leaseSeconds != nil { return reply }
            if reply.hasWon, let token = reply.token { await Self.giveBack(request.key, token, new) }
            return CacheReply(.missing)
        }
        if reply.hasWon, let token = reply.token {
            await copy(request.key, found, token, new)
            if !request.facts.isEmpty, let copied = try? await new.askHere(request), Self.isValue(copied) {
                return copied
            }
        }
        // Its version is the old pool's, and means nothing here.
        found.token = nil
        return found
    }

    /// Rule 2.
    private func change(
        _ request: CacheRequest, first: CacheClient, second: CacheClient
    ) async throws(CacheError) -> CacheReply {
        var other = request
        let isPlain = request.expectedToken == nil
        switch request.verb {
        case .set where isPlain, .delete where isPlain, .invalidate, .touch: break
        default: other = CacheRequest(.delete, request.key)
        }
        let also = other
        // Both at once; the second's failure is its own.
        async let done: CacheReply? = try? second.askHere(also)
        let reply: Result<CacheReply, CacheError>
        do throws(CacheError) {
            reply = .success(try await first.askHere(request))
        } catch {
            reply = .failure(error)
        }
        _ = await done
        return try reply.get()
    }

    // MARK: Copies

    private static func isValue(_ reply: CacheReply) -> Bool {
        reply.usableValue != nil && !reply.isStale && !reply.hasWon
    }

    /// A lease on a key that is not there: its token.
    private static func lease(_ key: CacheKey, _ cache: CacheClient) async -> UInt64? {
        var request = CacheRequest(.get, key)
        request.facts = [.token, .noValue]
        request.leaseSeconds = leaseSeconds
        guard let reply = try? await cache.askHere(request), reply.hasWon else { return nil }
        return reply.token
    }

    /// Rule 5.
    private func copy(_ key: CacheKey, _ reply: CacheReply, _ lease: UInt64, _ cache: CacheClient) async {
        let known = reply.secondsToLive.map(TimeToLive.exptime(secondsLeft:))
        guard let exptime = known ?? timeToLiveIfUnknown.map({ TimeToLive.exptime($0) }) else {
            return await Self.giveBack(key, lease, cache)
        }
        var request = CacheRequest(.set, key)
        (request.value, request.clientFlags) = (reply.value ?? .init(), reply.clientFlags)
        request.exptime = exptime
        request.expectedToken = lease
        await Self.finish(request, cache)
    }

    private static func giveBack(_ key: CacheKey, _ lease: UInt64, _ cache: CacheClient) async {
        var request = CacheRequest(.delete, key)
        request.expectedToken = lease
        await finish(request, cache)
    }

    /// In a task and with a time of its own: this task may be cancelled, the call's time may be over, and the lease would
    /// be nobody's then.
    private static func finish(_ request: CacheRequest, _ cache: CacheClient) async {
        _ = await Task { try? await cache.timeout(cache.timeout).askHere(request) }.value
    }
}

extension CacheClient {
    /// The same cache while values come over from an older one. See `Migration`.
    public func migrating(_ migration: Migration) -> CacheClient {
        var view = self
        view.route = .migrating(migration)
        return view
    }
}
