import Glibc
import ServerTesting
import StoreTesting

/// Requests and replies on one connection: lines, and values of a length.
final class StressConversation {
    struct Ended: Error {}

    private let sendAll: ([UInt8]) throws -> Void
    private let receive: () throws -> [UInt8]
    private var bytes: [UInt8] = []
    private var place = 0
    /// The socket, for those who break it.
    let client: TestClient

    init(_ client: TestClient) {
        self.client = client
        sendAll = { try client.send($0) }
        receive = { try client.receiveSome() }
    }

    #if TLS
    init(_ encrypted: TLSClient) {
        client = encrypted.socket
        sendAll = { try encrypted.send($0) }
        receive = { try encrypted.receiveSome() }
    }
    #endif

    func send(_ text: String) throws { try sendAll(Array(text.utf8)) }
    func send(_ bytes: [UInt8]) throws { try sendAll(bytes) }

    private func fill() throws {
        if place > 0 {
            bytes.removeSubrange(..<place)
            place = 0
        }
        let some = try receive()
        if some.isEmpty { throw Ended() }
        bytes += some
    }

    /// Without its end.
    func line() throws -> String {
        var looked = 0
        while true {
            let end = bytes.withUnsafeBytes { bytes -> Int? in
                guard let start = bytes.baseAddress, place + looked < bytes.count else { return nil }
                let found = memchr(start + place + looked, 10, bytes.count - place - looked)
                return found.map { UnsafeRawPointer($0) - start }
            }
            if let end {
                defer { place = end + 1 }
                return String(decoding: bytes[place..<max(place, end - 1)], as: UTF8.self)
            }
            looked = bytes.count - place
            try fill()
        }
    }

    /// So many bytes, and the line end behind them.
    func value(_ count: Int) throws -> [UInt8] {
        while bytes.count - place < count + 2 { try fill() }
        defer { place += count + 2 }
        return Array(bytes[place..<place + count])
    }

    func ask(_ request: String) throws -> String {
        try send(request)
        return try line()
    }

    /// Lines up to one that ends a list, or that refuses it.
    func list(_ request: String) throws -> Int {
        try send(request)
        var count = 0
        while true {
            let line = try line()
            if line == "END" || line == "EN" || line.contains("ERROR") { return count }
            count += 1
        }
    }

    @discardableResult
    func logIn(_ token: String = StressStage.token) throws -> Bool {
        let answer = try ask("set login 0 0 \(token.utf8.count)\r\n\(token)\r\n")
        if answer != "STORED", answer != "CLIENT_ERROR authentication failure" { throw Ended() }
        return answer == "STORED"
    }

    /// What a `get` brings: key, flags and value of each item.
    func get(_ keys: [String]) throws -> [(key: String, flags: UInt32, value: [UInt8])] {
        try send("get \(keys.joined(separator: " "))\r\n")
        var items: [(key: String, flags: UInt32, value: [UInt8])] = []
        while true {
            let line = try line()
            if line == "END" { return items }
            let words = line.split(separator: " ")
            guard words.count == 4, words[0] == "VALUE", let flags = UInt32(words[2]), let count = Int(words[3]) else {
                throw Strange(line: line)
            }
            items.append((String(words[1]), flags, try value(count)))
        }
    }

    struct Strange: Error { let line: String }
}

/// Values that whoever reads them can check: the flags say from which place of one long pattern they are.
enum StressValue {
    static let countMax = 64 << 10
    private static let placeCount = 4093

    private static let pattern: [UInt8] = {
        var random = SplitMix(seed: 7)
        return (0..<(countMax + placeCount) / 8 + 1).flatMap { _ in
            withUnsafeBytes(of: random.next()) { Array($0) }
        }
    }()

    private static func place(_ key: String, _ flags: UInt32) -> Int {
        let sum = key.utf8.reduce(0) { ($0 &* 31 &+ Int($1)) & 0xffff }
        return (sum + Int(flags) * 7) % placeCount
    }

    static func bytes(_ key: String, _ flags: UInt32, _ count: Int) -> [UInt8] {
        let place = place(key, flags)
        return Array(pattern[place..<place + count])
    }

    static func set(_ key: String, _ flags: UInt32, _ seconds: Int, _ count: Int) -> [UInt8] {
        Array("set \(key) \(flags) \(seconds) \(count)\r\n".utf8) + bytes(key, flags, count) + [13, 10]
    }

    static func isWhole(_ key: String, _ flags: UInt32, _ value: [UInt8]) -> Bool {
        guard value.count <= countMax else { return false }
        return pattern.withUnsafeBytes { pattern in
            value.withUnsafeBytes { value in
                value.isEmpty
                    || memcmp(value.baseAddress!, pattern.baseAddress! + place(key, flags), value.count) == 0
            }
        }
    }
}
