import Glibc
import MartletEvent

/// A connection's turn, forward only: read once, let the machine work, keep the rest, send once. `TurnGroup` takes
/// those of several connections together, in the same steps.
extension UnsafeMutablePointer where Pointee == Connection {
    /// Takes one turn. The connection may be gone afterwards.
    ///
    /// 1. What is pending is sent first; while some of it stays, nothing else happens. So it is with a handshake.
    /// 2. A paused machine goes on with the input kept for it. Otherwise the socket is read, once.
    /// 3. The machine carries out at most `commandsPerTurn` commands into the worker's reply buffer.
    /// 4. Input it did not consume is kept; the reply buffer is sent with one call, and what remains of it is kept too.
    @inline(never)
    func takeTurn() {
        let worker = pointee.worker
        if _slowPath(!pointee.phase.readsFirst), !goOn() { return }
        pointee.lastActivity = worker.pointee.second
        pointee.phase = .executing
        tellWhoGoesFirst()
        if pointee.resumes {
            pointee.resumes = false
            runKept()
        } else {
            readAndRun()
        }
    }

    /// The part of a turn that comes before reading, in the phases that have one. Returns whether the turn goes on.
    @inline(never)
    private func goOn() -> Bool {
        switch pointee.phase {
        case .draining:
            drain()
            return false
        case .negotiating:
            return negotiate()
        default:
            // Only a client that takes something is active.
            guard sendPending() else { return false }
            // Whoever had a full output or used up its commands goes on; everybody else waits for input.
            // At the end everybody reads once more; a client whose replies were pending has not been read until now.
            return pointee.resumes || pointee.tls?.hasInput == true || pointee.worker.pointee.following == .finish
        }
    }

    // MARK: Turns taken together

    /// Whether its turn would begin with reading commands, and nothing else, and would probably have a small reply:
    /// then it may be taken together with others.
    var mayTurnTogether: Bool {
        pointee.phase == .reading && !pointee.hadLargeReply && pointee.tls == nil && !pointee.resumes
            && pointee.unfinished.isEmpty && pointee.machine.isBetweenCommands
    }

    /// Begins a turn that is taken together with others: reads the socket to `place`, which has room for as much as one
    /// read may bring. Returns the bytes read; nil if the turn has ended with that, and perhaps the connection.
    @inline(never)
    func receiveTogether(at place: UnsafeMutableRawPointer) -> Int? {
        pointee.lastActivity = pointee.worker.pointee.second
        pointee.phase = .executing
        guard let count = receive(iovec(iov_base: place, iov_len: readBytesMax)) else {
            restoreWaiting()
            return nil
        }
        if count == 0 {
            close()
            return nil
        }
        return count
    }

    // MARK: Waiting for input

    /// The phase of a connection that waits for its client.
    @inline(__always)
    var waitingPhase: Connection.Phase { pointee.machine.isReadingValue ? .readingValue : .reading }

    /// Whether some of a request is there that is not over. Who waits, and is not inside of one, is idle.
    var isInsideRequest: Bool {
        if !pointee.unfinished.isEmpty || pointee.machine.isInsideRequest { return true }
        // Half a packet, of a client whose handshake is done.
        guard let session = pointee.tls, pointee.isEstablished else { return false }
        return session.holdsPacket
    }

    // MARK: Reading

    /// Reads the socket once, to wherever the bytes belong, and lets the machine work.
    private func readAndRun() {
        let worker = pointee.worker
        if pointee.unfinished.isEmpty {
            let destination = pointee.machine.valueDestination()
            if destination.count > 0 { return readValue(into: destination) }
            readAndRun(behind: 0)
        } else if pointee.unfinished.count <= Limits.movedOutBytesMax {
            let kept = pointee.unfinished.moveOut(to: worker.pointee.readBuffer)
            readAndRun(behind: kept)
        } else {
            guard let room = pointee.unfinished.room(Limits.appendedReadBytesMin) else { return closeForWantOfMemory() }
            let piece = iovec(iov_base: room.baseAddress, iov_len: room.count)
            guard let count = receive(piece) else { return restoreWaiting() }
            guard count > 0 else { return close() }
            pointee.unfinished.append(count)
            runKept()
        }
    }

