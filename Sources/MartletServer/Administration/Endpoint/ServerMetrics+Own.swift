/// What memcached has no figures for.
extension ServerMetrics {
    /// Ends of the histogram's buckets, from 1 us to 1 s: doublings, at which durations are counted exactly.
    private static let bounds: [(nanoseconds: UInt64, text: String)] = (10...30).map { power in
        let bound = UInt64(1) << UInt64(power)
        let fraction = String(bound % 1_000_000_000)
        let zeros = String(repeating: "0", count: 9 - fraction.count)
        return (bound, "\(bound / 1_000_000_000).\(zeros)\(fraction)")
    }

    mutating func addOwn() {
        text.begin("martlet_info", .gauge, "The server's own version, and what it was built with.")
        text.add(1, "version=\"\(ServerVersion.own)\",tls=\"\(TLSLibrary.isThere ? TLSLibrary.version : "none")\"")
        addLatency()
        addWorkers()
        addPages()
        text.add("resident_bytes", .gauge, "Resident memory of the process.", figures.residentBytes)
        text.add(
            "lock_waits_total", .counter, "Times that a thread slept for a lock of the store.", figures.lockWaits)
        text.add(
            "lock_wait_seconds_total", .counter, "Time slept for locks of the store, by all threads.",
            MetricsText.seconds(figures.lockWaitNanoseconds))
        text.add(
            "items_expired_unfetched_total", .counter, "Items expired that nobody had fetched.",
            figures.store.sum(\.expiredUnfetched))
        text.add(
            "items_evicted_unfetched_total", .counter, "Items evicted that nobody had fetched.",
            figures.store.sum(\.evictedUnfetched))
        text.add("auth_errors_total", .counter, "Logins refused.", figures.commands.loginFailures)
        text.add(
            "connections_idle_closed_total", .counter, "Connections closed for being idle.", figures.network.idleKicks)
        text.add(
            "connections_budget_closed_total", .counter, "Connections closed over the buffer budget.",
            figures.network.budgetKicks)
        addTLS()
    }

    private mutating func addLatency() {
        text.begin(
            "command_duration_seconds", .histogram,
            "Time in the server up to the reply's sending, of a sample of requests counted for all.")
        for kind in CommandKind.allCases {
            let latency = figures.latencies[Int(kind.rawValue)]
            let label = "command=\"\(kind.name)\""
            for bound in Self.bounds {
                text.add(
                    latency.count(under: bound.nanoseconds), "\(label),le=\"\(bound.text)\"", suffix: "_bucket")
            }
            text.add(latency.count, "\(label),le=\"+Inf\"", suffix: "_bucket")
            text.add(MetricsText.seconds(latency.nanoseconds), label, suffix: "_sum")
            text.add(latency.count, label, suffix: "_count")
        }
    }

    private mutating func addWorkers() {
        func add(
            _ name: String, _ kind: MetricsText.Kind, _ help: String,
            _ value: (ServerFigures.WorkerRow) -> String
        ) {
            text.begin("worker_" + name, kind, help)
            for (index, row) in figures.workers.enumerated() { text.add(value(row), "thread=\"\(index)\"") }
        }
        add("busy_seconds_total", .counter, "Time in which the worker did not wait.") {
            MetricsText.seconds($0.busyNanoseconds)
        }
        add("turns_total", .counter, "Turns of connections.") { String($0.turns) }
        add("rounds_total", .counter, "Times that the worker woke up and served who was due.") { String($0.rounds) }
        add("connections", .gauge, "Connections of the worker.") { String($0.connections) }
        add("read_bytes_total", .counter, "Bytes read by the worker.") { String($0.bytesRead) }
        add("written_bytes_total", .counter, "Bytes sent by the worker.") { String($0.bytesWritten) }
    }

    private mutating func addPages() {
        let store = figures.store
        text.add(
            "memory_fragmentation_ratio", .gauge, "Bytes of pages in classes for each byte of items.",
            FixedPoint.text(min(figures.fragmentation, 1e6), places: 4))
        text.add("table_bytes", .gauge, "Bytes of the hash table and its ghosts.", store.tableBytes)
        text.add("page_size_bytes", .gauge, "Bytes of a page.", store.pageBytes)
        text.add("pages_free", .gauge, "Pages that belonged to a class and belong to none now.", store.pooledPages)
        text.add("pages_moved_total", .counter, "Pages that went to another class.", store.pagesMoved)
        text.add("page_move_running", .gauge, "Whether a page is being emptied.", store.isMovingPage ? 1 : 0)
        text.add(
            "page_move_items_relocated_total", .counter, "Items that went along with their page.", store.itemsRelocated)
        text.add("page_move_items_lost_total", .counter, "Items lost because their page moved.", store.itemsLostInMoves)
        text.add("ghost_hits_total", .counter, "Keys stored again soon after their eviction.", store.sum(\.ghostHits))
    }

    private mutating func addTLS() {
        guard figures.settings.tls.isEnabled else { return }
        text.add("tls_handshakes_total", .counter, "Handshakes completed.", figures.network.handshakes)
        text.add("tls_handshakes_resumed_total", .counter, "Of these, sessions resumed.", figures.network.resumptions)
        text.add("tls_handshake_errors_total", .counter, "Handshakes that failed.", figures.network.handshakeErrors)
        text.add(
            "tls_certificate_age_seconds", .gauge, "Seconds since the certificates were read.",
            figures.network.secondsSinceRefresh ?? 0)
    }
}
