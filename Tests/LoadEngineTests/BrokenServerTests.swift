import DoubleTesting
import Glibc
import LoadEngine
import LoadWorkload
import ServerTesting
import Testing

/// Servers that are not there, are something else, say nothing or go away: a sentence, and an end within bounds.
@Suite("A broken server")
struct BrokenServerTests {
    private static func settings(_ port: UInt16) throws -> LoadSettings {
        try LoadRunTests.settings([ServerAddress(.host("127.0.0.1", port: port))], "get=80,set=20")
    }

    /// A run whose time limit is to run out, but not before there was any load; nil when it did.
    private static func loaded(_ settings: LoadSettings) throws -> RunResult? {
        do {
            return try LoadRun.run(settings)
        } catch {
            if error.description.hasSuffix("does not answer within \(settings.timeoutSeconds) s.") { return nil }
            throw error
        }
    }

    private static func sentence(_ settings: LoadSettings) -> String {
        do {
            _ = try LoadRun.run(settings)
            return "no error"
        } catch {
            return error.description
        }
    }

    @Test("that nobody is behind is named")
    func unreachable() throws {
        // Bound, so that nobody else gets the port, but not listening.
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        let port = try #require(ServerDouble.bound(descriptor))

        let sentence = Self.sentence(try Self.settings(port))

        #expect(sentence == "Cannot connect to 127.0.0.1:\(port): Connection refused.")
    }

    @Test("whose Unix socket is missing is named")
    func missingPath() throws {
        let settings = try LoadRunTests.settings([ServerAddress(.path("/nowhere/martlet"))])

        #expect(Self.sentence(settings) == "Cannot connect to unix:/nowhere/martlet: No such file or directory.")
    }

    @Test("whose host does not exist is named")
    func unknownHost() throws {
        let settings = try LoadRunTests.settings([ServerAddress(.host("nowhere..invalid", port: 11211))])

        // No name at all: nobody on the network is asked for it.
        #expect(Self.sentence(settings).hasPrefix("The host 'nowhere..invalid' cannot be found"))
    }

    @Test("that speaks another protocol is quoted")
    func web() throws {
        let double = try ServerDouble(mode: .web)

        let sentence = Self.sentence(try Self.settings(double.port))

        let expected = "127.0.0.1:\(double.port) does not speak memcached: to 'version' it answered "
        #expect(sentence == expected + "'HTTP/1.1 400 Bad Request'.")
    }

    @Test("that never answers is given up")
    func silent() throws {
        let double = try ServerDouble(mode: .silent)
        var settings = try Self.settings(double.port)
        settings.timeoutSeconds = 0.3

        let sentence = Self.sentence(settings)

        #expect(sentence == "127.0.0.1:\(double.port) does not answer within 0.3 s.")
    }

    @Test("that stops answering in the middle ends the run")
    func fallingSilent() throws {
        let isNamed = try withLongerTime { factor -> Bool? in
            let double = try ServerDouble(EndingBrain(left: 1000))
            var settings = try Self.settings(double.port)
            settings.timeoutSeconds = 0.3 * factor
            let sentence = Self.sentence(settings)
            let place = "127.0.0.1:\(double.port)"
            if sentence == "\(place) does not answer within \(settings.timeoutSeconds) s." { return nil }
            #expect(sentence == "\(place): no reply within \(settings.timeoutSeconds) s.")
            return true
        }

        #expect(isNamed == true)
    }

    @Test("that dies ends the run")
    func dying() throws {
        let double = try ServerDouble(mode: .dying(after: 1000))

        let sentence = Self.sentence(try Self.settings(double.port))

        #expect(sentence.hasPrefix("127.0.0.1:\(double.port): "), "\(sentence)")
    }

