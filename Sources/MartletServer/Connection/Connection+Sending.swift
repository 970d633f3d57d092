import Glibc
import MartletEvent

/// The sending half of a connection.
extension UnsafeMutablePointer where Pointee == Connection {
    enum Sent {
        case all, some, failed
    }

    // MARK: A turn's replies

    /// Sends the worker's reply buffer. Returns whether all of it is gone and the connection may go on. Otherwise the
    /// rest is pending, or the connection is closed.
    @inline(never)
    func sendOutput() -> Bool {
        let output = pointee.worker.pointee.output
        if output.pointee.isEmpty && !output.pointee.isBroken { return true }
        if _slowPath(pointee.worker.pointee.executor.pointee.isWatched) { noteReplies() }
        if output.pointee.isBroken {
            output.pointee.removeAll()
            closeForWantOfMemory()
            return false
        }
        var cursor = ReplyCursor()
        switch send(output.pointee.view, from: &cursor) {
        case .all:
            output.pointee.removeAll()
            return true
        case .some:
            keepPending(from: cursor)
            return false
        case .failed:
            output.pointee.removeAll()
            closeUnsent()
            return false
        }
    }

    /// The socket takes no more, or no client would: an error, unless it was to end anyway.
    @inline(never)
    private func closeUnsent() { close(pointee.closesWhenSent ? nil : .error) }

    /// Keeps what is behind `sent` in the worker's reply buffer, and waits for room to send it.
    @inline(never)
    private func keepPending(from sent: ReplyCursor) {
        let worker = pointee.worker
        let output = worker.pointee.output
        let packetBytes = pointee.tls == nil ? 0 : Limits.packetBytesMax
        let charge = BufferBudget.Charge(
            copiedBytes: output.pointee.byteCount - sent.position + packetBytes,
            leasedBytes: output.pointee.leasedBytes)
        guard worker.take(charge, for: self) else {
            output.pointee.removeAll()
            return worker.closeOverBudget(self)
        }
        let syscalls = worker.pointee.server.pointee.syscalls
        guard keep(PendingOutput(movingFrom: output, sent: sent, charge: charge, syscalls)) else {
            output.pointee.removeAll()
            worker.pointee.server.pointee.budget.give(charge)
            return closeForWantOfMemory()
        }
        awaitRoom()
    }

    /// Makes `output`, if there is memory for it, what is pending. Returns whether there was.
    private func keep(_ output: consuming PendingOutput?) -> Bool {
        let worker = pointee.worker
        guard let output,
            let memory = worker.pointee.server.pointee.syscalls.allocate(MemoryLayout<PendingOutput>.size)
        else { return false }
        let pending = memory.bindMemory(to: PendingOutput.self, capacity: 1)
        pending.initialize(to: output)
        pointee.pending = pending
        worker.pointee.pendingCount += 1
        pointee.phase = .sending
        return true
    }

    /// Waits for room to send what is pending. The connection may be gone afterwards.
    private func awaitRoom() {
        guard chargeInput(), chargePacket() else { return pointee.worker.closeOverBudget(self) }
        _ = watch(.writable)
    }

    /// The system has no memory for what the connection would have to keep.
    @inline(never)
    func closeForWantOfMemory() {
        pointee.worker.pointee.counters.pointee.network.memoryKicks.increment()
        close(.error)
    }

    // MARK: A reply that was set aside

    /// Sends a reply that the worker's buffer has set aside. The connection waits for its client then, or for room; or
    /// it is closed.
    @inline(__always)
    func sendAside(_ reply: UnsafeRawBufferPointer) {
        let worker = pointee.worker
        pointee.phase = .reading
        if reply.count == 0 { return }
        worker.pointee.pieces[0] = iovec(
            iov_base: UnsafeMutableRawPointer(mutating: reply.baseAddress), iov_len: reply.count)
        let result = worker.pointee.server.pointee.syscalls.send(pointee.descriptor, worker.pointee.pieces, 1)
        if result > 0 { worker.pointee.counters.pointee.network.bytesWritten.add(result) }
        if _slowPath(result < reply.count) { keepAside(reply, result) }
    }

