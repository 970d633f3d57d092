/// Storing many items at once.
///
/// 1. They go out quietly, a batch at a time: only what was not stored is answered, and an `mn` ends the answers.
/// 2. A server that refuses an item (too large for it, no memory) does not say which it was. So, if one was refused,
///    those of the batch are stored again, one after the other.
extension CacheConnection {
    /// How items are stored.
    enum StoreMode: String {
        case set = "MS"
        /// Only where nothing is.
        case add = "ME"
    }

    /// An item that a server does not take, and what it says.
    struct Refusal {
        let key: [UInt8]
        let reason: String
    }

    struct StoreOutcome {
        /// How many were left as they were, because something was there already.
        var keptCount = 0
        var refusals: [Refusal] = []
    }

    /// Stores the items. Throws when the server says something else than that it has stored an item, has one, or
    /// refuses it.
    func store(_ items: [CacheItem], _ mode: StoreMode) throws -> StoreOutcome {
        var outcome = StoreOutcome()
        var sent: [(key: CacheKey, item: CacheItem)] = []
        for item in items {
            guard let key = CacheKey(item.key) else {
                outcome.refusals.append(Refusal(key: item.key, reason: "its key has no word in the meta commands"))
                continue
            }
            sent.append((key, item))
            try write(key, item, mode)
        }
        let (kept, reasons) = try storeReplies()
        outcome.keptCount = kept
        guard !reasons.isEmpty else { return outcome }
        for (key, item) in sent {
            try write(key, item, mode)
            if let reason = try storeReplies().refusals.first {
                outcome.refusals.append(Refusal(key: item.key, reason: reason))
            }
        }
        return outcome
    }

    /// The bytes of the largest item that the server takes. One that does not tell it takes any, or says so when it
    /// comes.
    func itemBytesMax() throws -> Int {
        let told = try statistics("settings").first { $0.name == "item_size_max" }
        return told.flatMap { Int($0.value) } ?? CacheItem.valueBytesMax
    }

    private func write(_ key: CacheKey, _ item: CacheItem, _ mode: StoreMode) throws {
        // A life of 0 seconds is over; the protocol's 0 would be for ever.
        let life = item.ttlSeconds.map { " T\($0 == 0 ? -1 : ExpirationTime.word(seconds: $0))" } ?? ""
        try write("ms \(key.word) \(item.value.count) F\(item.flags)\(life) \(mode.rawValue) q\(key.mark)\r\n")
        try write(item.value)
        try write("\r\n")
    }

    private func storeReplies() throws -> (keptCount: Int, refusals: [String]) {
        try write("mn\r\n")
        try flush()
        var keptCount = 0
        var refusals: [String] = []
        while true {
            let line = String(decoding: try readLine(), as: UTF8.self)
            if line == "MN" { return (keptCount, refusals) }
            if line.hasPrefix("NS") {
                keptCount += 1
            } else if line.hasPrefix("SERVER_ERROR ") {
                refusals.append(line)
            } else {
                throw CacheFailure("\(address): storing items: \(line)")
            }
            guard keptCount + refusals.count <= ItemStream.batchCount else {
                throw CacheFailure("\(address): storing items: there are more replies than items")
            }
        }
    }
}
