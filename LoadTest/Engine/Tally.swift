import LoadWorkload

/// What one driver thread has counted. In raw memory, written by the thread alone; read when the thread has ended.
struct Tally: ~Copyable {
    /// One for each server.
    let counts: UnsafeMutablePointer<OperationCounts>
    let serverCount: Int
    /// From the intended time, one for each kind of operation.
    let kinds: UnsafeMutablePointer<LatencyCells>
    /// From the intended time, one for each server; none where there is one server: the kinds tell.
    let servers: UnsafeMutablePointer<LatencyCells>
    var service = LatencyCells()
    var slip = LatencyCells()
    /// How long requests had waited that got no answer in time.
    var unanswered = LatencyCells()
    var lastReplyAt: UInt64 = 0
    /// Up to then load was given, whether or not it was answered; 0 where operations ran out, which ends with the last
    /// reply.
    var loadedUntil: UInt64 = 0
    /// CPU time of the thread when measuring began and when it ended.
    var startedCPU: UInt64 = 0
    var endedCPU: UInt64 = 0
    var endedAt: UInt64 = 0
    /// The first `LoadLimits.violationsDescribedMax`; cold.
    var violations: [Violation] = []
    /// Texts of error replies with their number; cold.
    var errorTexts: [String: Int] = [:]

    private static let kindCount = OperationKind.allCases.count

    init(serverCount: Int) {
        self.serverCount = serverCount
        counts = .allocate(capacity: serverCount)
        counts.initialize(repeating: OperationCounts(), count: serverCount)
        kinds = .allocate(capacity: Self.kindCount)
        for index in 0..<Self.kindCount { (kinds + index).initialize(to: LatencyCells()) }
        servers = .allocate(capacity: max(serverCount, 1))
        if serverCount > 1 {
            for index in 0..<serverCount { (servers + index).initialize(to: LatencyCells()) }
        }
    }

    deinit {
        if serverCount > 1 { servers.deinitialize(count: serverCount) }
        servers.deallocate()
        kinds.deinitialize(count: Self.kindCount)
        kinds.deallocate()
        counts.deinitialize(count: serverCount)
        counts.deallocate()
    }

    /// A measured request got no answer within the time limit.
    mutating func timeOut(server: Int, after nanoseconds: UInt64) {
        counts[server].timeouts += 1
        unanswered.add(nanoseconds)
        if serverCount > 1 { servers[server].add(nanoseconds) }
    }

    /// Adds the thread's figures to the run's.
    func pour(into result: inout RunResult, kinds sums: inout [LatencyHistogram]) {
        for index in 0..<serverCount {
            result.servers[index].counts.add(counts[index])
            result.counts.add(counts[index])
            if serverCount > 1 { servers[index].pour(into: &result.servers[index].response) }
        }
        for kind in OperationKind.allCases { kinds[Int(kind.rawValue)].pour(into: &sums[Int(kind.rawValue)]) }
        unanswered.pour(into: &result.response)
        service.pour(into: &result.service)
        slip.pour(into: &result.slip)
        let room = max(LoadLimits.violationsDescribedMax - result.violations.count, 0)
        result.violations += violations.prefix(room)
    }
}

extension OperationCounts {
    package mutating func add(_ other: OperationCounts) {
        requests += other.requests
        keysRead += other.keysRead
        hits += other.hits
        misses += other.misses
        hitBytes += other.hitBytes
        missBytes += other.missBytes
        stores += other.stores
        stored += other.stored
        refused += other.refused
        errors += other.errors
        lost += other.lost
        timeouts += other.timeouts
        connectionsOpened += other.connectionsOpened
        connectionsBroken += other.connectionsBroken
        sentBytes += other.sentBytes
        receivedBytes += other.receivedBytes
        verified += other.verified
        violations += other.violations
    }
}
