import NIOConcurrencyHelpers
import NIOCore
import Synchronization

/// The same values on several servers: in zones that are caches of their own, or on the next servers of one ring.
///
///     let users = ReplicatedCache(zones: [here, there, elsewhere], writes: .quorum, reads: .one)
///     let carts = ReplicatedCache(cache, copies: 3, writes: .quorum, reads: .quorum)
///
/// Every value has a version, which is its CAS token: the database's, or one of a hybrid clock. Of two values the one
/// with the greater version stays, in whatever order they arrive, and on every copy by itself.
///
/// Rules:
/// 1. A store reads a copy's version and replaces that version only, or adds where there is none: what is newer is
///    never overwritten, not by a store, and not by a repair.
/// 2. A store returns when so many copies have it, or something newer, as `writes` says, and fails when so many cannot
///    be had. The other copies are written all the same, within the deadline.
/// 3. A removal is a store of nothing, which stays for `removalLife`, so that an older value does not come back over
///    it.
/// 4. A retrieval asks so many copies as `reads` says, and the newest version wins; `one` asks the nearest, and others
///    only if that has nothing, or does not answer.
/// 5. A copy whose server is down has no answer, whatever `CacheConfiguration.whenServerDown` says: nothing found
///    elsewhere would count as a copy without the value, and a store elsewhere as one with it.
/// 6. Copies found with less than the winner get it, with what is left of its life, by rule 1 and in nobody's way. One
///    that is not whole, because a part of it is gone, counts as none, and is stored anew.
/// 7. What is stored or removed now, without a version of its own, comes behind everything that the copies asked have,
///    also if that was written by a machine whose clock is ahead: then it is done once more with a greater version.
///    What lies more than an hour ahead is not followed, and is an error.
/// 8. A copy that a change did not reach for sure is in its client's log of failed changes, as any other key: what is
///    there is removed before its server is used again.
///
/// What it is not: a promise. A copy that evicted a value, or began anew, answers that there is none, so that W + R > N
/// makes old values rare and not impossible. It needs servers with the meta protocol's `E`: Martlet, or memcached from
/// 1.6.27.
public struct ReplicatedCache: Sendable {
    /// How many copies an answer takes.
    public enum Concern: Sendable {
        case one, quorum, all

        func count(of copies: Int) -> Int {
            switch self {
            case .one: 1
            case .quorum: copies / 2 + 1
            case .all: copies
            }
        }
    }

    /// The nearest first.
    let copies: [CacheClient]
    /// How many copies must have a value, or something newer, before a store or a removal has succeeded.
    public var writes: Concern
    /// How many copies must have answered before a retrieval has: their newest value is the answer.
    public var reads: Concern
    /// How long a removal is remembered: longer than a store may be under way, and than a copy is out of reach.
    public var removalLife: Duration = .seconds(60)

    let clock: HybridClock
    private let repairs = RepairCount()
    /// Greater versions that a change of now tries: each means that somebody else has changed the key meanwhile.
    private static let versionsMax = 4

    /// Whole caches, each with all values; the first is the nearest.
    public init(zones: [CacheClient], writes: Concern = .quorum, reads: Concern = .one) {
        self.init(zones: zones, writes: writes, reads: reads, clock: HybridClock())
    }

    package init(zones: [CacheClient], writes: Concern = .quorum, reads: Concern = .one, clock: HybridClock) {
        precondition(!zones.isEmpty, "a replicated cache has one zone at least")
        copies = zones.map { zone in
            var copy = zone
            copy.isCopy = true
            return copy
        }
        self.writes = writes
        self.reads = reads
        self.clock = clock
    }

    /// The servers that come first on one ring for each key. With fewer servers than copies some have several.
    public init(_ cache: CacheClient, copies count: Int, writes: Concern = .quorum, reads: Concern = .one) {
        self.init(zones: (0..<max(count, 1)).map { cache.copy(UInt8(clamping: $0)) }, writes: writes, reads: reads)
    }

    // MARK: Changes

