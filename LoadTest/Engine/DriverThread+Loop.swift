import CShims
import Glibc
import LoadWorkload
import Synchronization

/// The loop itself. All of it runs on the driver's own thread.
extension UnsafeMutablePointer where Pointee == DriverThread {
    /// Connections have been opened; returns when the run is over for this thread.
    func run() {
        cshims_precise_timers(1)
        pointee.now = MonotonicTime.now()
        pointee.intervalEndsAt = pointee.plan.measuresAt &+ pointee.plan.interval
        begin()
        while !isOver { turn() }
        finish()
    }

    private var isOver: Bool {
        if pointee.control.pointee.stops.load(ordering: .relaxed) || pointee.now >= pointee.graceEndsAt { return true }
        return pointee.pendingCount == 0 && !pointee.hasUpcoming && !mayTake
    }

    private func begin() {
        keepHouse()
        for index in 0..<pointee.connectionCount { advance(pointee.connections + index) }
        offer()
    }

    /// Gives out what is due, and notes whether something is left because of the servers.
    private func offer() {
        if pointee.isBlocked { pointee.blockedUntil = pointee.now }
        pointee.isHeldUp = false
        feed()
        guard pointee.plan.isOpenLoop else { return }
        pointee.isBlocked = pointee.isHeldUp
        if !pointee.isBlocked {
            pointee.isBlocked = true
            for server in 0..<pointee.connectors.count where pointee.queues[server].hasReady {
                pointee.isBlocked = false
            }
        }
    }

    private func turn() {
        var deadline = pointee.housekeepingAt
        if pointee.hasUpcoming, !pointee.isBlocked, pointee.plan.isOpenLoop {
            deadline = Swift.min(deadline, pointee.upcoming.dueAt)
        }
        let wait = deadline > pointee.now ? Int64(truncatingIfNeeded: deadline &- pointee.now) : 0
        let count = cshims_poll_wait(pointee.poll, pointee.events, Int32(DriverThread.eventsMax), wait)
        pointee.now = MonotonicTime.now()
        var index: Int32 = 0
        while index < count {
            let context = cshims_poll_context(pointee.events, index)
            let due = cshims_poll_due(pointee.events, index)
            // Safe: every registered context is one of this thread's connections.
            ready(context.unsafelyUnwrapped.assumingMemoryBound(to: Connection.self), due)
            index &+= 1
        }
        if pointee.now >= pointee.housekeepingAt { keepHouse() }
        offer()
    }

    private func ready(_ connection: UnsafeMutablePointer<Connection>, _ due: UInt32) {
        let writable = CSHIMS_POLL_WRITABLE
        if connection.pointee.state == .connecting { finishConnecting(connection) }
        if connection.pointee.state != .open { return }
        if due & ~writable != 0 { receiveAll(connection, due) }
        if due & writable != 0, connection.pointee.state == .open {
            sendRest(connection)
            advance(connection)
        }
    }

    // MARK: Housekeeping

    /// What needs no precision: at least every 10 ms, and at the moments when measuring begins and intervals end.
    private func keepHouse() {
        let now = pointee.now
        // Whoever did not run for a while must not blame the servers for it, which may not have run either.
        if pointee.housekeepingAt > 0, now > pointee.housekeepingAt &+ LoadLimits.absenceNanosecondsMax {
            pointee.patientUntil = now &+ (now &- pointee.housekeepingAt)
        }
        if !pointee.isMeasuring, now >= pointee.plan.measuresAt {
            pointee.isMeasuring = true
            pointee.tally.startedCPU = MonotonicTime.threadCPU()
        }
        if !pointee.isInterrupted, pointee.control.pointee.isInterrupted.load(ordering: .relaxed) { interrupt() }
        if now >= pointee.intervalEndsAt {
            _ = pointee.boards.pointee.publish()
            while pointee.intervalEndsAt <= now { pointee.intervalEndsAt &+= pointee.plan.interval }
        }
        if now > pointee.plan.startsAt { pointee.source.advance(toNanoseconds: now &- pointee.plan.startsAt) }
        // Whoever wants the end wants no failure, but to hear what there was.
        if !pointee.isInterrupted { expire() }
        dropOverdue()
        if pointee.plan.keepsGoing { reconnect() }
        var next = now &+ 10_000_000
        next = Swift.min(next, pointee.intervalEndsAt)
        if !pointee.isMeasuring { next = Swift.min(next, pointee.plan.measuresAt) }
        if pointee.plan.endsAt > now { next = Swift.min(next, pointee.plan.endsAt) }
        next = Swift.min(next, Swift.max(pointee.graceEndsAt, now))
        pointee.housekeepingAt = next
    }

    private func finish() {
        pointee.tally.endedCPU = MonotonicTime.threadCPU()
        pointee.tally.endedAt = MonotonicTime.now()
        if !pointee.hasRunOut {
            let isStopped = pointee.control.pointee.stops.load(ordering: .relaxed)
            pointee.tally.loadedUntil =
                isStopped ? Swift.min(pointee.tally.endedAt, pointee.plan.endsAt) : pointee.plan.endsAt
        }
        if pointee.tally.startedCPU == 0 { pointee.tally.startedCPU = pointee.tally.endedCPU }
        if pointee.isInterrupted { countUnanswered() }
    }

    /// Gives up connections whose oldest request has waited too long.
    private func expire() {
        guard pointee.now > pointee.plan.timeout, pointee.now >= pointee.patientUntil else { return }
        let limit = pointee.now &- pointee.plan.timeout
        for index in 0..<pointee.connectionCount {
            let connection = pointee.connections + index
            guard connection.pointee.state == .open, connection.pointee.outstandingCount > 0 else { continue }
            let oldest = connection.pointee.ring[Int(connection.pointee.head & connection.pointee.ringMask)]
            if oldest.sentAt < limit { lose(connection, timedOutBefore: limit) }
        }
    }

    /// Forgets operations that wait for servers that do not come back: in an open loop when the time limit has passed,
    /// in a closed loop when the run has ended.
    private func dropOverdue() {
        if !pointee.plan.isOpenLoop {
            guard pointee.now >= pointee.plan.endsAt else { return }
            pointee.hasUpcoming = false
        }
        guard pointee.waitingCount > 0 || pointee.isBlocked else { return }
        for server in 0..<pointee.connectors.count { dropOverdue(server) }
    }
}
