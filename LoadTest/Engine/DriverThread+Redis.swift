import LoadWorkload
import MartletProtocol

/// Redis's protocol, RESP 2: requests as arrays of byte strings, replies that begin with what they are.
///
///     $<length>\r\n<bytes>\r\n   a value; $-1 for none       +OK   -<error>   :<number>   *<count> and so many replies
///
/// 1. Replies name no key: that they belong to their requests shows only in the values (`Verification.full`).
/// 2. Reads for a store, and leases, have no counterpart here; `LoadSettings.check` refuses them.
/// 3. A life of 0 is none: `SET` without `EX`, `PERSIST` in place of `EXPIRE`.
extension UnsafeMutablePointer where Pointee == DriverThread {
    // MARK: Requests

    /// Writes the request of a kind; false, nothing written, where another change of the key is under way.
    func writeRedis(
        _ request: UnsafeMutablePointer<Outstanding>, on connection: UnsafeMutablePointer<Connection>
    ) -> Bool {
        switch request.pointee.kind {
        case .multiget: writeRedisMultiget(request, on: connection)
        case .set, .add: return writeRedisStore(request)
        case .delete:
            guard pointee.truth.beginWrite(request.pointee.key) != nil else { return false }
            writeRedis("*2\r\n$3\r\nDEL\r\n", request, .redisNumber)
        case .increment: writeRedis("*2\r\n$4\r\nINCR\r\n", request, .redisNumber)
        case .touch:
            guard pointee.truth.beginTouch(request.pointee.key) else { return false }
            let seconds = request.pointee.secondsToLive
            writeRedis(
                seconds > 0 ? "*3\r\n$6\r\nEXPIRE\r\n" : "*2\r\n$7\r\nPERSIST\r\n", request, .redisNumber, seconds)
        case .getAndTouch:
            guard pointee.truth.beginTouch(request.pointee.key) else { return false }
            request.pointee.known = pointee.truth.known(request.pointee.key)
            let seconds = request.pointee.secondsToLive
            let head: StaticString = seconds > 0 ? "*4\r\n$5\r\nGETEX\r\n" : "*3\r\n$5\r\nGETEX\r\n"
            writeRedis(head, request, .redisValue, seconds, word: seconds > 0 ? "$2\r\nEX\r\n" : "$7\r\nPERSIST\r\n")
        case .get, .compareAndSet, .lease:
            request.pointee.known = pointee.truth.known(request.pointee.key)
            writeRedis("*2\r\n$3\r\nGET\r\n", request, .redisValue)
        }
        return true
    }

    /// `head`, the key, `word` and, unless it is 0, a number.
    private func writeRedis(
        _ head: StaticString, _ request: UnsafeMutablePointer<Outstanding>, _ expectation: Outstanding.Expectation,
        _ number: UInt32 = 0, word: StaticString = ""
    ) {
        request.pointee.expectation = expectation
        let count = pointee.output.count
        let start = pointee.output.reserve(count &+ Self.redisLineBytesMax) + count
        var cursor = redisKey(request.pointee.key, at: WireWriter.text(head, at: start))
        cursor = WireWriter.text(word, at: cursor)
        if number > 0 { cursor = Self.redisNumber(UInt64(number), at: cursor) }
        pointee.output.count &+= cursor - start
    }

    private func writeRedisMultiget(
        _ request: UnsafeMutablePointer<Outstanding>, on connection: UnsafeMutablePointer<Connection>
    ) {
        request.pointee.expectation = .redisValues
        request.pointee.token = 0
        let count = pointee.output.count
        let room = Self.redisLineBytesMax &+ Int(request.pointee.keyCount) &* (KeySpace.roomBytes &+ 16)
        let start = pointee.output.reserve(count &+ room) + count
        var cursor = WireWriter.number(UInt64(request.pointee.keyCount) &+ 1, at: WireWriter.text("*", at: start))
        cursor = WireWriter.text("\r\n$4\r\nMGET\r\n", at: cursor)
        var number = request.pointee.key
        for index in 0..<Int(request.pointee.keyCount) {
            if index > 0 { number = nextKey(for: connection) }
            let asked = Connection.AskedKey(key: number, digits: 0, known: pointee.truth.known(number))
            connection.pointee.keys[Int(connection.pointee.keysTail & connection.pointee.keysMask)] = asked
            connection.pointee.keysTail &+= 1
            cursor = redisKey(number, at: cursor)
        }
        pointee.output.count &+= cursor - start
    }

