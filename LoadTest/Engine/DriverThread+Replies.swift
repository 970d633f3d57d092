import LoadWorkload
import MartletProtocol

/// Replies: the bytes that came, held against the oldest request under way.
///
/// The replies that nearly always come are recognised by their bytes; anything else goes through `ReplyParser` and is
/// judged at leisure. Each function returns the bytes it used, 0 when the reply is not there whole, -1 when the
/// connection was given up.
extension UnsafeMutablePointer where Pointee == DriverThread {
    func answerOldest(
        _ connection: UnsafeMutablePointer<Connection>, _ bytes: UnsafeRawPointer, _ count: Int
    ) -> Int {
        let request = connection.pointee.ring + Int(connection.pointee.head & connection.pointee.ringMask)
        switch request.pointee.expectation {
        case .values:
            let used = answerHit(connection, request, bytes, count)
            return used > 0 ? used : answerValues(connection, request, bytes, count)
        case .stored:
            // "STORED\r\n", the first byte lowest.
            if count >= 8, ByteSearch.word(bytes, 0) == 0x0A0D_4445_524F_5453 {
                finishStore(connection, request, took: true)
                return 8
            }
        case .metaValue:
            let used = answerMetaHit(connection, request, bytes, count)
            return used > 0 ? used : answerMeta(connection, request, bytes, count)
        case .metaValues, .metaStored, .metaDone, .metaNumber:
            return answerMeta(connection, request, bytes, count)
        case .redisValue, .redisValues, .redisStored, .redisNumber:
            return answerRedis(connection, request, bytes, count)
        case .deleted, .touched, .number: break
        }
        return answerRarely(connection, request, bytes, count)
    }

    /// `END` and its line end.
    @inline(__always)
    private static func isEnd(_ bytes: UnsafeRawPointer, _ count: Int) -> Bool {
        count >= 5 && bytes.loadUnaligned(as: UInt32.self).littleEndian == 0x0D44_4E45
            && bytes.load(fromByteOffset: 4, as: UInt8.self) == ByteSearch.newline
    }

    // MARK: Values

    /// `VALUE <key> 0 <length>[ <token>]` of the key asked for, or `END`.
    private func answerValues(
        _ connection: UnsafeMutablePointer<Connection>, _ request: UnsafeMutablePointer<Outstanding>,
        _ bytes: UnsafeRawPointer, _ count: Int
    ) -> Int {
        if Self.isEnd(bytes, count) {
            finishRead(connection, request)
            return 5
        }
        if request.pointee.keyCount > 1 {
            let used = answerAsked(connection, request, bytes, count)
            return used == Self.noMatch ? answerRarely(connection, request, bytes, count) : used
        }
        guard connection.pointee.valuesSeen == 0 else { return answerRarely(connection, request, bytes, count) }
        let used = answerValue(
            connection, request, key: request.pointee.key, known: request.pointee.known, bytes, count)
        if used == Self.noMatch { return answerRarely(connection, request, bytes, count) }
        if used <= 0 || !Self.isEnd(bytes + used, count &- used) { return used }
        finishRead(connection, request)
        return used &+ 5
    }

    /// No reply uses this many bytes: the line is none of those expected.
    private static var noMatch: Int { Int.max }

    /// A value of a multiget: of the next key asked for, or of one behind it, when those before it were misses.
    private func answerAsked(
        _ connection: UnsafeMutablePointer<Connection>, _ request: UnsafeMutablePointer<Outstanding>,
        _ bytes: UnsafeRawPointer, _ count: Int
    ) -> Int {
        var passed = connection.pointee.keysPassed
        while passed < UInt32(request.pointee.keyCount) {
            let asked = connection.pointee.keys[
                Int((connection.pointee.keysHead &+ passed) & connection.pointee.keysMask)]
            passed &+= 1
            let line = framedLine(bytes, count, digits: asked.digits)
            if line.start > 0 {
                guard count >= line.start &+ line.length &+ 2 else { return 0 }
                missUpTo(connection, request, passed &- 1)
                connection.pointee.keysPassed = passed
                let value = UnsafeRawBufferPointer(start: bytes + line.start, count: line.length)
                return takeValue(connection, request, key: asked.key, known: asked.known, value)
                    ? line.start &+ line.length &+ 2 : -1
            }
            let used = answerValue(connection, request, key: asked.key, known: asked.known, bytes, count)
            if used == 0 || used == -1 { return used }
            guard used == Self.noMatch else {
                missUpTo(connection, request, passed &- 1)
                connection.pointee.keysPassed = passed
                return used
            }
        }
        return Self.noMatch
    }

