import LoadWorkload
import MartletProtocol

/// Requests: what is sent next, and in which bytes.
extension UnsafeMutablePointer where Pointee == DriverThread {
    /// Sends what there is room for: first what replies have led to, then new operations.
    ///
    /// New ones only when at least half of the depth is free: a server that answers a pipeline piece by piece would else
    /// be fed piece by piece, a system call for each.
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
                pointee.queues[Int(connection.pointee.server)].list(connection)
            } else if depth &- connection.pointee.outstandingCount >= (depth &+ 1) / 2 {
                replenish(connection)
            }
        }
        sendOutput(connection)
    }

    private func replenish(_ connection: UnsafeMutablePointer<Connection>) {
        let server = Int(connection.pointee.server)
        var arrival = pointee.upcoming
        while connection.pointee.outstandingCount < pointee.plan.depth {
            guard next(for: server, &arrival) else {
                pointee.queues[server].list(connection)
                return
            }
            issue(arrival.operation, on: connection, intendedAt: arrival.dueAt)
            if pointee.output.count >= LoadLimits.outputBytes { return }
        }
    }

    /// Writes an operation's first request.
    func issue(_ operation: Operation, on connection: UnsafeMutablePointer<Connection>, intendedAt: UInt64) {
        var request = Outstanding(
            expectation: .values, step: .only, kind: operation.kind, isMeasured: intendedAt >= pointee.plan.measuresAt,
            keyCount: operation.keyCount, opaque: nextOpaque(),
            valueBytes: operation.valueBytes,
            secondsToLive: operation.secondsToLive, key: operation.key, intendedAt: intendedAt, sentAt: pointee.now)
        switch operation.kind {
        case .get:
            if operation.storesOnMiss { request.step = .readThrough }
            writeRead(&request)
        case .multiget:
            if operation.storesOnMiss { request.step = .readThrough }
            writeMultiget(&request, on: connection)
        case .getAndTouch:
            if !pointee.truth.beginTouch(request.key) { request.kind = .get }
            writeRead(&request)
        case .compareAndSet:
            request.step = .readForStore
            writeRead(&request)
        case .lease:
            request.step = .lease
            writeRead(&request)
        case .set, .add:
            // Somebody else is writing the key: its version could not be told. Read it instead.
            if !writeStore(&request, token: 0) {
                request.kind = .get
                writeRead(&request)
            }
        case .delete:
            if !writeDelete(&request) {
                request.kind = .get
                writeRead(&request)
            }
        case .increment: writeIncrement(&request)
        case .touch:
            if pointee.truth.beginTouch(request.key) {
                writeTouch(&request)
            } else {
                request.kind = .get
                writeRead(&request)
            }
        }
        push(request, on: connection)
    }

    private func issue(_ next: FollowUp, on connection: UnsafeMutablePointer<Connection>) {
        var request = Outstanding(
            expectation: .stored, step: next.step, kind: next.kind, isMeasured: next.isMeasured, keyCount: 1,
            opaque: nextOpaque(), valueBytes: next.valueBytes,
            secondsToLive: next.secondsToLive,
            key: next.key, intendedAt: pointee.now, sentAt: pointee.now)
        if writeStore(&request, token: next.token) {
            push(request, on: connection)
        } else if pointee.plan.keepsKeyOrder {
            // Somebody else is storing the key already: there is nothing to do.
            pointee.keysInFlight.remove(next.key)
        }
    }

    private func nextOpaque() -> UInt16 {
        pointee.opaque &+= 1
        return pointee.opaque
    }

    private func push(_ request: Outstanding, on connection: UnsafeMutablePointer<Connection>) {
        connection.pointee.ring[Int(connection.pointee.tail & connection.pointee.ringMask)] = request
        connection.pointee.tail &+= 1
        pointee.pendingCount &+= 1
    }

    // MARK: Bytes

    /// Room for a line with one key and `more` bytes.
    private func reserve(_ more: Int) -> UnsafeMutableRawPointer {
        let count = pointee.output.count
        return pointee.output.reserve(count &+ RequestWriter.lineBytesMax &+ more) + count
    }

    private func written(_ end: UnsafeMutableRawPointer) {
        pointee.output.count = end - pointee.output.reserve(0)
    }

    private func key(_ request: Outstanding, at cursor: UnsafeMutableRawPointer) -> UnsafeMutableRawPointer {
        cursor + pointee.keySpace.write(request.key, at: cursor)
    }

    private func key(_ key: UInt64, at cursor: UnsafeMutableRawPointer) -> UnsafeMutableRawPointer {
        cursor + pointee.keySpace.write(key, at: cursor)
    }

    /// Lives of more than thirty days are moments on the wire.
    private func exptime(_ secondsToLive: UInt32) -> UInt64 {
        if secondsToLive <= 30 * 86400 { return UInt64(secondsToLive) }
        let elapsed = (pointee.now &- pointee.plan.startsAt) / 1_000_000_000
        return pointee.plan.startsAtWallSecond &+ elapsed &+ UInt64(secondsToLive)
    }

    private var repeatsOpaque: Bool { pointee.plan.verification != .off }

    /// ` O<opaque>` and the line's end.
    private func metaEnd(_ opaque: UInt16, at cursor: UnsafeMutableRawPointer) -> UnsafeMutableRawPointer {
        guard repeatsOpaque else { return WireWriter.lineEnd(at: cursor) }
        return WireWriter.lineEnd(at: RequestWriter.flag("O", UInt64(opaque), at: cursor))
    }

    private func writeRead(_ request: inout Outstanding) {
        request.known = pointee.truth.known(request.key)
        var cursor = reserve(0)
        if pointee.plan.wire == .classic, request.kind != .lease {
            switch request.kind {
            case .getAndTouch:
                cursor = WireWriter.number(exptime(request.secondsToLive), at: WireWriter.text("gat ", at: cursor))
                cursor = WireWriter.byte(0x20, at: cursor)
            case .compareAndSet: cursor = WireWriter.text("gets ", at: cursor)
            default: cursor = WireWriter.text("get ", at: cursor)
            }
            written(WireWriter.lineEnd(at: key(request, at: cursor)))
            return
        }
        request.expectation = .metaValue
        cursor = WireWriter.text(" v", at: key(request, at: WireWriter.text("mg ", at: cursor)))
        switch request.step {
        case .readForStore: cursor = WireWriter.text(" c", at: cursor)
        case .lease: cursor = WireWriter.text(" c N30", at: cursor)
        default: break
        }
        if request.kind == .getAndTouch {
            cursor = RequestWriter.flag("T", exptime(request.secondsToLive), at: cursor)
        }
        written(metaEnd(request.opaque, at: cursor))
    }

    /// One line of keys; in the meta protocol quiet gets and a no-op that shows where they end.
    private func writeMultiget(_ request: inout Outstanding, on connection: UnsafeMutablePointer<Connection>) {
        let isMeta = pointee.plan.wire == .meta
        var cursor = reserve(Int(request.keyCount) * (KeySpace.bytesMax + 12))
        if !isMeta { cursor = WireWriter.text("get", at: cursor) }
        request.expectation = isMeta ? .metaValues : .values
        var number = request.key
        for index in 0..<Int(request.keyCount) {
            if index > 0 { number = nextKey(for: connection) }
            let asked = Connection.AskedKey(key: number, known: pointee.truth.known(number))
            connection.pointee.keys[Int(connection.pointee.keysTail & connection.pointee.keysMask)] = asked
            connection.pointee.keysTail &+= 1
            cursor = isMeta ? WireWriter.text("mg ", at: cursor) : WireWriter.byte(0x20, at: cursor)
            cursor = key(number, at: cursor)
            if isMeta { cursor = WireWriter.text(" v k q\r\n", at: cursor) }
        }
        written(isMeta ? WireWriter.text("mn\r\n", at: cursor) : WireWriter.lineEnd(at: cursor))
    }

    /// A further key that lives on the connection's server.
    private func nextKey(for connection: UnsafeMutablePointer<Connection>) -> UInt64 {
        var key = pointee.source.nextKey()
        while server(of: key) != Int(connection.pointee.server) { key = pointee.source.nextKey() }
        return key
    }

    /// False when another write of the key is under way.
    private func writeStore(_ request: inout Outstanding, token: UInt64) -> Bool {
        guard let version = pointee.truth.beginWrite(request.key) else { return false }
        let isCounter = request.kind == .increment
        let count = isCounter ? 1 : Int(request.valueBytes)
        var cursor = reserve(count &+ 16)
        if pointee.plan.wire == .classic, request.kind != .lease {
            let word: StaticString = token != 0 ? "cas " : request.kind == .add || isCounter ? "add " : "set "
            cursor = WireWriter.text(" 0 ", at: key(request, at: WireWriter.text(word, at: cursor)))
            cursor = RequestWriter.number(
                UInt64(count), at: WireWriter.number(exptime(request.secondsToLive), at: cursor))
            if token != 0 { cursor = RequestWriter.number(token, at: cursor) }
            cursor = WireWriter.lineEnd(at: cursor)
            request.expectation = .stored
        } else {
            cursor = key(request, at: WireWriter.text("ms ", at: cursor))
            cursor = RequestWriter.number(UInt64(count), at: cursor)
            if request.secondsToLive > 0 {
                cursor = RequestWriter.flag("T", exptime(request.secondsToLive), at: cursor)
            }
            if request.kind == .add { cursor = WireWriter.text(" ME", at: cursor) }
            if token != 0 { cursor = RequestWriter.flag("C", token, at: cursor) }
            cursor = metaEnd(request.opaque, at: cursor)
            request.expectation = .metaStored
        }
        if isCounter {
            _ = WireWriter.byte(0x30, at: cursor)
        } else {
            pointee.truth.writeValue(at: cursor, count: count, key: request.key, version: version)
        }
        written(WireWriter.lineEnd(at: cursor + count))
        return true
    }

    private func writeDelete(_ request: inout Outstanding) -> Bool {
        guard pointee.truth.beginWrite(request.key) != nil else { return false }
        let cursor = reserve(0)
        if pointee.plan.wire == .classic {
            request.expectation = .deleted
            written(WireWriter.lineEnd(at: key(request, at: WireWriter.text("delete ", at: cursor))))
        } else {
            request.expectation = .metaDone
            written(metaEnd(request.opaque, at: key(request, at: WireWriter.text("md ", at: cursor))))
        }
        return true
    }

    private func writeIncrement(_ request: inout Outstanding) {
        var cursor = reserve(0)
        if pointee.plan.wire == .classic {
            request.expectation = .number
            cursor = key(request, at: WireWriter.text("incr ", at: cursor))
            written(WireWriter.text(" 1\r\n", at: cursor))
        } else {
            request.expectation = .metaNumber
            cursor = key(request, at: WireWriter.text("ma ", at: cursor))
            written(metaEnd(request.opaque, at: WireWriter.text(" v N0 J0", at: cursor)))
        }
    }

    private func writeTouch(_ request: inout Outstanding) {
        var cursor = reserve(0)
        if pointee.plan.wire == .classic {
            request.expectation = .touched
            cursor = key(request, at: WireWriter.text("touch ", at: cursor))
            written(WireWriter.lineEnd(at: RequestWriter.number(exptime(request.secondsToLive), at: cursor)))
        } else {
            request.expectation = .metaDone
            cursor = key(request, at: WireWriter.text("mg ", at: cursor))
            cursor = RequestWriter.flag("T", exptime(request.secondsToLive), at: cursor)
            written(metaEnd(request.opaque, at: cursor))
        }
    }
}
