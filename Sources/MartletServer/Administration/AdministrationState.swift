import Synchronization

/// What administrative commands read and change, shared by all threads of a server.
package struct AdministrationState: ~Copyable {
    /// As the server was started. Immutable, so any thread may read it.
    package let settings: ServerSettings
    /// The same, with what commands have changed since; only shown.
    let shown: Mutex<ServerSettings>
    /// Current level of the log on stderr; the start's `-v` count at first.
    package let verbosity: Atomic<Int>
    /// Server second of the latest `flush_all`, or for which one is set; 0 before the first.
    package let flushSecond = Atomic<UInt32>(0)

    package let listener = ListenerCounters()
    package let board: ConnectionBoard
    /// What `stats reset` found; statistics are told less these.
    let baseline = Mutex(StatisticsBaseline())

    /// Ends the server; from any thread, returns at once.
    let stop: @Sendable (_ isGraceful: Bool) -> Void
    /// The workers' counters. Set before the first worker starts, valid while any runs.
    package var workers: [UnsafeMutablePointer<WorkerCounters>] = []

    /// `stop` is what the `shutdown` command calls.
    package init(settings: ServerSettings, stop: @escaping @Sendable (_ isGraceful: Bool) -> Void) {
        self.settings = settings
        self.stop = stop
        shown = Mutex(settings)
        verbosity = Atomic(settings.verbosity)
        board = ConnectionBoard(descriptorCount: settings.connectionsMax + Self.descriptorsBesides)
    }

    /// Descriptors of the process that are no connections: standard streams, loops, listeners.
    private static let descriptorsBesides = 1024

    /// Call when a flush was carried out, or set for a later second.
    package borrowing func noteFlush(_ second: UInt32) { flushSecond.store(second, ordering: .relaxed) }

    // MARK: Sums

    /// What all workers counted since the start or the last reset.
    borrowing func commandTotals() -> CounterTotals {
        var totals = commandTotalsSinceStart()
        baseline.withLock { totals -= $0.commands }
        return totals
    }

    borrowing func networkTotals() -> NetworkTotals {
        var totals = networkTotalsSinceStart()
        baseline.withLock { totals -= $0.network }
        return totals
    }

    /// `stats reset` for everything the workers and the listener count.
    borrowing func resetStatistics() {
        let commands = commandTotalsSinceStart()
        let network = networkTotalsSinceStart()
        baseline.withLock { $0 = StatisticsBaseline(commands: commands, network: network) }
    }

    private borrowing func commandTotalsSinceStart() -> CounterTotals {
        var totals = CounterTotals()
        for worker in workers { totals.add(worker.pointee.commands) }
        return totals
    }

    private borrowing func networkTotalsSinceStart() -> NetworkTotals {
        var totals = NetworkTotals()
        for worker in workers { totals.add(worker.pointee.network) }
        totals.add(listener)
        return totals
    }
}

/// Counters as `stats reset` found them.
struct StatisticsBaseline: Sendable {
    var commands = CounterTotals()
    var network = NetworkTotals()
}