    /// Reads into the worker's buffer behind `kept` bytes that already lie there.
    private func readAndRun(behind kept: Int) {
        let buffer = pointee.worker.pointee.readBuffer
        let length = min(readBytesMax, Limits.readBytesMax - kept)
        let piece = iovec(iov_base: buffer + kept, iov_len: length)
        guard let count = receive(piece) else {
            guard pointee.unfinished.keep(UnsafeMutableRawBufferPointer(start: buffer, count: kept)) else {
                return closeForWantOfMemory()
            }
            return restoreWaiting()
        }
        guard count > 0 else { return close() }
        run(UnsafeMutableRawBufferPointer(start: buffer, count: kept + count))
    }

    /// Reads the value that the machine waits for straight into its place, and what follows it into the worker's
    /// buffer.
    private func readValue(into destination: UnsafeMutableRawBufferPointer) {
        let worker = pointee.worker
        let pieces = worker.pointee.pieces
        pieces[0] = iovec(iov_base: destination.baseAddress, iov_len: destination.count)
        pieces[1] = iovec(iov_base: worker.pointee.readBuffer, iov_len: readBytesMax)
        guard let count = receive(2) else { return restoreWaiting() }
        guard count > 0 else { return close() }
        pointee.machine.advanceValue(min(count, destination.count))
        let behind = max(count - destination.count, 0)
        // Also without bytes behind it: a value of a quiet client may be complete in other ways than by its line end.
        run(UnsafeMutableRawBufferPointer(start: worker.pointee.readBuffer, count: behind))
    }

    private var readBytesMax: Int {
        pointee.worker.pointee.server.pointee.budget.share(of: Limits.readBytesMax)
    }

    private func receive(_ piece: iovec) -> Int? {
        pointee.worker.pointee.pieces[0] = piece
        return receive(1)
    }

    /// One read into the worker's first `pieceCount` pieces: bytes read, 0 at the end of the stream or on an error that
    /// ends the connection all the same, nil when nothing was there.
    private func receive(_ pieceCount: Int32) -> Int? {
        if let session = pointee.tls { return receiveTLS(session, pieceCount) }
        let worker = pointee.worker
        let result = worker.pointee.server.pointee.syscalls.receive(
            pointee.descriptor, worker.pointee.pieces, pieceCount)
        if result == -Int(EAGAIN) { return nil }
        if result > 0 {
            worker.pointee.counters.pointee.network.bytesRead.add(result)
            return result
        }
        // The client has not ended the stream: the connection was reset, for example.
        if result < 0 { pointee.machine.closeReason = .error }
        return 0
    }

    /// Nothing was there to read, so nothing has changed.
    private func restoreWaiting() {
        pointee.phase = waitingPhase
        chargeInputAndWait()
    }

    // MARK: Running

    /// Runs the machine over input in the worker's buffer, and keeps what it leaves.
    private func run(_ input: UnsafeMutableRawBufferPointer) {
        endTurn(input, runMachine(input))
    }

    /// Keeps what the machine has left of input in the worker's buffer, and ends the turn.
    func endTurn(_ input: UnsafeMutableRawBufferPointer, _ step: MachineStep) {
        if step.consumedBytes < input.count {
            if step.disposition == .close {
                pointee.dropsInput = true
            } else if !pointee.unfinished.keep(UnsafeMutableRawBufferPointer(rebasing: input[step.consumedBytes...])) {
                // What is answered is still sent, if the socket takes it.
                pointee.dropsInput = true
                pointee.worker.pointee.counters.pointee.network.memoryKicks.increment()
                return finish(.close)
            }
        }
        finish(step.disposition)
    }

    /// Runs the machine over the input kept from before, where it lies.
    private func runKept() {
        let step = runMachine(pointee.unfinished.bytes)
        pointee.unfinished.consume(step.consumedBytes)
        if !pointee.unfinished.isEmpty && step.disposition == .close { pointee.dropsInput = true }
        finish(step.disposition)
    }

    func runMachine(
        _ input: UnsafeMutableRawBufferPointer, _ gathered: RequestBatch? = nil
    ) -> MachineStep {
        let worker = pointee.worker
        worker.pointee.output.pointee.bytesFull = worker.pointee.server.pointee.budget.share(
            of: Limits.outputBytesFull)
        let wasUploading = isUploading
        worker.pointee.executor.pointee.beginTurn(of: pointee.descriptor)
        let step = pointee.machine.receive(
            input, gathered: gathered, executor: worker.pointee.executor, output: worker.pointee.output,
            commandsMax: worker.pointee.commandsPerTurn)
        precondition(
            step.consumedBytes >= 0 && step.consumedBytes <= input.count, "The machine consumed beyond its input.")
        if wasUploading { settleUpload(step.disposition) }
        return step
    }

