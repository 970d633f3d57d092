/// The keys asked for most, of a stream of keys: after the Space-Saving sketch of Metwally, Agrawal and El Abbadi
/// (2005).
///
/// 1. A key that is counted counts one more. For one that is not there has to be room: if there is none, all that count
///    least go at once, and whoever comes from then on may be one of them come back: it begins with their count. So a
///    count is never too low, and too high by at most what `excess` says.
/// 2. Every minute all counts are halved, so that what was hot yesterday goes.
package struct KeyCounts {
    struct Row: Sendable {
        var count: Double
        var excess: Double
    }

    private var rows: [[UInt8]: Row] = [:]
    private var key: [UInt8] = []
    private let capacity: Int
    /// Keys seen, halved like the counts.
    private(set) var total = 0.0
    /// The highest count that ever went.
    private var floor = 0.0

    package init(capacity: Int) { self.capacity = capacity }

    package mutating func add(_ bytes: some Collection<UInt8>) {
        total += 1
        // The array is the same one as long as nobody keeps it: a key that is known allocates nothing.
        key.removeAll(keepingCapacity: true)
        key.append(contentsOf: bytes)
        if let index = rows.index(forKey: key) {
            rows.values[index].count += 1
            return
        }
        if rows.count >= capacity {
            floor = rows.values.reduce(Double.infinity) { min($0, $1.count) }
            rows = rows.filter { $0.value.count > floor }
        }
        rows[key] = Row(count: floor + 1, excess: floor)
    }

    /// Rule 2.
    package mutating func wearDown() {
        total /= 2
        floor /= 2
        for (key, row) in rows {
            rows[key] = row.count < 1 ? nil : Row(count: row.count / 2, excess: row.excess / 2)
        }
    }

    /// The keys with the highest counts that are sure, with the share of all.
    package func top(_ count: Int) -> [(key: [UInt8], share: Double, excess: Double)] {
        guard total > 0 else { return [] }
        return rows.filter { $0.value.count - $0.value.excess >= 2 }
            .sorted { ($0.value.count, $1.key.count) > ($1.value.count, $0.key.count) }
            .prefix(count)
            .map { (key: $0.key, share: $0.value.count / total, excess: $0.value.excess / total) }
    }

    /// What the top keys have in front of the delimiter, and their share together.
    package func topPrefixes(_ count: Int, delimiter: UInt8) -> [(prefix: [UInt8], share: Double)] {
        guard total > 0 else { return [] }
        var sums: [[UInt8]: Double] = [:]
        for (key, row) in rows {
            guard let end = key.firstIndex(of: delimiter), end > 0 else { continue }
            sums[Array(key[..<end]), default: 0] += row.count - row.excess
        }
        return sums.sorted { $0.value > $1.value }.prefix(count).map { (prefix: $0.key, share: $0.value / total) }
    }
}

/// A turn that took long.
struct SlowTurn: Sendable {
    let wallMilliseconds: Int
    let worker: Int
    let microseconds: Int
    let command: String
    /// Empty unless keys may be told.
    let key: [UInt8]
    let client: String
}
