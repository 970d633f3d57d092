/// Which state of an item it is: changes whenever the item does. memcached's CAS token.
public struct CacheVersion: Hashable, Sendable {
    /// The number as servers have it: equal or not, except in a `ReplicatedCache`, where the greater one is the newer.
    public let token: UInt64

    /// A version that came from elsewhere: from another process, or, for `ReplicatedCache`, from the database.
    public init(token: UInt64) { self.token = token }
}

/// A value and what the server knows of it.
public struct CacheItem<Value: Sendable>: Sendable {
    /// What is kept under the key.
    public let value: Value
    /// To make a change depend on; nil where the server has none.
    public let version: CacheVersion?
    /// How long it will stay, unless it has to make room; nil for ever, or where an old server cannot say.
    public let remainingTimeToLive: Duration?
    /// It was invalidated and is kept for those who would rather have an old value than wait.
    public let isStale: Bool
    /// Somebody had asked for it before.
    public let wasFetched: Bool?
    /// How long ago that was.
    public let lastAccess: Duration?
}

/// What became of a store that depended on something.
public enum StoreResult: Hashable, Sendable {
    /// The item had the version; the change was made.
    case stored
    /// The item has another version.
    case conflict
    /// There is no item.
    case missing
}

/// What became of many calls at once: each key is in one of the three.
public struct BatchResult<Value: Sendable>: Sendable {
    /// The keys under which there was a value, with their values.
    public internal(set) var hits: [CacheKey: Value] = [:]
    /// The keys under which there was none: that is an answer.
    public internal(set) var misses: Set<CacheKey> = []
    /// Not answered, in time or at all.
    public internal(set) var failures: [CacheKey: CacheError] = [:]

    init() {}

    @usableFromInline
    init(hits: [CacheKey: Value], misses: Set<CacheKey>, failures: [CacheKey: CacheError]) {
        self.hits = hits
        self.misses = misses
        self.failures = failures
    }

    /// Who gave a key twice may have had two answers: the better one is the key's.
    @usableFromInline
    mutating func settle() {
        for key in failures.keys where hits[key] != nil || misses.contains(key) { failures[key] = nil }
        guard !hits.isEmpty else { return }
        for key in misses where hits[key] != nil { misses.remove(key) }
    }
}
