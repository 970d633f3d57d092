// The commands that concern the server, and the lines that are no command at all.
extension RequestParser {
    static func parseServerCommand(_ line: TokenCursor, into request: inout Request) -> ParseOutcome {
        request.isQuiet = line.endsWithNoreply
        switch request.command {
        case .verbosity: return parseVerbosity(line, into: &request)
        case .flushAll: return parseFlushAll(line, into: &request)
        case .cacheMemoryLimit: return parseMemoryLimit(line, into: &request)
        case .shutdown: return parseShutdown(line, into: &request)
        case .administration:
            // To whoever does not run tests, debugtime and debugitem are unknown words.
            if line.line.load(as: UInt8.self) == UInt8(ascii: "d"), endsAsHTTP(line) { return .hangUp }
            request.arguments = LineSlice(offset: 0, count: line.end)
            return .request
        default: return parseUnknown(line, into: &request)
        }
    }

    /// `verbosity <level> [noreply]`.
    private static func parseVerbosity(_ line: TokenCursor, into request: inout Request) -> ParseOutcome {
        var cursor = line
        guard let level = DecimalNumber.unsigned32(cursor.next().bytes(in: line.line)) else {
            return refuse(&request, .badFormat, isSilent: request.isQuiet)
        }
        request.number = UInt64(level)
        return .request
    }

    /// `flush_all [delay] [noreply]`.
    private static func parseFlushAll(_ line: TokenCursor, into request: inout Request) -> ParseOutcome {
        var cursor = line
        let first = cursor.next()
        if first.isEmpty || (request.isQuiet && first.end == line.end) { return .request }
        guard let delay = DecimalNumber.signed32(first.bytes(in: line.line)) else {
            return refuse(&request, .invalidExptime, isSilent: request.isQuiet)
        }
        request.hasDelay = true
        request.exptime = delay
        return .request
    }

    /// `cache_memlimit <megabytes> [noreply]`.
    private static func parseMemoryLimit(_ line: TokenCursor, into request: inout Request) -> ParseOutcome {
        var cursor = line
        guard let megabytes = DecimalNumber.unsigned32(cursor.next().bytes(in: line.line)) else {
            return refuse(&request, .error, isSilent: request.isQuiet)
        }
        request.number = UInt64(megabytes)
        return .request
    }

    /// `shutdown [graceful]`. A wrong mode is no refusal: whether shutting down is allowed at all is answered first.
    private static func parseShutdown(_ line: TokenCursor, into request: inout Request) -> ParseOutcome {
        var cursor = line
        let mode = cursor.next()
        if mode.isEmpty {
            request.shutdownMode = .immediate
        } else {
            let verb = Verb(line.line + Int(mode.offset), count: Int(mode.count), limit: Int(mode.count))
            let isGraceful = verb.isGraceful && mode.end == line.end
            request.shutdownMode = isGraceful ? .graceful : .invalid
        }
        return .request
    }

    /// `ERROR`, or hanging up on what looks like HTTP (rule 2).
    private static func parseUnknown(_ line: TokenCursor, into request: inout Request) -> ParseOutcome {
        if endsAsHTTP(line) { return .hangUp }
        // A line of this word alone, too.
        let isNoreply = line.position == 7 && Verb(line.line, count: 7, limit: 7).isNoreply
        return refuse(&request, .error, isSilent: request.isQuiet || isNoreply)
    }

    /// Whether the last word, which is not the first, begins with `HTTP/`.
    private static func endsAsHTTP(_ line: TokenCursor) -> Bool {
        var start = line.end
        while start > line.position, line.line.load(fromByteOffset: start &- 1, as: UInt8.self) != ByteSearch.space {
            start &-= 1
        }
        guard start > 0, line.end &- start >= 5 else { return false }
        return Verb(line.line + start, count: 5, limit: 5).isHTTP
    }
}
