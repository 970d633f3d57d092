import DoubleTesting
import LoadEngine
import LoadWorkload
import ServerTesting
import Testing

/// Open and closed loops, and what they make of a server that pauses.
@Suite("A loop")
struct LoopTests {
    private static let pauseMilliseconds = 500.0

    /// A server that pauses once, a while after 500 requests, for half a second, all times so many times as long.
    private static func run(_ pace: Pace, factor: Double) throws -> RunResult {
        let double = try ServerDouble(pause: (after: 500, milliseconds: Int32(pauseMilliseconds * factor)))
        var settings = try LoadRunTests.settings(
            [ServerAddress(.host("127.0.0.1", port: double.port))], "get=90,set=10")
        settings.workload.sizes = .fixed(50)
        settings.requestCount = nil
        settings.seconds = 2 * factor
        settings.pace = pace
        settings.intervalSeconds = 0.1
        return try LoadRun.run(settings)
    }

    @Test("that is open shows a pause to everyone who came in the meantime; one that is closed to four")
    func pause() throws {
        var last = ""
        let seen = try withLongerTime { factor -> Bool? in
            let open = try Self.run(.arriving(.constant(2000), .constant), factor: factor)
            let closed = try Self.run(.saturating, factor: factor)

            let half = UInt64(Self.pauseMilliseconds * factor) * 500_000
            // It took all 4,000, the pause notwithstanding.
            #expect(open.counts.requests == Int(4000 * factor))
            #expect(open.response.max > 2 * half * 9 / 10)
            // A quarter of the arrivals came during the pause, and waited for half of it on average.
            let shown = open.response.value(percentile: 95)
            // One request of each connection waited, of thousands; the time from sending hides the pause as well; and
            // the lateness was the server's, and is not counted as the driver's.
            let hidden = [closed.response, open.service, open.slip].map { $0.value(percentile: 95) }
            let longest = [closed.response.max, open.service.max]
            last = "\(shown) and \(longest) ns shown, \(hidden) ns hidden; half of the pause is \(half) ns"
            // The machine's own pauses are in all of them.
            let isSeen = shown > half && longest.allSatisfy { $0 > 2 * half * 9 / 10 }
            return isSeen && hidden.allSatisfy { $0 < 50_000_000 } ? true : nil
        }

        #expect(seen == true, "\(last)")
    }

