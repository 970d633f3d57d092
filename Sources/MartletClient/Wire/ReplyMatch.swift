import MartletProtocol
import NIOCore

/// A request that was sent, as far as its reply must be known by it.
struct ExpectedReply: Sendable {
    let verb: CacheRequest.Verb
    /// nil in the meta protocol, whose replies have the number, but for what may win a recaching.
    let key: CacheKey?
    let dialect: Dialect
    /// What the reply's opaque must be.
    let number: UInt32
    /// Whether a retrieval asked for the value, too.
    let asksValue: Bool
    /// Of a retrieval: the most that its value may have.
    let valueBytesMax: UInt32
    /// Whether a change was to be made only of one version.
    let isConditional: Bool
    /// A classic retrieval's value, which an `END` has still to follow.
    var value: CacheReply?

    init(to request: borrowing CacheRequest, dialect: Dialect, number: UInt32, value: CacheReply? = nil) {
        verb = request.verb
        key = dialect == .meta && !request.mayWin ? nil : request.key
        self.dialect = dialect
        self.number = number
        asksValue = !request.facts.contains(.noValue)
        valueBytesMax = request.valueBytesMax
        isConditional = request.expectedToken != nil
        self.value = value
    }
}

/// What a reply means for the request at the head of the line.
enum ReplyMatch {
    case outcome(CallOutcome)
    /// A classic value: its `END` is to come.
    case more
    /// Not the reply to this request: the connection cannot be trusted any longer.
    case violation(String)
}

extension ExpectedReply {
    /// What gives back that which nobody takes any more: the caller has gone, and the server has told it to recache.
    func release(_ outcome: CallOutcome) -> CacheRequest? {
        guard let key, case .success(let reply) = outcome else { return nil }
        return Claim(reply)?.release(of: key) ?? reply.returnOfLife(to: key)
    }

    /// Rules:
    /// 1. An error is an answer to the oldest request: servers answer in order.
    /// 2. A meta reply brings back the request's number, except `EN`, which brings nothing.
    /// 3. A classic value brings back the key.
    /// 4. Anything the verb has no use for is a violation.
    mutating func match(_ reply: ReceivedReply) -> ReplyMatch {
        switch reply.kind {
        case .error, .clientError, .serverError: return .outcome(.failure(Self.refusal(reply)))
        case .meta:
            guard dialect == .meta else { return .violation("a meta reply to a classic request") }
            return matchMeta(reply)
        default:
            guard dialect == .classic else { return .violation("a classic reply to a meta request") }
            return matchClassic(reply)
        }
    }

    private static func refusal(_ reply: ReceivedReply) -> CacheError {
        if reply.kind == .serverError, reply.text.hasPrefix("object too large") {
            return CacheError(.tooLarge, reply.text)
        }
        if reply.kind == .serverError, reply.text.hasPrefix("out of memory") {
            return CacheError(.outOfMemory, reply.text)
        }
        if reply.text.hasPrefix("unauthenticated") { return CacheError(.unauthorized, reply.text) }
        var error = CacheError(.refused, reply.text.isEmpty ? "the server does not know the command" : reply.text)
        error.isServerFailure = reply.kind == .serverError
        return error
    }

    // MARK: Meta

    private func matchMeta(_ reply: ReceivedReply) -> ReplyMatch {
        let isMiss = reply.status == .miss && verb == .get || reply.status == .miss && verb == .touch
        if isMiss {
            // Whoever brings a number back here brings the right one.
            guard reply.number == nil || reply.number == number else {
                return .violation("the reply of another request")
            }
            return .outcome(.success(CacheReply(.missing)))
        }
        guard reply.number == number else { return .violation("the reply of another request") }
        switch (reply.status, verb) {
        case (.value, .get): return .outcome(taken(retrieved(reply)))
        // An empty value would be one, too: `VA 0`.
        case (.done, .get) where asksValue: return .violation("a retrieval's reply without the value")
        case (.done, .get): return .outcome(.success(retrieved(reply)))
        case (.value, .increment), (.value, .decrement):
            guard let count = reply.value.flatMap(Self.count) else { return .violation("a count that is none") }
            var result = CacheReply(.done)
            result.number = count
            return .outcome(.success(result))
        case (.value, _): return .violation("a value nobody asked for")
        case (.done, .increment), (.done, .decrement): return .violation("a count is missing")
        case (.done, _):
            var result = CacheReply(.done)
            result.token = reply.token
            if verb == .touch {
                result.clientFlags = reply.clientFlags
                result.secondsToLive = reply.secondsToLive
                result.hasWon = reply.flags.contains(.won)
                result.isStale = reply.flags.contains(.stale)
                result.isBeingRecached = reply.flags.contains(.winSent)
                result.isLease = result.isAwaited && reply.flags.contains(MetaFlags("s")) && reply.count == 0
            }
            return .outcome(.success(result))
        default:
            guard let outcome = refusalOfChange(reply.status) else {
                return .violation("a status that the request cannot have")
            }
            return .outcome(.success(CacheReply(outcome)))
        }
    }

