/// An item as it goes from one server to another, or into a file.
struct CacheItem: Equatable {
    let key: [UInt8]
    let value: [UInt8]
    let flags: UInt32
    /// Seconds left to live; nil for ever.
    let ttlSeconds: Int?

    /// The largest that any server takes.
    static let valueBytesMax = 1 << 30

    /// A number of a server or a file, cut to what can be added to another one.
    static func believed(_ number: Int) -> Int { min(max(number, -numberMax), numberMax) }

    private static let numberMax = 1 << 40
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
        func number(_ name: String) -> Int? { fields[name].flatMap { Int($0) }.map(CacheItem.believed) }
        self.key = key
        self.expiry = number("exp").flatMap { $0 < 0 ? nil : $0 }
        lastAccess = number("la") ?? 0
        slabClass = number("cls") ?? 0
        size = number("size") ?? 0
        isFetched = fields["fetch"] == "yes"
    }
}

extension CacheConnection {
    /// Calls `body` with each key that the server holds, until it returns false (the rest of the reply is left: the
    /// connection is of no further use then).
    func forEachKey(_ body: (KeyRow) throws -> Bool) throws {
        try write("lru_crawler metadump all\r\n")
        try flush()
        var hasBegun = false
        while true {
            // A list comes for as long as there are keys, and `body` takes its time.
            beginAnswer()
            let line = try readLine()
            if let row = KeyRow(line) {
                guard try body(row) else { return }
                continue
            }
            let text = String(decoding: line, as: UTF8.self)
            if text == "END" { return }
            // Once, or a server that says nothing else would be listened to for ever.
            guard text == "OK", !hasBegun else { throw CacheFailure("\(address): listing keys: \(text)") }
            hasBegun = true
        }
    }

    /// Values, flags and lives of the keys; what is gone by now is left out. Who looks at items this way does not use
    /// them: they are neither newer nor fetched afterwards. All are held in memory, so that together they may be no more
    /// than a batch and its last one.
    func items(_ keys: [CacheKey]) throws -> [CacheItem] {
        for key in keys { try write("mg \(key.word) v f t k q u\(key.mark)\r\n") }
        try write("mn\r\n")
        try flush()
        var items: [CacheItem] = []
        items.reserveCapacity(keys.count)
        var expected = keys[...]
        var bytesLeft = ItemStream.batchBytes + CacheItem.valueBytesMax
        while true {
            let line = String(decoding: try readLine(), as: UTF8.self)
            if line == "MN" { return items }
            let words = line.split(separator: " ")
            guard words.count >= 2, words[0] == "VA", let length = Int(words[1]),
                (0...CacheItem.valueBytesMax).contains(length)
            else { throw CacheFailure("\(address): reading items: \(line)") }
            bytesLeft -= length
            guard bytesLeft >= 0 else { throw CacheFailure("\(address): reading items: far more than it has listed") }
            let value = Array(try read(length + 2).dropLast(2))
            var flags: UInt32 = 0
            var ttl: Int?
            var word: Substring = ""
            for field in words.dropFirst(2) {
                switch field.first {
                case "f": flags = UInt32(field.dropFirst()) ?? 0
                case "t": ttl = Int(field.dropFirst()).flatMap { $0 < 0 ? nil : CacheItem.believed($0) }
                case "k": word = field.dropFirst()
                default: break
                }
            }
            // Replies come in the order of the keys.
            guard let index = expected.firstIndex(where: { $0.word == word }) else {
                throw CacheFailure("\(address): reading items: \(word) was not asked for")
            }
            items.append(CacheItem(key: expected[index].bytes, value: value, flags: flags, ttlSeconds: ttl))
            expected = expected[(index + 1)...]
        }
    }
}

/// Lives as the protocol has them.
enum ExpirationTime {
    /// More seconds than that the protocol takes for a second since 1970.
    private static let relativeSecondsMax = 30 * 24 * 60 * 60

    /// Nor any behind it: the protocol's seconds have 32 bits.
    private static let absoluteSecondsMax = Int(Int32.max)

    /// For a life of so many seconds from `now`; 0 for ever. One that goes beyond the protocol's time ends with that.
    static func word(seconds: Int, now: Int = WallClock.seconds) -> Int {
        seconds > relativeSecondsMax ? min(now &+ seconds, absoluteSecondsMax) : seconds
    }
}
