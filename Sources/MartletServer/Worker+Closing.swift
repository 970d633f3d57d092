/// Connections that a worker ends of its own accord.
extension UnsafeMutablePointer where Pointee == Worker {
    /// Once a second: closes who has been silent for the idle timeout, wherever in a request that was (on a Unix socket
    /// only within one), who has not logged in in time, who does not let go of a connection that we have ended, and who
    /// does not come to an end with the handshake. Finds out besides who takes replies from the kernel though the kernel
    /// takes none from us.
    func closeOverdue() {
        let idleSecondsMax = pointee.server.pointee.settings.idleTimeoutSeconds
        let locks = pointee.executor.pointee.demandsLogin
        let awaitedCount = pointee.drainingCount + pointee.negotiatingCount + pointee.pendingCount
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
            let silentSeconds = Int(pointee.second &- connection.pointee.lastActivity)
            let hasTakenTooLong =
                connection.pointee.phase == .negotiating && silentSeconds > Limits.negotiatingSecondsMax
            if connection.pointee.isHeldBack {
                if hasTakenTooLong { connection.closeUnnegotiated() }
                continue
            }
            // A ready connection has something to do, its turn will tell; who awaits an answer waits for us.
            if connection.pointee.isReady || connection.pointee.awaitsAnswer { continue }
            if connection.pointee.phase == .draining {
                if silentSeconds >= Int(Limits.drainingSecondsMax) { connection.close() }
            } else if hasTakenTooLong {
                connection.closeUnnegotiated()
            } else if silentSeconds > 0, connection.mayBeTaking() {
                continue
            } else if idleSecondsMax > 0 && silentSeconds > idleSecondsMax && connection.mayIdleOut {
                pointee.counters.pointee.network.idleKicks.increment()
                connection.close(.idleTimeout)
            }
        }
        letHeldBackGoOn()
    }

    /// Lets those go on that wait for the next second, roughly in the order in which they came: what one of them gives
    /// back is not for the latest.
    private func letHeldBackGoOn() {
        var index = 0
        while index < pointee.table.count {
            let connection = pointee.table[index]
            if connection.pointee.isHeldBack { connection.letGoOn() }
            // Another one stands here now if the kernel has refused to watch this one.
            if index < pointee.table.count, pointee.table[index] == connection { index += 1 }
        }
    }

    /// While finishing: closes who waits for a new command, and tells the main loop when nobody is left.
    func closeIdle() {
        for index in stride(from: pointee.table.count - 1, through: 0, by: -1) {
            let connection = pointee.table[index]
            if connection.pointee.isReady || connection.isInsideRequest { continue }
            let phase = connection.pointee.phase
            if phase == .reading || phase == .negotiating { connection.close() }
        }
        if pointee.table.count == 0 { pointee.server.pointee.stopRequest.wakeMainLoop() }
    }

    // MARK: The budget

    /// Takes from the budget for `connection`. When there is not enough, others of this worker make room (`victim`).
    /// When they cannot, because it is those of other workers who hold it, a connection that needs little gets it all
    /// the same, and the others are woken to make that good. Returns false if the connection is to be closed.
    @inline(never)
    func take(_ charge: BufferBudget.Charge, for connection: UnsafeMutablePointer<Connection>) -> Bool {
        let before = connection.chosen
        let held = BufferBudget.Charge(
            copiedBytes: before.copiedBytes + charge.copiedBytes, leasedBytes: before.leasedBytes + charge.leasedBytes)
        return takeFromAll(charge, for: connection, holding: held) || takeLittle(charge, holding: held)
    }

    /// For a packet of TLS, the same whatever the client sends: what it holds besides decides whether that is little.
    @inline(never)
    func takeForPacket(_ bytes: Int, of connection: UnsafeMutablePointer<Connection>) -> Bool {
        let charge = BufferBudget.Charge(copiedBytes: bytes)
        let chosen = connection.chosen
        var held = chosen
        held.copiedBytes += bytes
        return takeFromAll(charge, for: connection, holding: held) || takeLittle(charge, holding: chosen)
    }

    /// For a handshake: those who hold more than a little make room, whoever they are; nobody who holds little does.
    /// But all handshakes of a worker have half of its part, and beyond that another one waits unless one of them has
    /// stalled: a crowd of newcomers costs nobody else a connection.
    @inline(never)
    func takeForHandshake(_ bytes: Int, of connection: UnsafeMutablePointer<Connection>) -> Bool {
        let server = pointee.server
        let part = server.pointee.budget.copiedBytesMax / 2 / server.pointee.workers.count
        if pointee.handshakeBytes > 0, pointee.handshakeBytes + bytes > part {
            guard let stalled = stalledHandshake() else { return false }
            closeOverBudget(stalled)
        }
        let charge = BufferBudget.Charge(copiedBytes: bytes)
        let little = BufferBudget.Charge(copiedBytes: Limits.littleBufferBytes)
        let more = BufferBudget.Charge(copiedBytes: Limits.littleBufferBytes + 1)
        return takeFromAll(charge, for: connection, holding: more) || takeLittle(charge, holding: little)
    }

    /// The one from whose client nothing has come for longest, if that is long.
    private func stalledHandshake() -> UnsafeMutablePointer<Connection>? {
        var stalled: UnsafeMutablePointer<Connection>?
        var longest = Limits.stalledSecondsMin
        for index in 0..<pointee.table.count {
            let candidate = pointee.table[index]
            let silentSeconds = pointee.second &- candidate.pointee.lastActivity
            guard candidate.isShakingHands, candidate.pointee.tlsCharge > 0, !candidate.pointee.isReady,
                silentSeconds >= longest
            else { continue }
            longest = silentSeconds
            stalled = candidate
        }
        return stalled
    }

    /// With room made by others of this worker.
    private func takeFromAll(
        _ charge: BufferBudget.Charge, for connection: UnsafeMutablePointer<Connection>,
        holding held: BufferBudget.Charge
    ) -> Bool {
        for _ in 0..<Limits.budgetVictimsMax {
            if pointee.server.pointee.budget.take(charge) { return true }
            let shortage = pointee.server.pointee.budget.shortage(for: charge)
            guard let victim = victim(for: connection, holding: held.bytes(of: shortage), shortage) else { break }
            closeOverBudget(victim)
        }
        return pointee.server.pointee.budget.take(charge)
    }

    /// With an overdraft, for whoever holds little; those of other workers make that good.
    private func takeLittle(_ charge: BufferBudget.Charge, holding held: BufferBudget.Charge) -> Bool {
        guard held.copiedBytes + held.leasedBytes <= Limits.littleBufferBytes,
            pointee.server.pointee.budget.take(charge, isLittle: true)
        else {
            return false
        }
        wakeOthers()
        return true
    }

    /// In a round while the budget is overdrawn: closes some of those that hold more than a little of it, and where
    /// there is none, some that hold little and have been silent.
    @inline(never)
    func relieveBudget() {
        for _ in 0..<Limits.budgetVictimsMax where pointee.server.pointee.budget.isOver {
            let copies = BufferBudget.Shortage(copies: true)
            guard let victim = victim(for: nil, holding: Limits.littleBufferBytes, copies) else { return }
            closeOverBudget(victim)
        }
    }

    /// Closes a connection for which the budget has no room.
    @inline(never)
    func closeOverBudget(_ connection: UnsafeMutablePointer<Connection>) {
        pointee.counters.pointee.network.budgetKicks.increment()
        connection.close(.error)
    }

    /// Who is closed when the budget has no room for `connection`, which will hold `bytes` of what is short. Only what
    /// others hold of that counts:
    /// 1. of those who hold more than a little, whose client has neither taken nor sent anything for longest, if that
    ///    is `Limits.stalledSecondsMin` or more;
    /// 2. else who holds most, if that is more than `bytes`: a client that sends a byte now and then is never stalled;
    /// 3. else, where `bytes` are little as well, who holds little and has been silent for longest: nobody who holds
    ///    little is closed for those who hold much.
    ///
    /// Who shakes hands holds what anybody does who does so, and does not close another one who does, but when stalled.
    private func victim(
        for connection: UnsafeMutablePointer<Connection>?, holding bytes: Int, _ shortage: BufferBudget.Shortage
    ) -> UnsafeMutablePointer<Connection>? {
        var stalled: UnsafeMutablePointer<Connection>?
        var stalledWithLittle: UnsafeMutablePointer<Connection>?
        var largest: UnsafeMutablePointer<Connection>?
        var (longest, longestWithLittle) = (Limits.stalledSecondsMin, Limits.stalledSecondsMin)
        var most = bytes
        let asksForHandshake = connection?.isShakingHands ?? false
        for index in 0..<pointee.table.count {
            let candidate = pointee.table[index]
            let held = candidate.held.bytes(of: shortage)
            if candidate == connection || held == 0 { continue }
            let silentSeconds = pointee.second &- candidate.pointee.lastActivity
            // Something has come from who is ready to be read; who is parked waits for us.
            let hasStalled = candidate.pointee.phase == .sending || !candidate.pointee.isReady
            if hasStalled, !candidate.pointee.isParked {
                if held > Limits.littleBufferBytes, silentSeconds >= longest {
                    longest = silentSeconds
                    stalled = candidate
                } else if held <= Limits.littleBufferBytes, silentSeconds >= longestWithLittle {
                    longestWithLittle = silentSeconds
                    stalledWithLittle = candidate
                }
            }
            if held > most, !asksForHandshake || !candidate.isShakingHands {
                most = held
                largest = candidate
            }
        }
        return stalled ?? largest ?? (bytes <= Limits.littleBufferBytes ? stalledWithLittle : nil)
    }
}

