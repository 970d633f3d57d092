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
    struct Row: Sendable {
        let prefix: [UInt8]
        /// Of the prefix.
        let hash: UInt64
        var counts = PrefixCounts()
    }

    struct Rows {
        /// In the order in which they came; they stay where they are until all go.
        var rows: [Row] = []
        /// By the hash of the prefix, so that counting copies no bytes.
        var positions: [UInt64: Int] = [:]
    }

    private let table = Mutex(Rows())

    /// Counts for a prefix. A new one is not counted when there are `Limits.prefixesMax`; nor is one whose hash another
    /// has, which does not happen in practice.
    borrowing func count(
        _ prefix: UnsafeRawBufferPointer, hash: UInt64, _ change: (inout PrefixCounts) -> Void
    ) {
        table.withLock { table in
            if let position = table.positions[hash] {
                guard table.rows[position].prefix.elementsEqual(prefix) else { return }
                change(&table.rows[position].counts)
            } else if table.rows.count < Limits.prefixesMax {
                var row = Row(prefix: Array(prefix), hash: hash)
                change(&row.counts)
                table.positions[hash] = table.rows.count
                table.rows.append(row)
            }
        }
    }

    var rowCount: Int { table.withLock { $0.rows.count } }

    /// At most `countMax` rows from one on.
    borrowing func rows(from position: Int, countMax: Int) -> [Row] {
        table.withLock { Array($0.rows.dropFirst(position).prefix(countMax)) }
    }

    /// Which row a prefix has, and its counts.
    borrowing func place(of prefix: [UInt8], hash: UInt64) -> (position: Int, counts: PrefixCounts)? {
        table.withLock { table in
            guard let position = table.positions[hash], table.rows[position].prefix == prefix else { return nil }
            return (position, table.rows[position].counts)
        }
    }

    /// The rows are freed outside the lock, which the worker may want meanwhile.
    borrowing func removeAll() {
        _ = table.withLock { table in
            defer { table = Rows() }
            return table
        }
    }
}
