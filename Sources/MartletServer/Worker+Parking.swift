import Synchronization

/// Connections that wait for room in which to receive a large value (`UploadRoom`).
extension UnsafeMutablePointer where Pointee == Worker {
    /// Reads nothing more from the connection until there may be room.
    @inline(never)
    func park(_ connection: UnsafeMutablePointer<Connection>) {
        connection.pointee.isParked = true
        connection.pointee.phase = .readingValue
        connection.pointee.machine.pending?.pointee.pace.restart()
        connection.pointee.watcher.stop()
        pointee.parkedCount += 1
        // All workers begin to look for uploads that stall or drip.
        if pointee.server.pointee.uploads.addParked(1) { wakeOthers() }
    }

    func forgetParked(_ connection: UnsafeMutablePointer<Connection>) {
        connection.pointee.isParked = false
        pointee.parkedCount -= 1
        _ = pointee.server.pointee.uploads.addParked(-1)
    }

    /// At the end of a round, while any worker has parked connections.
    @inline(never)
    func careForParked(isNewSecond: Bool) {
        // Not only in the round that finds the new second: just then the parked of another worker may try again.
        if pointee.uploadsSecond != pointee.second {
            pointee.uploadsSecond = pointee.second
            closeHinderingUploads()
        }
        let hasRoom = pointee.roomChanged.exchange(false, ordering: .relaxed)
        if hasRoom || isNewSecond { unparkAll() }
    }

    /// Gives every parked connection a turn in the next round, and watches it again.
    @inline(never)
    func unparkAll() {
        if pointee.parkedCount == 0 { return }
        // Backwards, because a connection that cannot be watched is closed.
        for index in stride(from: pointee.table.count - 1, through: 0, by: -1) {
            let connection = pointee.table[index]
            guard connection.pointee.isParked else { continue }
            forgetParked(connection)
            if connection.watch(.readable) { appendReady(connection) }
        }
    }

    /// A large value of this worker has ended: the parked may try again. One that parks at this very moment may be
    /// missed, and waits for the next second.
    @inline(never)
    func noteRoom() {
        if pointee.server.pointee.uploads.parkedCount == 0 { return }
        for worker in pointee.server.pointee.workers { worker.pointee.roomChanged.store(true, ordering: .relaxed) }
        wakeOthers()
    }

    /// When another thread has woken the worker: whoever awaits an answer looks whether it is there.
    func lookForAnswers() {
        guard let tls = pointee.server.pointee.tls else { return }
        let count = tls.pointee.readings.doneCount
        if count == pointee.readingsSeen { return }
        pointee.readingsSeen = count
        letAwaitingGoOn()
    }

    /// Gives everybody a turn who awaits an answer, and watches them again.
    @inline(never)
    func letAwaitingGoOn() {
        // Backwards, because a connection that cannot be watched is closed.
        for index in stride(from: pointee.table.count - 1, through: 0, by: -1) {
            let connection = pointee.table[index]
            guard connection.pointee.awaitsAnswer else { continue }
            connection.pointee.awaitsAnswer = false
            if connection.watch(.readable) { appendReady(connection) }
        }
    }

    func wakeOthers() {
        for worker in pointee.server.pointee.workers where worker != self { worker.pointee.wakeup.wake() }
    }

    /// Closes uploads from which nothing has come for a while, and the slowest of those that come too slowly.
    private func closeHinderingUploads() {
        var slowCount = 0
        for index in stride(from: pointee.table.count - 1, through: 0, by: -1) {
            let connection = pointee.table[index]
            guard let upload = connection.waitingUpload else { continue }
            if pointee.second &- connection.pointee.lastActivity >= Limits.stalledSecondsMin {
                closeOverBudget(connection)
            } else {
                upload.pointee.lookAtPace()
                if upload.pointee.pace.isTooSlow { slowCount += 1 }
            }
        }
        for _ in 0..<min(slowCount, Limits.slowUploadsMax) {
            if let slowest = slowestUpload() { closeOverBudget(slowest) }
        }
    }

    /// Of those that come too slowly.
    private func slowestUpload() -> UnsafeMutablePointer<Connection>? {
        var slowest: UnsafeMutablePointer<Connection>?
        var least = Int.max
        for index in 0..<pointee.table.count {
            let connection = pointee.table[index]
            guard let pace = connection.waitingUpload?.pointee.pace, pace.isTooSlow, pace.kept < least else { continue }
            least = pace.kept
            slowest = connection
        }
        return slowest
    }
}

extension UnsafeMutablePointer where Pointee == Connection {
    /// The large value that is arriving, if it waits for its client: not for room, nor for its turn.
    fileprivate var waitingUpload: UnsafeMutablePointer<PendingStore>? {
        pointee.isParked || pointee.isReady ? nil : pointee.machine.pending
    }
}
