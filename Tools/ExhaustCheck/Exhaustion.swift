import Glibc

/// What can be used up, and what is looked at meanwhile.
struct Exhaustion {
    let name: String
    let check: (_ program: String) throws -> String

    static var all: [Exhaustion] {
        [
            Exhaustion(name: "descriptors", check: descriptors), Exhaustion(name: "storm", check: storm),
            Exhaustion(name: "tcp", check: tcp), Exhaustion(name: "one-address", check: oneAddress),
            Exhaustion(name: "half-open", check: halfOpen), Exhaustion(name: "half-open-tls", check: halfOpenTLS),
            Exhaustion(name: "logins", check: logins), Exhaustion(name: "datagrams", check: datagrams),
            Exhaustion(name: "slow-readers", check: slowReaders),
            Exhaustion(name: "slow-writers", check: slowWriters), Exhaustion(name: "multigets", check: multigets),
            Exhaustion(name: "address-space", check: addressSpace),
            Exhaustion(name: "memory-limit", check: memoryLimit),
            Exhaustion(name: "refused-memory", check: refusedMemory), Exhaustion(name: "disk", check: disk),
            Exhaustion(name: "failing-calls", check: failingCalls),
        ]
    }

    /// What a check found wrong.
    struct Finding: Error, CustomStringConvertible {
        let description: String
    }

    /// What this machine does not allow; so nothing, or not all, has been shown.
    struct Skipped: Error, CustomStringConvertible {
        let description: String
    }

    static func require(_ isRight: Bool, _ what: @autoclosure () -> String) throws {
        if !isRight { throw Finding(description: what()) }
    }

    /// Runs `body` against a server with small requests beside it. They must all have been answered, in time, and
    /// afterwards everything must be as before.
    static func serve(
        _ program: String, _ options: [String], prefix: String = "", at endpoint: Endpoint? = nil,
        grace megabytes: Int = 8, _ body: (ServerUnderCheck) throws -> String
    ) throws -> String {
        let server = try ServerUnderCheck(program, options, prefix: prefix, at: endpoint)
        // Whoever asks first makes the server's buffers and its rare code resident.
        _ = try server.statistics()
        for _ in 0..<200 { try Peer(server.endpoint).expect("get warm\r\n", "END\r\n") }
        let probe = try Probe(server.endpoint)
        defer { _ = probe.stop() }
        let before = try server.state()
        let told = try body(server)
        let probed = probe.stop()
        let after = try server.settled(before, grace: megabytes << 20)
        try require(server.isRunning, "the server has ended")
        try judge(probed)
        try require(
            after.connections <= before.connections && after.descriptors <= before.descriptors,
            "afterwards \(after), before \(before)")
        try require(
            after.residentBytes <= before.residentBytes + megabytes << 20,
            "afterwards \(after.residentBytes >> 20) MB resident, before \(before.residentBytes >> 20) MB")
        try requireNothingHeld(server)
        return "\(told); \(probed.count) small requests beside it, the longest \(probed.longestMicroseconds) µs; "
            + "resident before \(before.residentBytes >> 10) KB, after \(after.residentBytes >> 10) KB"
    }

    private static func judge(_ probed: Probe.Result) throws {
        try require(
            probed.failures == 0, "\(probed.failures) of \(probed.count) small requests failed: \(probed.reason)")
        try require(
            probed.longestMicroseconds <= Probe.Bound.longestMilliseconds * 1000,
            "a small request took \(probed.longestMicroseconds) µs; allowed are \(Probe.Bound.longestMilliseconds) ms")
        try require(
            Double(probed.count) >= Double(Probe.Bound.perSecondMin) * probed.seconds,
            "only \(probed.count) small requests in \(probed.seconds) s; wanted are \(Probe.Bound.perSecondMin) a second"
        )
    }

    /// With every client gone, or silent between two requests, nothing is kept for any.
    static func requireNothingHeld(_ server: ServerUnderCheck) throws {
        var held = Held()
        for _ in 0..<50 {
            held = try Held(server)
            if held.isNothing { return }
            usleep(100_000)
        }
        throw Finding(description: "for clients that have gone it keeps \(held)")
    }

    /// What a server says that it keeps for its connections beside the cache, and in it.
    struct Held: CustomStringConvertible {
        var copiedBytes = 0
        var leasedBytes = 0
        var reservedBytes = 0

        init() {}

        init(_ server: ServerUnderCheck) throws {
            let statistics = try server.statistics("martlet")
            func bytes(_ name: String) throws -> Int {
                guard let count = statistics[name].flatMap({ Int($0) }) else {
                    throw Finding(description: "stats martlet does not tell \(name)")
                }
                return count
            }
            copiedBytes = try bytes("buffer_copied_bytes")
            leasedBytes = try bytes("buffer_leased_bytes")
            reservedBytes = try bytes("reserved_bytes")
        }

        var isNothing: Bool { copiedBytes == 0 && leasedBytes == 0 && reservedBytes == 0 }

        var description: String {
            "\(copiedBytes) bytes copied, \(leasedBytes) leased, \(reservedBytes) reserved"
        }
    }
}