    @Test("that is open sends as many requests as the rate says, in all spacings and over threads", arguments: 1...3)
    func rate(threads: Int) throws {
        let server = try CacheServer()
        for spacing in Pace.Spacing.allCases {
            var settings = try LoadRunTests.settings([server.address], "get")
            settings.requestCount = nil
            settings.seconds = 0.5
            settings.threadCount = threads
            settings.pace = .arriving(.constant(4000), spacing)

            let result = try LoadRun.run(settings)

            if spacing == .constant { #expect(result.counts.requests == 2000) }
            // Four standard deviations.
            #expect(abs(result.counts.requests - 2000) < 180)
            #expect(Int(result.slip.count) == result.counts.requests)
            #expect(result.service.count == result.response.count)
        }
    }

    @Test("that is open lasts as long as it was told to, however rare its requests are")
    func rareRequests() throws {
        let server = try CacheServer()
        var settings = try LoadRunTests.settings([server.address], "get")
        settings.requestCount = nil
        settings.seconds = 0.5
        settings.pace = .arriving(.constant(4), .constant)

        let result = try LoadRun.run(settings)

        // Due at 0 and 0.25 s. Up to the last answer it would be eight a second.
        #expect(result.counts.requests == 2)
        #expect(result.seconds >= 0.5)
        // Unless the machine stood still for the rest of it.
        #expect(result.seconds <= max(0.5, 0.25 + Self.longest(result)) + 0.001)
        #expect(abs(result.rate * result.seconds - 2) < 0.001)
    }

    @Test("that ends by the number of its requests lasts up to the last answer", arguments: [1, 2])
    func countedRequests(serverCount: Int) throws {
        let servers = try (0..<serverCount).map { _ in try CacheServer() }
        var settings = try LoadRunTests.settings(servers.map(\.address), "get")
        settings.requestCount = 500
        settings.seconds = 120

        let result = try LoadRun.run(settings)

        #expect(result.counts.requests == 500)
        #expect(result.seconds > 0 && result.seconds < 30)
    }

    @Test("that is open sends what is due together in one pipeline")
    func bursts() throws {
        let server = try CacheServer()
        var settings = try LoadRunTests.settings([server.address], "get")
        settings.depth = 64
        settings.pace = .arriving(.constant(1_000_000), .constant)

        let result = try LoadRun.run(settings)

        #expect(result.counts.requests == 4000)
        #expect(result.violations.isEmpty)
    }

    @Test("tells the workload the time: what is popular moves on by the seconds")
    func drift() throws {
        var last: [String] = []
        let hottest = try withLongerTime { factor -> [String]? in
            last = try Self.hottest(factor)
            // One for each tenth of the run; a machine that stands still for a while may pass over some.
            return 4...12 ~= last.count ? last : nil
        }

        #expect(hottest != nil, "\(last)")
        // One after the other and none again.
        #expect(Set(last).count == last.count)
    }

    /// The keys that are asked for, each behind the one before, in a second that has ten; so many times as long.
    private static func hottest(_ factor: Double) throws -> [String] {
        let changes = KeyChanges()
        let double = try ServerDouble(WatchedBrain(changes))
        var settings = try LoadRunTests.settings(
            [ServerAddress(.host("127.0.0.1", port: double.port))], "get")
        // One key is nearly all there is, and with each period it is the next one.
        settings.workload.popularity = Popularity(
            .zipf(exponent: 100), drift: .init(keys: 1, period: .nanoseconds(UInt64(100_000_000 * factor))))
        // So that they come in the order in which they were drawn.
        settings.connectionCount = 1
        settings.depth = 64
        settings.requestCount = nil
        settings.seconds = factor
        settings.pace = .arriving(.constant(500), .constant)

        _ = try LoadRun.run(settings)
        double.stop()
        return changes.keys
    }

    @Test("that replays a trace keeps the order of each key", arguments: [1, 2], [1, 16])
    func traceOrder(threads: Int, depth: Int) throws {
        let double = try ServerDouble()
        let trace = try TemporaryTrace(requests: 3000, keys: 40)
        var workload = Workload()
        _ = try workload.replay(TraceReplay(path: trace.path))
        var settings = LoadSettings(servers: [ServerAddress(.host("127.0.0.1", port: double.port))], workload: workload)
        settings.seconds = nil
        settings.timeoutSeconds = 60
        settings.connectSeconds = 60
        settings.threadCount = threads
        settings.connectionCount = 6
        settings.depth = depth

        let result = try LoadRun.run(settings)
        double.stop()

        #expect(result.violations.isEmpty)
        #expect(result.counts.requests == 3000 + result.counts.misses)
        // What a serial replay would do: a miss is followed by a store, and a hit is no miss.
        var expected: [String: [String]] = [:]
        var held: Set<Int> = []
        for (verb, key) in trace.requests {
            let name = String(format: key)
            switch verb {
            case "g": expected[name, default: []] += held.insert(key).inserted ? ["get", "set"] : ["get"]
            case "s":
                held.insert(key)
                expected[name, default: []].append("set")
            default:
                held.remove(key)
                expected[name, default: []].append("delete")
            }
        }
        var seen: [String: [String]] = [:]
        for request in double.journal { seen[request.key, default: []].append(request.verb) }
        #expect(seen == expected)
    }

    @Test("that replays a trace with times keeps them")
    func timed() throws {
        let server = try CacheServer()
        let trace = try TemporaryTrace(twitterSeconds: [0, 1, 1, 2])
        var workload = Workload()
        _ = try workload.replay(TraceReplay(path: trace.path))
        var settings = LoadSettings(servers: [server.address], workload: workload)
        settings.seconds = nil
        settings.timeoutSeconds = 60
        settings.connectSeconds = 60
        settings.pace = .timed(speed: 4)

        let result = try LoadRun.run(settings)

        // The reads miss, and their stores follow.
        #expect(result.counts.requests == 8)
        // The last read is due after half a second; behind it come its answer and the store's.
        #expect(result.seconds >= 0.5 && result.seconds <= 0.5 + 2 * Self.longest(result) + 0.001)
    }

    /// The longest response, in seconds, as a histogram may have rounded it.
    private static func longest(_ result: RunResult) -> Double { Double(result.response.max) / 1e9 * 1.01 }
}

/// The keys that reads asked for, without those that were asked for just before.
// Reason: the keys are the double's thread's until that has ended.
private final class KeyChanges: @unchecked Sendable {
    var keys: [String] = []
}

/// Answers, and notes each change of the key that is asked for.
private struct WatchedBrain: ServerBrain {
    private var brain = DoubleBrain(fault: nil)
    private let changes: KeyChanges
    private var seen = 0

    init(_ changes: KeyChanges) { self.changes = changes }

    mutating func answer(_ input: inout [UInt8], _ output: inout [UInt8]) -> Int {
        let count = brain.answer(&input, &output)
        for request in brain.journal[seen...] where request.verb == "get" && changes.keys.last != request.key {
            changes.keys.append(request.key)
        }
        seen = brain.journal.count
        return count
    }
}
