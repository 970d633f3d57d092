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
/// 6. Copies found with less than the winner get it, with what is left of its life, by rule 1 and in nobody's way.
///
/// What it is not: a promise. A copy that evicted a value, or began anew, answers that there is none, so that W + R > N
/// makes old values rare and not impossible. It needs servers with the meta protocol's `E`: Martlet, or memcached from
/// 1.6.22 or so.
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
    public var writes: Concern
    public var reads: Concern
    /// How long a removal is remembered: longer than a store may be under way, and than a copy is out of reach.
    public var removalLife: Duration = .seconds(60)

    let clock: HybridClock
    private let repairs = RepairCount()

    /// Whole caches, each with all values; the first is the nearest.
    public init(zones: [CacheClient], writes: Concern = .quorum, reads: Concern = .one) {
        precondition(!zones.isEmpty, "a replicated cache has one zone at least")
        copies = zones.map { zone in
            var copy = zone
            copy.isCopy = true
            return copy
        }
        self.writes = writes
        self.reads = reads
        clock = HybridClock()
    }

    /// The servers that come first on one ring for each key. With fewer servers than copies some have several.
    public init(_ cache: CacheClient, copies count: Int, writes: Concern = .quorum, reads: Concern = .one) {
        self.init(zones: (0..<max(count, 1)).map { cache.copy(UInt8(clamping: $0)) }, writes: writes, reads: reads)
    }

    // MARK: Changes

    /// Keeps `value`, unless something newer is there. `version` nil is now.
    ///
    /// - Returns: The version it has.
    @discardableResult
    public func setValue(
        _ value: some CacheValue & Sendable, for key: CacheKey, version: CacheVersion? = nil,
        timeToLive: Duration? = nil
    ) async throws(CacheError) -> CacheVersion {
        let version = version?.token ?? clock.next()
        let (buffer, flags) = try copies[0].encode(value)
        try await store(
            Copy(value: buffer, clientFlags: flags, version: version, exptime: TimeToLive.exptime(timeToLive)), key)
        return CacheVersion(token: version)
    }

    /// Removes the value, unless something newer is there. `version` nil is now.
    public func removeValue(for key: CacheKey, version: CacheVersion? = nil) async throws(CacheError) {
        let copy = Copy(
            value: ByteBuffer(), clientFlags: ClientFlags.nothing.rawValue, version: version?.token ?? clock.next(),
            exptime: TimeToLive.exptime(removalLife))
        try await store(copy, key)
    }

    private func store(_ copy: Copy, _ key: CacheKey) async throws(CacheError) {
        let needed = writes.count(of: copies.count)
        let outcomes = await Latch.ask(copies.map(\.core.tasks), until: needed) { place in
            await copies[place].stored(copy, key)
        }
        try require(outcomes, needed)
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
                repair(place, key, newest)
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

    private func repair(_ place: Int, _ key: CacheKey, _ copy: Copy) {
        guard repairs.begin() else { return }
        copies[place].core.tasks.begin { [cache = copies[place], repairs] in
            _ = await cache.stored(copy, key)
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
        throw failure ?? CacheError(.cancelled)
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