    /// One classic value, whose line must be that of `key`.
    private func answerValue(
        _ connection: UnsafeMutablePointer<Connection>, _ request: UnsafeMutablePointer<Outstanding>, key: UInt64,
        known: VersionWord, _ bytes: UnsafeRawPointer, _ count: Int
    ) -> Int {
        let room = pointee.keyRoom
        let prefix = 6 &+ pointee.keySpace.pointee.write(key, at: room + 6)
        guard count > prefix &+ 4 else {
            return ByteSearch.first(ByteSearch.newline, in: bytes, from: 0, limit: count) < count ? Self.noMatch : 0
        }
        guard ReplyNumbers.isEqual(bytes, room, prefix) else { return Self.noMatch }
        // " 0 "
        guard ReplyNumbers.threeBytes(bytes, prefix) == 0x20_30_20 else { return Self.noMatch }
        var line = ReplyNumbers(bytes: bytes, position: prefix &+ 3, limit: count)
        guard let length = line.number() else { return line.isCutOff ? 0 : Self.noMatch }
        if request.pointee.step == .readForStore {
            guard line.skip(0x20), let token = line.number() else { return line.isCutOff ? 0 : Self.noMatch }
            request.pointee.token = token
        }
        guard line.lineEnd() else { return line.isCutOff ? 0 : Self.noMatch }
        let total = line.position &+ Int(truncatingIfNeeded: length) &+ 2
        guard length <= UInt64(WireLimits.valueBytesMax) else { return Self.noMatch }
        guard count >= total else { return 0 }
        return takeValue(
            connection, request, key: key, known: known,
            UnsafeRawBufferPointer(start: bytes + line.position, count: total &- 2 &- line.position)) ? total : -1
    }

    /// Counts and judges a value, behind which CR LF must stand. False when the connection was given up.
    func takeValue(
        _ connection: UnsafeMutablePointer<Connection>, _ request: UnsafeMutablePointer<Outstanding>, key: UInt64,
        known: VersionWord, _ value: UnsafeRawBufferPointer
    ) -> Bool {
        // Safe: the caller has seen to it that the value and two more bytes are there.
        let start = value.baseAddress.unsafelyUnwrapped
        guard start.loadUnaligned(fromByteOffset: value.count, as: UInt16.self) == (0x0A0D as UInt16).littleEndian
        else {
            garble(connection, "length", key, "sent a value that is not followed by CR LF")
            return false
        }
        connection.pointee.valuesSeen &+= 1
        if request.pointee.isMeasured {
            pointee.run.hits &+= 1
            pointee.run.hitBytes &+= value.count
            pointee.run.verified &+= pointee.verifiesValues
        }
        if pointee.truth.verification == .full {
            if pointee.truth.isGood(start, count: value.count, key: key, known: known) { return true }
            let finding = pointee.truth.finding(value, key: key, known: known, sentAt: request.pointee.sentAt)
            if case .good = finding {} else { note(finding, connection, key) }
        }
        return true
    }

    // MARK: What follows

    /// The oldest request is answered.
    func finish(_ connection: UnsafeMutablePointer<Connection>, _ request: UnsafeMutablePointer<Outstanding>) {
        connection.pointee.head &+= 1
        connection.pointee.valuesSeen = 0
        pointee.pendingCount &-= 1
        if pointee.plan.keepsKeyOrder {
            if !pointee.hasFollowed { pointee.keysInFlight.remove(request.pointee.key) }
            pointee.hasFollowed = false
        }
        guard request.pointee.isMeasured else { return }
        if request.pointee.intendedAt != pointee.run.intendedAt || request.pointee.sentAt != pointee.run.sentAt
            || request.pointee.kind.index != pointee.run.kind
        {
            endRun(connection)
            pointee.run.intendedAt = request.pointee.intendedAt
            pointee.run.sentAt = request.pointee.sentAt
            pointee.run.kind = request.pointee.kind.index
        }
        pointee.run.count &+= 1
    }

    /// Counts the replies that came together.
    func endRun(_ connection: UnsafeMutablePointer<Connection>) {
        let server = Int(connection.pointee.server)
        let board = pointee.boards.pointee.current
        if pointee.run.hits | pointee.run.verified > 0 {
            let counts = pointee.tally.counts + server
            counts.pointee.hits &+= pointee.run.hits
            counts.pointee.keysRead &+= pointee.run.hits
            counts.pointee.hitBytes &+= pointee.run.hitBytes
            counts.pointee.verified &+= pointee.run.verified
            board.pointee.hits &+= pointee.run.hits
            board.pointee.keysRead &+= pointee.run.hits
            pointee.run.hits = 0
            pointee.run.hitBytes = 0
            pointee.run.verified = 0
        }
        let count = pointee.run.count
        guard count > 0 else { return }
        pointee.run.count = 0
        let response = pointee.now &- pointee.run.intendedAt
        pointee.tally.counts[server].requests &+= count
        pointee.tally.kinds[pointee.run.kind].add(response, count: count)
        if pointee.tally.serverCount > 1 { pointee.tally.servers[server].add(response, count: count) }
        if pointee.plan.isOpenLoop { pointee.tally.service.add(pointee.now &- pointee.run.sentAt, count: count) }
        pointee.tally.lastReplyAt = pointee.now
        board.pointee.requests &+= count
        board.pointee.add(response, count: count)
    }