    /// What a change that was not made comes to; nil where it cannot have that status. A store without any condition is
    /// made.
    private func refusalOfChange(_ status: MetaStatus) -> CacheReply.Outcome? {
        switch (status, verb) {
        case (_, .get), (_, .touch): nil
        case (.exists, _): isConditional ? .conflict : nil
        case (.notFound, .set), (.notFound, .add): isConditional ? .missing : nil
        case (.notFound, _): .missing
        case (.notStored, .set), (.notStored, .delete), (.notStored, .invalidate): isConditional ? .notStored : nil
        case (.notStored, _): .notStored
        default: nil
        }
    }

    private func retrieved(_ reply: ReceivedReply) -> CacheReply {
        var result = CacheReply(.done)
        (result.value, result.isTooLong) = (wanted(reply), reply.skippedBytes != nil)
        result.clientFlags = reply.clientFlags
        result.token = reply.token
        result.secondsToLive = reply.secondsToLive
        result.secondsSinceAccess = reply.secondsSinceAccess
        result.wasFetched = reply.wasFetched
        result.hasWon = reply.flags.contains(.won)
        result.isStale = reply.flags.contains(.stale)
        result.isBeingRecached = reply.flags.contains(.winSent)
        result.isLease = result.isAwaited && reply.value?.readableBytes == 0
        return result
    }

    /// What a retrieval comes to whose value was too long to be kept: of a part, that it is not the right one.
    private func taken(_ reply: CacheReply) -> CallOutcome {
        guard reply.isTooLong, valueBytesMax == .max else { return .success(reply) }
        return .failure(CacheError(.tooLarge, "a value longer than CacheConfiguration.valueBytesMax"))
    }

    /// nil for a longer value than may be. Of many that are kept until all are there, none keeps a buffer that is far
    /// larger than itself: what else was in it may be as much as the server likes.
    private func wanted(_ reply: ReceivedReply) -> ByteBuffer? {
        guard reply.skippedBytes == nil else { return nil }
        let value = reply.value ?? ByteBuffer()
        guard valueBytesMax < .max else { return value }
        guard value.readableBytes <= Int(valueBytesMax) else { return nil }
        guard value.storageCapacity / 4 > value.readableBytes else { return value }
        var copy = ByteBuffer()
        copy.reserveCapacity(value.readableBytes)
        copy.writeImmutableBuffer(value)
        return copy
    }

    /// A number in decimal, perhaps with blanks behind it.
    private static func count(_ buffer: ByteBuffer) -> UInt64? {
        guard buffer.readableBytes <= 64 else { return nil }
        let text = String(decoding: buffer.readableBytesView, as: UTF8.self)
        let digits = text.prefix { $0 != " " }
        // `UInt64` would take a sign.
        guard digits.first?.isASCIIDigit == true, text[digits.endIndex...].allSatisfy({ $0 == " " }) else { return nil }
        return UInt64(digits)
    }

    // MARK: Classic

    private mutating func matchClassic(_ reply: ReceivedReply) -> ReplyMatch {
        switch (reply.kind, verb) {
        case (.value, .get):
            guard value == nil, reply.key == wireKey else { return .violation("a value under another key") }
            var result = CacheReply(.done)
            (result.value, result.isTooLong) = (wanted(reply), reply.skippedBytes != nil)
            result.clientFlags = reply.clientFlags
            result.token = reply.token
            value = result
            return .more
        case (.end, .get):
            var result = value ?? CacheReply(.missing)
            result.isClassic = true
            return .outcome(taken(result))
        case (.stored, _) where isStore: return .outcome(.success(CacheReply(.done)))
        case (.notStored, .set) where !isConditional:
            return .outcome(.failure(CacheError(.refused, "the server has not stored it")))
        case (.notStored, _) where isStore: return .outcome(.success(CacheReply(.notStored)))
        case (.exists, .set) where isConditional: return .outcome(.success(CacheReply(.conflict)))
        case (.notFound, .set) where isConditional: return .outcome(.success(CacheReply(.missing)))
        case (.notFound, .delete), (.notFound, .invalidate), (.notFound, .touch), (.notFound, .increment),
            (.notFound, .decrement):
            return .outcome(.success(CacheReply(.missing)))
        case (.deleted, .delete), (.deleted, .invalidate), (.touched, .touch):
            return .outcome(.success(CacheReply(.done)))
        case (.number, .increment), (.number, .decrement):
            var result = CacheReply(.done)
            result.number = reply.count
            return .outcome(.success(result))
        default: return .violation("a reply that the request cannot have")
        }
    }

    private var isStore: Bool {
        switch verb {
        case .set, .add, .replace, .append, .prepend: true
        default: false
        }
    }

    private var wireKey: [UInt8]? { key?.spelling == .plain ? key?.bytes : key?.digest }
}

extension Character {
    fileprivate var isASCIIDigit: Bool { ("0"..."9").contains(self) && isASCII }
}
