import Foundation
import LoadEngine
import Testing

@Suite("Latency histograms")
struct LatencyHistogramTests {
    @Test("come back from a file with the same percentiles")
    func coding() throws {
        var histogram = LatencyHistogram()
        for nanoseconds in stride(from: UInt64(1_000), to: 5_000_000, by: 777) { histogram.record(nanoseconds) }

        let read = try JSONDecoder().decode(LatencyHistogram.self, from: JSONEncoder().encode(histogram))

        #expect(read.count == histogram.count)
        for percentile in [0, 50, 99, 99.9, 100] {
            #expect(read.value(percentile: percentile) == histogram.value(percentile: percentile))
        }
    }

    @Test("count what exceeds their range at its end")
    func clamping() {
        var histogram = LatencyHistogram()

        histogram.record(.max)

        #expect(histogram.count == 1)
        #expect(histogram.value(percentile: 100) >= LatencyHistogram.nanosecondsMax)
    }
}
