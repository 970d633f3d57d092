import LoadWorkload

/// Which operation is sent next, and on which connection.
///
/// 1. Operations are taken from the source one by one; the next one is looked at, and waits, until it is due (open
///    loop) and no request for its key is under way (traces).
/// 2. Each belongs to the server that its key belongs to. Those that no connection of that server can take now wait
///    there, up to a bound; beyond it the source waits.
/// 3. In a closed loop a connection takes operations when replies have made room for them; in an open loop, and
///    whenever it finds none, it is listed as ready, and `feed` gives it some at the end of the turn.
extension UnsafeMutablePointer where Pointee == DriverThread {
    /// Whether new operations may still be begun.
    var mayTake: Bool {
        if pointee.isSourceDry { return false }
        return pointee.plan.isOpenLoop || pointee.now < pointee.plan.endsAt
    }

    /// The next operation for a connection to `server`, if there is one that may be sent now.
    func next(for server: Int, _ arrival: inout ServerQueue.Arrival) -> Bool {
        if pointee.waitingCount > 0, takeWaiting(server, &arrival) { return true }
        while peek() {
            let owner = self.server(of: pointee.upcoming.operation.key)
            if owner == server {
                arrival = pointee.upcoming
                pass()
                return true
            }
            // Another server's: it waits there, or everything behind it waits.
            guard !pointee.queues[owner].isFull else {
                pointee.isHeldUp = true
                return false
            }
            (pointee.queues + owner).pointee.wait(pointee.upcoming)
            pointee.waitingCount &+= 1
            pointee.pendingCount &+= 1
            pass()
        }
        return false
    }

    private func takeWaiting(_ server: Int, _ arrival: inout ServerQueue.Arrival) -> Bool {
        guard (pointee.queues + server).pointee.takeWaiting(&arrival) else { return false }
        pointee.waitingCount &-= 1
        pointee.pendingCount &-= 1
        arrival.waitedForServer = true
        if !pointee.plan.isOpenLoop { arrival.dueAt = pointee.now }
        return true
    }

    /// Makes the source's next operation the upcoming one. False when there is none, or it may not be sent yet.
    private func peek() -> Bool {
        guard pointee.hasUpcoming || draw() else { return false }
        if pointee.plan.isOpenLoop, pointee.upcoming.dueAt > pointee.now { return false }
        if pointee.plan.keepsKeyOrder, pointee.keysInFlight.contains(pointee.upcoming.operation.key) {
            pointee.isHeldUp = true
            return false
        }
        return true
    }

    /// Makes the source's next operation the upcoming one, whenever it is due. False when there is none.
    func draw() -> Bool {
        guard mayTake else { return false }
        guard pointee.operationsLeft > 0, pointee.source.next(&pointee.upcoming.operation) else {
            runOut()
            return false
        }
        let dueAt = pointee.plan.isOpenLoop ? dueTime() : pointee.now
        guard dueAt < pointee.plan.endsAt else { return dryUp() }
        pointee.upcoming.dueAt = dueAt
        pointee.upcoming.waitedForServer = false
        pointee.hasUpcoming = true
        if dueAt >= pointee.plan.measuresAt { pointee.operationsLeft &-= 1 }
        return true
    }

    private func dryUp() -> Bool {
        pointee.isSourceDry = true
        return false
    }

    /// There are no more operations, however much time is left.
    func runOut() {
        pointee.isSourceDry = true
        pointee.hasRunOut = true
    }

    private func dueTime() -> UInt64 {
        guard pointee.plan.isTimed else { return pointee.schedule.next() }
        let nanoseconds = Double(pointee.upcoming.operation.dueNanoseconds) / pointee.plan.speed
        return pointee.plan.startsAt &+ UInt64(Swift.min(nanoseconds, LoadLimits.secondsMax * 1e9))
    }

    /// The upcoming operation was taken.
    private func pass() {
        pointee.hasUpcoming = false
        if pointee.plan.keepsKeyOrder { pointee.keysInFlight.insert(pointee.upcoming.operation.key) }
    }