    @Test("that closes connections is connected again by a run that is to go on; what was lost is counted")
    func closing() throws {
        let double = try ServerDouble(mode: .closing(after: 1000))
        var settings = try Self.settings(double.port)
        settings.keepsGoing = true
        settings.depth = 8

        let result = try LoadRun.run(settings)

        #expect(result.violations.isEmpty, "\(result.violations.map(\.explanation))")
        #expect(result.counts.connectionsBroken >= 4)
        #expect(result.counts.connectionsOpened > result.counts.connectionsBroken)
        #expect(result.counts.lost > 0)
        #expect(result.counts.requests + result.counts.lost == 4000)
    }

    @Test("that dies and stays dead does not keep a run for ever", arguments: [false, true])
    func deadEnd(isOpenLoop: Bool) throws {
        let isOver = try withLongerTime { factor -> Bool? in
            let double = try ServerDouble(mode: .dying(after: 500))
            var settings = try Self.settings(double.port)
            settings.keepsGoing = true
            settings.timeoutSeconds = 0.3 * factor
            settings.requestCount = nil
            settings.seconds = factor
            if isOpenLoop { settings.pace = .arriving(.constant(2000), .constant) }

            // Until it died it has answered, where the machine let it.
            guard let counts = try Self.loaded(settings)?.counts, counts.requests >= 400 else { return nil }

            if isOpenLoop {
                // Every arrival is accounted for.
                #expect(counts.requests + counts.lost + counts.timeouts == Int(2000 * factor))
                #expect(counts.timeouts > 1000)
            }
            return true
        }

        #expect(isOver == true)
    }

    @Test("that never answers one kind of operation shows in that kind's latencies, and in those of its moments")
    func stuckKind() throws {
        let result = try #require(
            try withLongerTime { factor in
                let double = try ServerDouble(StuckBrain())
                var settings = try Self.settings(double.port)
                settings.keepsGoing = true
                settings.timeoutSeconds = 0.1 * factor
                settings.requestCount = nil
                settings.seconds = 1
                settings.intervalSeconds = 0.1
                settings.workload.mix = try Mix(parsing: "get=19,touch=1")
                settings.pace = .arriving(.constant(200), .constant)
                return try Self.loaded(settings)
            })

        let touch = try #require(result.kinds.first { $0.kind == .touch })
        let timeouts = try #require(touch.timeouts)
        #expect(touch.requests == 0 && timeouts > 0)
        #expect(Int(touch.response.count) == timeouts)
        #expect(touch.response.min > 99_000_000)
        // The tables say the same.
        let counts = result.counts
        #expect(counts.requests + counts.timeouts + counts.lost == 200)
        #expect(result.kinds.reduce(0) { $0 + $1.requests } == counts.requests)
        #expect(result.kinds.reduce(0) { $0 + ($1.timeouts ?? 0) } == counts.timeouts)
        #expect(result.kinds.reduce(0) { $0 + ($1.lost ?? 0) } == counts.lost)
        #expect(Int(result.response.count) == counts.requests + counts.timeouts)
        #expect(result.servers[0].response.count == result.response.count)
        #expect(result.timeline.contains { $0.max > 99_000_000 })
    }
}

/// Answers so many requests, and then none.
private struct EndingBrain: ServerBrain {
    private var brain = DoubleBrain(fault: nil)
    private var left: Int

    init(left: Int) { self.left = left }

    mutating func answer(_ input: inout [UInt8], _ output: inout [UInt8]) -> Int {
        guard left > 0 else { return 0 }
        let count = brain.answer(&input, &output)
        left -= count
        return count
    }
}

/// Answers a connection until it sends a `touch`, and then never again.
private struct StuckBrain: ServerBrain {
    private var brain = DoubleBrain(fault: nil)

    mutating func answer(_ input: inout [UInt8], _ output: inout [UInt8]) -> Int {
        var before = input
        if let touch = input.firstRange(of: Array("touch ".utf8)) { before = Array(input[..<touch.lowerBound]) }
        let rest = input[before.count...]
        let count = brain.answer(&before, &output)
        input = before + rest
        return count
    }
}
