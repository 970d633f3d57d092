/// `stats conns`: a group of lines for each open socket, listeners included.
///
/// The list of them is kept until it is told, as one of buffers that connections have: whoever asks on many connections
/// and does not read must not fill the memory with it.
final class ConnectionStatistics: SlicedStatistics {
    private let server: Administration.Server
    private let sockets: [OpenSocket]
    private var toldCount = 0
    private let charge: BufferBudget.Charge

    /// nil when the budget has no room for the list.
    init?(_ server: Administration.Server) {
        let sockets = server.pointee.openSockets()
        let isLong = sockets.count > Limits.statisticsPerTurnMax
        let charge = BufferBudget.Charge(copiedBytes: isLong ? sockets.count * MemoryLayout<OpenSocket>.stride : 0)
        guard server.pointee.budget.take(charge) else { return nil }
        self.server = server
        self.sockets = sockets
        self.charge = charge
    }

    deinit { server.pointee.budget.give(charge) }

    func appendSlice(_ server: Administration.Server, to text: inout StatisticsText) -> Bool {
        let end = min(toldCount + Limits.statisticsPerTurnMax, sockets.count)
        for socket in sockets[toldCount..<end] { Self.append(server.pointee.snapshot(of: socket), to: &text) }
        toldCount = end
        return end < sockets.count
    }

    private static func append(_ snapshot: ConnectionSnapshot, to text: inout StatisticsText) {
        let id = snapshot.descriptor
        text.add("\(id):addr", snapshot.address)
        if let listenAddress = snapshot.listenAddress { text.add("\(id):listen_addr", listenAddress) }
        text.add("\(id):state", snapshot.state)
        text.add("\(id):secs_since_last_cmd", snapshot.secondsSinceLastCommand)
    }
}
