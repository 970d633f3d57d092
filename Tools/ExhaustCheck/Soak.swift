import Glibc

/// Everything moving at once for as long as one likes: sizes that shift, lives that end, pages that are moved, dumps,
/// flushes, limits that change, clients that come, go and leave in the middle of a value. Every answer is compared with
/// what was stored.
///
/// 1. One request at a time, at most `requestsPerSecond`; what it took is a latency.
/// 2. The sizes go round once in each of the periods, so that periods can be compared.
/// 3. A period's figures are printed at its end. Wrong: a value that was not stored last, one that was deleted,
///    flushed, or is over for `graceSeconds`; refused: a store for which the server had no memory.
struct Soak {
    private struct Item {
        var version: Int
        var bytes: Int
        /// Microseconds of `Peer.now`; nil for ever.
        var end: Int?
    }

    private struct Figures {
        var requests = 0, hits = 0, wrong = 0, refused = 0, moves = 0, dumps = 0, flushes = 0, reconnections = 0
        var latencies: [Int32] = []
    }

    static let periodCount = 6
    private static let requestsPerSecond = 3000
    private static let keyCount = 20_000
    private static let graceSeconds = 3
    private static let sizes: [ClosedRange<Int>] = [
        80...120, 8000...12_000, 350_000...450_000, 80...120, 10...60_000, 10...14, 850...950, 20_000...60_000,
        10...600,
    ]

    private let server: ServerUnderCheck
    private let periodMicroseconds: Int
    private var connections: [SoakConnection]
    private var items: [Int: Item] = [:]
    private var version = 0
    private var figures = Figures()
    private let pattern: [UInt8] = (0..<1 << 20).map { UInt8(truncatingIfNeeded: ($0 &* 167) ^ ($0 >> 8)) }

    static func run(_ program: String, minutes: Double) throws {
        let server = try ServerUnderCheck(program, ["-m", "64", "-t", "2"])
        var soak = try Soak(server, periodMicroseconds: Int(minutes * 60e6) / periodCount)
        for period in 1...periodCount { try soak.runPeriod(period) }
    }

    private init(_ server: ServerUnderCheck, periodMicroseconds: Int) throws {
        self.server = server
        self.periodMicroseconds = periodMicroseconds
        connections = try (0..<24).map { _ in try SoakConnection(server.path) }
    }

    private mutating func runPeriod(_ number: Int) throws {
        figures = Figures()
        let (start, used) = (Peer.now, server.processorMicroseconds)
        var due = start
        var nextChange = start
        while Peer.now - start < periodMicroseconds {
            let phase = (Peer.now - start) * Self.sizes.count / periodMicroseconds
            try request(Self.sizes[min(phase, Self.sizes.count - 1)])
            if Peer.now >= nextChange {
                try change()
                nextChange = Peer.now + periodMicroseconds / 60
            }
            due = max(due + 1_000_000 / Self.requestsPerSecond, Peer.now - 100_000)
            if due > Peer.now { usleep(UInt32(due - Peer.now)) }
        }
        try tell(number, server.processorMicroseconds - used)
        if figures.wrong > 0 { throw Exhaustion.Finding(description: "\(figures.wrong) wrong answers") }
    }

    // MARK: Requests

    private mutating func request(_ sizes: ClosedRange<Int>) throws {
        if Int.random(in: 0..<100) == 0 { try reconnect(sizes) }
        let connection = connections.randomElement().unsafelyUnwrapped
        let draw = Double.random(in: 0..<1)
        let key = Int(draw * draw * draw * Double(Self.keyCount))
        let start = Peer.now
        switch Int.random(in: 0..<100) {
        case ..<50: try get(key, connection)
        case ..<90: try set(key, connection, Int.random(in: sizes))
        case ..<95: try delete(key, connection)
        default: try touch(key, connection)
        }
        figures.latencies.append(Int32(clamping: Peer.now - start))
        figures.requests += 1
    }

    private func value(_ key: Int, _ item: Item) -> ArraySlice<UInt8> {
        let start = (key &* 31 &+ item.version &* 7919) % 400_000
        return pattern[start..<start + item.bytes]
    }

