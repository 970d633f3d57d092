/// All items of a server that a filter wants, a batch at a time.
///
/// 1. One connection tells the keys, another one fetches what they stand for: so the list is read as fast as it comes.
/// 2. A list is no snapshot: what is stored, deleted or expires meanwhile may be in it or not.
struct ItemStream {
    static let batchCount = 256

    let address: ServerAddress
    let options: ServerOptions
    let filter: KeyFilter

    /// Calls `body` with items, leaving out the keys that `skips` knows. Returns how many keys were told that were gone when
    /// they were asked for.
    func forEachBatch(skipping skips: Set<[UInt8]>, _ body: ([CacheItem]) throws -> Void) throws -> Int {
        let list = try CacheConnection(address, options)
        let source = try CacheConnection(address, options)
        var batch: [CacheKey] = []
        var goneCount = 0
        func fetch() throws {
            let items = try source.items(batch)
            goneCount += batch.count - items.count
            try body(items)
            batch.removeAll(keepingCapacity: true)
        }
        let now = WallClock.seconds
        try list.forEachKey { row in
            guard filter.matches(row, now: now), !skips.contains(row.key), let key = CacheKey(row.key) else {
                return true
            }
            batch.append(key)
            if batch.count == Self.batchCount { try fetch() }
            return true
        }
        if !batch.isEmpty { try fetch() }
        return goneCount
    }
}

/// Where items go: to the server of several that clients would ask for each.
final class ItemTarget {
    private let options: ServerOptions
    private let connections: [CacheConnection]
    private let mode: CacheConnection.StoreMode
    private let verifies: Bool
    private var pending: [[CacheItem]]
    private(set) var storedCount = 0
    /// There already, and left as they were.
    private(set) var keptCount = 0
    private(set) var verifiedCount = 0
    /// Gone again when they were looked at: evicted, or expired.
    private(set) var lostCount = 0
    private lazy var ring = options.ring

    init(_ options: ServerOptions, _ mode: CacheConnection.StoreMode, verifies: Bool) throws {
        self.options = options
        self.mode = mode
        self.verifies = verifies
        connections = try options.connectAll()
        pending = [[CacheItem]](repeating: [], count: connections.count)
    }

    func store(_ items: [CacheItem]) throws {
        if connections.count == 1 { return try store(items, at: 0) }
        for item in items {
            let index = ring.server(for: item.key.span)
            pending[index].append(item)
            if pending[index].count >= ItemStream.batchCount { try flush(index) }
        }
    }

    func finish() throws { for index in pending.indices { try flush(index) } }

    private func flush(_ index: Int) throws {
        try store(pending[index], at: index)
        pending[index].removeAll(keepingCapacity: true)
    }

    private func store(_ items: [CacheItem], at index: Int) throws {
        guard !items.isEmpty else { return }
        let kept = try connections[index].store(items, mode)
        keptCount += kept
        storedCount += items.count - kept
        // What was kept need not be the same.
        if verifies, mode == .set { try verify(items, connections[index]) }
    }

    private func verify(_ items: [CacheItem], _ connection: CacheConnection) throws {
        let found = try connection.items(items.compactMap { CacheKey($0.key) })
        var rest = found[...]
        for item in items {
            guard let other = rest.first, other.key == item.key else {
                lostCount += 1
                continue
            }
            rest.removeFirst()
            // Seconds pass between storing and looking.
            let isSameLife =
                (item.ttlSeconds == nil) == (other.ttlSeconds == nil)
                && abs((item.ttlSeconds ?? 0) - (other.ttlSeconds ?? 0)) <= Self.lifeToleranceSeconds
            guard other.value == item.value, other.flags == item.flags, isSameLife else {
                throw CacheFailure("\(CacheKey.shown(item.key)) is not what was stored")
            }
            verifiedCount += 1
        }
    }

    private static let lifeToleranceSeconds = 5
}
