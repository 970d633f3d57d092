import Glibc
import MartletEvent

/// A connection whose bytes are encrypted. What is here replaces single steps of a turn; everything else is as without.
///
/// 1. A new connection is *negotiating*: its turns take the handshake further and do nothing else. It is watched for
///    what the handshake waits for, and closed when that takes longer than `Limits.negotiatingSecondsMax`. A crowd of
///    newcomers is served a few at a time, so that nobody else waits for all their handshakes.
/// 2. Afterwards the session stands between the socket and the connection's reads and writes. A read may leave input
///    inside the session, of which the socket will not tell: then the connection is ready at once.
/// 3. A read may have something to send, when the client changes its keys, and find no room: the connection is
///    negotiating again until there is.
/// 4. At the end the client is told so if there is room for it; nothing is waited for.
/// 5. What OpenSSL keeps is charged to the budget: a fixed amount for a handshake, from its first step on, and another
///    while there is a packet inside. A handshake for which there is no room waits, unread, until the second changes.
extension UnsafeMutablePointer where Pointee == Connection {
    // MARK: The handshake

    /// Begins a session for a connection of such a listener. Returns false when memory is short.
    @inline(never)
    func beginTLS(_ security: ListenerSecurity) -> Bool {
        guard let context = pointee.worker.pointee.server.pointee.tls,
            let session = context.pointee.session(pointee.descriptor, security)
        else { return false }
        pointee.tls = session
        setNegotiating()
        return true
    }

    /// Takes a turn's part in the handshake. Returns whether there is input for the machine now.
    @inline(never)
    func negotiate() -> Bool {
        guard let session = pointee.tls else { return false }
        let worker = pointee.worker
        if worker.pointee.negotiationsLeft == 0 {
            worker.appendReady(self)
            return false
        }
        guard chargeHandshake() else {
            holdBack()
            return false
        }
        worker.pointee.negotiationsLeft -= 1
        let isHandshake = !pointee.isEstablished
        switch session.negotiate() {
        case .wantsRead:
            if pointee.awaitsRoom { awaitInput() }
            return false
        case .wantsWrite:
            if !pointee.awaitsRoom { awaitRoom() }
            return false
        case .count:
            if isHandshake {
                // What came behind it is charged at the end of the turn, if it is still there.
                giveTLSCharge()
                noteHandshake(session)
            }
            leaveNegotiating()
            if pointee.awaitsRoom, !awaitInput() { return false }
            // After a change of keys whatever stopped the read must be tried again.
            return session.hasInput || !isHandshake
        case .closed, .failed, .lost:
            failTLS(isHandshake: isHandshake)
            return false
        }
    }

    private func noteHandshake(_ session: TLSSession) {
        let counters = pointee.worker.pointee.counters
        pointee.isEstablished = true
        pointee.lastActivity = pointee.worker.pointee.second
        counters.pointee.tls.handshakes.increment()
        counters.pointee.tls.newSessions.add(session.newCount)
        if session.isResumed { counters.pointee.tls.resumptions.increment() }
        if session.isInKernel { counters.pointee.tls.inKernel.increment() }
    }

    private func setNegotiating() {
        pointee.phase = .negotiating
        pointee.worker.pointee.negotiatingCount += 1
    }

    private func leaveNegotiating() {
        pointee.worker.pointee.negotiatingCount -= 1
        pointee.phase = waitingPhase
    }

    /// Watches for input, and for room. Return false after closing the connection.
    @discardableResult
    private func awaitInput() -> Bool {
        pointee.awaitsRoom = false
        return watch(.readable)
    }

    @discardableResult
    private func awaitRoom() -> Bool {
        pointee.awaitsRoom = true
        return watch(.writable)
    }

    // MARK: Reading and sending

    /// In place of a read of the socket: fills the worker's first `pieceCount` pieces in order. Returns bytes read, 0
    /// at the end of the stream or on an error that ends the connection all the same, nil when nothing was there.
    @inline(never)
    func receiveTLS(_ session: TLSSession, _ pieceCount: Int32) -> Int? {
        let worker = pointee.worker
        var total = 0
        for index in 0..<Int(pieceCount) {
            let piece = worker.pointee.pieces[index]
            guard let start = piece.iov_base, piece.iov_len > 0 else { continue }
            let outcome = session.read(into: start, count: piece.iov_len)
            guard case .count(let count) = outcome else {
                // What it was, the next read will say again.
                if total > 0 { break }
                return nothingRead(outcome)
            }
            total += count
            if count < piece.iov_len { break }
        }
        worker.pointee.counters.pointee.network.bytesRead.add(total)
        return total
    }

    private func nothingRead(_ outcome: TLSOutcome) -> Int? {
        switch outcome {
        case .wantsRead: return nil
        case .wantsWrite:
            pointee.awaitsRoom = true
            return nil
        case .failed, .lost:
            noteTLSError(outcome, isHandshake: false)
            pointee.machine.closeReason = .error
        case .count, .closed: break
        }
        return 0
    }

    /// Before a connection waits for its client: sees to it that what is inside the session is not waited for. The
    /// connection may be gone afterwards.
    @inline(never)
    func awaitTLS() {
        guard let session = pointee.tls else { return }
        if session.hasInput {
            pointee.worker.appendReady(self)
        } else if pointee.awaitsRoom {
            setNegotiating()
            awaitRoom()
        }
    }

