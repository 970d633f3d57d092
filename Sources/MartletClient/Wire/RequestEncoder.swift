import MartletProtocol
import NIOCore

/// Requests to bytes, in the server's dialect.
///
/// Every meta request carries an opaque number, which the reply must bring back: that, and not the mere order, is what
/// keeps a value from coming under another key's name.
enum RequestEncoder {
    /// Line, without a value: the longest key and every flag there is.
    private static let lineBytesMax = RequestWriter.lineBytesMax

    /// Values up to this size are copied in behind their line; larger ones are written from where they are.
    static let copiedValueBytesMax = 16 * 1024

    /// Appends `request` to `pieces`, which are written one behind the other. Throws what the dialect cannot say.
    static func encode(
        _ request: CacheRequest, number: UInt32, dialect: Dialect, into pieces: inout OutgoingPieces
    ) throws(CacheError) {
        if dialect == .classic { try ClassicEncoder.check(request) }
        // A server that refuses the line may read the value behind it as commands.
        guard request.key.lineBytes(dialect) <= WireLimits.keyBytesMax else {
            throw CacheError(.unencodable, "a key of \(request.key.lineBytes(dialect)) bytes on the line")
        }
        pieces.current.writeWithUnsafeMutableBytes(minimumWritableBytes: lineBytesMax) { room in
            let start = room.baseAddress.unsafelyUnwrapped
            let end =
                dialect == .meta
                ? MetaEncoder.line(request, number: number, at: start) : ClassicEncoder.line(request, at: start)
            return end - start
        }
        guard request.carriesValue else { return }
        if let value = request.stored { pieces.append(value) }
        pieces.current.writeInteger(0x0D0A as UInt16)
    }
}

/// Bytes on their way out: small things side by side in one buffer, large values in their own.
struct OutgoingPieces {
    private(set) var finished: [ByteBuffer] = []
    var current: ByteBuffer

    init(_ allocator: ByteBufferAllocator) { current = allocator.buffer(capacity: 4096) }

    mutating func append(_ value: ByteBuffer) {
        if value.readableBytes <= RequestEncoder.copiedValueBytesMax {
            current.writeImmutableBuffer(value)
        } else {
            finished.append(current)
            finished.append(value)
            current = ByteBuffer()
        }
    }

    var isEmpty: Bool { finished.isEmpty && current.readableBytes == 0 }
}

/// The meta protocol: mg, ms, md, ma.
private enum MetaEncoder {
    static func line(
        _ request: CacheRequest, number: UInt32, at start: UnsafeMutableRawPointer
    ) -> UnsafeMutableRawPointer {
        let command: Command =
            switch request.verb {
            case .get, .touch: .metaGet
            case .set, .add, .replace, .append, .prepend: .metaSet
            case .delete, .invalidate: .metaDelete
            case .increment, .decrement: .metaArithmetic
            }
        var cursor = RequestWriter.word(command, at: start)
        cursor = RequestWriter.key(request.key, at: cursor, allowsBase64: true)
        if request.carriesValue {
            cursor = RequestWriter.number(UInt64(request.valueBytes), at: cursor)
        }
        cursor = RequestWriter.flag("O", UInt64(number), at: cursor)
        if request.key.spelling == .base64 { cursor = RequestWriter.flag("b", at: cursor) }
        cursor = flags(of: request, at: cursor)
        return RequestWriter.lineEnd(at: cursor)
    }

    private static func flags(
        of request: CacheRequest, at start: UnsafeMutableRawPointer
    ) -> UnsafeMutableRawPointer {
        var cursor = start
        switch request.verb {
        case .get:
            cursor = RequestWriter.flag("f", at: cursor)
            if !request.facts.contains(.noValue) { cursor = RequestWriter.flag("v", at: cursor) }
            cursor = retrievalFlags(of: request, at: cursor)
        case .set, .add, .replace, .append, .prepend: cursor = storageFlags(of: request, at: cursor)
        case .increment, .decrement:
            cursor = RequestWriter.flag("v", at: cursor)
            if request.verb == .decrement { cursor = RequestWriter.flag("M", letter: "D", at: cursor) }
            cursor = RequestWriter.flag("D", request.delta, at: cursor)
            if let number = request.initialNumber {
                cursor = RequestWriter.flag("J", number, at: cursor)
                return RequestWriter.flag("N", signed: Int64(request.exptime ?? 0), at: cursor)
            }
        case .invalidate: cursor = RequestWriter.flag("I", at: cursor)
        // Of a touched item it must be known whether it has parts, and whether it is a lease.
        case .touch:
            cursor = RequestWriter.flag("s", at: RequestWriter.flag("f", at: cursor))
            cursor = retrievalFlags(of: request, at: cursor)
        case .delete: break
        }
        // Behind the `t` of a retrieval: so that brings the life from before.
        if let exptime = request.exptime { cursor = RequestWriter.flag("T", signed: Int64(exptime), at: cursor) }
        if let token = request.expectedToken { cursor = RequestWriter.flag("C", token, at: cursor) }
        if let token = request.newToken { cursor = RequestWriter.flag("E", token, at: cursor) }
        return cursor
    }

