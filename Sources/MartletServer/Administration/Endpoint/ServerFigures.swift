import Glibc
import MartletStore

/// All that is known of a server at one moment: what `stats` tells, and what meters measured.
struct ServerFigures: Sendable {
    /// One worker.
    struct WorkerRow: Sendable {
        var connections = 0
        var rounds = 0
        var turns = 0
        var busyNanoseconds = 0
        var bytesRead = 0
        var bytesWritten = 0
        /// Since when it has been in the same round; 0 if it waits.
        var roundStart: UInt64 = 0
    }

    let settings: ServerSettings
    let commands: CounterTotals
    let network: NetworkTotals
    let store: StoreStatistics
    let uptimeSeconds: Int
    let wallSeconds: Int
    /// By `CommandKind`.
    let latencies: [LatencyTotals]
    let workers: [WorkerRow]
    let lockWaits: Int
    let lockWaitNanoseconds: Int
    let userSeconds: Double
    let systemSeconds: Double
    let residentBytes: Int
    let takenAt: UInt64

    /// Any thread; waits for no worker.
    init(_ server: Administration.Server) {
        takenAt = TurnCounts.now
        settings = Administration.shownSettings(server)
        commands = server.pointee.commandTotals()
        network = server.pointee.networkTotals()
        store = server.pointee.storeStatistics()
        uptimeSeconds = Int(server.pointee.clock.uptime)
        wallSeconds = Int(server.pointee.clock.wall)
        var latencies = [LatencyTotals](repeating: LatencyTotals(), count: CommandKind.count)
        var rows: [WorkerRow] = []
        for worker in server.pointee.workers {
            let counted = worker.pointee.counters
            var row = WorkerRow()
            row.connections = counted.pointee.network.opened.total - counted.pointee.network.closed.total
            row.bytesRead = counted.pointee.network.bytesRead.total
            row.bytesWritten = counted.pointee.network.bytesWritten.total
            if let counts = worker.pointee.turnCounts {
                row.rounds = counts.pointee.rounds.total
                row.turns = counts.pointee.turns.total
                row.busyNanoseconds = counts.pointee.busyNanoseconds.total
                row.roundStart = counts.pointee.roundStart.load(ordering: .relaxed)
                counts.pointee.add(to: &latencies)
            }
            rows.append(row)
        }
        workers = rows
        self.latencies = latencies
        lockWaits = LockWaits.count
        lockWaitNanoseconds = LockWaits.nanoseconds
        var usage = rusage()
        getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
        userSeconds = Double(usage.ru_utime.tv_sec) + Double(usage.ru_utime.tv_usec) / 1e6
        systemSeconds = Double(usage.ru_stime.tv_sec) + Double(usage.ru_stime.tv_usec) / 1e6
        residentBytes = ProcessMemory.residentBytes
    }

    /// All kinds together.
    var latency: LatencyTotals { latencies.reduce(into: LatencyTotals()) { $0 += $1 } }

    var gets: (hits: Int, misses: Int) { (commands.hits.getHits, commands.getMisses) }

    /// Bytes of pages for each byte of items; 1 while there is nothing.
    var fragmentation: Double {
        let paged = store.classes.reduce(0) { $0 + $1.pageCount } * store.pageBytes
        return store.itemBytes > 0 ? Double(paged) / Double(store.itemBytes) : 1
    }
}

/// What the system says of the process.
enum ProcessMemory {
    static var residentBytes: Int {
        let text = SmallFile.text("/proc/self/statm") ?? ""
        let pages = text.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0
        return pages * Int(sysconf(Int32(_SC_PAGESIZE)))
    }
}
