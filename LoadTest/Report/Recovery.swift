import LoadEngine

/// What became of a run in which something was done to the servers.
///
/// Rules:
/// 1. What is usual is the median rate of the intervals before the first thing was done; without such an interval
///    nothing can be said.
/// 2. Recovered is a run when, after the last thing was done, two intervals in a row (or the last one) reach nine
///    tenths of the usual rate; the time between is the recovery. Never recovered is infinite.
/// 3. Between the first thing done and the recovery, what was not answered although it usually would have been is
///    missing.
package struct Recovery: Sendable, Equatable {
    /// From the last thing done, in seconds.
    package let seconds: Double
    package let usualRate: Double
    /// The slowest interval in between, in requests a second.
    package let lowestRate: Double
    /// Requests that would usually have been answered in between.
    package let missing: Double

    static let recoveredPart = 0.9

    /// nil where nothing was done to the servers, or nothing was measured before.
    package init?(_ result: RunResult) {
        guard let marks = result.marks, let first = marks.first?.second, let last = marks.map(\.second).max() else {
            return nil
        }
        let before = result.timeline.filter { $0.second <= first && $0.length > 0 }.map(\.rate).sorted()
        guard !before.isEmpty else { return nil }
        let usual = before[before.count / 2]
        let later = result.timeline.filter { $0.second > last && $0.length > 0 }
        let recovered = later.indices.first { index in
            later[index...].prefix(2).allSatisfy { $0.rate >= usual * Self.recoveredPart }
        }
        let end = recovered.map { later[$0].second - later[$0].length } ?? .infinity
        let between = result.timeline.filter { $0.second > first && $0.second - $0.length < end && $0.length > 0 }
        seconds = max(end - last, 0)
        usualRate = usual
        lowestRate = between.map(\.rate).min() ?? usual
        missing = between.reduce(0) { $0 + max(usual * $1.length - Double($1.requests), 0) }
    }
}

extension TimelinePoint {
    /// Requests a second.
    package var rate: Double { length > 0 ? Double(requests) / length : 0 }
}
