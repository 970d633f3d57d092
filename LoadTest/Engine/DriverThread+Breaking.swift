import CShims
import Glibc
import LoadWorkload
import Synchronization

/// Connections that break, and those that take their place in a run that survives that.
extension UnsafeMutablePointer where Pointee == DriverThread {
    /// Takes over a connected socket. False when the kernel refuses to watch it.
    func open(_ connection: UnsafeMutablePointer<Connection>, _ descriptor: Int32) -> Bool {
        connection.pointee.descriptor = descriptor
        connection.pointee.state = .open
        pointee.tally.counts[Int(connection.pointee.server)].connectionsOpened += 1
        return cshims_poll_add(pointee.poll, descriptor, DriverThread.interest, connection) == 0
    }

    /// The connection broke: whatever was under way on it is lost. Ends the run unless it is to survive that.
    func breakOff(_ connection: UnsafeMutablePointer<Connection>, _ reason: @autoclosure () -> String) {
        abandon(connection, timedOutBefore: 0)
        if !pointee.plan.keepsGoing { fail(reason()) }
    }

    /// The oldest request has waited for longer than the time limit: replies come in order, so nothing behind it can be
    /// trusted to come either.
    func lose(_ connection: UnsafeMutablePointer<Connection>, timedOutBefore limit: UInt64) {
        abandon(connection, timedOutBefore: limit)
        let seconds = Double(pointee.plan.timeout) / 1e9
        if !pointee.plan.keepsGoing { fail("\(address(of: connection)): no reply within \(seconds) s.") }
    }

    func fail(_ reason: String) {
        if pointee.failure == nil { pointee.failure = .circumstances(reason) }
        pointee.control.pointee.stops.store(true, ordering: .relaxed)
    }

    private func abandon(_ connection: UnsafeMutablePointer<Connection>, timedOutBefore limit: UInt64) {
        close(connection.pointee.descriptor)
        connection.pointee.descriptor = -1
        connection.pointee.state = .closed
        let server = Int(connection.pointee.server)
        pointee.tally.counts[server].connectionsBroken += 1
        connection.pointee.brokeAt = pointee.now
        connection.pointee.retryAt = pointee.now
        connection.pointee.retryNanoseconds = 0
        while connection.pointee.outstandingCount > 0 {
            let lost = connection.pointee.ring[Int(connection.pointee.head & connection.pointee.ringMask)]
            connection.pointee.head &+= 1
            pointee.pendingCount -= 1
            loseWrite(lost)
            if pointee.plan.keepsKeyOrder { pointee.keysInFlight.remove(lost.key) }
            guard lost.isMeasured else { continue }
            if lost.sentAt < limit {
                timeOut(lost.kind, server: server, dueAt: lost.intendedAt)
            } else {
                pointee.tally.lose(lost.kind, server: server)
                let board = pointee.boards.pointee.current
                board.pointee.errors += 1
            }
        }
        while connection.pointee.followUpCount > 0 {
            let dropped = connection.pointee.followUps[
                Int(connection.pointee.followUpHead & connection.pointee.followUpMask)]
            connection.pointee.followUpHead &+= 1
            pointee.pendingCount -= 1
            if pointee.plan.keepsKeyOrder { pointee.keysInFlight.remove(dropped.key) }
        }
        connection.pointee.keysHead = connection.pointee.keysTail
        connection.pointee.keysPassed = 0
        connection.pointee.valuesSeen = 0
        connection.pointee.partial.count = 0
        connection.pointee.unsent.count = 0
        connection.pointee.unsentStart = 0
        connection.pointee.awaitsRoom = false
    }

    /// Counts a measured request that got no answer in time: among the latencies with the time it has waited.
    func timeOut(_ kind: OperationKind, server: Int, dueAt: UInt64) {
        let nanoseconds = pointee.now &- dueAt
        pointee.tally.timeOut(kind, server: server, after: nanoseconds)
        let board = pointee.boards.pointee.current
        board.pointee.errors += 1
        board.pointee.add(nanoseconds)
    }

    /// Whether the server carried the write out will never be known.
    private func loseWrite(_ request: Outstanding) {
        if request.isStore {
            pointee.truth.endWrite(request, .lostStore, now: 0)
        } else if request.kind == .delete {
            pointee.truth.endWrite(request, .lostOther, now: 0)
        } else if request.kind == .touch || request.kind == .getAndTouch {
            pointee.truth.loseTouch(request)
        }
    }

    // MARK: Again

    /// Begins to connect what is closed, at growing intervals.
    func reconnect() {
        for index in 0..<pointee.connectionCount {
            let connection = pointee.connections + index
            if connection.pointee.state == .open { continue }
            if pointee.now &- connection.pointee.brokeAt > LoadLimits.absenceSecondsMax &* 1_000_000_000 {
                fail("\(address(of: connection)) has been gone for \(LoadLimits.absenceSecondsMax) s.")
                return
            }
            if connection.pointee.retryAt > pointee.now { continue }
            // The kernel has not decided in all this time.
            if connection.pointee.state == .connecting { forget(connection) }
            let wait = connection.pointee.retryNanoseconds &* 2
            connection.pointee.retryNanoseconds = Swift.min(
                Swift.max(wait, LoadLimits.retryNanosecondsMin), LoadLimits.retryNanosecondsMax)
            connection.pointee.retryAt = pointee.now &+ connection.pointee.retryNanoseconds
            let descriptor = pointee.connectors[Int(connection.pointee.server)].begin()
            guard descriptor >= 0 else { continue }
            connection.pointee.descriptor = descriptor
            connection.pointee.state = .connecting
            if cshims_poll_add(pointee.poll, descriptor, CSHIMS_POLL_WRITABLE, connection) != 0 { forget(connection) }
        }
    }

    /// The kernel has decided about a connection that was begun.
    func finishConnecting(_ connection: UnsafeMutablePointer<Connection>) {
        guard SocketConnector.outcome(connection.pointee.descriptor) == 0 else {
            forget(connection)
            return
        }
        connection.pointee.state = .open
        pointee.tally.counts[Int(connection.pointee.server)].connectionsOpened += 1
        watch(connection, DriverThread.interest)
        advance(connection)
    }

    private func forget(_ connection: UnsafeMutablePointer<Connection>) {
        close(connection.pointee.descriptor)
        connection.pointee.descriptor = -1
        connection.pointee.state = .closed
    }
}