    /// Sends the turn's replies and arranges the next turn.
    private func finish(_ disposition: MachineStep.Disposition) {
        let worker = pointee.worker
        switch disposition {
        case .wantsInput:
            break
        case .yield:
            worker.pointee.counters.pointee.network.yields.increment()
            pointee.resumes = true
        case .goesOn, .outputFull, .lacksRoom, .nextSecond, .awaitsAnswer:
            pointee.resumes = true
        case .watch:
            return becomeWatcher()
        case .close:
            pointee.closesWhenSent = true
        case .closeSilently:
            worker.pointee.output.pointee.removeAll()
            return close()
        }
        pointee.hadLargeReply = !worker.pointee.output.pointee.isSmall
        guard sendOutput() else { return }
        if pointee.closesWhenSent { return beginDraining() }
        if disposition == .lacksRoom, !goFirst() {
            worker.park(self)
        } else if disposition == .nextSecond {
            holdBack()
        } else if disposition == .awaitsAnswer {
            awaitAnswer()
        } else if pointee.resumes {
            pointee.phase = .executing
            worker.appendReady(self)
        } else {
            guard pointee.unfinished.count <= Limits.unfinishedBytesMax else { return close() }
            pointee.unfinished.fit()
            pointee.phase = waitingPhase
        }
        chargeInputAndWait()
    }

    // MARK: Waiting for an answer

    /// Reads nothing more until the worker is told that there may be an answer.
    @inline(never)
    private func awaitAnswer() {
        pointee.awaitsAnswer = true
        pointee.watcher.stop()
    }

    // MARK: Waiting for the next second

    /// Reads nothing more until the second has changed.
    @inline(never)
    func holdBack() {
        pointee.isHeldBack = true
        pointee.watcher.stop()
    }

    /// The second has changed. The connection may be gone afterwards.
    func letGoOn() {
        // A handshake has been held back until there is room for it.
        if pointee.phase != .negotiating { pointee.isHeldBack = false }
        guard watch(.readable) else { return }
        pointee.worker.appendReady(self)
    }

    // MARK: Room for large values

    /// Whether a large value is being received, or is the first that may be.
    var isUploading: Bool {
        pointee.machine.holdsReservation || pointee.worker.pointee.server.pointee.uploads.isFirst(self)
    }

    /// After a turn of an upload: lets others have its room if it has ended.
    @inline(never)
    private func settleUpload(_ disposition: MachineStep.Disposition) {
        let worker = pointee.worker
        if pointee.machine.holdsReservation || disposition == .lacksRoom { return }
        worker.pointee.server.pointee.uploads.leaveFirst(self)
        worker.noteRoom()
    }

    /// Before anything is reserved in a turn: whether that may go beyond the share of unfinished values.
    @inline(__always)
    func tellWhoGoesFirst() {
        let worker = pointee.worker
        worker.pointee.executor.pointee.session.setGoesFirst(worker.pointee.server.pointee.uploads.isFirst(self))
    }

    /// Whether a value that lacks room goes first from now on. One that does already, and still lacks room, loses its
    /// place.
    private func goFirst() -> Bool {
        let worker = pointee.worker
        if worker.pointee.server.pointee.uploads.goFirst(self) { return true }
        worker.pointee.server.pointee.uploads.leaveFirst(self)
        return false
    }

    // MARK: The budget

    /// The end of a turn: brings the charge for kept input up to date; over the budget, the connection is closed.
    private func chargeInputAndWait() {
        guard chargeInput() else { return pointee.worker.closeOverBudget(self) }
        if _slowPath(pointee.tls != nil) {
            guard chargePacket() else { return pointee.worker.closeOverBudget(self) }
            if !pointee.isReady, !pointee.isParked, !pointee.isHeldBack, !pointee.awaitsAnswer { awaitTLS() }
        }
    }

    @discardableResult
    func chargeInput() -> Bool {
        let charge = Int(pointee.unfinished.capacity)
        let difference = charge - pointee.inputCharge
        if difference == 0 { return true }
        let worker = pointee.worker
        if difference < 0 {
            worker.pointee.server.pointee.budget.give(BufferBudget.Charge(copiedBytes: -difference))
        } else if !worker.take(BufferBudget.Charge(copiedBytes: difference), for: self) {
            return false
        }
        pointee.inputCharge = charge
        return true
    }
}
