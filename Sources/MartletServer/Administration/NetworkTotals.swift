/// What workers and listener counted about connections, summed at one moment.
struct NetworkTotals: Sendable {
    var bytesRead = 0
    var bytesWritten = 0
    /// Of this moment; a reset leaves it.
    var currentConnections = 0
    /// Listening sockets.
    var listeners = 0
    var yields = 0
    var idleKicks = 0
    var budgetKicks = 0
    var memoryKicks = 0
    var totalConnections = 0
    var rejectedConnections = 0
    var pauses = 0
    var pausedMicroseconds = 0
    /// Whether accepting pauses at this moment.
    var isPaused = false
    /// Events that watchers wanted, and those for which an observer had no room.
    var eventsWritten = 0
    var eventsDropped = 0
    /// Lines told, and those for which a watcher had no room.
    var linesSent = 0
    var linesSkipped = 0
    /// Of this moment.
    var watchers = 0
    /// Of connections over TLS.
    var handshakes = 0
    var resumptions = 0
    var inKernel = 0
    var newSessions = 0
    var handshakeErrors = 0
    var protocolErrors = 0
    /// Since the certificates were read; nil without TLS.
    var secondsSinceRefresh: Int?

    mutating func add(_ worker: borrowing NetworkCounters) {
        bytesRead += worker.bytesRead.total
        bytesWritten += worker.bytesWritten.total
        yields += worker.yields.total
        idleKicks += worker.idleKicks.total
        budgetKicks += worker.budgetKicks.total
        memoryKicks += worker.memoryKicks.total
    }

    mutating func add(_ worker: borrowing TLSCounters) {
        handshakes += worker.handshakes.total
        resumptions += worker.resumptions.total
        inKernel += worker.inKernel.total
        newSessions += worker.newSessions.total
        handshakeErrors += worker.handshakeErrors.total
        protocolErrors += worker.protocolErrors.total
    }

    static func -= (sum: inout NetworkTotals, other: NetworkTotals) {
        sum.bytesRead -= other.bytesRead
        sum.bytesWritten -= other.bytesWritten
        sum.yields -= other.yields
        sum.idleKicks -= other.idleKicks
        sum.budgetKicks -= other.budgetKicks
        sum.memoryKicks -= other.memoryKicks
        sum.totalConnections -= other.totalConnections
        sum.rejectedConnections -= other.rejectedConnections
        sum.pauses -= other.pauses
        sum.pausedMicroseconds -= other.pausedMicroseconds
        sum.eventsWritten -= other.eventsWritten
        sum.eventsDropped -= other.eventsDropped
        sum.linesSent -= other.linesSent
        sum.linesSkipped -= other.linesSkipped
        sum.handshakes -= other.handshakes
        sum.resumptions -= other.resumptions
        sum.inKernel -= other.inKernel
        sum.newSessions -= other.newSessions
        sum.handshakeErrors -= other.handshakeErrors
        sum.protocolErrors -= other.protocolErrors
    }
}
