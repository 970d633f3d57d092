/// A server's bytes to replies: the client's direction.
///
/// The line alone is parsed: once it is there, `Reply.totalBytes` says how much belongs to it, and the value stands
/// between the line and the closing CR LF. A line beyond `WireLimits.replyLineBytesMax`, a number that is none and a
/// length no server may send are `invalid`: after them nothing that follows can be trusted.
public enum ReplyParser {
    /// Parses the line that starts at `bytes`. `reply` means nothing unless the outcome is `.reply`.
    public static func parse(_ bytes: UnsafeRawPointer, count: Int, into reply: inout Reply) -> ReplyOutcome {
        let limit = min(count, WireLimits.replyLineBytesMax)
        let newline = ByteSearch.first(ByteSearch.newline, in: bytes, from: 0, limit: limit)
        guard newline < limit else { return count < WireLimits.replyLineBytesMax ? .incomplete : .invalid }
        var end = newline
        if end > 0, bytes.load(fromByteOffset: end &- 1, as: UInt8.self) == ByteSearch.carriageReturn { end &-= 1 }

        reply = Reply()
        reply.lineBytes = UInt32(truncatingIfNeeded: newline &+ 1)
        reply.text = LineSlice(offset: 0, count: end)
        var cursor = TokenCursor(line: bytes, position: 0, end: end, limit: newline)
        let word = cursor.next()
        guard word.offset == 0, !word.isEmpty else { return .invalid }
        let verb = Verb(bytes, count: Int(word.count), limit: newline)
        if word.count == 2, let status = MetaStatus(rawValue: UInt16(truncatingIfNeeded: verb.head)) {
            reply.status = status
            return parseMeta(cursor, into: &reply)
        }
        return parseClassic(verb, cursor, into: &reply)
    }

    /// Whether the value behind a reply's line is closed by CR LF. All `totalBytes` must be there.
    package static func isValueClosed(_ bytes: UnsafeRawPointer, _ reply: Reply) -> Bool {
        bytes.loadUnaligned(fromByteOffset: reply.totalBytes &- 2, as: UInt16.self) == (0x0A0D as UInt16).littleEndian
    }

    // MARK: Classic

    private static func parseClassic(_ verb: Verb, _ cursor: TokenCursor, into reply: inout Reply) -> ReplyOutcome {
        if verb.equals("VALUE") { return parseValue(cursor, into: &reply) }
        if let kind = outcome(verb) {
            reply.kind = kind
            return .reply
        }
        if let kind = texted(verb) {
            reply.kind = kind
            reply.text = cursor.rest()
            if kind == .stat {
                var words = cursor
                reply.key = words.next()
                reply.text = words.rest()
            }
            return .reply
        }
        if let number = DecimalNumber.unsigned(reply.text.bytes(in: cursor.line)) {
            reply.kind = .number
            reply.number = number
        }
        return .reply
    }

    /// Lines of one word.
    private static func outcome(_ verb: Verb) -> Reply.Kind? {
        if verb.equals("STORED") { return .stored }
        if verb.equals("END") { return .end }
        if verb.equals("NOT_FOUND") { return .notFound }
        if verb.equals("DELETED") { return .deleted }
        if verb.equals("NOT_STORED") { return .notStored }
        if verb.equals("EXISTS") { return .exists }
        if verb.equals("TOUCHED") { return .touched }
        if verb.equals("OK") { return .ok }
        if verb.equals("RESET") { return .reset }
        return nil
    }

    /// Lines whose rest is a text.
    private static func texted(_ verb: Verb) -> Reply.Kind? {
        if verb.equals("STAT") { return .stat }
        if verb.equals("VERSION") { return .version }
        if verb.equals("ERROR") { return .error }
        if verb.equals("CLIENT_ERROR") { return .clientError }
        // memcached writes one of its errors with a colon.
        if verb.equals("SERVER_ERROR") || verb.equals("SERVER_ERROR:") { return .serverError }
        return nil
    }

    /// `VALUE <key> <flags> <length>[ <token>]`.
    private static func parseValue(_ line: TokenCursor, into reply: inout Reply) -> ReplyOutcome {
        var cursor = line
        reply.kind = .value
        reply.key = cursor.next()
        guard let flags = DecimalNumber.unsigned32(cursor.next().bytes(in: line.line)),
            let length = DecimalNumber.unsigned32(cursor.next().bytes(in: line.line)),
            Int(length) <= WireLimits.valueBytesMax
        else { return .invalid }
        reply.clientFlags = flags
        reply.valueLength = length
        let token = cursor.next()
        guard !token.isEmpty else { return .reply }
        guard let token = DecimalNumber.unsigned(token.bytes(in: line.line)) else { return .invalid }
        reply.token = token
        reply.hasToken = true
        return .reply
    }

    // MARK: Meta

    private static func parseMeta(_ line: TokenCursor, into reply: inout Reply) -> ReplyOutcome {
        var cursor = line
        reply.kind = .meta
        if reply.status == .debug {
            reply.key = cursor.next()
            reply.text = cursor.rest()
            return .reply
        }
        if reply.status == .value {
            guard let length = DecimalNumber.unsigned32(cursor.next().bytes(in: line.line)),
                Int(length) <= WireLimits.valueBytesMax
            else { return .invalid }
            reply.valueLength = length
        }
        while true {
            let token = cursor.next()
            if token.isEmpty { return .reply }
            let letter = line.line.load(fromByteOffset: Int(token.offset), as: UInt8.self)
            guard letter &- 65 < 58 else { return .invalid }
            reply.flags.insert(MetaFlags(bits: 1 << UInt64(letter &- 65)))
            let argument = LineSlice(offset: Int(token.offset) &+ 1, count: Int(token.count) &- 1)
            guard readFlag(letter, argument, line.line, into: &reply) else { return .invalid }
        }
    }

    /// Reads a flag's argument; false if it is not what the flag needs.
    private static func readFlag(
        _ letter: UInt8, _ argument: LineSlice, _ line: UnsafeRawPointer, into reply: inout Reply
    ) -> Bool {
        let bytes = argument.bytes(in: line)
        switch letter {
        case 0x6B: reply.key = argument  // k
        case 0x4F: reply.opaque = argument  // O
        case 0x74:  // t
            guard let seconds = DecimalNumber.signed32(bytes) else { return false }
            reply.secondsToLive = Int64(seconds)
        case 0x66:  // f
            guard let flags = DecimalNumber.unsigned32(bytes) else { return false }
            reply.clientFlags = flags
        case 0x63, 0x73, 0x6C, 0x68:  // c s l h
            guard let number = DecimalNumber.unsigned(bytes) else { return false }
            switch letter {
            case 0x63:
                reply.token = number
                reply.hasToken = true
            case 0x73: reply.number = number
            case 0x6C: reply.secondsSinceAccess = number
            default: reply.wasHit = number != 0
            }
        default: break
        }
        return true
    }
}
