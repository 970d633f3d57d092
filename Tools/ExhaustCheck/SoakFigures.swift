/// What one period of a soak was like, and what is asked of it.
///
/// 1. Each period: nothing wrong, nothing refused, the load nearly kept up, and of the keys that were looked up at
///    least `hitShareMin` found: a cache may lose anything, but not everything.
/// 2. Each period's end, at rest, with the limit at its least: nothing is kept for connections, no connection or
///    descriptor more than after the first, no more items than keys have been stored.
/// 3. The last against the first: memory at rest; processor time a request, always; the 99th of a hundred latencies
///    where the machine was as busy as in the first.
struct SoakFigures {
    /// A cache that evicts what was used least recently has 25 to 40 % of them, the more the longer a period is.
    static let hitShareMin = 0.15
    static let keptPaceShareMin = 0.5
    static let residentBytesMoreMax = 8 << 20
    static let itemsMoreMax = 1000
    static let processorFactorMax = 1.5
    /// Processors that do other work besides do less for the same time.
    static let processorFactorMaxUnlikeLoad = 2.0
    static let latencyFactorMax = 2
    static let latencyMicrosecondsMore = 1000
    /// Loads are alike when they differ by no more than this, or a fourth.
    static let loadDifferenceMax = 0.5

    var requests = 0, dueRequests = 0, lateRequests = 0, lookups = 0, hits = 0, wrong = 0, refused = 0
    var moves = 0, dumps = 0, flushes = 0, reconnections = 0
    /// Microseconds from when a request was due to the end of its reply.
    var latencies: [Int32] = []
    var loads: [Double] = []
    var processorMicroseconds = 0

    /// Items that the server may have, by what was stored and found.
    var itemsMax = 0

    /// At rest.
    var items = 0
    var connections = 0
    var descriptors = 0
    var residentBytes = 0
    var held = Exhaustion.Held()

    var hitShare: Double { lookups == 0 ? 0 : Double(hits) / Double(lookups) }
    var load: Double { loads.isEmpty ? 0 : loads.reduce(0, +) / Double(loads.count) }
    var processorPerRequest: Double { Double(processorMicroseconds) / Double(max(requests, 1)) }

    /// Of `latencies` in order.
    private static func percentile(_ share: Double, _ sorted: [Int32]) -> Int {
        sorted.isEmpty ? 0 : Int(sorted[min(sorted.count - 1, Int(Double(sorted.count) * share))])
    }

    private var latency99: Int { Self.percentile(0.99, latencies.sorted()) }

    // MARK: Judging

    /// Rules 1 and 2: what is wrong with this period, one sentence each.
    func findings(since first: SoakFigures) -> [String] {
        var found: [String] = []
        func require(_ isRight: Bool, _ what: String) { if !isRight { found.append(what) } }
        require(wrong == 0, "\(wrong) wrong answers")
        require(refused == 0, "\(refused) stores were refused")
        require(
            hitShare >= Self.hitShareMin,
            "\(Int(hitShare * 100)) % of what was looked up was there; wanted are \(Int(Self.hitShareMin * 100)) %")
        require(
            Double(requests) >= Self.keptPaceShareMin * Double(dueRequests),
            "\(requests) requests were made of \(dueRequests) that were due")
        require(held.isNothing, "at rest the server keeps \(held)")
        require(
            connections <= first.connections, "\(connections) connections at rest, \(first.connections) at the first")
        require(
            descriptors <= first.descriptors, "\(descriptors) descriptors at rest, \(first.descriptors) at the first")
        require(
            items <= itemsMax + Self.itemsMoreMax, "\(items) items at rest, though only \(itemsMax) can have been kept")
        return found
    }

