import LoadEngine
import LoadReport
import Testing

@Suite("Recovery from faults")
struct RecoveryTests {
    @Test("Nothing was done, or nothing was measured before: nothing can be said")
    func nothing() {
        #expect(Recovery(run([100, 100])) == nil)
        #expect(Recovery(run([100, 100], marks: [0.5])) == nil)
    }

    @Test("Recovered is the run when two intervals in a row are near the usual rate")
    func recovered() throws {
        // Stopped at 2.5, started at 4.5; one good interval alone, the one that ends at 6, is not yet it.
        let recovery = try #require(Recovery(run([100, 100, 40, 0, 0, 95, 20, 95, 100, 100], marks: [2.5, 4.5])))

        #expect(recovery.usualRate == 100)
        #expect(recovery.lowestRate == 0)
        #expect(recovery.seconds == 2.5)
        #expect(recovery.missing == 60 + 100 + 100 + 5 + 80)
    }

    @Test("Never recovered is infinitely long")
    func never() throws {
        let recovery = try #require(Recovery(run([100, 100, 10, 20, 30], marks: [2])))

        #expect(recovery.seconds == .infinity)
        #expect(Measure.named("recovery")?.words(recovery.seconds) == "-")
    }

    @Test("A fault that nobody noticed costs nothing")
    func unnoticed() throws {
        let recovery = try #require(Recovery(run([100, 100, 100, 100], marks: [2])))

        #expect(recovery.seconds == 0)
        #expect(recovery.missing == 0)
    }

    /// Intervals of a second with so many requests.
    private func run(_ requests: [Int], marks: [Double] = []) -> RunResult {
        var run = RunResult(label: "a")
        run.timeline = requests.enumerated().map { index, count in
            var point = TimelinePoint(second: Double(index + 1), length: 1)
            point.requests = count
            return point
        }
        run.marks = marks.isEmpty ? nil : marks.map { TimelineMark(second: $0, words: "kill") }
        return run
    }
}