    private mutating func get(_ key: Int, _ connection: SoakConnection) throws {
        try connection.send("get k\(key)\r\n")
        let line = try connection.line()
        guard line != "END" else {
            items[key] = nil
            return
        }
        let words = line.split(separator: " ")
        guard words.count == 4, let count = Int(words[3]) else { return noteWrong("answered \(line)") }
        let found = try connection.dataBlock(count)
        _ = try connection.line()
        figures.hits += 1
        guard let item = items[key] else { return noteWrong("k\(key) is there, though it was removed") }
        if found != value(key, item) { noteWrong("k\(key) has another value") }
        if let end = item.end, Peer.now > end + Self.graceSeconds * 1_000_000 { noteWrong("k\(key) is over") }
    }

    private mutating func set(_ key: Int, _ connection: SoakConnection, _ bytes: Int) throws {
        version += 1
        let seconds = Bool.random() ? 0 : Int.random(in: 1...(Bool.random() ? 5 : 90))
        let item = Item(version: version, bytes: bytes, end: seconds == 0 ? nil : Peer.now + seconds * 1_000_000)
        try connection.send(Array("set k\(key) 0 \(seconds) \(bytes)\r\n".utf8) + value(key, item) + [13, 10])
        switch try connection.line() {
        case "STORED": items[key] = item
        case let line where line.hasPrefix("SERVER_ERROR"):
            figures.refused += 1
            items[key] = nil
        case let line: noteWrong("answered \(line)")
        }
    }

    private mutating func delete(_ key: Int, _ connection: SoakConnection) throws {
        try connection.send("delete k\(key)\r\n")
        if try connection.line() == "DELETED", items[key] == nil { noteWrong("k\(key) was deleted twice") }
        items[key] = nil
    }

    private mutating func touch(_ key: Int, _ connection: SoakConnection) throws {
        let seconds = Int.random(in: 1...90)
        let end = Peer.now + seconds * 1_000_000
        try connection.send("touch k\(key) \(seconds)\r\n")
        if try connection.line() == "TOUCHED" { items[key]?.end = end } else { items[key] = nil }
    }

    private mutating func noteWrong(_ what: String) {
        figures.wrong += 1
        if figures.wrong <= 10 { print("wrong: \(what)") }
    }

    // MARK: What else moves

    /// One client goes, at times in the middle of a value, and another comes.
    private mutating func reconnect(_ sizes: ClosedRange<Int>) throws {
        let index = connections.indices.randomElement().unsafelyUnwrapped
        if Int.random(in: 0..<4) == 0 {
            try connections[index].send("set torn 0 0 \(sizes.upperBound)\r\n" + String(repeating: "x", count: 5))
        }
        connections[index] = try SoakConnection(server.path)
        figures.reconnections += 1
    }

    /// Sixty times a period.
    private mutating func change() throws {
        let desk = try SoakConnection(server.path)
        try desk.send("slabs reassign -1 \(Int.random(in: 1...60))\r\n")
        if try desk.line() == "OK" { figures.moves += 1 }
        switch Int.random(in: 0..<60) {
        case ..<20:
            try desk.send("lru_crawler metadump all\r\n")
            while try desk.line() != "END" {}
            figures.dumps += 1
        case ..<40:
            try desk.send("cache_memlimit \([40, 48, 56, 64].randomElement().unsafelyUnwrapped)\r\n")
            _ = try desk.line()
        case 40:
            try desk.send("flush_all\r\n")
            _ = try desk.line()
            items.removeAll()
            figures.flushes += 1
        default: break
        }
    }

    // MARK: Telling

    private func tell(_ number: Int, _ processor: Int) throws {
        let sorted = figures.latencies.sorted()
        func percentile(_ share: Double) -> Int {
            sorted.isEmpty ? 0 : Int(sorted[min(sorted.count - 1, Int(Double(sorted.count) * share))])
        }
        let state = try server.state()
        let held = try server.statistic("", "curr_items") ?? 0
        print(
            "period \(number): \(figures.requests) requests, \(figures.hits) hits, \(figures.wrong) wrong, "
                + "\(figures.refused) refused; \(held) items, \(state); "
                + "p50 \(percentile(0.5)), p99 \(percentile(0.99)), p99.9 \(percentile(0.999)) µs; "
                + "\(processor / max(figures.requests, 1)) µs of processor a request; \(figures.moves) moves, "
                + "\(figures.dumps) dumps, \(figures.flushes) flushes, \(figures.reconnections) reconnections")
        fflush(nil)
    }
}
