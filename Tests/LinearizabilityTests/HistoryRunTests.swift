import DoubleTesting
import LoadEngine
import LoadHistory
import LoadWorkload
import ServerTesting
import Testing

/// `martlet-load run --check history`, without the command line: right servers pass, and whatever is wrong with one is
/// found.
@Suite("A check of histories")
struct HistoryRunTests {
    private static func settings(_ address: ServerAddress) -> HistorySettings {
        var settings = HistorySettings(server: address)
        settings.connectionCount = 6
        settings.seconds = nil
        settings.commandCount = 8000
        // Long enough for a machine that stands still now and then.
        settings.timeoutSeconds = 60
        settings.connectSeconds = 60
        return settings
    }

    private static func run(_ brain: HotBrain, _ change: (inout HistorySettings) -> Void = { _ in }) throws -> RunResult
    {
        let double = try ServerDouble(brain)
        var settings = settings(ServerAddress(.host("127.0.0.1", port: double.port)))
        change(&settings)
        return try HistoryRun.run(settings)
    }

    @Test("passes a server that is right", arguments: [nil, .classic, .meta] as [WireProtocol?])
    func right(wire: WireProtocol?) throws {
        let server = try SocketLinearizabilityTests.server(.unix)
        defer { server.stop() }
        var settings = Self.settings(server.address)
        settings.wire = wire
        settings.expectsHits = true
        settings.tokens = .rise

        let result = try HistoryRun.run(settings)

        #expect(result.violations.isEmpty, "\(result.violations.map(\.explanation))")
        #expect(result.invalidReasons.isEmpty)
        #expect(result.counts.requests >= 8000)
        #expect(result.counts.hits > 1000 && result.counts.stored > 1000)
    }

    @Test("passes one that is asked in the binary protocol as well, or in nothing else", arguments: [3, 6])
    func rightInBinary(count: Int) throws {
        let server = try SocketLinearizabilityTests.server(.unix)
        defer { server.stop() }
        var settings = Self.settings(server.address)
        settings.binaryCount = count
        settings.expectsHits = true
        settings.tokens = .rise
        settings.flushes = true

        let result = try HistoryRun.run(settings)

        #expect(result.violations.isEmpty, "\(result.violations.map(\.explanation))")
        #expect(result.invalidReasons.isEmpty)
        #expect(result.counts.requests >= 8000)
        #expect(result.counts.hits > 1000 && result.counts.stored > 1000)
    }

    @Test("passes a server that evicts all the time, in all sizes", arguments: [0, 3])
    func pressure(binaryCount: Int) throws {
        let server = try TestServer { $0.memoryBytes = 4 << 20 }
        defer { server.stop() }
        var settings = Self.settings(server.address)
        settings.pressure = 0.5
        settings.binaryCount = binaryCount

        let result = try HistoryRun.run(settings)

        #expect(result.violations.isEmpty, "\(result.violations.map(\.explanation))")
        #expect((result.servers[0].statistics["evictions"].flatMap { Int($0) } ?? 0) > 100)
    }

    @Test("lets a cache evict, but not where nothing may be evicted")
    func evictions() throws {
        let tolerant = try Self.run(HotBrain(.evicting(every: 20)))
        let strict = try Self.run(HotBrain(.evicting(every: 20))) { $0.expectsHits = true }

        #expect(tolerant.violations.isEmpty, "\(tolerant.violations.map(\.explanation))")
        #expect(strict.violations.contains { $0.kind == "history" })
    }

    static let faults: [HotBrain.Fault] = [
        .stale(versions: 1, every: 200), .stale(versions: 8, every: 500), .mixedToken(every: 500),
        .mixedFlags(every: 500), .torn(every: 300), .lostUpdate(every: 60), .blindCompare(every: 30),
        .blindAdd(every: 30), .resurrected(every: 100), .misplaced(every: 20), .lostTouch(every: 10),
        .wonTwice(every: 3), .lostQuiet(every: 10),
    ]

    @Test("finds what is wrong now and then, every time", arguments: faults, [1, 2])
    func wrong(fault: HotBrain.Fault, seed: UInt64) throws {
        for wire in [nil, .classic, .meta] as [WireProtocol?] where wire != .classic || !fault.isMeta {
            let result = try Self.run(HotBrain(fault)) {
                $0.wire = wire
                $0.seed = seed
                $0.expectsHits = Self.showsWithHits(fault)
            }

            #expect(result.violations.contains { $0.kind == "history" }, "\(wire.map { "\($0)" } ?? "both")")
            #expect(result.counts.violations == result.violations.count)
            let lines = result.violations.first?.explanation.split(separator: "\n") ?? []
            #expect(lines.count >= 3 && lines.count < 30, "a readable excerpt")
        }
    }

    /// Whether it is one only where a miss is: else what was there may have been evicted a moment before.
    private static func showsWithHits(_ fault: HotBrain.Fault) -> Bool {
        switch fault {
        case .blindAdd, .lostQuiet: true
        default: false
        }
    }

    static let binaryFaults: [HotBrain.Fault] = [
        .stale(versions: 1, every: 50), .stale(versions: 8, every: 50), .mixedToken(every: 50), .mixedFlags(every: 50),
        .torn(every: 30), .lostUpdate(every: 20), .blindCompare(every: 10), .blindAdd(every: 5),
        .resurrected(every: 3), .misplaced(every: 2), .lostTouch(every: 1), .lostQuiet(every: 2),
    ]

