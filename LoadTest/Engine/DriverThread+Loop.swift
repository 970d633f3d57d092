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
        if pointee.control.pointee.stops.load(ordering: .relaxed) { return true }
        return !mayTake && pointee.pendingCount == 0
    }

    /// Whether new operations may still be begun.
    var mayTake: Bool { !pointee.isSourceDry && pointee.now < pointee.plan.endsAt }

    private func begin() {
        keepHouse()
        for index in 0..<pointee.connectionCount { advance(pointee.connections + index) }
    }

    private func turn() {
        let deadline = pointee.housekeepingAt
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
    }

    private func ready(_ connection: UnsafeMutablePointer<Connection>, _ due: UInt32) {
        if connection.pointee.state != .open { return }
        let writable = CSHIMS_POLL_WRITABLE
        if due & ~writable != 0 { receive(connection) }
        if due & writable != 0, connection.pointee.state == .open {
            sendRest(connection)
            advance(connection)
        }
    }

    // MARK: Housekeeping

    /// What needs no precision: at least every 10 ms, and at the moments when measuring begins and intervals end.
    private func keepHouse() {
        let now = pointee.now
        if !pointee.isMeasuring, now >= pointee.plan.measuresAt {
            pointee.isMeasuring = true
            pointee.tally.startedCPU = MonotonicTime.threadCPU()
        }
        if now >= pointee.intervalEndsAt {
            _ = pointee.boards.pointee.publish()
            while pointee.intervalEndsAt <= now { pointee.intervalEndsAt &+= pointee.plan.interval }
        }
        expire()
        var next = now &+ 10_000_000
        next = Swift.min(next, pointee.intervalEndsAt)
        if !pointee.isMeasuring { next = Swift.min(next, pointee.plan.measuresAt) }
        if pointee.plan.endsAt > now { next = Swift.min(next, pointee.plan.endsAt) }
        pointee.housekeepingAt = next
    }

    private func finish() {
        pointee.tally.endedCPU = MonotonicTime.threadCPU()
        pointee.tally.endedAt = MonotonicTime.now()
        if pointee.tally.startedCPU == 0 { pointee.tally.startedCPU = pointee.tally.endedCPU }
    }

    /// Gives up connections whose oldest request has waited too long.
    private func expire() {
        guard pointee.now > pointee.plan.timeout else { return }
        let limit = pointee.now &- pointee.plan.timeout
        for index in 0..<pointee.connectionCount {
            let connection = pointee.connections + index
            guard connection.pointee.state == .open, connection.pointee.outstandingCount > 0 else { continue }
            let oldest = connection.pointee.ring[Int(connection.pointee.head & connection.pointee.ringMask)]
            if oldest.sentAt < limit { lose(connection, timedOutBefore: limit) }
        }
    }
}
