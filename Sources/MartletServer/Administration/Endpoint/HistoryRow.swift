/// What happened in one second, or since the figures before: rates, latencies, and how things stood at its end.
struct HistoryRow: Sendable {
    /// Wall time, in milliseconds since 1970, of the end.
    let time: Int
    let values: [Double?]
    /// Busy share of each worker.
    let workers: [Double]

    /// The columns in the order of `values`.
    static let columns = [
        "get_hits", "get_misses", "sets", "deletes", "arithmetic", "touches", "flushes_logins",
        "evictions", "evicted_unfetched", "reclaimed", "expired_unfetched", "refused",
        "bytes_read", "bytes_written", "connections", "new_connections",
        "items", "item_bytes", "page_bytes", "hot", "warm", "cold", "temp",
        "p50", "p95", "p99", "get_p50", "get_p99", "set_p50", "set_p99", "ghost_hits", "pages_moved", "lock_wait_ms",
    ]

    init(from earlier: ServerFigures, to later: ServerFigures, wallMilliseconds: Int) {
        time = wallMilliseconds
        let seconds = max(Double(later.takenAt &- earlier.takenAt) / 1e9, 0.001)
        // After a reset of the statistics there is less than before.
        func rate(_ field: (ServerFigures) -> Int) -> Double { Double(max(0, field(later) - field(earlier))) / seconds }
        func latency(_ kinds: [CommandKind], _ quantile: Double) -> Double? {
            var sum = LatencyTotals()
            for kind in kinds {
                let index = Int(kind.rawValue)
                sum += later.latencies[index].since(earlier.latencies[index])
            }
            return sum.microseconds(quantile: quantile)
        }
        let store = later.store
        var values: [Double?] = [
            rate { $0.gets.hits }, rate { $0.gets.misses }, rate { $0.commands.hits.sets },
            rate { $0.commands.hits.deleteHits + $0.commands.deleteMisses },
            rate { $0.commands.arithmetic }, rate { $0.commands.hits.touchHits + $0.commands.touchMisses },
            rate { $0.commands.flushes + $0.commands.logins },
            rate { $0.store.sum(\.evicted) }, rate { $0.store.sum(\.evictedUnfetched) },
            rate { $0.store.sum(\.reclaimed) + $0.store.sum(\.crawlerReclaimed) },
            rate { $0.store.sum(\.expiredUnfetched) },
            rate { $0.commands.storeTooLarge + $0.commands.storeNoMemory + $0.network.rejectedConnections },
        ]
        values += [
            rate { $0.network.bytesRead }, rate { $0.network.bytesWritten },
            Double(later.network.currentConnections), rate { $0.network.totalConnections },
            Double(store.itemCount), Double(store.itemBytes), Double(store.pagedBytes),
            Double(store.sum(\.hotCount)), Double(store.sum(\.warmCount)), Double(store.sum(\.coldCount)),
            Double(store.sum(\.tempCount)),
        ]
        let all = CommandKind.allCases
        values += [latency(all, 0.5), latency(all, 0.95), latency(all, 0.99)]
        values += [latency([.get, .metaGet], 0.5), latency([.get, .metaGet], 0.99)]
        values += [latency([.set, .metaSet], 0.5), latency([.set, .metaSet], 0.99)]
        values += [
            rate { $0.store.sum(\.ghostHits) }, rate { $0.store.pagesMoved },
            rate { $0.lockWaitNanoseconds } / 1e6,
        ]
        self.values = values
        workers = zip(earlier.workers, later.workers).map { before, after in
            min(1, Double(max(0, after.busyNanoseconds - before.busyNanoseconds)) / 1e9 / seconds)
        }
    }

    func append(to json: inout JSONText) {
        json.list { json in
            json.add(nil, time)
            for value in values { json.add(nil, value, places: (value ?? 0).magnitude < 100 ? 2 : 0) }
            for value in workers { json.add(nil, value) }
        }
    }
}

extension CounterTotals {
    var arithmetic: Int { hits.incrHits + hits.decrHits + incrMisses + decrMisses }
}

/// The latest rows, numbered from 1.
struct History {
    private var rows: [HistoryRow] = []
    private var start = 0
    /// Number of the row added last.
    private(set) var lastNumber = 0

    mutating func append(_ row: HistoryRow) {
        if rows.count < Limits.historySecondsMax {
            rows.append(row)
        } else {
            rows[start] = row
            start = (start + 1) % rows.count
        }
        lastNumber += 1
    }

    var last: HistoryRow? {
        rows.isEmpty ? nil : rows[(start + rows.count - 1) % rows.count]
    }

    /// The rows behind `number`, oldest first.
    func rows(after number: Int) -> [HistoryRow] {
        let count = min(max(0, lastNumber - max(0, number)), rows.count)
        return (rows.count - count..<rows.count).map { rows[(start + $0) % rows.count] }
    }

    func json(after number: Int, workerCount: Int) -> [UInt8] {
        var json = JSONText()
        json.group { json in
            json.add("last", lastNumber)
            json.list("columns") { json in
                json.add(nil, text: "time")
                for name in HistoryRow.columns { json.add(nil, text: name) }
                for index in 0..<workerCount { json.add(nil, text: "worker_\(index)") }
            }
            json.list("rows") { json in
                for row in rows(after: number) { row.append(to: &json) }
            }
        }
        return json.bytes
    }
}