    /// All values have come.
    func finishRead(_ connection: UnsafeMutablePointer<Connection>, _ request: UnsafeMutablePointer<Outstanding>) {
        if request.pointee.keyCount > 1 {
            missUpTo(connection, request, UInt32(request.pointee.keyCount))
            connection.pointee.keysHead &+= UInt32(request.pointee.keyCount)
            connection.pointee.keysPassed = 0
        } else if connection.pointee.valuesSeen == 0 {
            miss(
                connection, request, key: request.pointee.key, known: request.pointee.known,
                valueBytes: request.pointee.valueBytes)
        } else if request.pointee.step == .readForStore {
            follow(connection, request, key: request.pointee.key, token: request.pointee.token)
        }
        if case .getAndTouch = request.pointee.kind { endChange(request, .touched) }
        finish(connection, request)
    }

    /// The keys of a multiget from where it stands up to `end` were misses.
    func missUpTo(
        _ connection: UnsafeMutablePointer<Connection>, _ request: UnsafeMutablePointer<Outstanding>, _ end: UInt32
    ) {
        while connection.pointee.keysPassed < end {
            let position = connection.pointee.keysHead &+ connection.pointee.keysPassed
            let asked = connection.pointee.keys[Int(position & connection.pointee.keysMask)]
            miss(
                connection, request, key: asked.key, known: asked.known,
                valueBytes: pointee.source.valueBytes(of: asked.key))
            connection.pointee.keysPassed &+= 1
        }
    }

    /// `known`: what was known about the key when it was asked for; nil where a miss says nothing.
    func miss(
        _ connection: UnsafeMutablePointer<Connection>, _ request: UnsafeMutablePointer<Outstanding>, key: UInt64,
        known: VersionWord?, valueBytes: UInt32
    ) {
        if request.pointee.isMeasured {
            let counts = pointee.tally.counts + Int(connection.pointee.server)
            counts.pointee.keysRead &+= 1
            counts.pointee.misses &+= 1
            counts.pointee.missBytes &+= Int(valueBytes)
            let board = pointee.boards.pointee.current
            board.pointee.keysRead &+= 1
        }
        if pointee.truth.expectsHits, let known,
            !pointee.truth.mayMiss(key, known: known, now: pointee.now)
        {
            noteLoss(connection, key)
        }
        if request.pointee.step == .readThrough {
            follow(connection, request, key: key, token: 0)
        }
    }

    /// Stores `key` next on this connection.
    func follow(
        _ connection: UnsafeMutablePointer<Connection>, _ request: UnsafeMutablePointer<Outstanding>, key: UInt64,
        token: UInt64
    ) {
        let isSingle = key == request.pointee.key
        let kind: OperationKind =
            switch request.pointee.step {
            case .readForStore: .compareAndSet
            case .lease: .lease
            default: request.pointee.expectation == .number ? .increment : .set
            }
        let next = FollowUp(
            step: .followingStore, kind: kind, isMeasured: request.pointee.isMeasured,
            valueBytes: isSingle ? request.pointee.valueBytes : pointee.source.valueBytes(of: key),
            secondsToLive: isSingle ? request.pointee.secondsToLive : pointee.source.secondsToLive(of: key), key: key,
            token: token)
        connection.pointee.followUps[Int(connection.pointee.followUpTail & connection.pointee.followUpMask)] = next
        connection.pointee.followUpTail &+= 1
        pointee.pendingCount &+= 1
        pointee.hasFollowed = true
    }

    /// A store was answered.
    func finishStore(
        _ connection: UnsafeMutablePointer<Connection>, _ request: UnsafeMutablePointer<Outstanding>, took: Bool
    ) {
        pointee.truth.endWrite(request.pointee, took ? .stored : .refused, now: pointee.now)
        if request.pointee.isMeasured {
            let counts = pointee.tally.counts + Int(connection.pointee.server)
            counts.pointee.stores &+= 1
            if took { counts.pointee.stored &+= 1 }
        }
        finish(connection, request)
    }
}
