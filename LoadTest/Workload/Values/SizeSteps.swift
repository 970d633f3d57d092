/// A histogram of sizes: `weight` of all values are bigger than the step before and not bigger than `upper`.
///
/// Drawn in constant time by Walker's alias method: each step owns a column of equal width, of which it keeps a part
/// and gives the rest to one other step.
///
///     column     0        1        2        3
///              +-----+  +-----+  +-----+  +-----+
///              |  2  |  |  2  |  |     |  |  1  |   <- who has the rest (`other`)
///              |- - -|  |- - -|  |  2  |  |- - -|   <- how much is one's own (`share` / 2^64)
///              |  0  |  |  1  |  |     |  |  3  |
///              +-----+  +-----+  +-----+  +-----+
package final class SizeSteps: Sendable, Equatable {
    package struct Step: Sendable, Equatable {
        package var upper: Int
        package var weight: Double

        package init(upper: Int, weight: Double) {
            self.upper = upper
            self.weight = weight
        }
    }

    /// Upper bounds, rising.
    package let steps: [Step]
    /// Where they came from.
    package let file: String?
    private let columns: [Column]

    private struct Column: Sendable {
        var share: UInt64
        var other: UInt32
        /// The smallest size of the step and how many sizes it has.
        var lower: UInt32
        var count: UInt32
    }

    /// `steps` rise; at least one weighs more than 0. Steps without weight may stand between.
    package init(_ steps: [Step], file: String? = nil) throws(WorkloadError) {
        self.file = file
        guard steps.contains(where: { $0.weight > 0 }) else {
            throw WorkloadError("a size distribution needs at least one line with a weight above 0")
        }
        var lower = 0
        var columns: [Column] = []
        for step in steps {
            guard step.weight >= 0, step.weight.isFinite else {
                throw WorkloadError("size \(step.upper) has weight \(step.weight), which must be a number from 0")
            }
            guard step.upper >= lower, step.upper <= Sizes.bytesMax else {
                throw WorkloadError("size \(step.upper) is out of order or out of range (sizes rise up to 2^30)")
            }
            columns.append(
                Column(share: .max, other: 0, lower: UInt32(lower), count: UInt32(step.upper - lower + 1)))
            lower = step.upper + 1
        }
        // A step from 0 would make values without a byte; the protocol allows them, distributions hardly mean them.
        if columns[0].lower == 0, columns[0].count > 1 {
            columns[0].lower = 1
            columns[0].count -= 1
        }
        self.steps = steps
        self.columns = Self.shared(columns, weights: steps.map(\.weight))
    }

    package static func == (left: SizeSteps, right: SizeSteps) -> Bool { left.steps == right.steps }

    /// `word` and `within` are evenly spread and independent.
    func bytes(_ word: UInt64, within: UInt64) -> UInt32 {
        columns.withUnsafeBufferPointer { columns in
            let place = word.multipliedFullWidth(by: UInt64(columns.count))
            var column = columns[Int(place.high)]
            if place.low >= column.share { column = columns[Int(column.other)] }
            return column.lower &+ UInt32(within.multipliedFullWidth(by: UInt64(column.count)).high)
        }
    }

    /// Gives each column its share and the owner of the rest, the poor ones first.
    private static func shared(_ columns: [Column], weights: [Double]) -> [Column] {
        var columns = columns
        let total = weights.reduce(0, +)
        var heights = weights.map { $0 / total * Double(weights.count) }
        var poor = heights.indices.filter { heights[$0] < 1 }
        var rich = heights.indices.filter { heights[$0] >= 1 }
        while let low = poor.popLast(), let high = rich.last {
            columns[low].share = UInt64(max(0, min(heights[low], 1 - 0x1p-53)) * 0x1p64)
            columns[low].other = UInt32(high)
            heights[high] -= 1 - heights[low]
            if heights[high] < 1 {
                rich.removeLast()
                poor.append(high)
            }
        }
        // What is left over has its own column whole, but for rounding.
        return columns
    }
}
