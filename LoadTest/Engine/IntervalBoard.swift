import Synchronization

/// What a driver thread did in one interval: counted by the thread, handed over whole to whoever draws the time line.
///
/// Two boards take turns. Rules:
/// 1. The thread writes the board `published & 1` and no other.
/// 2. At the end of an interval it publishes, `published += 1`, if the other board was taken
///    (`collected == published`); otherwise its interval goes on.
/// 3. The collector takes the board `(published - 1) & 1`, clears it, and only then sets `collected = published`.
package struct IntervalBoards: ~Copyable {
    let published = Atomic<UInt64>(0)
    let collected = Atomic<UInt64>(0)
    let boards: UnsafeMutablePointer<IntervalBoard>

    package init() {
        boards = .allocate(capacity: 2)
        for index in 0..<2 { (boards + index).initialize(to: IntervalBoard()) }
    }

    deinit {
        boards.deinitialize(count: 2)
        boards.deallocate()
    }

    /// The board to write. The thread's.
    package var current: UnsafeMutablePointer<IntervalBoard> {
        boards + Int(truncatingIfNeeded: published.load(ordering: .relaxed) & 1)
    }

    /// Ends the interval if the collector has kept up. The thread's.
    package borrowing func publish() -> Bool {
        let number = published.load(ordering: .relaxed)
        guard collected.load(ordering: .acquiring) == number else { return false }
        published.store(number &+ 1, ordering: .releasing)
        return true
    }

    /// Adds a published board to `sum`; false if there is none. The collector's.
    package borrowing func collect(into sum: inout IntervalSum) -> Bool {
        let number = published.load(ordering: .acquiring)
        guard collected.load(ordering: .relaxed) != number else { return false }
        let board = boards + Int(truncatingIfNeeded: (number &- 1) & 1)
        sum.add(board)
        board.pointee.clear()
        collected.store(number, ordering: .releasing)
        return true
    }

    /// Adds both boards. When the thread has ended.
    package borrowing func collectRest(into sum: inout IntervalSum) {
        for index in 0..<2 {
            sum.add(boards + index)
            (boards + index).pointee.clear()
        }
    }
}

/// Counters and response times of an interval. Its cells are those of `LatencyCells` with 128 instead of 1024 to a
/// power of two: within 0.8 %.
package struct IntervalBoard: ~Copyable {
    package var requests = 0
    package var keysRead = 0
    package var hits = 0
    package var errors = 0
    var longest: UInt64 = 0
    let cells: UnsafeMutablePointer<UInt32>

    static let cellCount = cell(of: LatencyHistogram.nanosecondsMax) + 1

    init() {
        cells = .allocate(capacity: Self.cellCount)
        cells.initialize(repeating: 0, count: Self.cellCount)
    }

    deinit { cells.deallocate() }

    @inline(__always)
    package mutating func add(_ nanoseconds: UInt64, count: Int = 1) {
        let value = nanoseconds < LatencyHistogram.nanosecondsMax ? nanoseconds : LatencyHistogram.nanosecondsMax
        (cells + Self.cell(of: value)).pointee &+= UInt32(truncatingIfNeeded: count)
        if value > longest { longest = value }
    }

    mutating func clear() {
        requests = 0
        keysRead = 0
        hits = 0
        errors = 0
        longest = 0
        cells.update(repeating: 0, count: Self.cellCount)
    }

    @inline(__always)
    private static func cell(of value: UInt64) -> Int {
        if value < 256 { return Int(truncatingIfNeeded: value) }
        let shift = 56 &- value.leadingZeroBitCount
        return shift &<< 7 &+ Int(truncatingIfNeeded: value &>> UInt64(truncatingIfNeeded: shift))
    }

    /// The middle of a cell.
    static func value(of cell: Int) -> UInt64 {
        if cell < 256 { return UInt64(cell) }
        let shift = cell >> 7 - 1
        return UInt64(cell - shift << 7) << UInt64(shift) + 1 << UInt64(shift) / 2
    }
}

/// The boards of all threads for one interval, as a point of the time line.
package struct IntervalSum {
    private var requests = 0
    private var keysRead = 0
    private var hits = 0
    private var errors = 0
    private var longest: UInt64 = 0
    private var cells = [UInt64](repeating: 0, count: IntervalBoard.cellCount)

    package init() {}

    mutating func add(_ board: UnsafePointer<IntervalBoard>) {
        requests += board.pointee.requests
        keysRead += board.pointee.keysRead
        hits += board.pointee.hits
        errors += board.pointee.errors
        longest = max(longest, board.pointee.longest)
        for cell in 0..<IntervalBoard.cellCount { cells[cell] += UInt64(board.pointee.cells[cell]) }
    }

    var isEmpty: Bool { requests == 0 && errors == 0 && longest == 0 }

    package func point(second: Double, length: Double) -> TimelinePoint {
        var point = TimelinePoint(second: second, length: length)
        point.requests = requests
        point.keysRead = keysRead
        point.hits = hits
        point.errors = errors
        point.max = longest
        point.p50 = percentile(0.5)
        point.p99 = percentile(0.99)
        point.p999 = percentile(0.999)
        return point
    }

    private func percentile(_ fraction: Double) -> UInt64 {
        let total = cells.reduce(0, +)
        guard total > 0 else { return 0 }
        let wanted = max(UInt64((Double(total) * fraction).rounded(.up)), 1)
        var sum: UInt64 = 0
        for cell in cells.indices {
            sum += cells[cell]
            if sum >= wanted { return min(IntervalBoard.value(of: cell), longest) }
        }
        return longest
    }
}