    /// The server that `key` belongs to.
    func server(of key: UInt64) -> Int {
        let count = pointee.connectors.count
        if count == 1 { return 0 }
        let mixed = (key ^ key &>> 32) &* 0xd6e8_feb8_6659_fd93
        return Int(truncatingIfNeeded: (mixed ^ mixed &>> 32).multipliedFullWidth(by: UInt64(count)).high)
    }

    // MARK: Feeding

    /// Gives operations to connections that are ready, as long as there are both.
    func feed() {
        var isWorthwhile = true
        while isWorthwhile {
            isWorthwhile = false
            let waited = pointee.waitingCount
            for server in 0..<pointee.connectors.count where pointee.queues[server].hasReady { feed(server) }
            // What was put aside for a server that had had its turn.
            if pointee.connectors.count > 1, pointee.waitingCount > waited {
                for server in 0..<pointee.connectors.count
                where pointee.queues[server].hasReady && pointee.queues[server].waitingCount > 0 {
                    isWorthwhile = true
                }
            }
        }
    }

    private func feed(_ server: Int) {
        var arrival = pointee.upcoming
        var left = pointee.connectionCount
        while left > 0, pointee.queues[server].hasReady {
            left &-= 1
            let connection = (pointee.queues + server).pointee.unlist()
            guard connection.pointee.hasRoom(depth: pointee.plan.depth) else { continue }
            guard next(for: server, &arrival) else {
                (pointee.queues + server).pointee.list(connection)
                return
            }
            if pointee.plan.isOpenLoop { pointee.now = MonotonicTime.now() }
            repeat {
                begin(arrival, on: connection)
            } while connection.pointee.outstandingCount < pointee.plan.depth
                && pointee.output.count < LoadLimits.outputBytes && next(for: server, &arrival)
            sendOutput(connection)
            if connection.pointee.hasRoom(depth: pointee.plan.depth) {
                (pointee.queues + server).pointee.list(connection)
            }
        }
    }

    /// Sends an arrival, unless it has waited for so long that whoever wanted the answer is gone.
    func begin(_ arrival: ServerQueue.Arrival, on connection: UnsafeMutablePointer<Connection>) {
        if pointee.plan.isOpenLoop {
            let late = pointee.now &- Swift.min(arrival.dueAt, pointee.now)
            if late > pointee.plan.timeout {
                giveUp(arrival, server: Int(connection.pointee.server))
                return
            }
            if arrival.dueAt >= pointee.plan.measuresAt {
                // What was due while no connection was to be had is the server's lateness, not the driver's.
                let isOwn = !arrival.waitedForServer && arrival.dueAt > pointee.blockedUntil
                pointee.tally.slip.add(isOwn ? late : 0)
            }
        }
        issue(arrival.operation, on: connection, intendedAt: arrival.dueAt)
    }

    /// Counts an arrival that was never sent.
    private func giveUp(_ arrival: ServerQueue.Arrival, server: Int) {
        if pointee.plan.keepsKeyOrder { pointee.keysInFlight.remove(arrival.operation.key) }
        guard pointee.plan.isOpenLoop, arrival.dueAt >= pointee.plan.measuresAt else { return }
        timeOut(arrival.operation.kind, server: server, dueAt: arrival.dueAt)
    }

    /// Forgets what has waited for `server` for too long. In a closed loop: everything, when the run has ended.
    func dropOverdue(_ server: Int) {
        guard !pointee.queues[server].hasReady else { return }
        var arrival = pointee.upcoming
        while let oldest = pointee.queues[server].oldest, isOverdue(oldest), next(for: server, &arrival) {
            giveUp(arrival, server: server)
        }
        guard pointee.plan.isOpenLoop, pointee.queues[server].oldest == nil else { return }
        while isUpcomingOverdue(server), next(for: server, &arrival) { giveUp(arrival, server: server) }
    }

    private func isOverdue(_ dueAt: UInt64) -> Bool {
        !pointee.plan.isOpenLoop || dueAt &+ pointee.plan.timeout < pointee.now
    }

    private func isUpcomingOverdue(_ server: Int) -> Bool {
        peek() && self.server(of: pointee.upcoming.operation.key) == server && isOverdue(pointee.upcoming.dueAt)
    }
}
