import Glibc
import Synchronization

/// Draws the time line while the driver threads work: after each interval it takes their boards and makes a point.
struct Timeline {
    private let measuresAt: UInt64
    private let interval: UInt64
    private(set) var points: [TimelinePoint] = []
    /// End of the last point.
    private var drawnUpTo: UInt64

    /// How long the threads have to hand over an interval that has ended.
    private static let grace: UInt64 = 20_000_000

    init(times: RunTimes, interval: UInt64) {
        measuresAt = times.measuresAt
        drawnUpTo = times.measuresAt
        self.interval = interval
    }

    /// Until no thread runs any more.
    mutating func draw(
        boards: UnsafeMutablePointer<IntervalBoards>, count: Int, control: UnsafeMutablePointer<RunControl>,
        progress: (TimelinePoint) -> Void
    ) {
        while control.pointee.wait(until: drawnUpTo &+ interval &+ Self.grace) {
            var sum = IntervalSum()
            for index in 0..<count { _ = boards[index].collect(into: &sum) }
            let end = drawnUpTo &+ interval
            progress(add(sum, upTo: end))
        }
    }

    /// What the threads did after the last interval. They have ended.
    mutating func drawRest(boards: UnsafeMutablePointer<IntervalBoards>, count: Int) {
        var sum = IntervalSum()
        for index in 0..<count { boards[index].collectRest(into: &sum) }
        if !sum.isEmpty { _ = add(sum, upTo: max(MonotonicTime.now(), drawnUpTo &+ 1)) }
    }

    private mutating func add(_ sum: IntervalSum, upTo end: UInt64) -> TimelinePoint {
        let point = sum.point(
            second: Double(end &- measuresAt) / 1e9, length: Double(end &- drawnUpTo) / 1e9)
        points.append(point)
        drawnUpTo = end
        return point
    }
}
