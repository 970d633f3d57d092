/// An item as it goes from one server to another, or into a file.
struct CacheItem: Equatable {
    let key: [UInt8]
    let value: [UInt8]
    let flags: UInt32
    /// Seconds left to live; nil for ever.
    let ttlSeconds: Int?
}

/// What a key dump tells of an item.
struct KeyRow {
    let key: [UInt8]
    /// Seconds since 1970 at which it expires; nil for never.
    let expiry: Int?
    /// Seconds since 1970 of its last access.
    let lastAccess: Int
    let slabClass: Int
    let size: Int
    let isFetched: Bool

    /// A line of `lru_crawler metadump`: `key=... exp=... la=... cas=... fetch=... cls=... size=...`.
    init?(_ line: ArraySlice<UInt8>) {
        var fields: [String: Substring] = [:]
        guard let space = line.firstIndex(of: 0x20), line.starts(with: "key=".utf8) else { return nil }
        guard let key = CacheKey.decodedPercent(line[(line.startIndex + 4)..<space]) else { return nil }
        for word in String(decoding: line[space...], as: UTF8.self).split(separator: " ") {
            let parts = word.split(separator: "=", maxSplits: 1)
            if parts.count == 2 { fields[String(parts[0])] = parts[1] }
        }
        self.key = key
        let expiry = fields["exp"].flatMap { Int($0) } ?? -1
        self.expiry = expiry < 0 ? nil : expiry
        lastAccess = fields["la"].flatMap { Int($0) } ?? 0
        slabClass = fields["cls"].flatMap { Int($0) } ?? 0
        size = fields["size"].flatMap { Int($0) } ?? 0
        isFetched = fields["fetch"] == "yes"
    }
}

extension CacheConnection {
    /// Calls `body` with each key that the server holds, until it returns false (the rest of the reply is left: the connection
    /// is of no further use then).
    func forEachKey(_ body: (KeyRow) throws -> Bool) throws {
        try write("lru_crawler metadump all\r\n")
        try flush()
        while true {
            let line = try readLine()
            if let row = KeyRow(line) {
                guard try body(row) else { return }
                continue
            }
            let text = String(decoding: line, as: UTF8.self)
            if text == "END" { return }
            guard text == "OK" else { throw CacheFailure("\(address): listing keys: \(text)") }
        }
    }

    /// Values, flags and lives of the keys; what is gone by now is left out.
    func items(_ keys: [CacheKey]) throws -> [CacheItem] {
        for key in keys { try write("mg \(key.word) v f t k q\(key.mark)\r\n") }
        try write("mn\r\n")
        try flush()
        var items: [CacheItem] = []
        items.reserveCapacity(keys.count)
        var expected = keys[...]
        while true {
            let line = String(decoding: try readLine(), as: UTF8.self)
            if line == "MN" { return items }
            let words = line.split(separator: " ")
            guard words.count >= 2, words[0] == "VA", let length = Int(words[1]), length >= 0 else {
                throw CacheFailure("\(address): reading items: \(line)")
            }
            let value = Array(try read(length + 2).dropLast(2))
            var flags: UInt32 = 0
            var ttl: Int?
            var word: Substring = ""
            for field in words.dropFirst(2) {
                switch field.first {
                case "f": flags = UInt32(field.dropFirst()) ?? 0
                case "t": ttl = Int(field.dropFirst()).flatMap { $0 < 0 ? nil : $0 }
                case "k": word = field.dropFirst()
                default: break
                }
            }
            // Replies come in the order of the keys.
            while let key = expected.popFirst() {
                guard key.word == word else { continue }
                items.append(CacheItem(key: key.bytes, value: value, flags: flags, ttlSeconds: ttl))
                break
            }
        }
    }

    /// How items are stored.
    enum StoreMode: String {
        case set = "MS"
        /// Only where nothing is.
        case add = "ME"
    }

    /// Stores the items. Returns how many were not, because something was there already; anything else is an error.
    func store(_ items: [CacheItem], _ mode: StoreMode) throws -> Int {
        for item in items {
            guard let key = CacheKey(item.key) else { continue }
            // A life of 0 seconds is over; the protocol's 0 would be for ever.
            let life = item.ttlSeconds.map { " T\($0 == 0 ? -1 : ExpirationTime.word(seconds: $0))" } ?? ""
            try write("ms \(key.word) \(item.value.count) F\(item.flags)\(life) \(mode.rawValue) q\(key.mark)\r\n")
            try write(item.value)
            try write("\r\n")
        }
        try write("mn\r\n")
        try flush()
        var kept = 0
        while true {
            let line = String(decoding: try readLine(), as: UTF8.self)
            if line == "MN" { return kept }
            guard line.hasPrefix("NS") else { throw CacheFailure("\(address): storing items: \(line)") }
            kept += 1
        }
    }
}

/// Lives as the protocol has them.
enum ExpirationTime {
    /// More seconds than that the protocol takes for a second since 1970.
    private static let relativeSecondsMax = 30 * 24 * 60 * 60

    /// For a life of so many seconds from `now`; 0 for ever.
    static func word(seconds: Int, now: Int = WallClock.seconds) -> Int {
        seconds > relativeSecondsMax ? now &+ seconds : seconds
    }
}
