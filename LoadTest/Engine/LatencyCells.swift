import Glibc

/// The counting side of a latency histogram: what a driver thread adds to for each reply, two instructions and one word
/// of memory; turned into a `LatencyHistogram` when the run is over.
///
/// The cells are those of an HDR histogram with three significant digits:
///
///     value            cell
///     0 ... 2047       value itself
///     2048 ... 4095    2048 + (value >> 1) - 1024      each of the 1024 cells two wide
///     4096 ... 8191    3072 + (value >> 2) - 1024      each four wide, and so on
package struct LatencyCells: ~Copyable {
    private let cells: UnsafeMutablePointer<UInt64>
    private var longest: UInt64 = 0

    /// Cells up to `LatencyHistogram.nanosecondsMax`, 254 kB; the kernel gives the pages as they are touched.
    private static let cellCount = cell(of: LatencyHistogram.nanosecondsMax) + 1

    package init() {
        // Safe: nothing else could be done without memory.
        cells = calloc(Self.cellCount, MemoryLayout<UInt64>.stride).unsafelyUnwrapped
            .assumingMemoryBound(to: UInt64.self)
    }

    deinit { free(cells) }

    @inline(__always)
    package mutating func add(_ nanoseconds: UInt64, count: Int = 1) {
        let value = nanoseconds < LatencyHistogram.nanosecondsMax ? nanoseconds : LatencyHistogram.nanosecondsMax
        cells[Self.cell(of: value)] &+= UInt64(truncatingIfNeeded: count)
        if value > longest { longest = value }
    }

    @inline(__always)
    private static func cell(of value: UInt64) -> Int {
        if value < 2048 { return Int(truncatingIfNeeded: value) }
        let shift = 53 &- value.leadingZeroBitCount
        return shift &<< 10 &+ Int(truncatingIfNeeded: value &>> UInt64(truncatingIfNeeded: shift))
    }

    /// The least value of a cell.
    private static func value(of cell: Int) -> UInt64 {
        if cell < 2048 { return UInt64(cell) }
        let shift = cell >> 10 - 1
        return UInt64(cell - shift << 10) << UInt64(shift)
    }

    /// Adds what was counted to `histogram`; the longest one exactly.
    func pour(into histogram: inout LatencyHistogram) {
        for cell in 0..<Self.cellCount where cells[cell] > 0 {
            var count = cells[cell]
            if cell == Self.cell(of: longest) {
                count -= 1
                histogram.record(longest)
            }
            if count > 0 { histogram.record(Self.value(of: cell), count: count) }
        }
    }

    package var histogram: LatencyHistogram {
        var histogram = LatencyHistogram()
        pour(into: &histogram)
        return histogram
    }
}