    /// What the socket has not taken is kept; on an error the connection is closed.
    @inline(never)
    private func keepAside(_ reply: UnsafeRawBufferPointer, _ result: Int) {
        if result < 0, result != -Int(EAGAIN) { return closeUnsent() }
        let rest = UnsafeRawBufferPointer(rebasing: reply[max(result, 0)...])
        let worker = pointee.worker
        let charge = BufferBudget.Charge(copiedBytes: rest.count)
        guard worker.take(charge, for: self) else { return worker.closeOverBudget(self) }
        guard keep(PendingOutput(copying: rest, charge: charge, worker.pointee.server.pointee.syscalls)) else {
            worker.pointee.server.pointee.budget.give(charge)
            return closeForWantOfMemory()
        }
        awaitRoom()
    }

    // MARK: What was pending

    /// Sends what is pending. Returns whether all of it is gone and the connection may go on; it is watched for reading
    /// again then. Otherwise some of it is still pending, or the connection is closed.
    @inline(never)
    func sendPending() -> Bool {
        guard let pending = pointee.pending else { return true }
        var cursor = pending.pointee.cursor
        let before = pointee.worker.pointee.counters.pointee.network.bytesWritten.value
        let sent = send(pending.pointee.view, from: &cursor)
        if pointee.worker.pointee.counters.pointee.network.bytesWritten.value != before {
            pointee.lastActivity = pointee.worker.pointee.second
            pending.pointee.unsentBytes = nil
        }
        switch sent {
        case .some:
            pending.pointee.cursor = cursor
            return false
        case .failed:
            closeUnsent()
            return false
        case .all:
            dropPending()
            pointee.phase = waitingPhase
            guard watch(.readable) else { return false }
            if pointee.closesWhenSent {
                beginDraining()
                return false
            }
            return true
        }
    }

    /// Gives up what is pending, with its leases and its part of the budget.
    @inline(never)
    func dropPending() {
        guard let pending = pointee.pending else { return }
        pointee.worker.pointee.server.pointee.budget.give(pending.pointee.charge)
        pending.deinitialize(count: 1)
        Syscalls.free(pending)
        pointee.pending = nil
        pointee.worker.pointee.pendingCount -= 1
    }

    /// Gives the kernel as much as it takes. A short count means that the socket is full: it is not asked again.
    private func send(_ view: ReplyView, from cursor: inout ReplyCursor) -> Sent {
        if let session = pointee.tls { return send(view, from: &cursor, through: session) }
        let worker = pointee.worker
        while true {
            let (count, bytes) = cursor.fill(worker.pointee.pieces, countMax: Limits.outputPiecesMax, from: view)
            if count == 0 { return .all }
            let result = worker.pointee.server.pointee.syscalls.send(
                pointee.descriptor, worker.pointee.pieces, Int32(count))
            if result < 0 { return result == -Int(EAGAIN) ? .some : .failed }
            worker.pointee.counters.pointee.network.bytesWritten.add(result)
            cursor.advance(by: result, in: view)
            if result < bytes { return .some }
        }
    }

    // MARK: Ending well

    /// Closes after everything is sent. A socket closed with unread input sends a reset, which may tear away the reply
    /// that tells why; so while the client is still sending, only our half is shut down and its input is dropped.
    @inline(never)
    func beginDraining() {
        endTLS()
        giveTLSCharge()
        guard shutdown(pointee.descriptor, Int32(SHUT_WR)) == 0 else { return close() }
        pointee.unfinished.removeAll()
        chargeInput()
        pointee.phase = .draining
        pointee.worker.pointee.drainingCount += 1
        drain()
    }

    /// Drops one read's worth of input. Closes when there is none from a client that had sent nothing behind its last
    /// command, at the end of the stream, on an error, and when it is too much.
    @inline(never)
    func drain() {
        let worker = pointee.worker
        // The read buffer may hold what others have sent. There are no replies now.
        let room = worker.pointee.output.pointee.reserve(Limits.reserveBytesMax)
        worker.pointee.pieces[0] = iovec(iov_base: room, iov_len: Limits.reserveBytesMax)
        let result = worker.pointee.server.pointee.syscalls.receive(pointee.descriptor, worker.pointee.pieces, 1)
        if result == -Int(EAGAIN) && pointee.dropsInput { return }
        guard result > 0, pointee.drainedBytes < Limits.drainedBytesMax else { return close() }
        pointee.dropsInput = true
        pointee.drainedBytes += Int32(result)
    }
}
