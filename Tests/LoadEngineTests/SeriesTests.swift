import LoadEngine
import LoadWorkload
import ServerTesting
import Testing

@Suite("A series of runs")
struct SeriesTests {
    @Test(
        "finds the highest rate that holds, wherever it begins",
        arguments: [10.0, 777, 50_000, 1_234_567], [20.0, 900, 3_000_000])
    func search(truth: Double, guess: Double) {
        var search = RateSearch(guess: guess)
        while let rate = search.next { search.note(held: rate <= truth) }

        let found = search.highestHeld ?? 0
        #expect(found <= truth)
        #expect(found * RateSearch.precision * 1.001 >= truth)
        #expect(search.trials <= RateSearch.trialsMax)
    }

    @Test("gives up where nothing holds, and where everything does")
    func bounds() {
        for held in [false, true] {
            var search = RateSearch(guess: 1_000_000)
            while search.next != nil { search.note(held: held) }

            #expect((search.highestHeld == nil) == !held)
            #expect(search.trials <= RateSearch.trialsMax)
        }
    }

    @Test("has goals that are read as users write them")
    func goals() throws {
        let goal = try LatencyGoal(parsing: "p99<1ms,p99.9<2.5s,mean<200us,max<30ns")

        #expect(
            goal.conditions == [
                .init(measure: .percentile(99), limit: 1_000_000),
                .init(measure: .percentile(99.9), limit: 2_500_000_000),
                .init(measure: .mean, limit: 200_000), .init(measure: .max, limit: 30),
            ])
        for text in ["", "p99", "p99<", "p99<1", "p0<1ms", "p101<1ms", "q<1ms", "p99<-1ms", "p99>1ms", "p99<1ms,"] {
            #expect(throws: LoadError.self) { try LatencyGoal(parsing: text) }
        }
    }

    @Test("counts a goal as missed when requests got no answer")
    func unanswered() throws {
        let goal = try LatencyGoal(parsing: "p99<1ms")
        var result = RunResult(label: "")
        result.counts.requests = 100
        for _ in 0..<100 { result.response.record(1000) }
        #expect(goal.isReached(by: result))

        result.counts.lost = 1

        #expect(!goal.isReached(by: result))
    }

    @Test("searches a server, and sweeps over it")
    func server() throws {
        let server = try CacheServer()
        var settings = try LoadRunTests.settings([server.address], "get=90,set=10")
        settings.requestCount = nil
        settings.seconds = 0.1
        settings.fills = true

        // Every rate reaches this goal that the server can follow within its time limit.
        let isFound = try withLongerTime { factor in try Self.finds(settings, factor) ? true : nil }
        let swept = try LoadSeries.sweep(
            settings, rates: [500, 1000], count: 2, news: { _ in }, progress: { _, _ in })

        #expect(isFound == true)
        #expect(swept.map(\.counts.requests) == [50, 100])
    }

    /// Whether there is a rate that reaches the goal in runs that are so many times as long.
    private static func finds(_ settings: LoadSettings, _ factor: Double) throws -> Bool {
        var settings = settings
        settings.seconds = 0.1 * factor
        let goal = try LatencyGoal(parsing: "p50<100ms")
        var tried: [Double?] = []

        let found = try LoadSeries.search(
            settings, goal: goal,
            news: { if case .begins(let rate, _) = $0 { tried.append(rate) } }, progress: { _, _ in })

        #expect(tried.first == .some(nil))
        #expect(found.best.map(goal.isReached) != false)
        #expect(found.trials.count == tried.count - 1)
        return found.best != nil
    }
}
