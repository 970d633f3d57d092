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
    /// Of `VALUE`: the key as it stood on the line.
    package var key: [UInt8]
    /// Of an error: the server's words.
    package var text: String
    package var clientFlags: UInt32
    package var token: UInt64?
    package var secondsToLive: Int64?
    package var secondsSinceAccess: UInt64?
    package var wasFetched: Bool?
    /// Of `incr` and `decr`.
    package var count: UInt64
}

/// A server's bytes to replies.
///
/// Whatever a server sends, this neither traps nor grows without bound: lines are bounded by `WireLimits`, values by
/// `valueBytesMax`, and what cannot be is a protocol violation, after which the connection is of no more use.
package struct ReplyDecoder {
    /// What has arrived and is not decoded yet.
    private var pending: ByteBuffer?
    private let valueBytesMax: Int

    package init(valueBytesMax: Int) { self.valueBytesMax = valueBytesMax }

    /// Takes what was read.
    package mutating func append(_ buffer: ByteBuffer) {
        guard var rest = pending else {
            pending = buffer
            return
        }
        pending = nil
        rest.writeImmutableBuffer(buffer)
        pending = rest
    }

    /// The next whole reply; nil if more bytes are needed.
    package mutating func next() throws(CacheError) -> ReceivedReply? {
        guard var buffer = pending else { return nil }
        pending = nil
        var reply = Reply()
        var words = Words()
        let decoded: Decoded = buffer.withUnsafeReadableBytes { bytes in
            guard let start = bytes.baseAddress, bytes.count > 0 else { return .incomplete(total: 0) }
            return Self.decode(start, count: bytes.count, into: &reply, &words)
        }
        switch decoded {
        case .incomplete(let total):
            guard total <= valueBytesMax + WireLimits.replyLineBytesMax else {
                throw CacheError(.protocolViolation, "a value of \(total) bytes, more than \(valueBytesMax)")
            }
            if buffer.readableBytes == 0 { return nil }
            keep(&buffer, total: total)
            return nil
        case .invalid:
            throw CacheError(.protocolViolation, "no reply of this protocol")
        case .reply:
            let length = Int(reply.valueLength)
            guard length <= valueBytesMax else {
                throw CacheError(.protocolViolation, "a value of \(length) bytes, more than \(valueBytesMax)")
            }
            buffer.moveReaderIndex(forwardBy: Int(reply.lineBytes))
            var value: ByteBuffer?
            if reply.carriesValue {
                value = buffer.readSlice(length: length)
                buffer.moveReaderIndex(forwardBy: 2)
            }
            if buffer.readableBytes > 0 { pending = buffer }
            return ReceivedReply(reply, words, value)
        }
    }

    /// Keeps an unfinished reply. Once values have been cut out of a buffer, appending to it would copy it whole, so what
    /// is left, little in most cases, moves to one of its own, with room for all of a value whose length is known.
    private mutating func keep(_ buffer: inout ByteBuffer, total: Int) {
        if buffer.readerIndex > 0 || buffer.capacity < total {
            var rest = ByteBuffer()
            rest.reserveCapacity(max(total, 1024))
            rest.writeImmutableBuffer(buffer)
            pending = rest
        } else {
            pending = buffer
        }
    }

    private enum Decoded {
        /// `total` bytes are needed, as far as is known.
        case incomplete(total: Int)
        case invalid
        case reply
    }

    /// What is taken off a line besides numbers, while its bytes are at hand.
    fileprivate struct Words {
        var number: UInt32?
        var key: [UInt8] = []
        var text = ""
    }

    private static func decode(
        _ start: UnsafeRawPointer, count: Int, into reply: inout Reply, _ words: inout Words
    ) -> Decoded {
        switch ReplyParser.parse(start, count: count, into: &reply) {
        case .incomplete: return .incomplete(total: 0)
        case .invalid: return .invalid
        case .reply: break
        }
        if reply.carriesValue {
            guard reply.totalBytes <= count else { return .incomplete(total: reply.totalBytes) }
            guard ReplyParser.isValueClosed(start, reply) else { return .invalid }
        }
        if reply.opaque.count > 0 {
            guard let digits = DecimalNumber.unsigned32(reply.opaque.bytes(in: start)) else { return .invalid }
            words.number = digits
        }
        switch reply.kind {
        case .value: words.key = Array(reply.key.bytes(in: start))
        case .error, .clientError, .serverError, .version, .other: words.text = text(reply.text.bytes(in: start))
        default: break
        }
        return .reply
    }

    /// What a server says, fit for a log: printable and short.
    private static func text(_ bytes: UnsafeRawBufferPointer) -> String {
        String(decoding: bytes.prefix(200).map { $0 >= 0x20 && $0 < 0x7F ? $0 : 0x3F }, as: UTF8.self)
    }
}

extension ReceivedReply {
    fileprivate init(_ reply: Reply, _ words: ReplyDecoder.Words, _ value: ByteBuffer?) {
        kind = reply.kind
        status = reply.status
        flags = reply.flags
        number = words.number
        self.value = value
        key = words.key
        text = words.text
        clientFlags = reply.clientFlags
        token = reply.hasToken ? reply.token : nil
        secondsToLive = reply.flags.contains(MetaFlags("t")) ? reply.secondsToLive : nil
        secondsSinceAccess = reply.flags.contains(MetaFlags("l")) ? reply.secondsSinceAccess : nil
        wasFetched = reply.flags.contains(MetaFlags("h")) ? reply.wasHit : nil
        count = reply.number
    }
}
