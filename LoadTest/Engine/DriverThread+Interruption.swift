import LoadWorkload

/// The end that the user asks for.
///
/// 1. Nothing becomes due any more.
/// 2. What is due or under way has `LoadLimits.graceNanoseconds` to be answered, which at a healthy server is plenty.
/// 3. What then has no answer is counted, with the time that it has waited: a run is interrupted most of all when
///    nothing comes back, and leaving that out would report the pause as if nobody had been there to suffer.
extension UnsafeMutablePointer where Pointee == DriverThread {
    /// Rules 1 and 2 begin.
    func interrupt() {
        pointee.isInterrupted = true
        // A thread that stood still in this turn goes by an old time: what has become due since then is due.
        pointee.now = MonotonicTime.now()
        pointee.plan.endsAt = Swift.min(pointee.plan.endsAt, pointee.now)
        pointee.graceEndsAt = pointee.now &+ LoadLimits.graceNanoseconds
        // Drawn already, but due later.
        if pointee.hasUpcoming, pointee.upcoming.dueAt >= pointee.plan.endsAt { pointee.hasUpcoming = false }
    }

    /// Rule 3. When the loop has ended.
    func countUnanswered() {
        for index in 0..<pointee.connectionCount {
            let connection = pointee.connections + index
            while connection.pointee.outstandingCount > 0 {
                let request = connection.pointee.ring[Int(connection.pointee.head & connection.pointee.ringMask)]
                connection.pointee.head &+= 1
                guard request.isMeasured else { continue }
                leave(request.kind, server: Int(connection.pointee.server), dueAt: request.intendedAt)
            }
        }
        // In a closed loop nothing is due.
        guard pointee.plan.isOpenLoop else { return }
        for server in 0..<pointee.connectors.count {
            var arrival = pointee.upcoming
            while (pointee.queues + server).pointee.takeWaiting(&arrival) { leave(arrival, server: server) }
        }
        var left = LoadLimits.unansweredDrawnMax
        while left > 0, pointee.hasUpcoming || draw() {
            left &-= 1
            pointee.hasUpcoming = false
            leave(pointee.upcoming, server: server(of: pointee.upcoming.operation.key))
        }
    }

    private func leave(_ arrival: ServerQueue.Arrival, server: Int) {
        guard arrival.dueAt >= pointee.plan.measuresAt else { return }
        leave(arrival.operation.kind, server: server, dueAt: arrival.dueAt)
    }

    private func leave(_ kind: OperationKind, server: Int, dueAt: UInt64) {
        let nanoseconds = pointee.now &- Swift.min(dueAt, pointee.now)
        pointee.tally.leave(kind, server: server, after: nanoseconds)
        let board = pointee.boards.pointee.current
        board.pointee.add(nanoseconds)
    }
}