    /// `SET <key> <value> [EX <seconds>] [NX]`; a counter begins with 0.
    func writeRedisStore(_ request: UnsafeMutablePointer<Outstanding>) -> Bool {
        guard let version = pointee.truth.beginWrite(request.pointee.key) else { return false }
        let isCounter = request.pointee.kind == .increment
        let isAdd = isCounter || request.pointee.kind == .add
        let seconds = request.pointee.secondsToLive
        let length = isCounter ? 1 : Int(request.pointee.valueBytes)
        request.pointee.expectation = .redisStored
        let count = pointee.output.count
        let start = pointee.output.reserve(count &+ Self.redisLineBytesMax &+ length) + count
        let words = 3 &+ (seconds > 0 ? 2 : 0) &+ (isAdd ? 1 : 0)
        var cursor = WireWriter.byte(0x30 &+ UInt8(words), at: WireWriter.text("*", at: start))
        cursor = redisKey(request.pointee.key, at: WireWriter.text("\r\n$3\r\nSET\r\n", at: cursor))
        cursor = WireWriter.lineEnd(
            at: WireWriter.number(UInt64(truncatingIfNeeded: length), at: WireWriter.text("$", at: cursor)))
        if isCounter {
            _ = WireWriter.byte(0x30, at: cursor)
        } else {
            pointee.truth.writeValue(at: cursor, count: length, key: request.pointee.key, version: version)
        }
        cursor = WireWriter.lineEnd(at: cursor + length)
        if seconds > 0 { cursor = Self.redisNumber(UInt64(seconds), at: WireWriter.text("$2\r\nEX\r\n", at: cursor)) }
        if isAdd { cursor = WireWriter.text("$2\r\nNX\r\n", at: cursor) }
        pointee.output.count &+= cursor - start
        return true
    }

    private static var redisLineBytesMax: Int { KeySpace.roomBytes &+ 160 }

    /// The key as a byte string.
    private func redisKey(_ key: UInt64, at start: UnsafeMutableRawPointer) -> UnsafeMutableRawPointer {
        let written = pointee.keySpace.pointee.write(key, at: pointee.keyRoom + 6)
        let cursor = WireWriter.number(UInt64(truncatingIfNeeded: written), at: WireWriter.text("$", at: start))
        let bytes = WireWriter.lineEnd(at: cursor)
        bytes.copyMemory(from: pointee.keyRoom + 6, byteCount: written)
        return WireWriter.lineEnd(at: bytes + written)
    }

    /// A number as a byte string.
    private static func redisNumber(
        _ number: UInt64, at start: UnsafeMutableRawPointer
    ) -> UnsafeMutableRawPointer {
        var digits = 1
        var rest = number
        while rest >= 10 {
            rest /= 10
            digits &+= 1
        }
        let cursor = WireWriter.lineEnd(
            at: WireWriter.number(UInt64(truncatingIfNeeded: digits), at: WireWriter.text("$", at: start)))
        return WireWriter.lineEnd(at: WireWriter.number(number, at: cursor))
    }

    // MARK: Replies

    /// Bytes used, 0 when the reply is not there whole, -1 when the connection was given up.
    func answerRedis(
        _ connection: UnsafeMutablePointer<Connection>, _ request: UnsafeMutablePointer<Outstanding>,
        _ bytes: UnsafeRawPointer, _ count: Int
    ) -> Int {
        guard let reply = RedisReply(bytes, count) else {
            return count < WireLimits.replyLineBytesMax ? 0 : garbleRedis(connection, request, bytes, count)
        }
        switch (request.pointee.expectation, reply.kind) {
        case (_, .error):
            refuse(connection, request, bytes, reply.lineBytes, isServerError: reply.saysOutOfMemory)
            return reply.lineBytes
        case (.redisValue, .none), (.redisValue, .bytes):
            let used = takeRedis(
                connection, request, key: request.pointee.key, request.pointee.known, reply, bytes, count)
            if used > 0 { finishRead(connection, request) }
            return used
        case (.redisValues, .array) where request.pointee.token == 0 && reply.number == Int(request.pointee.keyCount):
            // From here on its parts are replies of their own.
            request.pointee.token = 1
            return reply.lineBytes
        case (.redisValues, .none) where request.pointee.token != 0,
            (.redisValues, .bytes) where request.pointee.token != 0:
            return answerRedisPart(connection, request, reply, bytes, count)
        case (.redisStored, .status),
            (.redisStored, .none) where request.pointee.mayBeDeclined:
            finishStore(connection, request, took: reply.kind == .status)
            return reply.lineBytes
        case (.redisNumber, .number):
            finishChange(connection, request)
            return reply.lineBytes
        default: return garbleRedis(connection, request, bytes, count)
        }
    }