    /// Gives the session as much as the socket takes.
    @inline(never)
    func send(_ view: ReplyView, from cursor: inout ReplyCursor, through session: TLSSession) -> Sent {
        let worker = pointee.worker
        while true {
            let count = cursor.fill(worker.pointee.pieces, countMax: Limits.outputPiecesMax, from: view).count
            if count == 0 { return .all }
            // A short count says nothing about the socket: the session takes a part at a time.
            switch write(session, pieceCount: count) {
            case .count(let sent):
                worker.pointee.counters.pointee.network.bytesWritten.add(sent)
                cursor.advance(by: sent, in: view)
            case .wantsWrite: return .some
            case let outcome:
                noteTLSError(outcome, isHandshake: false)
                return .failed
            }
        }
    }

    /// Gives the session what lies in the worker's first `count` pieces. Small pieces are gathered, because each call
    /// makes a packet.
    private func write(_ session: TLSSession, pieceCount count: Int) -> TLSOutcome {
        let worker = pointee.worker
        let gathered = worker.pointee.gatheredBytes
        let capacity = worker.pointee.server.pointee.settings.tls.writeBytesMax
        let first = worker.pointee.pieces[0]
        if count == 1 || first.iov_len >= capacity, let start = first.iov_base {
            return session.write(start, count: first.iov_len)
        }
        guard let gathered else { return .failed }
        return session.write(gathered, count: gather(count, at: gathered, capacity: capacity))
    }

    private func gather(_ count: Int, at start: UnsafeMutableRawPointer, capacity: Int) -> Int {
        var bytes = 0
        for index in 0..<count where bytes < capacity {
            let piece = pointee.worker.pointee.pieces[index]
            guard let source = piece.iov_base else { continue }
            let some = Swift.min(piece.iov_len, capacity - bytes)
            (start + bytes).copyMemory(from: source, byteCount: some)
            bytes += some
        }
        return bytes
    }

    // MARK: The budget

    /// Rule 5, before each step of a handshake. Returns false if there is no room for one.
    private func chargeHandshake() -> Bool {
        if pointee.isEstablished || pointee.tlsCharge > 0 { return true }
        let worker = pointee.worker
        // However small the budget, there is room for some.
        let bytes = min(Limits.handshakeBytesMax, worker.pointee.server.pointee.budget.copiedBytesMax / 4)
        if worker.pointee.lacksHandshakeRoom { return false }
        guard worker.takeForHandshake(bytes, of: self) else {
            worker.pointee.lacksHandshakeRoom = true
            return false
        }
        worker.pointee.handshakeBytes += bytes
        pointee.tlsCharge = Int32(bytes)
        if pointee.isHeldBack {
            // It was for us that it waited: its seconds begin now.
            pointee.isHeldBack = false
            pointee.lastActivity = worker.pointee.second
        }
        return true
    }

    /// Rule 5, at the end of a turn. Returns false if there is no room.
    @inline(never)
    func chargePacket() -> Bool {
        guard let session = pointee.tls else { return true }
        let charge = session.holdsPacket ? Int32(Limits.packetBytesMax) : 0
        if charge == pointee.tlsCharge { return true }
        giveTLSCharge()
        if charge == 0 { return true }
        guard pointee.worker.takeForPacket(Int(charge), of: self) else { return false }
        pointee.tlsCharge = charge
        return true
    }

    func giveTLSCharge() {
        if pointee.tlsCharge == 0 { return }
        if !pointee.isEstablished { pointee.worker.pointee.handshakeBytes -= Int(pointee.tlsCharge) }
        pointee.worker.pointee.server.pointee.budget.give(
            BufferBudget.Charge(copiedBytes: Int(pointee.tlsCharge)))
        pointee.tlsCharge = 0
    }

    // MARK: The end

    /// Counts and tells an error of the session that the last call has met.
    @inline(never)
    private func noteTLSError(_ outcome: TLSOutcome, isHandshake: Bool) {
        let counters = pointee.worker.pointee.counters
        if isHandshake {
            counters.pointee.tls.handshakeErrors.increment()
        } else if outcome == .failed {
            counters.pointee.tls.protocolErrors.increment()
        }
        tellTLSError(TLSFailure.reason)
    }

    /// Ends the connection after a failed handshake, with its alert delivered. Somebody who connects and leaves without
    /// a word, as health checks do, has made no error.
    private func failTLS(isHandshake: Bool) {
        if let session = pointee.tls, session.wasAddressed || !isHandshake {
            noteTLSError(.failed, isHandshake: isHandshake)
            pointee.machine.closeReason = .error
        }
        leaveNegotiating()
        pointee.dropsInput = true
        if pointee.awaitsRoom, !awaitInput() { return }
        beginDraining()
    }

    /// Rule 1: it has taken too long.
    func closeUnnegotiated() {
        if !pointee.isEstablished {
            pointee.worker.pointee.counters.pointee.tls.handshakeErrors.increment()
            tellTLSError("handshake timed out")
        }
        close(.error)
    }

    /// Ends the session; the socket stays as it is.
    @inline(never)
    func endTLS() {
        guard let session = pointee.tls else { return }
        pointee.tls = nil
        session.end(notifies: true)
    }
}