extension UnsafeMutablePointer where Pointee == Connection {
    /// A client on a Unix socket may be silent between two requests for as long as it likes.
    fileprivate var mayIdleOut: Bool {
        pointee.peer.family != .local || pointee.phase != .reading || isInsideRequest
    }

    /// Of who waits for room to send, once a second: whether the client may be taking what is there. The kernel may hold
    /// megabytes for it, and asks for more only when a good part of that is gone; so who takes some is active, though
    /// nothing could be sent. The first look after something was sent cannot tell.
    fileprivate func mayBeTaking() -> Bool {
        guard let pending = pointee.pending else { return false }
        let worker = pointee.worker
        let before = pending.pointee.unsentBytes
        let now = worker.pointee.server.pointee.syscalls.unsentBytes(pointee.descriptor)
        pending.pointee.unsentBytes = now
        guard let before else { return true }
        if now == before { return false }
        pointee.lastActivity = worker.pointee.second
        return true
    }

    fileprivate var isShakingHands: Bool { !pointee.isEstablished && pointee.phase == .negotiating }

    /// What the connection has taken of the budget.
    fileprivate var held: BufferBudget.Charge {
        var charge = chosen
        charge.copiedBytes += Int(pointee.tlsCharge)
        return charge
    }

    /// What of it is by what the client has sent and not taken, not by TLS.
    fileprivate var chosen: BufferBudget.Charge {
        var charge = pointee.pending?.pointee.charge ?? BufferBudget.Charge()
        charge.copiedBytes += pointee.inputCharge
        return charge
    }
}
