import Foundation
import LoadEngine

/// What the page's script draws, as JSON: percentile curves and time lines, short enough for a page.
struct PageFigures: Encodable {
    private let groups: [[Run]]

    /// More points than this are more than a chart has pixels.
    static let timelinePointsMax = 1200

    init(groups: [ReportPage.Group]) { self.groups = groups.map { $0.runs.map(Run.init) } }

    /// JSON that can stand in a page: no `<` ends the script early.
    func json() throws(ReportError) -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        do {
            return try String(decoding: encoder.encode(self), as: UTF8.self).replacing("<", with: "\\u003c")
        } catch {
            throw ReportError("the page's figures cannot be encoded: \(error)")
        }
    }

    private struct Run: Encodable {
        let label: String
        let total: Total
        /// Pairs of percentile and nanoseconds.
        let response: [[Double]]
        /// Empty in a closed loop, where it would be the same curve.
        let service: [[Double]]
        let time: [Double]
        let rate: [Double]
        let hits: [Double?]
        let errors: [Int]
        let p50: [UInt64?]
        let p99: [UInt64?]
        let p999: [UInt64?]
        let max: [UInt64?]
        /// Moments that somebody did something to the servers.
        let marks: [Mark]

        init(_ result: RunResult) {
            label = result.label
            total = Total(
                rate: Self.finite(result.rate), p50: result.response.value(percentile: 50),
                p99: result.response.value(percentile: 99), p999: result.response.value(percentile: 99.9))
            response = Self.curve(result.response)
            service = result.slip.count > 0 ? Self.curve(result.service) : []
            let points = result.timeline.wholeIntervals.thinned(to: PageFigures.timelinePointsMax)
            time = points.map { Self.finite($0.second) }
            rate = points.map { Self.finite($0.rate) }
            hits = points.map { $0.keysRead > 0 ? Double($0.hits) / Double($0.keysRead) : nil }
            errors = points.map(\.errors)
            p50 = points.map { $0.requests > 0 ? $0.p50 : nil }
            p99 = points.map { $0.requests > 0 ? $0.p99 : nil }
            p999 = points.map { $0.requests > 0 ? $0.p999 : nil }
            max = points.map { $0.requests > 0 ? $0.max : nil }
            marks = (result.marks ?? []).map { Mark(second: $0.second, words: $0.words) }
        }

        /// The last step, 100 %, has no place on the axis: it stands where one latency of all would be slower.
        private static func curve(_ latency: LatencyHistogram) -> [[Double]] {
            PercentileCurve(latency, ticksPerHalfDistance: 10).steps.map { step in
                let last = 100 * (1 - 1 / Double(Swift.max(latency.count, 2)))
                return [step.percentile < 100 ? step.percentile : last, Double(step.nanoseconds)]
            }
        }

        private static func finite(_ number: Double) -> Double { number.isFinite ? number : 0 }
    }

    /// The run as one point of a curve over rates.
    private struct Total: Encodable {
        let rate: Double
        let p50: UInt64
        let p99: UInt64
        let p999: UInt64
    }

    /// Encoded as the pair of moment and words.
    private struct Mark: Encodable {
        let second: Double
        let words: String

        func encode(to encoder: any Encoder) throws {
            var pair = encoder.unkeyedContainer()
            try pair.encode(second)
            try pair.encode(words)
        }
    }
}

extension [TimelinePoint] {
    /// Without a last interval that is hardly one: its rate would be the accident of where the run ended.
    var wholeIntervals: [TimelinePoint] {
        guard count > 2, let last, last.length < self[0].length / 2 else { return self }
        return dropLast()
    }

    /// Neighbours put together until at most `countMax` are left. Counts are added; of percentiles the worst is kept,
    /// so that a stall stays in sight.
    func thinned(to countMax: Int) -> [TimelinePoint] {
        guard count > countMax else { return self }
        let width = (count + countMax - 1) / countMax
        return stride(from: 0, to: count, by: width).map { start in
            self[start..<Swift.min(start + width, count)].dropFirst().reduce(into: self[start]) { sum, point in
                sum.second = point.second
                sum.length += point.length
                sum.requests += point.requests
                sum.keysRead += point.keysRead
                sum.hits += point.hits
                sum.errors += point.errors
                sum.p50 = Swift.max(sum.p50, point.p50)
                sum.p99 = Swift.max(sum.p99, point.p99)
                sum.p999 = Swift.max(sum.p999, point.p999)
                sum.max = Swift.max(sum.max, point.max)
            }
        }
    }
}
