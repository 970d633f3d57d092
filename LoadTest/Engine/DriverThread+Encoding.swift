import LoadWorkload
import MartletProtocol

/// Requests as bytes, classic and meta, at the end of the thread's output.
///
/// Each function writes one request and notes what a correct server answers; those that change a key first see to it
/// that no other change of it is under way, and return false, nothing written, if one is.
extension UnsafeMutablePointer where Pointee == DriverThread {
    // MARK: Pieces

    /// Room for a line with one key and `more` bytes.
    @inline(__always)
    private func room(_ more: Int = 0) -> UnsafeMutableRawPointer {
        let count = pointee.output.count
        return pointee.output.reserve(count &+ RequestWriter.lineBytesMax &+ more) + count
    }

    @inline(__always)
    private func written(_ start: UnsafeMutableRawPointer, _ end: UnsafeMutableRawPointer) {
        pointee.output.count &+= end - start
    }

    @inline(__always)
    private func key(_ key: UInt64, at cursor: UnsafeMutableRawPointer) -> UnsafeMutableRawPointer {
        self.key(key, digits(of: key), at: cursor)
    }

    /// A key whose `digits` are known. Whole words; what is too much is written over.
    @inline(__always)
    private func key(
        _ key: UInt64, _ digits: UInt64, at cursor: UnsafeMutableRawPointer
    ) -> UnsafeMutableRawPointer {
        guard digits != 0 else { return cursor + pointee.keySpace.pointee.write(key, at: cursor) }
        let frame = pointee.keyFrame + 6
        let head = pointee.keyFrameBytes &- 6
        var position = 0
        while position < head {
            cursor.storeBytes(of: ByteSearch.word(frame, position), toByteOffset: position, as: UInt64.self)
            position &+= 8
        }
        cursor.storeBytes(of: digits, toByteOffset: head, as: UInt64.self)
        return cursor + head + 8
    }

    /// Lives of more than thirty days are moments on the wire.
    private func exptime(_ secondsToLive: UInt32) -> UInt64 {
        if secondsToLive <= 30 * 86400 { return UInt64(secondsToLive) }
        let elapsed = (pointee.now &- pointee.plan.startsAt) / 1_000_000_000
        return pointee.plan.startsAtWallSecond &+ elapsed &+ UInt64(secondsToLive)
    }

    private var isClassic: Bool { pointee.plan.wire == .classic }

    /// ` O<opaque>`, which the reply repeats, and the line's end.
    private func metaEnd(_ opaque: UInt16, at cursor: UnsafeMutableRawPointer) -> UnsafeMutableRawPointer {
        guard pointee.plan.verification != .off else { return WireWriter.lineEnd(at: cursor) }
        cursor.storeBytes(of: MetaLine.end(opaque: opaque), as: UInt64.self)
        return cursor + 8
    }

    /// `mg <key> v`.
    private func metaGet(_ key: UInt64, at cursor: UnsafeMutableRawPointer) -> UnsafeMutableRawPointer {
        WireWriter.text(" v", at: self.key(key, at: WireWriter.text("mg ", at: cursor)))
    }

    // MARK: Reads

    func writeGet(_ request: UnsafeMutablePointer<Outstanding>) {
        request.pointee.known = pointee.truth.known(request.pointee.key)
        let digits = digits(of: request.pointee.key)
        request.pointee.keyDigits = digits
        let start = room()
        if isClassic {
            let cursor = key(request.pointee.key, digits, at: WireWriter.text("get ", at: start))
            written(start, WireWriter.lineEnd(at: cursor))
        } else {
            request.pointee.expectation = .metaValue
            let cursor = key(request.pointee.key, digits, at: WireWriter.text("mg ", at: start))
            written(start, metaEnd(request.pointee.opaque, at: WireWriter.text(" v", at: cursor)))
        }
    }

