/// `stats detail dump`: counts by the part of a key in front of the delimiter of `-D`.
///
/// 1. Each observer has a table of its own, whose rows stay where they are. They are walked in order, observer by
///    observer, and the counts of the others are added to each row.
/// 2. A prefix that an earlier observer had when its rows were walked has been told; one that it got afterwards has not.
/// 3. Nothing is kept but the place, however many prefixes there are and however slowly somebody reads. After a `stats
///    reset` in the middle, some of what is counted anew may be missing.
struct PrefixStatistics: SlicedStatistics {
    private var observer = 0
    private var row = 0
    /// How many rows were walked of each observer before this one.
    private var walkedCounts: [Int] = []

    mutating func appendSlice(_ server: Administration.Server, to text: inout StatisticsText) -> Bool {
        let observers = server.pointee.observers
        guard observer < observers.count else { return false }
        let countMax = min(Limits.statisticsPerTurnMax, max(Limits.prefixLooksPerTurnMax / observers.count, 1))
        let rows = observers[observer].pointee.prefixes.rows(from: row, countMax: countMax)
        for row in rows {
            if let counts = sum(row, observers) { text.addPrefix(row.prefix, counts) }
        }
        row += rows.count
        if rows.count == countMax { return true }
        walkedCounts.append(row)
        observer += 1
        row = 0
        return observer < observers.count
    }

    /// What all have counted for the row's prefix; nil if it has been told. Rule 2.
    private func sum(_ row: PrefixTable.Row, _ observers: [UnsafeMutablePointer<Observer>]) -> PrefixCounts? {
        var counts = row.counts
        for index in observers.indices where index != observer {
            guard let found = observers[index].pointee.prefixes.place(of: row.prefix, hash: row.hash) else { continue }
            if index < observer, found.position < walkedCounts[index] { return nil }
            counts += found.counts
        }
        return counts
    }
}
