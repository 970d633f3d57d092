import LoadWorkload

/// Requests: what is sent next, and in which bytes.
extension UnsafeMutablePointer where Pointee == DriverThread {
    /// Sends what there is room for: first what replies have led to, then new operations.
    ///
    /// New ones only when at least half of the depth is free: a server that answers a pipeline piece by piece would
    /// else be fed piece by piece, a system call for each.
    func advance(_ connection: UnsafeMutablePointer<Connection>) {
        guard connection.pointee.state == .open, !connection.pointee.awaitsRoom else { return }
        let depth = pointee.plan.depth
        while connection.pointee.followUpCount > 0, connection.pointee.outstandingCount < depth {
            let next = connection.pointee.followUps[
                Int(connection.pointee.followUpHead & connection.pointee.followUpMask)]
            connection.pointee.followUpHead &+= 1
            pointee.pendingCount &-= 1
            issue(next, on: connection)
        }
        if connection.pointee.outstandingCount < depth {
            if pointee.plan.isOpenLoop {
                (pointee.queues + Int(connection.pointee.server)).pointee.list(connection)
            } else if depth &- connection.pointee.outstandingCount >= (depth &+ 1) / 2 {
                replenish(connection)
            }
        }
        sendOutput(connection)
    }

    private func replenish(_ connection: UnsafeMutablePointer<Connection>) {
        if pointee.plan.isPlain {
            replenishPlainly(connection)
            return
        }
        let server = Int(connection.pointee.server)
        var arrival = pointee.upcoming
        while connection.pointee.outstandingCount < pointee.plan.depth {
            guard next(for: server, &arrival) else {
                (pointee.queues + server).pointee.list(connection)
                return
            }
            issue(arrival.operation, on: connection, intendedAt: arrival.dueAt)
            if pointee.output.count >= LoadLimits.outputBytes { return }
        }
    }

    /// The same where nothing can keep an operation back.
    private func replenishPlainly(_ connection: UnsafeMutablePointer<Connection>) {
        let now = pointee.now
        guard now < pointee.plan.endsAt, !pointee.isSourceDry else { return }
        let isMeasured: UInt64 = now >= pointee.plan.measuresAt ? 1 : 0
        while connection.pointee.outstandingCount < pointee.plan.depth {
            guard pointee.operationsLeft > 0, pointee.source.next(&pointee.upcoming.operation) else {
                runOut()
                return
            }
            pointee.operationsLeft &-= isMeasured
            issue(pointee.upcoming.operation, on: connection, intendedAt: now)
            if pointee.output.count >= LoadLimits.outputBytes { return }
        }
    }

    /// Writes an operation's first request.
    @inline(__always)
    func issue(_ operation: Operation, on connection: UnsafeMutablePointer<Connection>, intendedAt: UInt64) {
        let request = connection.pointee.ring + Int(connection.pointee.tail & connection.pointee.ringMask)
        pointee.opaque &+= 1
        request.initialize(
            to: Outstanding(
                expectation: .values, step: .only, kind: operation.kind,
                isMeasured: intendedAt >= pointee.plan.measuresAt, keyCount: operation.keyCount, opaque: pointee.opaque,
                valueBytes: operation.valueBytes, secondsToLive: operation.secondsToLive, key: operation.key,
                intendedAt: intendedAt, sentAt: pointee.now))
        write(request, operation.storesOnMiss, on: connection)
        connection.pointee.tail &+= 1
        pointee.pendingCount &+= 1
    }

    /// Writes the request of a kind.
    ///
    /// A key of which another write is under way is read instead: the version of a second one could not be told.
    private func write(
        _ request: UnsafeMutablePointer<Outstanding>, _ storesOnMiss: Bool,
        on connection: UnsafeMutablePointer<Connection>
    ) {
        if pointee.plan.wire == .redis {
            let isRead = request.pointee.kind == .get || request.pointee.kind == .multiget
            if storesOnMiss, isRead { request.pointee.step = .readThrough }
            if writeRedis(request, on: connection) { return }
            request.pointee.kind = .get
            _ = writeRedis(request, on: connection)
            return
        }
        switch request.pointee.kind {
        case .get:
            if storesOnMiss { request.pointee.step = .readThrough }
            writeGet(request)
            return
        case .multiget:
            if storesOnMiss { request.pointee.step = .readThrough }
            writeMultiget(request, on: connection)
            return
        case .set, .add: if writeStore(request, token: 0) { return }
        case .delete: if writeDelete(request) { return }
        case .increment:
            writeIncrement(request)
            return
        case .touch: if writeTouch(request) { return }
        case .getAndTouch: if writeGetAndTouch(request) { return }
        case .compareAndSet:
            request.pointee.step = .readForStore
            writeGetForStore(request)
            return
        case .lease:
            request.pointee.step = .lease
            writeLease(request)
            return
        }
        request.pointee.kind = .get
        writeGet(request)
    }

    private func issue(_ next: FollowUp, on connection: UnsafeMutablePointer<Connection>) {
        let request = connection.pointee.ring + Int(connection.pointee.tail & connection.pointee.ringMask)
        pointee.opaque &+= 1
        request.initialize(
            to: Outstanding(
                expectation: .stored, step: next.step, kind: next.kind, isMeasured: next.isMeasured, keyCount: 1,
                opaque: pointee.opaque, valueBytes: next.valueBytes, secondsToLive: next.secondsToLive, key: next.key,
                intendedAt: pointee.now, sentAt: pointee.now))
        let isWritten =
            pointee.plan.wire == .redis ? writeRedisStore(request) : writeStore(request, token: next.token)
        if isWritten {
            connection.pointee.tail &+= 1
            pointee.pendingCount &+= 1
        } else if pointee.plan.keepsKeyOrder {
            // Somebody else is storing the key already: there is nothing to do.
            pointee.keysInFlight.remove(next.key)
        }
    }
}
