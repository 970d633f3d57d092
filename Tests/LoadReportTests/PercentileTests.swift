import LoadEngine
import LoadReport
import Testing

@Suite("Percentile curves and .hgrm files")
struct PercentileTests {
    @Test("Nothing measured is an empty curve")
    func empty() {
        #expect(PercentileCurve(LatencyHistogram()).steps.isEmpty)
        #expect(PercentileText(LatencyHistogram()).text.contains("Total count    = 0]"))
    }

    @Test("One latency is its own curve from 0 to 100 %")
    func single() {
        var latency = LatencyHistogram()
        latency.record(1000)

        let steps = PercentileCurve(latency).steps

        #expect(steps.map(\.percentile) == [0, 100])
        #expect(steps.allSatisfy { $0.nanoseconds == 1000 && $0.countToHere == 1 })
    }

    @Test("Levels close in on 100 %, so many in each half of the distance, and never fall")
    func levels() {
        var latency = LatencyHistogram()
        for value in 1...1000 { latency.record(UInt64(value)) }

        let steps = PercentileCurve(latency, ticksPerHalfDistance: 2).steps

        #expect(steps.prefix(7).map(\.percentile) == [0, 25, 50, 62.5, 75, 81.25, 87.5])
        #expect(steps.first { $0.percentile == 50 }?.nanoseconds == 500)
        #expect(steps.last?.percentile == 100)
        #expect(steps.last?.nanoseconds == 1000)
        #expect(steps.last?.countToHere == 1000)
        for (step, next) in zip(steps, steps.dropFirst()) {
            #expect(step.percentile < next.percentile)
            #expect(step.nanoseconds <= next.nanoseconds)
        }
    }

    @Test("Every level's latency is the one the histogram gives for it")
    func agreement() {
        let latency = SyntheticRun().make().response

        for step in PercentileCurve(latency).steps {
            let expected = latency.value(percentile: step.percentile)
            // A level that falls on a latency's last count may round to either side.
            #expect(step.nanoseconds.magnitude(apart: expected) <= 0.002, "at \(step.percentile) %")
        }
    }

    @Test("A plotter finds its four columns, three on the last line, and the summary behind #")
    func columns() throws {
        var latency = LatencyHistogram()
        for value in [1_000_000, 2_000_000, 3_000_000, 40_000_000] { latency.record(UInt64(value)) }

        let lines = PercentileText(latency).text.split(separator: "\n", omittingEmptySubsequences: false)
        let rows = lines.filter { !$0.hasPrefix("#") }.dropFirst(2).filter { !$0.isEmpty }

        #expect(lines[0].split(separator: " ") == ["Value", "Percentile", "TotalCount", "1/(1-Percentile)"])
        #expect(lines[1].isEmpty)
        #expect(rows.dropLast().allSatisfy { $0.split(separator: " ").count == 4 })
        let last = try #require(rows.last).split(separator: " ")
        #expect(last.count == 3)
        #expect(last[1...] == ["1.000000000000", "4"])
        #expect(try #require(Double(last[0])).isNear(40))
        #expect(lines.contains { $0.hasPrefix("#[Mean    =") && $0.contains("StdDeviation") })
        #expect(lines.contains("#[Buckets = 30, SubBuckets     = 2048]"))
    }
}

extension UInt64 {
    /// How far apart two latencies are, as a part of the larger.
    fileprivate func magnitude(apart other: UInt64) -> Double {
        let larger = Double(Swift.max(self, other, 1))
        return (Double(self) - Double(other)).magnitude / larger
    }
}

extension Double {
    fileprivate func isNear(_ other: Double) -> Bool { (self - other).magnitude <= other * 0.001 }
}
