import LoadEngine
import Testing

@Suite("Arrivals")
struct ArrivalTests {
    /// When the first `count` requests of all threads are due, in seconds.
    private static func times(
        _ curve: String, _ spacing: Pace.Spacing = .constant, seconds: Double = 10, lead: Double = 0, threads: Int = 1,
        count: Int
    ) throws -> [Double] {
        let pieces = try RateCurve(parsing: curve).pieces(leadSeconds: lead, seconds: seconds)
        var times: [Double] = []
        for thread in 0..<threads {
            var schedule = ArrivalSchedule(pieces, spacing, seed: 5, thread: thread, threadCount: threads)
            for _ in 0..<count / threads { times.append(Double(schedule.next()) / 1e9) }
        }
        return times.sorted()
    }

    @Test("at a constant rate are even, over all threads together", arguments: [1, 2, 5])
    func constant(threads: Int) throws {
        let times = try Self.times("1000", threads: threads, count: 1000)

        for (index, time) in times.enumerated() { #expect(abs(time - Double(index) / 1000) < 1e-6) }
    }

    @Test("on a ramp grow as the rate does")
    func ramp() throws {
        // From 100/s to 300/s in 10 s: 2,000 arrivals, of which 750 in the first half.
        let times = try Self.times("100-300", count: 2100)

        #expect(times.count { $0 < 10 } == 2000)
        #expect(abs(times.count { $0 < 5 } - 750) <= 1)
        // Behind its end the last rate goes on.
        #expect(abs(times[2099] - times[2000] - 0.33) < 0.001)
    }

    @Test("go down a ramp as well, and to a rate of nearly nothing")
    func downwards() throws {
        let times = try Self.times("1000-1", count: 5000)

        #expect(abs(times.count { $0 < 5 } - 3751) <= 1)
        #expect(zip(times, times.dropFirst()).allSatisfy { $0 <= $1 })
    }

    @Test("in steps have each rate for its time, after the warm-up at the first")
    func steps() throws {
        let times = try Self.times("100,200,400", seconds: 3, lead: 2, count: 1000)

        #expect(times.count { $0 < 2 } == 200)
        #expect(times.count { $0 >= 2 && $0 < 3 } == 100)
        #expect(times.count { $0 >= 3 && $0 < 4 } == 200)
        #expect(times.count { $0 >= 4 && $0 < 5 } == 400)
    }

    @Test("at random are as many, and vary as those of many users do", arguments: [1, 4])
    func poisson(threads: Int) throws {
        let times = try Self.times("1000", .poisson, threads: threads, count: 40_000)
        let gaps = zip(times, times.dropFirst()).map { $1 - $0 }
        let within = gaps.prefix(30_000)
        let mean = within.reduce(0, +) / Double(within.count)
        let variance = within.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(within.count)

        #expect(abs(mean - 0.001) < 0.00003)
        // The standard deviation of exponential gaps is their mean.
        #expect(abs(variance.squareRoot() - mean) < 0.00005)
        // None is remembered: after a long gap the next is as long as ever.
        #expect(abs(Double(within.count { $0 > 0.001 }) / 30_000 - 0.3679) < 0.012)
    }

    @Test(
        "are due to the nanosecond on a machine that has been up for long, so that none comes before the end too many")
    func longUptime() throws {
        let start: UInt64 = 1 << 53 + 1
        let pieces = try RateCurve(parsing: "4000").pieces(leadSeconds: 0, seconds: 0.5)
        var schedule = ArrivalSchedule(pieces, .constant, seed: 5, thread: 0, threadCount: 1)
        schedule.begin(at: start)

        var times: [UInt64] = []
        for _ in 0...2000 { times.append(schedule.next()) }

        #expect(times[0] == start && times[2000] == start + 500_000_000)
    }

    @Test("are the same for the same seed")
    func determinism() throws {
        #expect(try Self.times("1000", .poisson, count: 100) == Self.times("1000", .poisson, count: 100))
    }

    @Test(
        "have rates that are read as users write them",
        arguments: [
            ("50k", "50000"), ("1.5M", "1500000"), ("10k-100k", "10000-100000"), ("1,2.5,4", "1,2.5,4"),
        ])
    func rates(text: String, expected: String) throws {
        #expect(try RateCurve(parsing: text).description == expected)
    }

    @Test("have no rates that make no sense", arguments: ["", "0", "-5", "k", "1-", "1,,2", "1-0", "2G", "nan", "inf"])
    func nonsense(text: String) {
        let error = #expect(throws: LoadError.self) { try RateCurve(parsing: text) }

        #expect(error?.cause == .usage)
    }
}
