import DoubleTesting
import LoadEngine
import LoadWorkload
import Testing

/// Servers that answer wrongly now and then: each is caught, in every run.
@Suite("A wrong answer")
struct WrongAnswerTests {
    static let faults: [(DoubleBrain.Fault, kinds: Set<String>)] = [
        (.stale(every: 50), ["stale"]),
        (.torn(every: 20), ["torn"]),
        (.flipped(every: 200), ["torn", "foreign", "length"]),
        (.foreign(every: 50), ["foreign", "torn"]),
        (.shortened(every: 200), ["length", "torn"]),
        (.resurrected(every: 5), ["resurrected"]),
    ]

    private static func run(
        _ fault: DoubleBrain.Fault?, wire: WireProtocol = .classic, depth: Int = 8,
        _ change: (inout LoadSettings) throws -> Void = { _ in }
    ) throws -> RunResult {
        let double = try ServerDouble(fault)
        var settings = try LoadRunTests.settings(
            [ServerAddress(.host("127.0.0.1", port: double.port))], "get=60,mget:5=5,set=25,delete=10")
        settings.workload.keyCount = 50
        settings.workload.sizes = .fixed(100)
        settings.wire = wire
        settings.depth = depth
        settings.requestCount = 6000
        try change(&settings)
        return try LoadRun.run(settings)
    }

    @Test("is not found where there is none", arguments: [WireProtocol.classic, .meta])
    func innocence(wire: WireProtocol) throws {
        // The double knows no leases.
        let mix = "get=30,mget:5=5,set=20,add=5,delete=5,incr=5,touch=5,gat=5,cas=5"
        let result = try Self.run(nil, wire: wire) {
            $0.workload.mix = try Mix(parsing: wire == .classic ? mix : mix.replacing("incr=5,", with: ""))
        }

        #expect(result.violations.isEmpty, "\(result.violations.map(\.explanation))")
        #expect(result.counts.errors == 0)
    }

    @Test("is not found where nothing is looked at", arguments: [WireProtocol.classic, .meta])
    func unchecked(wire: WireProtocol) throws {
        let result = try Self.run(nil, wire: wire) { $0.verification = .off }

        #expect(result.violations.isEmpty, "\(result.violations.map(\.explanation))")
        #expect(result.counts.errors == 0)
    }

    @Test("in a value is found by its content", arguments: faults.indices, [WireProtocol.classic, .meta])
    func values(index: Int, wire: WireProtocol) throws {
        let (fault, kinds) = Self.faults[index]

        let result = try Self.run(fault, wire: wire)

        #expect(result.counts.violations > 0)
        #expect(!result.violations.isEmpty)
        #expect(Set(result.violations.map(\.kind)).isSubset(of: kinds), "\(Set(result.violations.map(\.kind)))")
    }

    @Test(
        "in a reply ends the connection it came on",
        arguments: [
            DoubleBrain.Fault.misnamed(every: 50), .unended(every: 100), .garbage(every: 100), .doubled(every: 100),
            .swapped(every: 20), .undone(every: 50),
        ], [WireProtocol.classic, .meta])
    func replies(fault: DoubleBrain.Fault, wire: WireProtocol) throws {
        // A meta get says nothing about its key, so that only a multiget can be misnamed, and has no END.
        let result = try Self.run(fault, wire: wire)

        #expect(result.counts.violations > 0)
        #expect(result.counts.connectionsBroken > 0)
    }

    @Test("is NOT_STORED to a plain set, however little is checked", arguments: [WireProtocol.classic, .meta])
    func undone(wire: WireProtocol) throws {
        let result = try Self.run(.undone(every: 50), wire: wire) { $0.verification = .off }

        let finding = try #require(result.violations.first)
        #expect(finding.kind == "protocol")
        #expect(finding.explanation.hasPrefix("answered a request of kind set with 'N"))
    }

    @Test("without the opaque that was asked for is found")
    func opaque() throws {
        let result = try Self.run(.mute(every: 50), wire: .meta) {
            $0.workload.mix = try Mix(parsing: "get=70,set=30")
        }

        #expect(result.violations.contains { $0.explanation.contains("no opaque") })
        #expect(result.counts.connectionsBroken > 0)
    }

    @Test("is found with tiny values as well", arguments: [1, 4, 8, 23, 24])
    func sizes(bytes: Int) throws {
        let result = try Self.run(.stale(every: 20)) { $0.workload.sizes = .fixed(bytes) }

        #expect(result.counts.violations > 0)
    }

    @Test("does not end a run that is to go on")
    func goingOn() throws {
        let result = try Self.run(.garbage(every: 100)) { $0.keepsGoing = true }

        #expect(result.counts.violations > 5)
        #expect(result.counts.requests + result.counts.lost >= 6000)
    }

    @Test("is not looked for in values when only the framing is checked")
    func framing() throws {
        let result = try Self.run(.stale(every: 50)) { $0.verification = .framing }

        #expect(result.violations.isEmpty)
        #expect(result.counts.verified == 0)
    }

    @Test("is none when stores are refused: they are counted")
    func refusal() throws {
        let result = try Self.run(.refusing)

        #expect(result.violations.isEmpty)
        #expect(result.counts.refused == result.counts.stores)
        #expect(result.counts.stored == 0)
        #expect(result.errorTexts?.keys.contains("SERVER_ERROR out of memory storing object") == true)
    }

    @Test("is a miss only where nothing may be evicted", arguments: [false, true])
    func loss(isExpected: Bool) throws {
        let forgetful = try Self.run(.forgetful(every: 100)) { $0.expectsHits = !isExpected }
        let good = try Self.run(nil) { $0.expectsHits = true }

        #expect(forgetful.counts.misses > 0)
        #expect(forgetful.violations.contains { $0.kind == "lost" } == !isExpected)
        // It misses what was deleted, and what was not stored yet.
        #expect(good.counts.misses > 0)
        #expect(good.violations.isEmpty)
    }

    @Test("is an item that outlives its time")
    func expiry() throws {
        let result = try Self.run(.immortal) {
            $0.workload.lives = .fixed(1)
            $0.workload.mix = try Mix(parsing: "get=999,set=1")
            $0.workload.keyCount = 2000
            $0.fills = true
            $0.requestCount = nil
            $0.seconds = 5
            $0.pace = .arriving(.constant(2000), .constant)
        }

        #expect(result.violations.contains { $0.kind == "expired" })
    }
}
