import DoubleTesting
import Glibc
import LoadEngine
import LoadWorkload
import Testing

/// Servers that are not there, are something else, say nothing or go away: a sentence, and an end within bounds.
@Suite("A broken server")
struct BrokenServerTests {
    private static func settings(_ port: UInt16) throws -> LoadSettings {
        var settings = try LoadRunTests.settings([ServerAddress(.host("127.0.0.1", port: port))], "get=80,set=20")
        settings.timeoutSeconds = 0.3
        settings.connectSeconds = 0.5
        return settings
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
        let settings = try LoadRunTests.settings([ServerAddress(.host("nowhere.invalid", port: 11211))])

        #expect(Self.sentence(settings).hasPrefix("The host 'nowhere.invalid' cannot be found"))
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

        let sentence = Self.sentence(try Self.settings(double.port))

        #expect(sentence == "127.0.0.1:\(double.port) does not answer within 0.3 s.")
    }

    @Test("that stops answering in the middle ends the run")
    func fallingSilent() throws {
        let double = try ServerDouble(pause: (after: 1000, milliseconds: 2000))

        let sentence = Self.sentence(try Self.settings(double.port))

        #expect(sentence == "127.0.0.1:\(double.port): no reply within 0.3 s.")
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
        let double = try ServerDouble(mode: .dying(after: 500))
        var settings = try Self.settings(double.port)
        settings.keepsGoing = true
        settings.requestCount = nil
        settings.seconds = 1
        if isOpenLoop { settings.pace = .arriving(.constant(2000), .constant) }

        let result = try LoadRun.run(settings)

        #expect(result.counts.requests >= 400)
        if isOpenLoop {
            // Every arrival is accounted for.
            let counts = result.counts
            #expect(counts.requests + counts.lost + counts.timeouts == 2000)
            #expect(counts.timeouts > 1000)
        }
    }

    @Test("that never answers one kind of operation shows in that kind's latencies, and in those of its moments")
    func stuckKind() throws {
        let double = try ServerDouble(StuckBrain())
        var settings = try Self.settings(double.port)
        settings.keepsGoing = true
        settings.timeoutSeconds = 0.1
        settings.requestCount = nil
        settings.seconds = 1
        settings.intervalSeconds = 0.1
        settings.workload.mix = try Mix(parsing: "get=19,touch=1")
        settings.pace = .arriving(.constant(200), .constant)

        let result = try LoadRun.run(settings)

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
