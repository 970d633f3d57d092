import DoubleTesting
import LoadEngine
import LoadWorkload
import Testing

/// Open and closed loops, and what they make of a server that pauses.
@Suite("A loop")
struct LoopTests {
    private static let pauseMilliseconds = 500

    /// A server that pauses once, a while after 500 requests, for half a second.
    private static func run(_ pace: Pace) throws -> RunResult {
        let double = try ServerDouble(pause: (after: 500, milliseconds: Int32(pauseMilliseconds)))
        var settings = try LoadRunTests.settings(
            [ServerAddress(.host("127.0.0.1", port: double.port))], "get=90,set=10")
        settings.workload.sizes = .fixed(50)
        settings.requestCount = nil
        settings.seconds = 2
        settings.pace = pace
        settings.intervalSeconds = 0.1
        return try LoadRun.run(settings)
    }

    @Test("that is open shows a pause to everyone who came in the meantime; one that is closed to four")
    func pause() throws {
        let open = try Self.run(.arriving(.constant(2000), .constant))
        let closed = try Self.run(.saturating)

        // A quarter of the arrivals came during the pause, and waited for half of it on average.
        let half = UInt64(Self.pauseMilliseconds) * 500_000
        #expect(open.response.value(percentile: 95) > half)
        #expect(open.response.max > 2 * half * 9 / 10)
        // It took all 4,000, the pause notwithstanding.
        #expect(open.counts.requests == 4000)
        // One request of each connection waited, of thousands.
        #expect(closed.response.max > 2 * half * 9 / 10)
        #expect(closed.response.value(percentile: 95) < half / 5)
        // The time from sending hides the pause as well.
        #expect(open.service.value(percentile: 95) < half / 5)
        #expect(open.service.max > 2 * half * 9 / 10)
        // The lateness was the server's, and is not counted as the driver's.
        #expect(open.slip.value(percentile: 95) < half / 5)
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
        #expect(abs(result.rate - 4) < 0.1)
    }

    @Test("that ends by the number of its requests lasts up to the last answer", arguments: [1, 2])
    func countedRequests(serverCount: Int) throws {
        let servers = try (0..<serverCount).map { _ in try CacheServer() }
        var settings = try LoadRunTests.settings(servers.map(\.address), "get")
        settings.requestCount = 500
        settings.seconds = 60

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
        let double = try ServerDouble()
        var settings = try LoadRunTests.settings(
            [ServerAddress(.host("127.0.0.1", port: double.port))], "get")
        // One key is nearly all there is, and each tenth of a second it is the next one.
        settings.workload.popularity = Popularity(
            .zipf(exponent: 100), drift: .init(keys: 1, period: .nanoseconds(100_000_000)))
        // So that they come in the order in which they were drawn.
        settings.connectionCount = 1
        settings.depth = 64
        settings.requestCount = nil
        settings.seconds = 1
        settings.pace = .arriving(.constant(500), .constant)

        let result = try LoadRun.run(settings)
        double.stop()

        #expect(result.counts.requests == 500)
        var hottest: [String] = []
        for request in double.journal where request.verb == "get" && hottest.last != request.key {
            hottest.append(request.key)
        }
        // One after the other and none again; a machine that stands still for a while may pass over some.
        #expect(Set(hottest).count == hottest.count)
        #expect(hottest.count > 3)
    }

    @Test("that replays a trace keeps the order of each key", arguments: [1, 2], [1, 16])
    func traceOrder(threads: Int, depth: Int) throws {
        let double = try ServerDouble()
        let trace = try TemporaryTrace(requests: 3000, keys: 40)
        var workload = Workload()
        _ = try workload.replay(TraceReplay(path: trace.path))
        var settings = LoadSettings(servers: [ServerAddress(.host("127.0.0.1", port: double.port))], workload: workload)
        settings.seconds = nil
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
        settings.pace = .timed(speed: 4)

        let result = try LoadRun.run(settings)

        // The reads miss, and their stores follow.
        #expect(result.counts.requests == 8)
        #expect(result.seconds >= 0.5 && result.seconds < 1)
    }
}