    @Test("finds what is wrong in the binary protocol alone, every time", arguments: binaryFaults, [1, 2])
    func wrongInBinary(fault: HotBrain.Fault, seed: UInt64) throws {
        let result = try Self.run(HotBrain(fault, isForBinaryOnly: true)) {
            $0.binaryCount = 3
            $0.seed = seed
            $0.expectsHits = Self.showsWithHits(fault)
        }

        #expect(result.violations.contains { $0.kind == "history" })
    }

    @Test("finds a packet that does not have the opaque of the one that it answers, and passes those that do")
    func strangeOpaque() throws {
        let right = try Self.run(HotBrain()) { $0.binaryCount = 3 }
        let wrong = try Self.run(HotBrain(.strangeOpaque(every: 200))) { $0.binaryCount = 3 }

        #expect(right.violations.isEmpty, "\(right.violations.map(\.explanation))")
        #expect(wrong.violations.contains { $0.kind == "protocol" })
    }

    @Test("passes a server that is flushed now and then, and finds one that only says so")
    func flushes() throws {
        let server = try SocketLinearizabilityTests.server(.unix)
        defer { server.stop() }
        var settings = Self.settings(server.address)
        settings.expectsHits = true
        settings.flushes = true

        let right = try HistoryRun.run(settings)
        let wrong = try Self.run(HotBrain()) {
            $0.expectsHits = true
            $0.flushes = true
        }

        #expect(right.violations.isEmpty, "\(right.violations.map(\.explanation))")
        #expect(wrong.violations.contains { $0.kind == "history" })
    }

    static let losses: [HotBrain.Fault] = [
        .lostStore(every: 60), .blindDelete(every: 10), .refusedReplace(every: 10), .blindAdd(every: 10),
    ]

    @Test("finds what only an eviction could explain where nothing may be evicted", arguments: losses)
    func lost(fault: HotBrain.Fault) throws {
        let result = try Self.run(HotBrain(fault)) { $0.expectsHits = true }

        #expect(result.violations.contains { $0.kind == "history" })
    }

    @Test("holds a server to tokens that rise, or at least differ", arguments: [true, false])
    func tokens(expectsHits: Bool) throws {
        func violations(_ fault: HotBrain.Fault, _ tokens: TokenRule?) throws -> [Violation] {
            try Self.run(HotBrain(fault)) {
                // The search without the rule is for few clients.
                $0.connectionCount = 3
                $0.wire = .meta
                $0.tokens = tokens
                $0.expectsHits = expectsHits
            }.violations
        }

        #expect(try !violations(.fallenToken(every: 50), .rise).isEmpty)
        #expect(try violations(.fallenToken(every: 50), .differ).isEmpty)
        // Of a version that was deleted: nothing but its token tells the two apart.
        #expect(try !violations(.sameToken(every: 10), .rise).isEmpty)
        #expect(try violations(.sameToken(every: 10), .differ).contains { $0.explanation.hasPrefix("two versions") })
        // A server that does not say that it is Martlet.
        #expect(try violations(.fallenToken(every: 50), nil).isEmpty)
    }

    @Test(
        "finds a read that overtakes a change of its own connection, sent with it",
        arguments: [nil, .classic, .meta] as [WireProtocol?])
    func pipelines(wire: WireProtocol?) throws {
        let result = try Self.run(HotBrain(.unordered(every: 5))) {
            $0.wire = wire
            $0.depth = 16
            $0.expectsHits = true
        }

        #expect(result.violations.contains { $0.kind == "history" })
    }

    @Test("names a server that does not know the commands, unless it finds a wrong answer first")
    func unknownCommands() throws {
        let double = try ServerDouble()
        defer { double.stop() }
        var settings = Self.settings(ServerAddress(.host("127.0.0.1", port: double.port)))
        settings.seconds = 1
        settings.timeoutSeconds = 5

        // The double also leaves out flags: which of the two is met first is chance.
        let result = try? HistoryRun.run(settings)

        #expect(result?.violations.isEmpty != true)
    }

    @Test("gives up a server that dies or falls silent", arguments: [ServerDouble.Mode.dying(after: 500), .silent])
    func dying(mode: ServerDouble.Mode) throws {
        let double = try ServerDouble(HotBrain(), mode: mode)
        var settings = Self.settings(ServerAddress(.host("127.0.0.1", port: double.port)))
        settings.timeoutSeconds = 0.3

        #expect(throws: LoadError.self) { try HistoryRun.run(settings) }
    }

    @Test("refuses settings that make no sense")
    func usage() throws {
        let changes: [(inout HistorySettings) -> Void] = [
            { $0.connectionCount = 1 }, { $0.binaryCount = 7 }, { $0.keyCount = 0 }, { $0.depth = 0 },
            { $0.pressure = 2 }, { $0.seconds = 0 },
            { $0.keyPrefix = "a b" }, { $0.timeoutSeconds = 0 },
            {
                $0.pressure = 0.1; $0.expectsHits = true
            },
        ]
        for change in changes {
            var settings = Self.settings(ServerAddress(.path("/nowhere/martlet")))
            change(&settings)
            let error = #expect(throws: LoadError.self) { try HistoryRun.run(settings) }
            #expect(error?.cause == .usage)
        }
    }
}
