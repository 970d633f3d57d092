import LoadWorkload

/// Everything that decides a run.
package struct LoadSettings: Sendable {
    package var servers: [ServerAddress]
    package var workload: Workload
    /// Makes the same operations again.
    package var seed: UInt64 = 1

    /// 1...`LoadLimits.threadsMax`; each turns a loop of its own.
    package var threadCount = 1
    /// Connections to each server in all, spread over the threads; raised to one for each thread.
    package var connectionCount = 50
    /// Requests that may be under way on one connection, 1...`LoadLimits.depthMax`.
    package var depth = 1
    package var wire = WireProtocol.classic

    package var pace = Pace.saturating
    /// Length of the measured part; nil: until the requests or the trace are used up.
    package var seconds: Double? = 10
    /// Requests of the measured part in all; nil: as many as the time allows. What comes first ends the run.
    package var requestCount: UInt64?
    /// Load before measuring begins.
    package var warmUpSeconds: Double = 0
    /// Stores each key of the key space once before anything else.
    package var fills = false

    package var verification = Verification.full
    /// Nothing may be evicted: a miss of what was stored is a violation. With full verification.
    package var expectsHits = false
    /// Longest wait for a reply; a connection that exceeds it is given up.
    package var timeoutSeconds: Double = 5
    package var connectSeconds: Double = 3
    /// Survives broken connections and servers that are gone, instead of ending the run.
    package var keepsGoing = false

    /// Length of an interval of the time line.
    package var intervalSeconds: Double = 1
    /// The servers' processes, in their order, for their CPU time; asked of local servers themselves where empty.
    package var serverProcesses: [Int32] = []
    /// Who is measured, for the report; the servers' addresses where nil.
    package var label: String?

    package init(servers: [ServerAddress], workload: Workload) {
        self.servers = servers
        self.workload = workload
    }

    /// Throws a `LoadError` with the first thing that makes no sense.
    package func check() throws(LoadError) {
        try Self.expect(!servers.isEmpty, "No server is given.")
        try Self.expect(
            servers.count <= LoadLimits.serversMax, "\(servers.count) servers; at most \(LoadLimits.serversMax).")
        try Self.expect(
            (1...LoadLimits.threadsMax).contains(threadCount),
            "\(threadCount) threads; 1 to \(LoadLimits.threadsMax) are possible.")
        try Self.expect(
            (1...LoadLimits.connectionsMax).contains(connectionCount),
            "\(connectionCount) connections; 1 to \(LoadLimits.connectionsMax) are possible.")
        try Self.expect(
            (1...LoadLimits.depthMax).contains(depth), "A depth of \(depth); 1 to \(LoadLimits.depthMax) are possible.")
        if let seconds {
            try Self.expect(
                seconds > 0 && seconds <= LoadLimits.secondsMax,
                "A duration of \(seconds) s; more than 0 and at most \(LoadLimits.secondsMax) s are possible.")
        }
        if case .arriving(let curve, _) = pace, seconds == nil, case .constant = curve {
        } else if case .arriving = pace, seconds == nil {
            throw .usage("A rate that changes needs a duration.")
        }
        if case .timed(let speed) = pace {
            try Self.expect(
                speed > 0 && speed <= 1e6, "A speed of \(speed); more than 0 and at most 1000000 are possible.")
        }
        try Self.expect(
            verification != .full || workload.keyNumbersEnd <= VersionTable.keysMax,
            "The values of \(workload.keyNumbersEnd) keys cannot be followed, but of \(VersionTable.keysMax) at most; use fewer "
                + "keys or check less.")
        try Self.expect(
            !expectsHits || verification == .full, "Misses can be judged only where everything is verified.")
        if wire == .redis {
            let mix = workload.mix
            try Self.expect(
                mix.share(of: .compareAndSet) == 0 && mix.share(of: .lease) == 0,
                "Redis's protocol has neither cas nor lease.")
        }
        try Self.expect(requestCount != 0, "No request at all is asked for.")
        for (seconds, name) in [(timeoutSeconds, "timeout"), (connectSeconds, "time limit for connecting")] {
            try Self.expect(
                seconds > 0 && seconds <= LoadLimits.timeoutSecondsMax,
                "A \(name) of \(seconds) s; more than 0 and at most \(LoadLimits.timeoutSecondsMax) s are possible.")
        }
        try Self.expect(
            warmUpSeconds >= 0 && warmUpSeconds <= LoadLimits.secondsMax, "A warm-up of \(warmUpSeconds) s.")
        try Self.expect(
            intervalSeconds >= 0.01 && intervalSeconds <= LoadLimits.secondsMax,
            "Intervals of \(intervalSeconds) s; at least 0.01 s are possible.")
    }

    private static func expect(_ holds: Bool, _ sentence: @autoclosure () -> String) throws(LoadError) {
        if !holds { throw .usage(sentence()) }
    }
}

/// How operations are put on the wire.
@frozen
package enum WireProtocol: UInt8, BitwiseCopyable, Sendable, CaseIterable {
    /// `get`, `set`, `touch`, ...; leases alone need the meta commands.
    case classic
    /// `mg`, `ms`, `md`, `ma`.
    case meta
    /// Redis's, version 2: `GET`, `SET`, `MGET`, ...; no reads for a store, no leases.
    case redis
}

/// What is checked of each reply. A reply that does not fit its request is always noticed.
@frozen
package enum Verification: UInt8, BitwiseCopyable, Sendable, CaseIterable {
    /// Kind, length and line ends of the reply.
    case off
    /// And that it names the key, or repeats the opaque, of the request it answers.
    case framing
    /// And that the value is whole, the key's own and not older than what was acknowledged before the request was sent.
    case full
}

/// Every bound of a run, in one place.
package enum LoadLimits {
    package static let threadsMax = 64
    package static let serversMax = 1024
    package static let connectionsMax = 65536
    package static let depthMax = 1024
    package static let secondsMax: Double = 7 * 86400
    package static let timeoutSecondsMax: Double = 600
    /// Violations that are described; the rest is counted.
    package static let violationsDescribedMax = 100
    /// Different texts of error replies that are kept.
    package static let errorTextsMax = 20
    /// Bytes that one read takes at most.
    static let inputBytes = 256 << 10
    /// Bytes behind those that were read that may be looked at.
    static let readAheadBytes = 64
    /// Requests are handed to the kernel when this many bytes are written.
    static let outputBytes = 128 << 10
    /// Leftovers of an input up to this size are moved in front of the next; beyond it is read behind them.
    static let movedBytesMax = 16 << 10
    /// Operations that wait for one of several servers in a thread.
    static let waitingMax = 4096
    /// First and longest wait before a broken connection is tried again.
    static let retryNanosecondsMin: UInt64 = 10_000_000
    static let retryNanosecondsMax: UInt64 = 1_000_000_000
    /// A driver thread that is so much later than it wanted was kept from running.
    static let absenceNanosecondsMax: UInt64 = 100_000_000
    /// How long answers are waited for when the user has asked for the end.
    static let graceNanoseconds: UInt64 = 250_000_000
    /// Operations that were due then and are counted although they were never sent, for each thread: a few seconds'
    /// work. Only rates far beyond any server leave more.
    static let unansweredDrawnMax = 50_000_000
    /// How long a server may be gone in a run that survives that.
    static let absenceSecondsMax: UInt64 = 60
}