    /// Keeps `value`, unless something newer is there. `version` nil is now.
    ///
    /// - Returns: The greatest version that the copies asked have now: the value's own, or that of something newer,
    ///   which stays. A value of now is behind everything but what others store at the same time.
    /// - Throws: `refused`, for a value of now, if there is something from more than an hour ahead.
    @discardableResult
    public func setValue(
        _ value: some CacheValue & Sendable, for key: CacheKey, version: CacheVersion? = nil,
        timeToLive: Duration? = nil
    ) async throws(CacheError) -> CacheVersion {
        let (buffer, flags) = try copies[0].encode(value)
        return try await store(buffer, flags, key, version, TimeToLive.exptime(timeToLive))
    }

    /// Removes the value, unless something newer is there. `version` nil is now.
    ///
    /// - Throws: As `setValue(_:for:version:timeToLive:)`.
    public func removeValue(for key: CacheKey, version: CacheVersion? = nil) async throws(CacheError) {
        _ = try await store(
            ByteBuffer(), ClientFlags.nothing.rawValue, key, version, TimeToLive.exptime(removalLife))
    }

    /// Rules 2 and 7: the greatest version there is now, as far as copies have answered.
    private func store(
        _ value: ByteBuffer, _ clientFlags: UInt32, _ key: CacheKey, _ version: CacheVersion?, _ exptime: Int32
    ) async throws(CacheError) -> CacheVersion {
        let caches = copies.map(\.asOneCall)
        var there: UInt64 = 0
        for _ in 0..<Self.versionsMax {
            let copy = Copy(
                value: value, clientFlags: clientFlags, version: version?.token ?? clock.next(), exptime: exptime)
            there = try await store(copy, key, caches)
            guard version == nil, there > copy.version else { break }
            guard clock.observe(there) else {
                throw CacheError(.refused, "there is a version from too far ahead, \(there)")
            }
        }
        return CacheVersion(token: there)
    }

    private func store(
        _ copy: Copy, _ key: CacheKey, _ caches: [CacheClient]
    ) async throws(CacheError) -> UInt64 {
        let needed = writes.count(of: caches.count)
        let outcomes = await Latch.ask(caches.map(\.core.tasks), until: needed) { place in
            await caches[place].stored(copy, key)
        }
        try require(outcomes, needed)
        return outcomes.reduce(copy.version) { greatest, outcome in
            if case .success(let version)? = outcome { max(greatest, version) } else { greatest }
        }
    }

    // MARK: Retrievals

    /// The newest value found; nil if there is none, or it was removed.
    public func value<Value: CacheValue & Sendable>(
        for key: CacheKey, as type: Value.Type = Value.self
    ) async throws(CacheError) -> Value? {
        try await item(for: key, as: type)?.value
    }

    /// The newest value found, with its version.
    public func item<Value: CacheValue & Sendable>(
        for key: CacheKey, as type: Value.Type = Value.self
    ) async throws(CacheError) -> (value: Value, version: CacheVersion)? {
        try decoded(try await find([key])[0].get(), as: type)
    }

    /// The values kept under many keys, each by the same rules as a single one: all copies are asked together, and each
    /// for all keys at once.
    public func values<Value: CacheValue & Sendable>(
        for keys: some Sequence<CacheKey>, as type: Value.Type = Value.self
    ) async -> BatchResult<Value> {
        let keys = keys.unique()
        var result = BatchResult<Value>()
        for (key, outcome) in zip(keys, await find(keys)) {
            do throws(CacheError) {
                if let found = try decoded(try outcome.get(), as: type) {
                    result.hits[key] = found.value
                } else {
                    result.misses.insert(key)
                }
            } catch {
                result.failures[key] = error
            }
        }
        return result
    }

    /// The value, or what `load` brings, which callers in this process share and which is then kept.
    ///
    /// What is stored meanwhile, by anybody, is newer than the load and stays.
    public func value<Value: CacheValue & Sendable>(
        for key: CacheKey, as type: Value.Type = Value.self, timeToLive: Duration,
        load: @escaping @Sendable () async throws -> Value
    ) async throws -> Value {
        let name = (try? await copies[0].named(key)) ?? key
        while true {
            // From before the look that finds nothing: a store behind that look is newer than what is loaded because of
            // it.
            let version = CacheVersion(token: clock.next())
            if let value = try? await value(for: key, as: type) { return value }
            let shared = copies[0].core.loads.join(
                name, as: Value.self, replaces: false, outlivesWaiters: false, isAwaited: true
            ) {
                let value = try await copies[0].core.load(load)
                _ = try? await setValue(value, for: key, version: version, timeToLive: timeToLive)
                return value
            }
            do { return try await shared.value(isExpected: true) } catch is AbandonedLoad { continue }
        }
    }

