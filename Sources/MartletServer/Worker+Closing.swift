/// Connections that a worker ends of its own accord.
extension UnsafeMutablePointer where Pointee == Worker {
    /// Once a second: closes who has been silent for the idle timeout, wherever in a request that was, who has not logged in
    /// in time, who does not let go of a connection that we have ended, and who does not come to an end with the handshake.
    func closeOverdue() {
        let idleSecondsMax = pointee.server.pointee.settings.idleTimeoutSeconds
        let locks = pointee.executor.pointee.demandsLogin
        let awaitedCount = pointee.drainingCount + pointee.negotiatingCount
        guard idleSecondsMax > 0 || awaitedCount > 0 || locks else { return }
        // Backwards, because closing moves the last connection to the closed one's place.
        for index in stride(from: pointee.table.count - 1, through: 0, by: -1) {
            let connection = pointee.table[index]
            if locks, connection.pointee.machine.isLocked,
                pointee.second &- connection.pointee.openedSecond >= Limits.loginSecondsMax
            {
                connection.close(.idleTimeout)
                continue
            }
            // A ready connection has something to do; its turn will tell.
            if connection.pointee.isReady { continue }
            let silentSeconds = Int(pointee.second &- connection.pointee.lastActivity)
            if connection.pointee.phase == .draining {
                if silentSeconds >= Int(Limits.drainingSecondsMax) { connection.close() }
            } else if connection.pointee.phase == .negotiating && silentSeconds > Limits.negotiatingSecondsMax {
                connection.closeUnnegotiated()
            } else if idleSecondsMax > 0 && silentSeconds > idleSecondsMax {
                pointee.counters.pointee.network.idleKicks.increment()
                connection.close(.idleTimeout)
            }
        }
    }

    /// While finishing: closes who waits for a new command, and tells the main loop when nobody is left.
    func closeIdle() {
        for index in stride(from: pointee.table.count - 1, through: 0, by: -1) {
            let connection = pointee.table[index]
            if connection.pointee.isReady || !connection.pointee.unfinished.isEmpty { continue }
            let phase = connection.pointee.phase
            if phase == .reading || phase == .negotiating { connection.close() }
        }
        if pointee.table.count == 0 { pointee.server.pointee.stopRequest.wakeMainLoop() }
    }

    /// Takes from the budget for `connection`. When there is not enough, makes room by closing the connections of this
    /// worker whose clients have taken nothing for longest; they are the ones that hold the budget.
    func take(_ charge: BufferBudget.Charge, for connection: UnsafeMutablePointer<Connection>) -> Bool {
        for _ in 0..<Limits.budgetVictimsMax {
            if pointee.server.pointee.budget.take(charge) { return true }
            guard let victim = mostStalled(except: connection) else { return false }
            closeOverBudget(victim)
        }
        return pointee.server.pointee.budget.take(charge)
    }

    /// Closes a connection for which the budget has no room.
    @inline(never)
    func closeOverBudget(_ connection: UnsafeMutablePointer<Connection>) {
        pointee.counters.pointee.network.budgetKicks.increment()
        connection.close()
    }

    private func mostStalled(except connection: UnsafeMutablePointer<Connection>) -> UnsafeMutablePointer<Connection>? {
        var victim: UnsafeMutablePointer<Connection>?
        var longest = Limits.stalledSecondsMin
        for index in 0..<pointee.table.count {
            let candidate = pointee.table[index]
            if candidate == connection || candidate.pointee.phase != .sending { continue }
            let stalledSeconds = pointee.second &- candidate.pointee.lastActivity
            if stalledSeconds >= longest {
                longest = stalledSeconds
                victim = candidate
            }
        }
        return victim
    }
}