    /// A read that brings the token for the store that follows.
    func writeGetForStore(_ request: UnsafeMutablePointer<Outstanding>) {
        request.pointee.known = pointee.truth.known(request.pointee.key)
        let start = room()
        if isClassic {
            written(start, WireWriter.lineEnd(at: key(request.pointee.key, at: WireWriter.text("gets ", at: start))))
        } else {
            request.pointee.expectation = .metaValue
            let cursor = WireWriter.text(" c", at: metaGet(request.pointee.key, at: start))
            written(start, metaEnd(request.pointee.opaque, at: cursor))
        }
    }

    /// A read that, on a miss, makes one of those who ask the one who stores. Meta in any case: classic has no such
    /// thing.
    func writeLease(_ request: UnsafeMutablePointer<Outstanding>) {
        request.pointee.known = pointee.truth.known(request.pointee.key)
        request.pointee.expectation = .metaValue
        let start = room()
        let cursor = WireWriter.text(" c N30", at: metaGet(request.pointee.key, at: start))
        written(start, metaEnd(request.pointee.opaque, at: cursor))
    }

    func writeGetAndTouch(_ request: UnsafeMutablePointer<Outstanding>) -> Bool {
        guard pointee.truth.beginTouch(request.pointee.key) else { return false }
        request.pointee.known = pointee.truth.known(request.pointee.key)
        let start = room()
        let exptime = exptime(request.pointee.secondsToLive)
        if isClassic {
            var cursor = WireWriter.number(exptime, at: WireWriter.text("gat ", at: start))
            cursor = key(request.pointee.key, at: WireWriter.byte(0x20, at: cursor))
            written(start, WireWriter.lineEnd(at: cursor))
        } else {
            request.pointee.expectation = .metaValue
            let cursor = RequestWriter.flag("T", exptime, at: metaGet(request.pointee.key, at: start))
            written(start, metaEnd(request.pointee.opaque, at: cursor))
        }
        return true
    }

    /// One line of keys; in the meta protocol quiet gets and a no-op that shows where they end.
    func writeMultiget(
        _ request: UnsafeMutablePointer<Outstanding>, on connection: UnsafeMutablePointer<Connection>
    ) {
        let isMeta = !isClassic
        let start = room(Int(request.pointee.keyCount) * (KeySpace.roomBytes + 12))
        var cursor = isMeta ? start : WireWriter.text("get", at: start)
        request.pointee.expectation = isMeta ? .metaValues : .values
        var number = request.pointee.key
        for index in 0..<Int(request.pointee.keyCount) {
            if index > 0 { number = nextKey(for: connection) }
            let digits = digits(of: number)
            let asked = Connection.AskedKey(key: number, digits: digits, known: pointee.truth.known(number))
            connection.pointee.keys[Int(connection.pointee.keysTail & connection.pointee.keysMask)] = asked
            connection.pointee.keysTail &+= 1
            cursor = isMeta ? WireWriter.text("mg ", at: cursor) : WireWriter.byte(0x20, at: cursor)
            cursor = key(number, digits, at: cursor)
            if isMeta { cursor = WireWriter.text(" v k q\r\n", at: cursor) }
        }
        written(start, isMeta ? WireWriter.text("mn\r\n", at: cursor) : WireWriter.lineEnd(at: cursor))
    }

    /// A further key that lives on the connection's server.
    func nextKey(for connection: UnsafeMutablePointer<Connection>) -> UInt64 {
        var key = pointee.source.nextKey()
        while server(of: key) != Int(connection.pointee.server) { key = pointee.source.nextKey() }
        return key
    }

    // MARK: Changes

