import DoubleTesting
import Foundation
import LoadEngine
import LoadWorkload
import Synchronization
import Testing

/// Ctrl-C, as `wantsEnd` tells of it: what is reported then.
@Suite("A run that is interrupted")
struct InterruptionTests {
    /// Counts intervals as they end, on the thread that also asks whether the run is to end.
    private final class Intervals {
        var count = 0
        /// When the run was first told that it is to end, in seconds since 1970.
        var endedAt: Double?
    }

    private static func address(_ double: ServerDouble) -> ServerAddress {
        ServerAddress(.host("127.0.0.1", port: double.port))
    }

    /// Load for half a second, and until all its connections wait in vain, on servers of which the last one answers no
    /// more than 200 requests. And how many milliseconds passed, at least, until the interruption.
    private static func run(_ pace: Pace, serverCount: Int = 1) throws -> (RunResult, milliseconds: Double) {
        var servers = try (1..<serverCount).map { _ in try ServerDouble() }
        let unanswered = Unanswered()
        servers.append(try ServerDouble(FadingBrain(left: 200, unanswered)))
        var settings = try LoadRunTests.settings(servers.map(address), "get")
        settings.requestCount = nil
        settings.seconds = 120
        settings.pace = pace
        settings.intervalSeconds = 0.1
        let intervals = Intervals()
        let result = try LoadRun.run(
            settings, progress: { _, _ in intervals.count += 1 },
            wantsEnd: {
                guard intervals.count >= 5, unanswered.count.load(ordering: .relaxed) >= 4 else { return false }
                return note(intervals)
            })
        return (result, milliseconds(until: intervals, result))
    }

    private static func note(_ intervals: Intervals) -> Bool {
        if intervals.endedAt == nil { intervals.endedAt = Date().timeIntervalSince1970 }
        return true
    }

    /// From the run's beginning, or a little later, until it was told to end.
    private static func milliseconds(until end: Intervals, _ result: RunResult) -> Double {
        max(((end.endedAt ?? 0) - result.startedAt) * 1000, 0)
    }

    /// Up to the interruption, behind which the last answer may come.
    private static func isOneEachMillisecond(_ count: Int, _ result: RunResult, from least: Double) -> Bool {
        (least - 2...max(least, result.seconds * 1000) + 1).contains(Double(count))
    }

    @Test("in an open loop leaves out nothing that was due, and tells how long it waited", arguments: [1, 2])
    func openLoop(serverCount: Int) throws {
        let (result, milliseconds) = try Self.run(.arriving(.constant(1000), .constant), serverCount: serverCount)

        let counts = result.counts
        let unanswered = try #require(counts.unanswered)
        #expect(counts.timeouts == 0 && counts.lost == 0)
        #expect(result.seconds >= 0.5 && result.seconds < 30)
        #expect(Self.isOneEachMillisecond(counts.requests + unanswered, result, from: milliseconds))
        #expect(Int(result.response.count) == counts.requests + unanswered)
        // What the last server left unanswered was waited for, after the interruption, too.
        #expect(result.response.max > 250_000_000)
        #expect(result.timeline.contains { $0.max > 250_000_000 })
        let get = try #require(result.kinds.first)
        #expect(get.requests == counts.requests && get.unanswered == unanswered)
        #expect(get.response.count == result.response.count)
        for server in result.servers {
            #expect(Int(server.response.count) == server.counts.requests + (server.counts.unanswered ?? 0))
        }
    }

    @Test("in a closed loop tells of the request that each connection waits for")
    func closedLoop() throws {
        let (result, _) = try Self.run(.saturating)

        #expect(result.counts.unanswered == 4)
        #expect(Int(result.response.count) == result.counts.requests + 4)
        #expect(result.response.max > 250_000_000)
    }

    @Test("with a server that answers ends with its answers")
    func healthy() throws {
        let server = try ServerDouble()
        var settings = try LoadRunTests.settings([Self.address(server)], "get")
        settings.requestCount = nil
        settings.seconds = 120
        settings.pace = .arriving(.constant(1000), .constant)

        let end = Intervals()
        let result = try LoadRun.run(
            settings, wantsEnd: { server.answered.load(ordering: .relaxed) > 100 && Self.note(end) })

        #expect(result.seconds < 30)
        // A machine that stands still may leave some.
        let due = result.counts.requests + (result.counts.unanswered ?? 0)
        #expect(Self.isOneEachMillisecond(due, result, from: Self.milliseconds(until: end, result)))
        #expect(result.counts.requests > 90)
    }

    @Test("while it warms up has counted nothing")
    func warmingUp() throws {
        let double = try ServerDouble()
        var settings = try LoadRunTests.settings([Self.address(double)], "get=50,set=50")
        settings.workload.keyCount = 10
        settings.warmUpSeconds = 120
        settings.seconds = 120
        settings.requestCount = nil

        let result = try LoadRun.run(settings, wantsEnd: { double.answered.load(ordering: .relaxed) > 500 })

        #expect(result.seconds == 0)
        #expect(result.counts.requests == 0 && result.counts.verified == 0)
        #expect(result.response.count == 0 && result.counts.unanswered == nil)
        #expect(result.isFutile)
        #expect(result.invalidReasons == ["No request was answered."])
    }

    @Test("while it fills measures nothing")
    func filling() throws {
        let double = try ServerDouble()
        var settings = try LoadRunTests.settings([Self.address(double)], "get")
        settings.workload.keyCount = 1_000_000
        settings.fills = true
        settings.intervalSeconds = 5

        let result = try LoadRun.run(
            settings, progress: { phase, _ in #expect(phase == .filling) },
            wantsEnd: { double.answered.load(ordering: .relaxed) > 100 })
        double.stop()

        #expect(result.counts == OperationCounts())
        #expect(result.seconds == 0)
        #expect(result.isFutile)
        #expect(result.invalidReasons == ["Interrupted while the cache was being filled: nothing was measured."])
        #expect(double.journal.count < 1_000_000)
        #expect(double.journal.allSatisfy { $0.verb == "set" })
    }
}

/// How many requests a server has left unanswered: one of each connection.
private final class Unanswered: Sendable { let count = Atomic<Int>(0) }

/// Answers so many requests, and then only what it is asked about itself.
private struct FadingBrain: ServerBrain {
    private var brain = DoubleBrain(fault: nil)
    private var left: Int
    private let unanswered: Unanswered

    init(left: Int, _ unanswered: Unanswered) {
        self.left = left
        self.unanswered = unanswered
    }

    mutating func answer(_ input: inout [UInt8], _ output: inout [UInt8]) -> Int {
        guard left > 0 || input.starts(with: "stats".utf8) else {
            unanswered.count.add(1, ordering: .relaxed)
            return 0
        }
        let count = brain.answer(&input, &output)
        left -= count
        return count
    }
}
