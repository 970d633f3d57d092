import NIOCore

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
///    there is a copy only with `timeToLiveIfUnknown`, because no other end would ever come. With `newFirst`, who gives
///    a value another life gives it to the old pool's and to the copy, and what either pool had to touch or remove was
///    there.
/// 6. Versions are those of the pool that comes first. With `newFirst`, who wants one, or gives another life, while
///    somebody else copies the value waits for that copy.
/// 7. While the old pool comes first, a load under a lease has one of each pool, both taken before it begins: what it
///    brings is stored in both, in each only if nothing has come there meanwhile. Loads without leases
///    (`LoadPolicy.simple`), refreshes and what replaces something out of date are changes by rule 2, and populate
///    nothing.
/// 8. In a `ReplicatedCache` each copy is on the server of its rank in either pool, and keeps its version when it comes
///    over. All its changes are by version: they populate nothing, and only what is read comes over.
///
/// The pools are asked with a time of a call each, one behind the other where rules 3 and 7 or the mode say so: while
/// one of them hangs, and does not yet count as down, a call takes up to twice as long, and the copy, or the lease
/// given back, as long again.
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
    /// The longest of the waits for somebody else's copy, of which each is twice as long as the one before.
    private static let copyWaitMax = Duration.seconds(1)

    func ask(_ request: CacheRequest, _ new: CacheClient) async throws(CacheError) -> CacheReply {
        let old = oldPool(like: new)
        switch mode {
        case .oldOnly: return try await old.askHere(request)
        case .newOnly: return try await new.askHere(request)
        case .populatingByWrites: return try await ask(request, first: old, second: new, copies: 0)
        case .populatingByReads(let share): return try await ask(request, first: old, second: new, copies: share)
        case .newFirst:
            guard request.verb == .get else {
                return try await change(request, first: new, second: old, countsBoth: true)
            }
            return try await pull(request, new, old)
        }
    }

    /// The old pool by the same view: a copy of some rank is its copy of that rank.
    private func oldPool(like new: CacheClient) -> CacheClient {
        var view = old.timeout(new.timeout).copy(new.rank)
        view.isCopy = new.isCopy
        return view
    }

    func ask(_ requests: [CacheRequest], _ new: CacheClient) async -> [CallOutcome] {
        switch mode {
        case .oldOnly: return await oldPool(like: new).askHere(requests)
        case .newOnly: return await new.askHere(requests)
        default: break
        }
        return await withTaskGroup(of: (Int, CallOutcome).self) { group in
            for (place, request) in requests.enumerated() {
                group.addTask { (place, await outcome(of: request, new)) }
            }
            var outcomes = [CallOutcome](repeating: .failure(CacheError(.cancelled)), count: requests.count)
            for await (place, outcome) in group { outcomes[place] = outcome }
            return outcomes
        }
    }

    /// Not in the task's closure: of one that returns a pair from both arms of a typed `do` the optimizer makes code
    /// that mixes the pairs up, place and outcome. The same in `CacheClient.askServers`.
    private func outcome(of request: CacheRequest, _ new: CacheClient) async -> CallOutcome {
        do throws(CacheError) {
            return .success(try await ask(request, new))
        } catch {
            return .failure(error)
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
        // A look without the value has nothing to copy.
        guard copies > 0, !request.facts.contains(.noValue), request.key.isIn(share: copies) else {
            return await paired(try await first.askHere(request), request, second)
        }
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
            if Self.isValue(reply, second) {
                // The life it tells is that from before it was given another.
                await copy(request.key, reply, lease, second, exptime: request.exptime)
            } else {
                await Self.giveBack(request.key, lease, second)
            }
        }
        return await paired(reply, request, second)
    }

    /// Rule 7: the reply, with a lease of the second pool if it brings one of the first.
    private func paired(_ reply: CacheReply, _ request: CacheRequest, _ second: CacheClient) async -> CacheReply {
        guard let seconds = request.leaseSeconds, reply.hasWon, !reply.isStale, !reply.isNothing,
            reply.usableValue == nil
        else { return reply }
        var reply = reply
        reply.otherToken = await Self.lease(request.key, second, seconds: seconds)
        return reply
    }

    /// The new pool comes first, and what it has not comes from the old one.
    private func pull(
        _ request: CacheRequest, _ new: CacheClient, _ old: CacheClient
    ) async throws(CacheError) -> CacheReply {
        var leased = request
        leased.leaseSeconds = request.leaseSeconds ?? Self.leaseSeconds
        leased.exptime = nil
        leased.facts.insert(.token)
        var look = CacheRequest(.get, request.key)
        look.facts = new.isCopy ? Copy.facts : .life
        look.exptime = request.exptime
        // Rule 6.
        let needsCopy = request.isRetrieval && (request.facts.contains(.token) || request.exptime != nil)
        var wait = Duration.milliseconds(2)
        while true {
            if request.exptime != nil {
                // Without a lease, to which the life would be given as well.
                let reply = try await new.askHere(request)
                if Self.isKnown(reply) { return reply }
                // Somebody else's is none the longer for it.
                if let undoing = reply.returnOfLife(to: request.key) { await Self.finish(undoing, new) }
            }
            let reply = try await new.askHere(leased)
            if Self.isKnown(reply) {
                // It has come just now.
                return request.exptime == nil ? reply : try await new.askHere(request)
            }
            let answer = try? await old.askHere(look)
            guard var found = answer, Self.isValue(found, new) else {
                if request.leaseSeconds != nil { return reply }
                if reply.hasWon, let token = reply.token { await Self.giveBack(request.key, token, new) }
                guard reply.isBeingRecached else { return CacheReply(.missing) }
                // The copy may be there by now, and changed, which has removed the value from the old pool.
                let again = try await new.askHere(request)
                return Self.isKnown(again) ? again : CacheReply(.missing)
            }
            if reply.hasWon, let token = reply.token {
                await copy(request.key, found, token, new, exptime: request.exptime)
                if !request.facts.isEmpty, let copied = try? await new.askHere(request), Self.isValue(copied, new) {
                    return copied
                }
            } else if needsCopy, reply.isBeingRecached, wait <= Self.copyWaitMax,
                NIODeadline.now() + (wait * 3).timeAmount < new.deadline
            {
                try? await Task.sleep(for: wait)
                wait = wait * 2
                continue
            }
            // Its version is the old pool's, and means nothing here; rule 8.
            if !new.isCopy { found.token = nil }
            return found
        }
    }

    /// Rule 2.
    ///
    /// - Parameter countsBoth: What only the second pool has is there all the same.
    private func change(
        _ request: CacheRequest, first: CacheClient, second: CacheClient, countsBoth: Bool = false
    ) async throws(CacheError) -> CacheReply {
        var other = request
        let isSame: Bool
        switch request.verb {
        case .set where request.otherToken != nil:
            other.expectedToken = request.otherToken
            isSame = true
        case .set, .delete: isSame = request.expectedToken == nil
        case .invalidate, .touch: isSame = true
        default: isSame = false
        }
        if !isSame { other = CacheRequest(.delete, request.key) }
        let also = other
        // Both at once; the second's failure is its own.
        async let done = Self.changed(also, second)
        let outcome: Result<CacheReply, CacheError>
        do throws(CacheError) {
            outcome = .success(try await first.askHere(request))
        } catch {
            outcome = .failure(error)
        }
        let answer = await done
        let reply = try outcome.get()
        if countsBoth, isSame, reply.outcome == .missing, let answer, answer.outcome == .done { return answer }
        return reply
    }

    /// What became of a change in the second pool; nil if that failed.
    private static func changed(_ request: CacheRequest, _ second: CacheClient) async -> CacheReply? {
        let reply = try? await second.askHere(request)
        if let undoing = reply?.returnOfLife(to: request.key) { await finish(undoing, second) }
        guard request.otherToken != nil, reply?.outcome != .done else { return reply }
        // Something else is there, and perhaps older than what was loaded.
        return try? await second.askHere(CacheRequest(.delete, request.key))
    }

    // MARK: Copies

    /// The pool that is asked first has an answer: a value, or that there is none.
    private static func isKnown(_ reply: CacheReply) -> Bool {
        reply.outcome != .missing && (reply.isNothing || reply.usableValue != nil)
    }

    /// There is something to copy. Among copies of several, that something was removed is as good as a value.
    private static func isValue(_ reply: CacheReply, _ cache: CacheClient) -> Bool {
        (reply.usableValue != nil || cache.isCopy && reply.isNothing) && !reply.isStale && !reply.hasWon
    }

    /// A lease on a key that is not there: its token.
    private static func lease(
        _ key: CacheKey, _ cache: CacheClient, seconds: Int32 = Migration.leaseSeconds
    ) async -> UInt64? {
        var request = CacheRequest(.get, key)
        request.facts = [.token, .noValue]
        request.leaseSeconds = seconds
        guard let reply = try? await cache.askHere(request), reply.hasWon else { return nil }
        return reply.token
    }

    /// Rule 5; `given` is the life that whoever has asked gives it.
    private func copy(
        _ key: CacheKey, _ reply: CacheReply, _ lease: UInt64, _ cache: CacheClient, exptime given: Int32?
    ) async {
        let known = given ?? reply.secondsToLive.map(TimeToLive.exptime(secondsLeft:))
        guard let exptime = known ?? timeToLiveIfUnknown.map({ TimeToLive.exptime($0) }) else {
            return await Self.giveBack(key, lease, cache)
        }
        var request = CacheRequest(.set, key)
        (request.value, request.clientFlags) = (reply.value ?? .init(), reply.clientFlags)
        request.exptime = exptime
        request.expectedToken = lease
        if cache.isCopy { request.newToken = reply.token }
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