    private func decoded<Value: CacheValue & Sendable>(
        _ copy: Copy?, as type: Value.Type
    ) throws(CacheError) -> (value: Value, version: CacheVersion)? {
        guard let copy else { return nil }
        clock.observe(copy.version)
        guard !ClientFlags(rawValue: copy.clientFlags).contains(.nothing) else { return nil }
        return (try copies[0].decode(copy.value, copy.clientFlags), CacheVersion(token: copy.version))
    }

    // MARK: Finding

    /// What copies have said of one key.
    private struct Findings {
        var found: [(place: Int, copy: Copy?)] = []
        var failure: CacheError?

        mutating func add(_ place: Int, _ outcome: Result<Copy?, CacheError>) {
            switch outcome {
            case .success(let copy): found.append((place, copy))
            case .failure(let error): failure = error
            }
        }
    }

    /// The newest copy of each key; rules 4 and 6.
    private func find(_ keys: [CacheKey]) async -> [Result<Copy?, CacheError>] {
        let needed = reads.count(of: copies.count)
        let findings = needed == 1 ? await nearest(keys) : await several(keys, needed)
        return zip(keys, findings).map { key, findings in
            guard findings.found.count >= needed else { return .failure(findings.failure ?? CacheError(.cancelled)) }
            let newest = findings.found.compactMap(\.copy).max { $0.version < $1.version }
            guard let newest else { return .success(nil) }
            for (place, copy) in findings.found where copy?.version ?? 0 < newest.version {
                repair(place, key, newest, replacesSame: copy == nil)
            }
            return .success(newest)
        }
    }

    /// From the nearest copy, and from others where that has nothing, or does not answer.
    private func nearest(_ keys: [CacheKey]) async -> [Findings] {
        var findings = [Findings](repeating: Findings(), count: keys.count)
        var pending = Array(keys.indices)
        for (place, cache) in copies.enumerated() where !pending.isEmpty {
            let outcomes =
                pending.count == 1
                ? [await cache.copy(of: keys[pending[0]])] : await cache.copies(of: pending.map { keys[$0] })
            for (index, outcome) in zip(pending, outcomes) { findings[index].add(place, outcome) }
            pending = pending.filter { findings[$0].found.last?.copy == nil }
        }
        return findings
    }

    /// From so many copies, of all that are asked.
    private func several(_ keys: [CacheKey], _ needed: Int) async -> [Findings] {
        let outcomes = await Latch.ask(
            copies.map(\.core.tasks), until: needed,
            isGood: { $0.allSatisfy { if case .success = $0 { true } else { false } } }
        ) { place in
            .success(keys.count == 1 ? [await copies[place].copy(of: keys[0])] : await copies[place].copies(of: keys))
        }
        var findings = [Findings](repeating: Findings(), count: keys.count)
        for (place, outcome) in outcomes.enumerated() {
            guard case .success(let list)? = outcome else { continue }
            for index in keys.indices { findings[index].add(place, list[index]) }
        }
        return findings
    }

    private func repair(_ place: Int, _ key: CacheKey, _ copy: Copy, replacesSame: Bool) {
        guard repairs.begin() else { return }
        copies[place].core.tasks.begin { [cache = copies[place], repairs] in
            _ = await cache.stored(copy, key, replacesSame: replacesSame)
            repairs.end()
        }
    }

    private func require<Value>(_ outcomes: [Result<Value, CacheError>?], _ needed: Int) throws(CacheError) {
        var (good, failure) = (0, CacheError?.none)
        for outcome in outcomes {
            switch outcome {
            case .success: good += 1
            case .failure(let error): failure = error
            case nil: break
            }
        }
        guard good < needed else { return }
        // All have ended, or nobody waits for them any longer.
        throw outcomes.contains { $0 == nil } ? CacheError(.cancelled) : failure ?? CacheError(.cancelled)
    }
}

/// Repairs under way; beyond `Self.max` lagging copies wait for the next reader.
private final class RepairCount: Sendable {
    private static let max = 64
    private let count = Atomic<Int>(0)

    func begin() -> Bool {
        if count.add(1, ordering: .relaxed).newValue <= Self.max { return true }
        end()
        return false
    }

    func end() { count.subtract(1, ordering: .relaxed) }
}
