/// All items of a server that a filter wants, a batch at a time.
///
/// 1. One connection tells the keys, another one fetches what they stand for: so the list is read as fast as it comes.
/// 2. A list is no snapshot: what is stored, deleted or expires meanwhile may be in it or not.
/// 3. Between two fetches much may be listed that is not wanted: the connection for these may end meanwhile.
/// 4. A batch ends at so many items, or at so many bytes: it is held in memory.
struct ItemStream {
    static let batchCount = 256
    static let batchBytes = 8 << 20

    let address: ServerAddress
    let options: ServerOptions
    let filter: KeyFilter

    /// What of the list was not to be had.
    struct Left {
        /// Gone when it was asked for.
        var goneCount = 0
        /// Keys that no command has a word for: binary ones near the longest.
        var unaskableCount = 0

        static func += (sum: inout Left, other: Left) {
            sum.goneCount += other.goneCount
            sum.unaskableCount += other.unaskableCount
        }
    }

    /// Calls `body` with items, leaving out the keys that `skips` knows.
    func forEachBatch(skipping skips: KnownKeys, _ body: ([CacheItem]) throws -> Void) throws -> Left {
        let list = try CacheConnection(address, options)
        let source = LastingConnection(address, options)
        try source.connect()
        var batch: [CacheKey] = []
        var batchBytes = 0
        var left = Left()
        func fetch() throws {
            let items = try source.ask { try $0.items(batch) }
            left.goneCount += batch.count - items.count
            try body(items)
            batch.removeAll(keepingCapacity: true)
            batchBytes = 0
        }
        let now = WallClock.seconds
        try list.forEachKey { row in
            guard filter.matches(row, now: now), !skips.contains(row.key) else { return true }
            guard let key = CacheKey(row.key) else {
                left.unaskableCount += 1
                return true
            }
            batch.append(key)
            // Of a hostile server's sizes there are at most so many, none beyond what is believed.
            batchBytes += max(row.size, 0)
            if batch.count == Self.batchCount || batchBytes >= Self.batchBytes { try fetch() }
            return true
        }
        if !batch.isEmpty { try fetch() }
        return left
    }
}

/// Where items go: to the server of several that clients would ask for each. Where they come from may pause for longer
/// than servers wait for: a batch on which a connection ends is stored again over another one.
///
/// Servers refuse what is too large for them and swallow it, but not without end: on a value of more than
/// `swallowedBytesMin` they may close the connection, and with it would go what was sent behind. Such a value is sent
/// only to a server whose largest item (`-I`) is no smaller.
final class ItemTarget {
    private let options: ServerOptions
    private let connections: [LastingConnection]
    private let mode: CacheConnection.StoreMode
    private let verifies: Bool
    private var pending: [ItemBatch]
    /// Of each server the bytes of its largest item, once they have been asked for.
    private var itemBytesMax: [Int?]
    private(set) var storedCount = 0
    /// There already, and left as they were.
    private(set) var keptCount = 0
    private(set) var verifiedCount = 0
    /// Gone again when they were looked at: evicted, or expired.
    private(set) var lostCount = 0
    /// Not taken; the first few have been named on stderr.
    private(set) var refusedCount = 0
    private lazy var ring = options.ring

    init(_ options: ServerOptions, _ mode: CacheConnection.StoreMode, verifies: Bool) throws {
        self.options = options
        self.mode = mode
        self.verifies = verifies
        connections = options.addresses.map { LastingConnection($0, options) }
        for connection in connections { try connection.connect() }
        pending = [ItemBatch](repeating: ItemBatch(), count: connections.count)
        itemBytesMax = [Int?](repeating: nil, count: connections.count)
    }

    func store(_ items: [CacheItem]) throws {
        if connections.count == 1 { return try store(items, at: 0) }
        for item in items {
            let index = ring.server(for: item.key.span)
            pending[index].append(item)
            if pending[index].isFull { try flush(index) }
        }
    }

    func finish() throws { for index in pending.indices { try flush(index) } }

    private func flush(_ index: Int) throws {
        let batch = pending[index]
        pending[index] = ItemBatch()
        try store(batch.items, at: index)
    }

    private func store(_ items: [CacheItem], at index: Int) throws {
        let items = try items.filter { try isSmallEnough($0, at: index) }
        guard !items.isEmpty else { return }
        let outcome = try connections[index].ask { try $0.store(items, mode) }
        for refusal in outcome.refusals { name(refusal, connections[index].address) }
        keptCount += outcome.keptCount
        storedCount += items.count - outcome.keptCount - outcome.refusals.count
        // What was kept need not be the same.
        guard verifies, mode == .set else { return }
        let refused = Set(outcome.refusals.map(\.key))
        try verify(refused.isEmpty ? items : items.filter { !refused.contains($0.key) }, connections[index])
    }

    /// Whether the server can be sent the item; names it otherwise.
    private func isSmallEnough(_ item: CacheItem, at index: Int) throws -> Bool {
        guard item.value.count > Self.swallowedBytesMin else { return true }
        let connection = connections[index]
        let bytesMax = try itemBytesMax[index] ?? connection.ask { try $0.itemBytesMax() }
        itemBytesMax[index] = bytesMax
        guard item.value.count > bytesMax else { return true }
        let reason = "its \(item.value.count) bytes are more than the server's largest item has, \(bytesMax)"
        name(CacheConnection.Refusal(key: item.key, reason: reason), connection.address)
        return false
    }

    private static let swallowedBytesMin = 1 << 20

    private func name(_ refusal: CacheConnection.Refusal, _ address: ServerAddress) {
        refusedCount += 1
        if refusedCount <= Self.namedRefusalsMax {
            let key = KeyText.shown(refusal.key)
            StandardError.write("\(address): \(key): \(TerminalText.shown(refusal.reason))")
        }
        if refusedCount == Self.namedRefusalsMax + 1 { StandardError.write("and others") }
    }

    private static let namedRefusalsMax = 10

    private func verify(_ items: [CacheItem], _ connection: LastingConnection) throws {
        let keys = items.compactMap { CacheKey($0.key) }
        let found = try connection.ask { try $0.items(keys) }
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
                throw CacheFailure("\(KeyText.shown(item.key)) is not what was stored")
            }
            verifiedCount += 1
        }
    }

    private static let lifeToleranceSeconds = 5
}

/// Items that are to go together.
struct ItemBatch {
    private(set) var items: [CacheItem] = []
    private(set) var bytes = 0

    var isFull: Bool { items.count >= ItemStream.batchCount || bytes >= ItemStream.batchBytes }

    mutating func append(_ item: CacheItem) {
        items.append(item)
        bytes += item.value.count
    }
}
