import Glibc

/// Everything moving at once for as long as one likes: sizes that shift, lives that end, pages that are moved, dumps,
/// flushes, limits that change, clients that come, go and leave in the middle of a value. Every answer is compared with
/// what was stored, over the text, meta and binary protocols, alone, many keys at a time, in pipelines, and of several
/// clients at once.
///
/// 1. One request is under way at a time, or those of a few clients together. Each has a moment at which it is due,
///    `requestsPerSecond` of them a second, whatever became of those before; its latency counts from that moment, so
///    that a server that stands still is seen in all requests it has kept waiting. Those begun more than a millisecond
///    after it are counted as late.
/// 2. The sizes go round once in each of the periods, so that periods can be compared. A shorter round goes before
///    them, in which the cache fills.
/// 3. A period's figures are taken at rest, with the least of the limits, and printed. What is asked of them is said at
///    `SoakFigures`. Wrong: a value that was not stored last, one that was deleted, flushed, or is over for
///    `graceSeconds`; refused: a store for which the server had no memory.
struct Soak {
    struct Item {
        var version: Int
        var bytes: Int
        /// Microseconds of `Peer.now`; nil for ever.
        var end: Int?
    }

    static let periodCount = 6
    /// In less the cache is hardly filled.
    static let minutesMin = 1.0
    /// The round in which the cache fills, in periods.
    private static let warmUpShare = 0.5
    private static let requestsPerSecond = 2000
    private static let lateMicrosecondsMin = 1000
    static let keyCount = 20_000
    static let graceSeconds = 3
    private static let restLooksMax = 20
    private static let megabytes = [40, 48, 56, 64]
    private static let sizes: [ClosedRange<Int>] = [
        80...120, 8000...12_000, 350_000...450_000, 80...120, 10...60_000, 10...14, 850...950, 20_000...60_000,
        10...600,
    ]

    let server: ServerUnderCheck
    var connections: [SoakConnection]
    /// It speaks the binary protocol.
    var binary: SoakConnection
    var items: [Int: Item] = [:]
    var version = 0
    var figures = SoakFigures()
    let pattern: [UInt8] = (0..<1 << 20).map { UInt8(truncatingIfNeeded: ($0 &* 167) ^ ($0 >> 8)) }
    /// A dump is read beside the requests: it takes longer than they may.
    private var dump: BackgroundThread?

    static func run(_ program: String, minutes: Double) throws {
        try SoakFigures.proveTeeth()
        let server = try ServerUnderCheck(program, ["-m", "64", "-t", "2"])
        let period = Int(minutes * 60e6 / (Double(periodCount) + warmUpShare))
        var soak = try Soak(server)
        try soak.goRound(microseconds: Int(Double(period) * warmUpShare))
        try soak.rest()
        print("filled: \(soak.figures.description)")
        try Exhaustion.require(
            soak.figures.wrong == 0 && soak.figures.refused == 0, "wrong or refused as it was filled")
        var first = SoakFigures()
        for number in 1...periodCount {
            try soak.goRound(microseconds: period)
            try soak.rest()
            if number == 1 { first = soak.figures }
            print("period \(number): \(soak.figures.description)")
            fflush(nil)
            try report(soak.figures.findings(since: first), "period \(number)")
        }
        try report(soak.figures.comparison(with: first), "the last period")
        print("soak: nothing wrong, refused or kept; the last period as the first")
    }

    private static func report(_ findings: [String], _ period: String) throws {
        if !findings.isEmpty {
            throw Exhaustion.Finding(description: "\(period): \(findings.joined(separator: "; "))")
        }
    }

    private init(_ server: ServerUnderCheck) throws {
        self.server = server
        connections = try (0..<24).map { _ in try SoakConnection(server.endpoint) }
        binary = try SoakConnection(server.endpoint)
    }

    /// One round of the sizes.
    private mutating func goRound(microseconds: Int) throws {
        figures = SoakFigures()
        let (start, used) = (Peer.now, server.processorMicroseconds)
        var due = start
        var nextChange = start
        while due - start < microseconds, Peer.now - start < microseconds {
            let phase = (Peer.now - start) * Self.sizes.count / microseconds
            if Peer.now >= nextChange {
                try change()
                nextChange = Peer.now + microseconds / 60
            }
            let wait = due - Peer.now
            if wait > 0 { usleep(UInt32(wait)) }
            if Peer.now - due > Self.lateMicrosecondsMin { figures.lateRequests += 1 }
            try request(Self.sizes[min(phase, Self.sizes.count - 1)])
            figures.latencies.append(Int32(clamping: Peer.now - due))
            figures.requests += 1
            due += 1_000_000 / Self.requestsPerSecond
        }
        figures.dueRequests = microseconds / (1_000_000 / Self.requestsPerSecond)
        dump?.join()
        dump = nil
        figures.processorMicroseconds = server.processorMicroseconds - used
    }

    // MARK: What else moves

    /// One client goes, at times in the middle of a value, and another comes.
    mutating func reconnect(_ sizes: ClosedRange<Int>) throws {
        let index = connections.indices.randomElement().unsafelyUnwrapped
        if Int.random(in: 0..<4) == 0 {
            try connections[index].send("set torn 0 0 \(sizes.upperBound)\r\n" + String(repeating: "x", count: 5))
        }
        connections[index] = try SoakConnection(server.endpoint)
        if Int.random(in: 0..<24) == 0 { binary = try SoakConnection(server.endpoint) }
        figures.reconnections += 1
    }

    /// Sixty times a period.
    private mutating func change() throws {
        figures.loads.append(ServerUnderCheck.machineLoad)
        let desk = try SoakConnection(server.endpoint)
        try desk.send("slabs reassign -1 \(Int.random(in: 1...60))\r\n")
        if try desk.line() == "OK" { figures.moves += 1 }
        switch Int.random(in: 0..<60) {
        case ..<20:
            try beginDump()
        case ..<40:
            try desk.send("cache_memlimit \(Self.megabytes.randomElement().unsafelyUnwrapped)\r\n")
            _ = try desk.line()
        case 40:
            try desk.send("flush_all\r\n")
            _ = try desk.line()
            items.removeAll()
            figures.flushes += 1
        default: break
        }
    }

    private mutating func beginDump() throws {
        dump?.join()
        let reader = try Peer(server.endpoint)
        reader.send("lru_crawler metadump all\r\n")
        dump = BackgroundThread { _ = reader.skip(to: "END\r\n") }
        figures.dumps += 1
    }

    // MARK: Rest

    /// What is left when nobody asks for anything and the cache has given back what it may not have.
    private mutating func rest() throws {
        let desk = try SoakConnection(server.endpoint)
        try desk.send("cache_memlimit \(Self.megabytes[0])\r\n")
        guard try desk.line() == "OK" else { throw Exhaustion.Finding(description: "the limit cannot be set") }
        // Pages leave one after the other.
        figures.itemsMax = items.count
        var state = try server.state()
        for look in 0..<Self.restLooksMax {
            usleep(1_000_000)
            let before = state
            state = try server.state()
            figures.held = try Exhaustion.Held(server)
            figures.items = try server.statistic("", "curr_items") ?? 0
            let isSteady = look >= 2 && state.residentBytes >= before.residentBytes - 256 << 10
            if isSteady, figures.held.isNothing, figures.items <= figures.itemsMax + SoakFigures.itemsMoreMax { break }
        }
        figures.connections = state.connections
        figures.descriptors = state.descriptors
        figures.residentBytes = state.residentBytes
        try desk.send("cache_memlimit \(Self.megabytes.last.unsafelyUnwrapped)\r\n")
        _ = try desk.line()
    }
}