    /// Rule 3.
    func comparison(with first: SoakFigures) -> [String] {
        var found: [String] = []
        if residentBytes > first.residentBytes + Self.residentBytesMoreMax {
            found.append("\(residentBytes >> 20) MB resident at rest, \(first.residentBytes >> 20) in the first period")
        }
        let isAlike = abs(load - first.load) <= max(Self.loadDifferenceMax, first.load / 4)
        let factor = isAlike ? Self.processorFactorMax : Self.processorFactorMaxUnlikeLoad
        if processorPerRequest > factor * first.processorPerRequest {
            found.append(
                "\(processorPerRequest) µs of processor a request, more than \(factor) times the "
                    + "\(first.processorPerRequest) of the first period")
        }
        // Where the machine cannot keep up, latencies are those of a queue.
        let keptUp = first.lateRequests * 100 <= first.requests
        if isAlike, keptUp, latency99 > Self.latencyFactorMax * first.latency99 + Self.latencyMicrosecondsMore {
            found.append("p99 is \(latency99) µs, in the first period \(first.latency99), the machine as busy as then")
        }
        return found
    }

    // MARK: Telling

    var description: String {
        let sorted = latencies.sorted()
        func percentile(_ share: Double) -> Int { Self.percentile(share, sorted) }
        func tenths(_ number: Double) -> Double { (number * 10).rounded() / 10 }
        return "\(requests) requests, \(lateRequests) begun late, \(Int(hitShare * 100)) % of \(lookups) found, "
            + "\(wrong) wrong, \(refused) refused; at rest \(items) items, \(connections) connections, "
            + "\(descriptors) descriptors, \(residentBytes >> 20) MB resident, \(held); "
            + "p50 \(percentile(0.5)), p99 \(percentile(0.99)), p99.9 \(percentile(0.999)) µs since due; "
            + "\(tenths(processorPerRequest)) µs of processor a request, load \(tenths(load)); \(moves) moves, "
            + "\(dumps) dumps, \(flushes) flushes, \(reconnections) reconnections"
    }

    // MARK: Teeth

    /// That each rule finds what it is meant to find, and nothing in figures that are well.
    static func proveTeeth() throws {
        var well = SoakFigures()
        (well.requests, well.dueRequests, well.lookups, well.hits) = (1000, 1000, 500, 300)
        (well.items, well.itemsMax, well.connections, well.descriptors) = (900, 1000, 25, 44)
        (well.residentBytes, well.processorMicroseconds) = (44 << 20, 12_000)
        (well.latencies, well.loads) = ([Int32](repeating: 300, count: 1000), [1])
        let faults: [(String, (inout SoakFigures) -> Void)] = [
            ("wrong", { $0.wrong = 1 }), ("refused", { $0.refused = 1 }), ("lost", { $0.hits = 0 }),
            ("stuck", { $0.dueRequests = 3000 }), ("items", { $0.items = 2100 }),
            ("connections", { $0.connections += 1 }), ("descriptors", { $0.descriptors += 1 }),
            ("copies", { $0.held.copiedBytes = 1 }), ("leases", { $0.held.leasedBytes = 1 }),
            ("reservations", { $0.held.reservedBytes = 1 }), ("memory", { $0.residentBytes += 9 << 20 }),
            ("processor", { $0.processorMicroseconds = 19_000 }),
            ("processor of a busy machine", { ($0.processorMicroseconds, $0.loads) = (25_000, [9]) }),
            ("latency", { $0.latencies = [Int32](repeating: 1700, count: 1000) }),
        ]
        func sentences(_ figures: SoakFigures) -> [String] {
            figures.findings(since: well) + figures.comparison(with: well)
        }
        try Exhaustion.require(sentences(well).isEmpty, "the rules find \(sentences(well)) where nothing is")
        for (name, change) in faults {
            var bad = well
            change(&bad)
            try Exhaustion.require(sentences(bad).count == 1, "the rules do not find the fault: \(name)")
        }
        var busy = well
        (busy.latencies, busy.loads) = ([Int32](repeating: 9000, count: 1000), [9])
        try Exhaustion.require(sentences(busy).isEmpty, "the rules take a busy machine for a fault")
    }
}
