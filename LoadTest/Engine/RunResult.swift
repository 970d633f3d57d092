import LoadWorkload

/// What one run measured: plain values that reports, comparisons and files are made of.
package struct RunResult: Codable, Sendable {
    /// Who was measured: the user's label or the servers' addresses.
    package var label: String
    /// The workload in words and numbers, name to value, for the reader.
    package var settings: [String: String]
    /// Seconds since 1970 when measuring began.
    package var startedAt: Double
    /// Length of the measured part, without filling and warm-up.
    package var seconds: Double
    package var counts: OperationCounts
    /// From the intended time to the reply; the same as `service` in a closed loop.
    package var response: LatencyHistogram
    /// From sending to the reply.
    package var service: LatencyHistogram
    /// How late requests were sent because the driver itself was busy; empty in a closed loop.
    package var slip: LatencyHistogram
    /// One point for each interval of the run, in order.
    package var timeline: [TimelinePoint]
    package var servers: [ServerResult]
    package var driver: DriverResult
    /// Findings of the self-checking values; empty is good.
    package var violations: [Violation]
    /// Why the run should not be trusted, in sentences; empty is good.
    package var invalidReasons: [String]
    /// Texts of error replies with how often they came, at most twenty different ones a thread; nil where there were
    /// none.
    package var errorTexts: [String: Int]?
    /// What was done to the servers meanwhile, in order; nil where nothing was.
    package var marks: [TimelineMark]?
    /// Operations by kind, with their latency.
    package var kinds: [KindResult]

    package init(label: String) {
        self.label = label
        settings = [:]
        startedAt = 0
        seconds = 0
        counts = OperationCounts()
        response = LatencyHistogram()
        service = LatencyHistogram()
        slip = LatencyHistogram()
        timeline = []
        servers = []
        driver = DriverResult()
        violations = []
        invalidReasons = []
        kinds = []
    }

    /// Requests answered in a second.
    package var rate: Double { seconds > 0 ? Double(counts.requests) / seconds : 0 }

    /// Nobody answered, or with nothing but errors: the figures say nothing about a cache.
    package var isFutile: Bool { counts.errors + counts.refused >= counts.requests }
}

/// What was answered.
package struct OperationCounts: Codable, Sendable, Equatable {
    /// Requests answered, of whatever kind; a multiget is one.
    package var requests = 0
    /// Keys asked for by reads; a multiget has many.
    package var keysRead = 0
    package var hits = 0
    package var misses = 0
    package var hitBytes = 0
    /// Value bytes that missing keys would have had, where the workload knows their size.
    package var missBytes = 0
    package var stores = 0
    package var stored = 0
    /// Stores answered with an error such as out of memory.
    package var refused = 0
    /// Other error replies.
    package var errors = 0
    /// Requests that got no answer because their connection broke.
    package var lost = 0
    package var timeouts = 0
    /// Requests that were due or under way when the user ended the run, and got no answer; nil where there were none.
    package var unanswered: Int?
    package var connectionsOpened = 0
    package var connectionsBroken = 0
    package var sentBytes = 0
    package var receivedBytes = 0
    /// Values whose content was checked.
    package var verified = 0
    package var violations = 0

    package init() {}

    /// Hits of all keys asked for, 0...1; nil where nothing was read.
    package var hitRatio: Double? { keysRead > 0 ? Double(hits) / Double(keysRead) : nil }
}

/// One interval of a run.
package struct TimelinePoint: Codable, Sendable {
    /// The interval's end, in seconds since measuring began, and its length.
    package var second: Double
    package var length: Double
    package var requests: Int
    package var keysRead: Int
    package var hits: Int
    package var errors: Int
    /// Response times in nanoseconds.
    package var p50: UInt64
    package var p99: UInt64
    package var p999: UInt64
    package var max: UInt64

    package init(second: Double, length: Double) {
        self.second = second
        self.length = length
        requests = 0
        keysRead = 0
        hits = 0
        errors = 0
        p50 = 0
        p99 = 0
        p999 = 0
        max = 0
    }
}

/// A moment of a run: somebody stopped, killed or paused a server.
package struct TimelineMark: Codable, Sendable, Equatable {
    /// Since measuring began.
    package var second: Double
    package var words: String

    package init(second: Double, words: String) {
        self.second = second
        self.words = words
    }
}

/// One kind of operation.
package struct KindResult: Codable, Sendable {
    package var kind: OperationKind
    /// Requests answered.
    package var requests: Int
    /// With the waiting time of those that timed out or were left unanswered: it may count more than `requests`.
    package var response: LatencyHistogram
    /// As in `OperationCounts`; nil where there were none.
    package var timeouts: Int?
    package var lost: Int?
    package var unanswered: Int?

    /// Requests that got no answer.
    package var failures: Int { (timeouts ?? 0) + (lost ?? 0) + (unanswered ?? 0) }

    package init(kind: OperationKind, requests: Int, response: LatencyHistogram) {
        self.kind = kind
        self.requests = requests
        self.response = response
    }
}

/// One server: what was asked of it and what it cost.
package struct ServerResult: Codable, Sendable {
    package var address: String
    /// The server's own `version`, if it told.
    package var version: String?
    package var counts: OperationCounts
    package var response: LatencyHistogram
    /// CPU time of the server's process during the run, all threads; nil where the process is not known.
    package var cpuNanoseconds: UInt64?
    /// The part of it that the kernel took, 0...1.
    package var kernelShare: Double?
    /// Resident memory at the end and its peak.
    package var residentBytes: UInt64?
    package var residentBytesPeak: UInt64?
    /// Items, evictions and the like at the end, from `stats`, name to value.
    package var statistics: [String: String]

    package init(address: String) {
        self.address = address
        version = nil
        counts = OperationCounts()
        response = LatencyHistogram()
        cpuNanoseconds = nil
        kernelShare = nil
        residentBytes = nil
        residentBytesPeak = nil
        statistics = [:]
    }
}

/// The driver's own part.
package struct DriverResult: Codable, Sendable {
    package var threads = 0
    package var connections = 0
    package var cpuNanoseconds: UInt64 = 0
    /// The busiest thread's CPU time over wall time, 0...1.
    package var busyFraction: Double = 0

    package init() {}
}

/// A value that cannot have come from a correct server.
package struct Violation: Codable, Sendable {
    /// foreign, torn, length, stale, resurrected, unheard of, expired, lost: a value; order, protocol: a reply;
    /// history.
    package var kind: String
    package var key: String
    package var server: String
    /// What was expected and what came, in a sentence.
    package var explanation: String

    package init(kind: String, key: String, server: String, explanation: String) {
        self.kind = kind
        self.key = key
        self.server = server
        self.explanation = explanation
    }
}
