import LoadWorkload

/// What one driver thread has counted. In raw memory, written by the thread alone; read when the thread has ended.
struct Tally: ~Copyable {
    /// One for each server.
    let counts: UnsafeMutablePointer<OperationCounts>
    let serverCount: Int
    /// From the intended time, one for each kind of operation; with the waiting time of those that got none.
    let kinds: UnsafeMutablePointer<LatencyCells>
    /// One for each kind of operation.
    let failures: UnsafeMutablePointer<KindFailures>
    /// From the intended time, one for each server; none where there is one server: the kinds tell.
    let servers: UnsafeMutablePointer<LatencyCells>
    var service = LatencyCells()
    var slip = LatencyCells()
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
        failures = .allocate(capacity: Self.kindCount)
        failures.initialize(repeating: KindFailures(), count: Self.kindCount)
        servers = .allocate(capacity: max(serverCount, 1))
        if serverCount > 1 {
            for index in 0..<serverCount { (servers + index).initialize(to: LatencyCells()) }
        }
    }

    deinit {
        if serverCount > 1 { servers.deinitialize(count: serverCount) }
        servers.deallocate()
        failures.deinitialize(count: Self.kindCount)
        failures.deallocate()
        kinds.deinitialize(count: Self.kindCount)
        kinds.deallocate()
        counts.deinitialize(count: serverCount)
        counts.deallocate()
    }

    /// A measured request got no answer within the time limit.
    func timeOut(_ kind: OperationKind, server: Int, after nanoseconds: UInt64) {
        counts[server].timeouts += 1
        failures[kind.index].timeouts += 1
        wait(kind, server: server, for: nanoseconds)
    }

    /// The connection of a measured request broke.
    func lose(_ kind: OperationKind, server: Int) {
        counts[server].lost += 1
        failures[kind.index].lost += 1
    }

    /// The run was interrupted, and a measured request had no answer.
    func leave(_ kind: OperationKind, server: Int, after nanoseconds: UInt64) {
        counts[server].unanswered = (counts[server].unanswered ?? 0) + 1
        failures[kind.index].unanswered += 1
        wait(kind, server: server, for: nanoseconds)
    }

    /// A request without answer is among the latencies with the time that it has waited.
    private func wait(_ kind: OperationKind, server: Int, for nanoseconds: UInt64) {
        kinds[kind.index].add(nanoseconds)
        if serverCount > 1 { servers[server].add(nanoseconds) }
    }

    /// Adds the thread's figures to the run's; `sums`: one for each kind of operation.
    func pour(into result: inout RunResult, kinds sums: inout [KindSum]) {
        for index in 0..<serverCount {
            result.servers[index].counts.add(counts[index])
            result.counts.add(counts[index])
            if serverCount > 1 { servers[index].pour(into: &result.servers[index].response) }
        }
        for index in 0..<Self.kindCount {
            kinds[index].pour(into: &sums[index].response)
            sums[index].failures.add(failures[index])
        }
        service.pour(into: &result.service)
        slip.pour(into: &result.slip)
        let room = max(LoadLimits.violationsDescribedMax - result.violations.count, 0)
        result.violations += violations.prefix(room)
    }
}

/// Measured requests of one kind that got no answer.
struct KindFailures: BitwiseCopyable {
    var timeouts = 0
    var lost = 0
    var unanswered = 0

    /// Those whose waiting time is among the latencies.
    var waitedCount: Int { timeouts + unanswered }

    mutating func add(_ other: KindFailures) {
        timeouts += other.timeouts
        lost += other.lost
        unanswered += other.unanswered
    }
}

/// One kind of operation over all threads.
struct KindSum {
    var response = LatencyHistogram()
    var failures = KindFailures()

    /// nil where nothing of this kind was asked.
    func result(of kind: OperationKind) -> KindResult? {
        guard response.count > 0 || failures.lost > 0 else { return nil }
        var result = KindResult(kind: kind, requests: Int(response.count) - failures.waitedCount, response: response)
        if failures.timeouts > 0 { result.timeouts = failures.timeouts }
        if failures.lost > 0 { result.lost = failures.lost }
        if failures.unanswered > 0 { result.unanswered = failures.unanswered }
        return result
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
        if let unanswered = other.unanswered { self.unanswered = (self.unanswered ?? 0) + unanswered }
        connectionsOpened += other.connectionsOpened
        connectionsBroken += other.connectionsBroken
        sentBytes += other.sentBytes
        receivedBytes += other.receivedBytes
        verified += other.verified
        violations += other.violations
    }
}
