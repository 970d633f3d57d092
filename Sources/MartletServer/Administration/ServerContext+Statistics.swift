import MartletStore

/// Sums over the workers, for statistics. Any thread may ask.
extension ServerContext {
    /// What all workers counted since the start or the last reset.
    borrowing func commandTotals() -> CounterTotals {
        var totals = commandTotalsSinceStart()
        administration.baseline.withLock { totals -= $0.commands }
        return totals
    }

    borrowing func networkTotals() -> NetworkTotals {
        var totals = networkTotalsSinceStart()
        administration.baseline.withLock { totals -= $0.network }
        return totals
    }

    /// What the store knows of itself, with counts since the start or the last reset.
    package borrowing func storeStatistics() -> StoreStatistics {
        var statistics = store.statistics()
        administration.baseline.withLock { statistics.subtract($0.store) }
        return statistics
    }

    /// `stats reset`, for workers, listener and store.
    borrowing func resetStatistics() {
        let commands = commandTotalsSinceStart()
        let network = networkTotalsSinceStart()
        let store = store.statistics()
        administration.baseline.withLock {
            $0 = StatisticsBaseline(commands: commands, network: network, store: store)
        }
        self.store.resetStatistics()
        for observer in observers { observer.pointee.prefixes.removeAll() }
    }

    private borrowing func commandTotalsSinceStart() -> CounterTotals {
        var totals = CounterTotals()
        for worker in workerCounters { totals.add(worker.pointee.commands) }
        return totals
    }

    private borrowing func networkTotalsSinceStart() -> NetworkTotals {
        var totals = NetworkTotals()
        for worker in workerCounters {
            totals.add(worker.pointee.network)
            totals.add(worker.pointee.tls)
        }
        totals.secondsSinceRefresh = tls.map { max(Int(clock.second) - Int($0.pointee.lastRefresh), 0) }
        totals.currentConnections = connectionCount
        totals.listeners = listeningSockets.count
        totals.totalConnections = listenerCounters.accepted.total
        totals.rejectedConnections = listenerCounters.rejected.total
        totals.pauses = listenerCounters.pauses.total
        totals.pausedMicroseconds = listenerCounters.pausedMicroseconds.total
        totals.isPaused = listenerCounters.isPaused.value > 0
        for observer in observers {
            totals.eventsWritten += observer.pointee.written.total
            totals.eventsDropped += observer.pointee.dropped.total
        }
        totals.linesSent = observation.pointee.sent.total
        totals.linesSkipped = observation.pointee.skipped.total
        totals.watchers = observation.pointee.watcherCount
        return totals
    }
}

extension StoreStatistics {
    /// Takes away what was counted before `earlier`; the store itself starts its classes anew.
    fileprivate mutating func subtract(_ earlier: StoreStatistics) {
        itemsStored -= earlier.itemsStored
        foundExpired -= earlier.foundExpired
        foundFlushed -= earlier.foundFlushed
        pagesMoved -= earlier.pagesMoved
        itemsRelocated -= earlier.itemsRelocated
        partsRelocated -= earlier.partsRelocated
        itemsLostInMoves -= earlier.itemsLostInMoves
        itemsFoundBusy -= earlier.itemsFoundBusy
        busyWithoutMemory -= earlier.busyWithoutMemory
        busyDeletes -= earlier.busyDeletes
        inlineReclaims -= earlier.inlineReclaims
        bumpsDropped -= earlier.bumpsDropped
        maintainerPasses -= earlier.maintainerPasses
    }
}
