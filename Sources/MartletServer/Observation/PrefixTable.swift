import Synchronization

/// How often keys with one prefix were asked for, found, stored and deleted, as far as one worker has seen.
struct PrefixCounts: Sendable {
    var gets = 0
    var hits = 0
    var sets = 0
    var deletes = 0

    static func += (sum: inout PrefixCounts, other: PrefixCounts) {
        sum.gets += other.gets
        sum.hits += other.hits
        sum.sets += other.sets
        sum.deletes += other.deletes
    }
}

/// One worker's counts by key prefix, for `stats detail`. Its worker counts; any thread may read or empty it. The lock
/// is contended only while somebody does.
struct PrefixTable: ~Copyable {
    struct Row {
        let prefix: [UInt8]
        var counts = PrefixCounts()
    }

    /// By the hash of the prefix, so that counting copies no bytes.
    let rows = Mutex<[UInt64: Row]>([:])

    /// Counts for a prefix. A new one is not counted when there are `Limits.prefixesMax`; nor is one whose hash another
    /// has, which does not happen in practice.
    borrowing func count(
        _ prefix: UnsafeRawBufferPointer, hash: UInt64, _ change: (inout PrefixCounts) -> Void
    ) {
        rows.withLock { rows in
            if let index = rows.index(forKey: hash) {
                guard rows.values[index].prefix.elementsEqual(prefix) else { return }
                change(&rows.values[index].counts)
            } else if rows.count < Limits.prefixesMax {
                var row = Row(prefix: Array(prefix))
                change(&row.counts)
                rows[hash] = row
            }
        }
    }

    /// Adds the counts to `sums`, by prefix.
    borrowing func add(to sums: inout [[UInt8]: PrefixCounts]) {
        for row in rows.withLock({ Array($0.values) }) { sums[row.prefix, default: PrefixCounts()] += row.counts }
    }

    borrowing func removeAll() { rows.withLock { $0 = [:] } }
}
