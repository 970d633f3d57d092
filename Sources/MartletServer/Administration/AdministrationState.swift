import MartletStore
import Synchronization

/// What administrative commands change, and what they have to remember; shared by all threads of a server.
package struct AdministrationState: ~Copyable {
    /// The settings with what commands have changed since the start; only shown. Nothing reads them to act.
    let shown: Mutex<ServerSettings>
    /// Server second of the latest `flush_all`, or for which one is set; 0 before the first.
    package let flushSecond = Atomic<UInt32>(0)
    /// Whether start-up or a statistics command has brought parts of the program into memory that serving does without:
    /// two thirds of what an idle process occupies. The maintainer gives them back.
    let usedRareText = Atomic<Bool>(true)
    package var usesRareText: Bool { usedRareText.load(ordering: .relaxed) }
    /// What `stats reset` found; statistics are told less these.
    let baseline = Mutex(StatisticsBaseline())

    package init(settings: ServerSettings) { shown = Mutex(settings) }

    /// Call when a flush was carried out, or set for a later second.
    package borrowing func noteFlush(_ second: UInt32) { flushSecond.store(second, ordering: .relaxed) }
}

/// Counters as `stats reset` found them.
struct StatisticsBaseline: Sendable {
    var commands = CounterTotals()
    var network = NetworkTotals()
    var store = StoreStatistics()
}