    /// Stores a value, or begins a counter. `token`: what the item's must be; 0 for any.
    func writeStore(_ request: UnsafeMutablePointer<Outstanding>, token: UInt64) -> Bool {
        guard let version = pointee.truth.beginWrite(request.pointee.key) else { return false }
        var (isAdd, isCounter, isLease) = (false, false, false)
        switch request.pointee.kind {
        case .add: isAdd = true
        case .increment: (isAdd, isCounter) = (true, true)
        case .lease: isLease = true
        default: break
        }
        let count = isCounter ? 1 : Int(request.pointee.valueBytes)
        let start = room(count &+ 16)
        var cursor: UnsafeMutableRawPointer
        if isClassic, !isLease {
            request.pointee.expectation = .stored
            let word: StaticString = token != 0 ? "cas " : isAdd ? "add " : "set "
            cursor = WireWriter.text(" 0 ", at: key(request.pointee.key, at: WireWriter.text(word, at: start)))
            cursor = WireWriter.number(exptime(request.pointee.secondsToLive), at: cursor)
            cursor = RequestWriter.number(UInt64(truncatingIfNeeded: count), at: cursor)
            if token != 0 { cursor = RequestWriter.number(token, at: cursor) }
            cursor = WireWriter.lineEnd(at: cursor)
        } else {
            request.pointee.expectation = .metaStored
            cursor = key(request.pointee.key, at: WireWriter.text("ms ", at: start))
            cursor = RequestWriter.number(UInt64(truncatingIfNeeded: count), at: cursor)
            let seconds = request.pointee.secondsToLive
            if seconds > 0 { cursor = RequestWriter.flag("T", exptime(seconds), at: cursor) }
            if isAdd { cursor = WireWriter.text(" ME", at: cursor) }
            if token != 0 { cursor = RequestWriter.flag("C", token, at: cursor) }
            cursor = metaEnd(request.pointee.opaque, at: cursor)
        }
        if isCounter {
            _ = WireWriter.byte(0x30, at: cursor)
        } else {
            pointee.truth.writeValue(at: cursor, count: count, key: request.pointee.key, version: version)
        }
        written(start, WireWriter.lineEnd(at: cursor + count))
        return true
    }

    func writeDelete(_ request: UnsafeMutablePointer<Outstanding>) -> Bool {
        guard pointee.truth.beginWrite(request.pointee.key) != nil else { return false }
        let start = room()
        if isClassic {
            request.pointee.expectation = .deleted
            written(start, WireWriter.lineEnd(at: key(request.pointee.key, at: WireWriter.text("delete ", at: start))))
        } else {
            request.pointee.expectation = .metaDone
            let cursor = key(request.pointee.key, at: WireWriter.text("md ", at: start))
            written(start, metaEnd(request.pointee.opaque, at: cursor))
        }
        return true
    }

    func writeIncrement(_ request: UnsafeMutablePointer<Outstanding>) {
        let start = room()
        if isClassic {
            request.pointee.expectation = .number
            let cursor = key(request.pointee.key, at: WireWriter.text("incr ", at: start))
            written(start, WireWriter.text(" 1\r\n", at: cursor))
        } else {
            request.pointee.expectation = .metaNumber
            let cursor = key(request.pointee.key, at: WireWriter.text("ma ", at: start))
            written(start, metaEnd(request.pointee.opaque, at: WireWriter.text(" v N0 J0", at: cursor)))
        }
    }

    func writeTouch(_ request: UnsafeMutablePointer<Outstanding>) -> Bool {
        guard pointee.truth.beginTouch(request.pointee.key) else { return false }
        let start = room()
        let exptime = exptime(request.pointee.secondsToLive)
        if isClassic {
            request.pointee.expectation = .touched
            let cursor = key(request.pointee.key, at: WireWriter.text("touch ", at: start))
            written(start, WireWriter.lineEnd(at: RequestWriter.number(exptime, at: cursor)))
        } else {
            request.pointee.expectation = .metaDone
            let cursor = key(request.pointee.key, at: WireWriter.text("mg ", at: start))
            written(start, metaEnd(request.pointee.opaque, at: RequestWriter.flag("T", exptime, at: cursor)))
        }
        return true
    }
}