    /// One key's part of a multiget.
    private func answerRedisPart(
        _ connection: UnsafeMutablePointer<Connection>, _ request: UnsafeMutablePointer<Outstanding>,
        _ reply: RedisReply, _ bytes: UnsafeRawPointer, _ count: Int
    ) -> Int {
        let position = connection.pointee.keysHead &+ connection.pointee.keysPassed
        let asked = connection.pointee.keys[Int(position & connection.pointee.keysMask)]
        let used = takeRedis(connection, request, key: asked.key, asked.known, reply, bytes, count)
        guard used > 0 else { return used }
        if reply.kind == .none {
            missUpTo(connection, request, connection.pointee.keysPassed &+ 1)
        } else {
            connection.pointee.keysPassed &+= 1
        }
        if connection.pointee.keysPassed == UInt32(request.pointee.keyCount) { finishRead(connection, request) }
        return used
    }

    /// Judges the value, if there is one.
    private func takeRedis(
        _ connection: UnsafeMutablePointer<Connection>, _ request: UnsafeMutablePointer<Outstanding>, key: UInt64,
        _ known: VersionWord, _ reply: RedisReply, _ bytes: UnsafeRawPointer, _ count: Int
    ) -> Int {
        if reply.kind == .none { return reply.lineBytes }
        guard reply.number <= WireLimits.valueBytesMax else { return garbleRedis(connection, request, bytes, count) }
        let total = reply.lineBytes &+ reply.number &+ 2
        guard count >= total else { return 0 }
        let value = UnsafeRawBufferPointer(start: bytes + reply.lineBytes, count: reply.number)
        return takeValue(connection, request, key: key, known: known, value) ? total : -1
    }

    private func garbleRedis(
        _ connection: UnsafeMutablePointer<Connection>, _ request: UnsafeMutablePointer<Outstanding>,
        _ bytes: UnsafeRawPointer, _ count: Int
    ) -> Int {
        garble(
            connection, "protocol", request.pointee.key,
            "answered a request of kind \(request.pointee.kind) with \(Self.quoted(bytes, count))")
        return -1
    }
}

/// The first line of a reply.
struct RedisReply: BitwiseCopyable {
    enum Kind: UInt8, BitwiseCopyable {
        /// A value of `number` bytes behind the line; no value; that many replies.
        case bytes, none, array
        case status, error, number
        /// Nothing of the protocol.
        case other
    }

    let kind: Kind
    let number: Int
    /// With its end.
    let lineBytes: Int
    /// An error that begins as that of a store without room does.
    let saysOutOfMemory: Bool

    /// nil when the line is not there whole.
    init?(_ bytes: UnsafeRawPointer, _ count: Int) {
        let end = ByteSearch.first(ByteSearch.newline, in: bytes, from: 0, limit: count)
        guard end < count else { return nil }
        lineBytes = end &+ 1
        var line = ReplyNumbers(bytes: bytes, position: 1, limit: lineBytes)
        let first = bytes.load(as: UInt8.self)
        let isNegative = end > 1 && bytes.load(fromByteOffset: 1, as: UInt8.self) == UInt8(ascii: "-")
        if isNegative { line.position = 2 }
        let found = line.number().flatMap { line.lineEnd() ? Int(exactly: $0) : nil }
        number = found ?? 0
        saysOutOfMemory = first == UInt8(ascii: "-") && end > 4 && ReplyNumbers.threeBytes(bytes, 1) == 0x4D_4F_4F
        switch first {
        case UInt8(ascii: "$") where found != nil: kind = isNegative ? .none : .bytes
        case UInt8(ascii: "*") where found != nil && !isNegative: kind = .array
        case UInt8(ascii: ":") where found != nil: kind = .number
        case UInt8(ascii: "+"): kind = .status
        case UInt8(ascii: "-"): kind = .error
        default: kind = .other
        }
    }
}
