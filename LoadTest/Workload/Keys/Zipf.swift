import Glibc

/// Ranks 1...count, rank k in proportion to k^-exponent, with one multiplication for each of two drawn words and no
/// power or logarithm for nearly all draws.
///
/// 1. The first `singleCount` ranks are steps of their own; behind them a step is a sixteenth as wide as the ranks
///    before it.
/// 2. A step weighs its width times the density of its first rank, the highest one. Steps are drawn by Walker's alias
///    method (`SizeSteps` draws it), with a cell of 64 bits for each column:
///
///          63                                 16 15          0
///         +-------------------------------------+-------------+
///         | share of the column's own step      | other step  |
///         +-------------------------------------+-------------+
///
/// 3. The upper half of the second product is a rank of the step, evenly drawn; the lower half decides whether it is
///    taken. Below the density at the step's end, in proportion to its beginning, it is taken at once: `squeeze`.
/// 4. Otherwise it is taken if it lies below the rank's own density, and all is done again if not.
///
/// A thousand million keys need 20 kB and the same time as a thousand. A handle: copies mean the same tables, which
/// `deallocate` frees.
struct Zipf: BitwiseCopyable {
    private struct Step: BitwiseCopyable {
        /// Counted from 0.
        var first: UInt64
        var width: UInt64
        /// As a part of 2^64.
        var squeeze: UInt64
    }

    private let cells: UnsafeMutablePointer<UInt64>
    private let steps: UnsafeMutablePointer<Step>
    private let stepCount: UInt64
    private let exponent: Double

    private static let singleCount: UInt64 = 64
    private static let narrowing: UInt64 = 16

    /// `count` is at least 1, `exponent` above 0.
    init(count: UInt64, exponent: Double) {
        var made: [Step] = []
        var weights: [Double] = []
        var first: UInt64 = 0
        while first < count {
            let width = first < Self.singleCount ? 1 : min(first / Self.narrowing, count - first)
            let least = Self.density(of: first + width - 1, to: first, exponent)
            // Rounded down by more than the computation may be off.
            let squeeze = width == 1 ? UInt64.max : UInt64(least * (1 - 0x1p-40) * 0x1p64)
            made.append(Step(first: first, width: width, squeeze: squeeze))
            weights.append(Double(width) * Self.density(of: first, to: 0, exponent))
            first += width
        }
        self.exponent = exponent
        stepCount = UInt64(made.count)
        steps = .allocate(capacity: made.count)
        cells = .allocate(capacity: made.count)
        for index in made.indices { (steps + index).initialize(to: made[index]) }
        for (index, cell) in Self.cells(of: weights).enumerated() { (cells + index).initialize(to: cell) }
    }

    func deallocate() {
        steps.deallocate()
        cells.deallocate()
    }

    /// Density of a rank in proportion to that of another one; ranks count from 0.
    private static func density(of rank: UInt64, to other: UInt64, _ exponent: Double) -> Double {
        exp(-exponent * log(Double(rank + 1) / Double(other + 1)))
    }

    /// Rule 2: the poor columns first, each filled up by one of the rich.
    private static func cells(of weights: [Double]) -> [UInt64] {
        let total = weights.reduce(0, +)
        var heights = weights.map { $0 / total * Double(weights.count) }
        var cells = weights.indices.map { ~0 << 16 | UInt64($0) }
        var poor = heights.indices.filter { heights[$0] < 1 }
        var rich = heights.indices.filter { heights[$0] >= 1 }
        while let low = poor.popLast(), let high = rich.last {
            cells[low] = UInt64(heights[low] * 0x1p48) << 16 | UInt64(high)
            heights[high] -= 1 - heights[low]
            if heights[high] < 1 {
                rich.removeLast()
                poor.append(high)
            }
        }
        // What is left over has its own column whole, but for rounding.
        return cells
    }

    /// 0..<count, 0 the most popular.
    @inline(__always)
    func rank(_ random: inout RandomSource) -> UInt64 {
        while true {
            let place = random.next().multipliedFullWidth(by: stepCount)
            let column = Int(truncatingIfNeeded: place.high)
            let cell = cells[column]
            let index = place.low &>> 16 < cell &>> 16 ? column : Int(truncatingIfNeeded: cell & 0xffff)
            let step = steps + index
            let within = random.next().multipliedFullWidth(by: step.pointee.width)
            let rank = step.pointee.first &+ within.high
            if within.low <= step.pointee.squeeze || isTaken(rank, step.pointee.first, within.low) { return rank }
        }
    }

    /// Rule 4.
    @inline(never)
    private func isTaken(_ rank: UInt64, _ first: UInt64, _ place: UInt64) -> Bool {
        Double(place) * 0x1p-64 < Self.density(of: rank, to: first, exponent)
    }
}
