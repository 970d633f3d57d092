import MartletProtocol
import NIOCore

/// One reply, out of the connection's buffer and ready to be matched with its request.
package struct ReceivedReply: Equatable, Sendable {
    package var kind: Reply.Kind
    package var status: MetaStatus
    package var flags: MetaFlags
    /// The opaque number a meta reply brought back.
    package var number: UInt32?
    package var value: ByteBuffer?
    package var words: ReplyWords
    package var clientFlags: UInt32
    package var token: UInt64?
    package var secondsToLive: Int64?
    package var secondsSinceAccess: UInt64?
    package var wasFetched: Bool?
    /// Of `incr` and `decr`.
    package var count: UInt64
    /// Of a value that was left out because it is longer than may be.
    package var skippedBytes: Int?
}

/// What few replies have besides numbers: most are copied without it.
package enum ReplyWords: Equatable, Sendable {
    case none
    /// Of `VALUE`: the key as it stood on the line.
    case key([UInt8])
    /// Of an error or a version: what the server says.
    case text(String)
}

extension ReceivedReply {
    /// Empty where there is none.
    package var text: String { if case .text(let text) = words { text } else { "" } }
    package var key: [UInt8] { if case .key(let key) = words { key } else { [] } }
}

/// A server's bytes to replies.
///
/// Whatever a server sends, this neither traps nor grows without bound: lines are bounded by `WireLimits`, values by
/// `valueBytesMax`, and what cannot be is a protocol violation, after which the connection is of no more use. A longer
/// value, up to what any server keeps, is passed by and not kept: its reply comes without it.
package struct ReplyDecoder {
    /// What has arrived and is not decoded yet.
    private var pending: ByteBuffer?
    private let valueBytesMax: Int
    /// The reply whose value is being passed by, and how much of that is still to come, without its line end.
    private var skipping: (reply: ReceivedReply, bytesLeft: Int)?

    /// Of a value that no server keeps none is taken, whatever `valueBytesMax` says.
    package init(valueBytesMax: Int) { self.valueBytesMax = min(valueBytesMax, CacheConfiguration.valueBytesLimit) }

    /// Nothing has arrived that is not decoded.
    package var isEmpty: Bool { pending?.readableBytes ?? 0 == 0 && skipping == nil }

    /// Takes what was read.
    package mutating func append(_ buffer: ByteBuffer) {
        if pending == nil { pending = buffer } else { pending?.writeImmutableBuffer(buffer) }
    }

    /// The next whole reply; nil if more bytes are needed.
    package mutating func next() throws(CacheError) -> ReceivedReply? {
        if skipping != nil { return try skip() }
        var reply = Reply()
        var number: UInt32?
        var words = ReplyWords.none
        // In its place, here and below: taken out and put back it would be counted each time.
        let decoded = pending?.withUnsafeReadableBytes { bytes -> Decoded in
            guard let start = bytes.baseAddress, bytes.count > 0 else { return .incomplete(total: 0) }
            return Self.decode(
                start, count: bytes.count, valueBytesMax: valueBytesMax, into: &reply, &number, &words)
        }
        switch decoded {
        case nil: return nil
        case .incomplete(let total):
            keep(total: total)
            return nil
        case .long:
            try beginSkipping(reply, number, words)
            return try skip()
        case .invalid:
            pending = nil
            throw CacheError(.protocolViolation, "no reply of this protocol")
        case .reply:
            pending?.moveReaderIndex(forwardBy: Int(reply.lineBytes))
            var value: ByteBuffer?
            if reply.carriesValue {
                value = pending?.readSlice(length: Int(reply.valueLength))
                pending?.moveReaderIndex(forwardBy: 2)
            }
            if pending?.readableBytes == 0 { pending = nil }
            return ReceivedReply(reply, number, words, value)
        }
    }

    private mutating func beginSkipping(
        _ reply: Reply, _ number: UInt32?, _ words: ReplyWords
    ) throws(CacheError) {
        let length = Int(reply.valueLength)
        guard length <= CacheConfiguration.valueBytesLimit else {
            throw CacheError(.protocolViolation, "a value of \(length) bytes, which no server keeps")
        }
        pending?.moveReaderIndex(forwardBy: Int(reply.lineBytes))
        var received = ReceivedReply(reply, number, words, nil)
        received.skippedBytes = length
        skipping = (received, length)
    }

    /// Passes by what has come of a value that is too long, and keeps at most a byte of it. Its reply, once all of it
    /// has.
    private mutating func skip() throws(CacheError) -> ReceivedReply? {
        guard let (reply, bytesLeft) = skipping, let arrived = pending?.readableBytes else { return nil }
        let count = min(arrived, bytesLeft)
        pending?.moveReaderIndex(forwardBy: count)
        skipping?.bytesLeft = bytesLeft - count
        guard arrived - count >= 2 else {
            keep(total: 2)
            return nil
        }
        guard pending?.readInteger(as: UInt16.self) == 0x0D0A else {
            pending = nil
            throw CacheError(.protocolViolation, "a value longer than it was said to be")
        }
        skipping = nil
        if pending?.readableBytes == 0 { pending = nil }
        return reply
    }

    /// All whole replies; those before one that is none are there when it throws.
    package mutating func takeAll(into replies: inout [ReceivedReply]) throws(CacheError) {
        while let reply = try next() { replies.append(reply) }
    }

    /// Keeps an unfinished reply. Once values have been cut out of a buffer, appending to it would copy it whole, so
    /// what is left, little in most cases, moves to one of its own, with room for all of a value whose length is known.
    private mutating func keep(total: Int) {
        guard let buffer = pending else { return }
        guard buffer.readableBytes > 0 else { return pending = nil }
        guard buffer.readerIndex > 0 || buffer.capacity < total else { return }
        var rest = ByteBuffer()
        rest.reserveCapacity(max(total, 1024))
        rest.writeImmutableBuffer(buffer)
        pending = rest
    }

    private enum Decoded {
        /// `total` bytes are needed, as far as is known.
        case incomplete(total: Int)
        case invalid
        case reply
        /// All but its value, which is longer than may be.
        case long
    }

    /// `number` is the opaque; `words` is what is taken off a line besides numbers, while its bytes are at hand.
    private static func decode(
        _ start: UnsafeRawPointer, count: Int, valueBytesMax: Int, into reply: inout Reply, _ number: inout UInt32?,
        _ words: inout ReplyWords
    ) -> Decoded {
        switch ReplyParser.parse(start, count: count, into: &reply) {
        case .incomplete: return .incomplete(total: 0)
        case .invalid: return .invalid
        case .reply: break
        }
        let isLong = reply.carriesValue && Int(reply.valueLength) > valueBytesMax
        if reply.carriesValue, !isLong {
            guard reply.totalBytes <= count else { return .incomplete(total: reply.totalBytes) }
            guard ReplyParser.isValueClosed(start, reply) else { return .invalid }
        }
        if reply.opaque.count > 0 {
            guard let digits = DecimalNumber.unsigned32(reply.opaque.bytes(in: start)) else { return .invalid }
            number = digits
        }
        switch reply.kind {
        case .value: words = .key(Array(reply.key.bytes(in: start)))
        case .error, .clientError, .serverError, .version, .other: words = .text(text(reply.text.bytes(in: start)))
        default: break
        }
        return isLong ? .long : .reply
    }

    /// What a server says, fit for a log: printable and short.
    private static func text(_ bytes: UnsafeRawBufferPointer) -> String {
        String(decoding: bytes.prefix(200).map { $0 >= 0x20 && $0 < 0x7F ? $0 : 0x3F }, as: UTF8.self)
    }
}

extension ReceivedReply {
    fileprivate init(
        _ reply: borrowing Reply, _ number: UInt32?, _ words: consuming ReplyWords, _ value: consuming ByteBuffer?
    ) {
        kind = reply.kind
        status = reply.status
        flags = reply.flags
        self.number = number
        self.value = value
        self.words = words
        clientFlags = reply.clientFlags
        token = reply.hasToken ? reply.token : nil
        secondsToLive = reply.flags.contains(MetaFlags("t")) ? reply.secondsToLive : nil
        secondsSinceAccess = reply.flags.contains(MetaFlags("l")) ? reply.secondsSinceAccess : nil
        wasFetched = reply.flags.contains(MetaFlags("h")) ? reply.wasHit : nil
        count = reply.number
        skippedBytes = nil
    }
}
