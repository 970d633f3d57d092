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

/// What the prefixes of all workers take, together: whoever may send requests may bring any number of them. Any thread.
struct PrefixRoom: ~Copyable {
    private let bytes = Atomic<Int>(0)

    /// Returns false, taking nothing, if there is no more.
    borrowing func take(_ count: Int) -> Bool {
        if bytes.add(count, ordering: .relaxed).newValue <= Limits.prefixBytesMax { return true }
        give(count)
        return false
    }

    borrowing func give(_ count: Int) { bytes.subtract(count, ordering: .relaxed) }
}

/// One worker's counts by key prefix, for `stats detail`. Its worker counts; any thread may read or empty it. The lock
/// is contended only while somebody does.
struct PrefixTable: ~Copyable {
    struct Row: Sendable {
        let prefix: [UInt8]
        /// Of the prefix.
        let hash: UInt64
        var counts = PrefixCounts()

        /// What a row takes besides the bytes of its prefix: itself, its array's header and its position, with the room
        /// that growing arrays and dictionaries have to spare.
        static let overheadBytes = 192
    }

    struct Rows {
        /// In the order in which they came; they stay where they are until all go.
        var rows: [Row] = []
        /// By the hash of the prefix, so that counting copies no bytes.
        var positions: [UInt64: Int] = [:]
        /// What they take of the room.
        var bytes = 0
    }

    private let table = Mutex(Rows())
    /// Has the room for the rows of all tables.
    private let observation: UnsafePointer<Observation>

    init(observation: UnsafePointer<Observation>) { self.observation = observation }

    /// Counts for a prefix. A new one is not counted when those of all tables take `Limits.prefixBytesMax`; nor is one
    /// whose hash another has, which does not happen in practice.
    borrowing func count(
        _ prefix: UnsafeRawBufferPointer, hash: UInt64, _ change: (inout PrefixCounts) -> Void
    ) {
        table.withLock { table in
            if let position = table.positions[hash] {
                guard table.rows[position].prefix.elementsEqual(prefix) else { return }
                change(&table.rows[position].counts)
            } else {
                let bytes = Row.overheadBytes + prefix.count
                guard observation.pointee.prefixRoom.take(bytes) else { return }
                table.bytes += bytes
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
        let gone = table.withLock { table in
            defer { table = Rows() }
            return table
        }
        observation.pointee.prefixRoom.give(gone.bytes)
    }
}
