import MartletProtocol
import MartletRing

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
            let line = Array(try readLine())
            if line.elementsEqual("MN".utf8) { return items }
            guard let head = ItemHead(line) else {
                throw CacheFailure("\(address): reading items: \(String(decoding: line, as: UTF8.self))")
            }
            bytesLeft -= head.length
            guard bytesLeft >= 0 else { throw CacheFailure("\(address): reading items: far more than it has listed") }
            let value = try value(head)
            // Replies come in the order of the keys.
            guard let index = expected.firstIndex(where: { $0.bytes == head.key }) else {
                throw CacheFailure("\(address): reading items: \(KeyText.shown(head.key)) was not asked for")
            }
            items.append(CacheItem(key: head.key, value: value, flags: head.flags, ttlSeconds: head.ttlSeconds))
            expected = expected[(index + 1)...]
        }
    }

    private func value(_ head: ItemHead) throws -> [UInt8] {
        let bytes = try read(head.length + 2)
        guard bytes.suffix(2).elementsEqual("\r\n".utf8) else {
            throw CacheFailure("\(address): reading items: the value of \(KeyText.shown(head.key)) has another length")
        }
        return Array(bytes.dropLast(2))
    }
}

/// What stands before a value: `VA <bytes> f<flags> t<seconds> k<key>`, and `b` behind a key in base64.
///
/// memcached tells a key as it was first stored, whichever way it was asked for: only its bytes are the same.
private struct ItemHead {
    let length: Int
    let flags: UInt32
    /// nil for ever.
    let ttlSeconds: Int?
    let key: [UInt8]

    /// nil if one of them is missing or says what cannot be: a copy with other flags or another life would be none.
    init?(_ line: [UInt8]) {
        let words = line.split(separator: 0x20)
        guard words.count >= 2, words[0].elementsEqual("VA".utf8),
            let length = Int(digits: String(decoding: words[1], as: UTF8.self)), length <= CacheItem.valueBytesMax
        else { return nil }
        func field(_ name: UInt8) -> ArraySlice<UInt8>? { words.dropFirst(2).first { $0.first == name }?.dropFirst() }
        func number(_ name: UInt8) -> String? { field(name).map { String(decoding: $0, as: UTF8.self) } }
        guard let flags = number(UInt8(ascii: "f")).flatMap({ UInt32(digits: $0) }),
            let life = number(UInt8(ascii: "t")), let ttl = Self.seconds(life), let key = field(UInt8(ascii: "k"))
        else { return nil }
        let isDecoded = words.contains([UInt8(ascii: "b")])
        guard let bytes = isDecoded ? Base64.bytes(of: String(decoding: key, as: UTF8.self)) : Array(key) else {
            return nil
        }
        self.length = length
        self.flags = flags
        ttlSeconds = ttl < 0 ? nil : ttl
        self.key = bytes
    }

    /// The protocol's seconds have 32 bits; -1 is for ever.
    private static func seconds(_ text: String) -> Int? { text == "-1" ? -1 : UInt32(digits: text).map { Int($0) } }
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