    private static func retrievalFlags(
        of request: CacheRequest, at start: UnsafeMutableRawPointer
    ) -> UnsafeMutableRawPointer {
        var cursor = start
        if request.facts.contains(.token) { cursor = RequestWriter.flag("c", at: cursor) }
        if request.facts.contains(.life) { cursor = RequestWriter.flag("t", at: cursor) }
        if request.facts.contains(.access) {
            cursor = RequestWriter.flag("l", at: RequestWriter.flag("h", at: cursor))
        }
        if let seconds = request.leaseSeconds { cursor = RequestWriter.flag("N", signed: Int64(seconds), at: cursor) }
        if let seconds = request.refreshSeconds { cursor = RequestWriter.flag("R", signed: Int64(seconds), at: cursor) }
        return cursor
    }

    private static func storageFlags(
        of request: CacheRequest, at start: UnsafeMutableRawPointer
    ) -> UnsafeMutableRawPointer {
        var cursor = start
        let mode: Unicode.Scalar? =
            switch request.verb {
            case .add: "E"
            case .replace: "R"
            case .append: "A"
            case .prepend: "P"
            default: nil
            }
        if let mode { cursor = RequestWriter.flag("M", letter: mode, at: cursor) }
        if request.clientFlags != 0 { cursor = RequestWriter.flag("F", UInt64(request.clientFlags), at: cursor) }
        if request.keepsStale { cursor = RequestWriter.flag("I", at: cursor) }
        return cursor
    }
}

/// The classic commands, for servers older than 1.6.
private enum ClassicEncoder {
    static func check(_ request: CacheRequest) throws(CacheError) {
        if request.newToken != nil { throw CacheError(.unsupported, "tokens of one's own need the meta protocol") }
        if request.expectedToken != nil && request.verb != .set {
            throw CacheError(.unsupported, "only a set can be conditional without the meta protocol")
        }
        // An initial number is the caller's to add: `incr` has none.
    }

    static func line(_ request: CacheRequest, at start: UnsafeMutableRawPointer) -> UnsafeMutableRawPointer {
        switch request.verb {
        case .get:
            // Both bring the token: it tells a retrieval's reply from a plain one's, and costs next to nothing.
            guard let exptime = request.exptime else {
                return RequestWriter.lineEnd(at: keyed(.gets, request, at: start))
            }
            let cursor = RequestWriter.signed(Int64(exptime), at: RequestWriter.word(.gats, at: start))
            return RequestWriter.lineEnd(at: RequestWriter.key(request.key, at: cursor, allowsBase64: false))
        case .set, .add, .replace, .append, .prepend: return storage(request, at: start)
        case .delete, .invalidate: return RequestWriter.lineEnd(at: keyed(.delete, request, at: start))
        case .increment, .decrement:
            let cursor = keyed(request.verb == .increment ? .incr : .decr, request, at: start)
            return RequestWriter.lineEnd(at: RequestWriter.number(request.delta, at: cursor))
        case .touch:
            let cursor = keyed(.touch, request, at: start)
            return RequestWriter.lineEnd(at: RequestWriter.signed(Int64(request.exptime ?? 0), at: cursor))
        }
    }

    private static func storage(
        _ request: CacheRequest, at start: UnsafeMutableRawPointer
    ) -> UnsafeMutableRawPointer {
        let command: Command =
            switch request.verb {
            case .add: .add
            case .replace: .replace
            case .append: .append
            case .prepend: .prepend
            default: request.expectedToken == nil ? .set : .cas
            }
        var cursor = keyed(command, request, at: start)
        cursor = RequestWriter.number(UInt64(request.clientFlags), at: cursor)
        cursor = RequestWriter.signed(Int64(request.exptime ?? 0), at: cursor)
        cursor = RequestWriter.number(UInt64(request.valueBytes), at: cursor)
        if let token = request.expectedToken { cursor = RequestWriter.number(token, at: cursor) }
        return RequestWriter.lineEnd(at: cursor)
    }

    private static func keyed(
        _ command: Command, _ request: CacheRequest, at start: UnsafeMutableRawPointer
    ) -> UnsafeMutableRawPointer {
        RequestWriter.key(request.key, at: RequestWriter.word(command, at: start), allowsBase64: false)
    }
}

extension RequestWriter {
    /// Writes a space and the key as `CacheKey` spells it: at most 251 bytes.
    fileprivate static func key(
        _ key: CacheKey, at cursor: UnsafeMutableRawPointer, allowsBase64: Bool
    ) -> UnsafeMutableRawPointer {
        switch key.spelling {
        case .plain: return key.bytes.withUnsafeBytes { self.key($0, at: cursor) }
        case .base64 where allowsBase64:
            return key.bytes.withUnsafeBytes { Base64.encode($0, at: WireWriter.byte(0x20, at: cursor)) }
        case .base64, .digest: return key.digest.withUnsafeBytes { self.key($0, at: cursor) }
        }
    }

    /// Writes a flag whose argument is a letter: 3 bytes.
    fileprivate static func flag(
        _ name: Unicode.Scalar, letter: Unicode.Scalar, at cursor: UnsafeMutableRawPointer
    ) -> UnsafeMutableRawPointer {
        WireWriter.byte(UInt8(truncatingIfNeeded: letter.value), at: flag(name, at: cursor))
    }
}
