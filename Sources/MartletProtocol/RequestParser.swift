/// Bytes to requests.
///
/// The rules that keep a connection in step, numbered because code and tests refer to them:
///
///  1. A line ends with `\n`; a `\r` before it belongs to the line end. Words are separated by runs of spaces, nothing
///     else: a tab or a zero byte is part of a word.
///  2. The first word must start the line, in lower case. Unknown: `ERROR`; if the line's last word starts with
///     `HTTP/`, hang up. A line shorter than four bytes with its end is a format error.
///  3. A line of more than 2048 bytes means hanging up, whether or not it is complete: what a client gets must not
///     depend on packets. Only `get`, `gets`, `gat`, `gats` may be longer.
///  4. A refused storage command whose length parsed has its data block swallowed, closing CR LF included.
///  5. If the length did not parse, but a data block may follow, the connection is closed after the answer. None can
///     follow a length that is negative (also when written as an unsigned 32-bit number), nor a line that ends two
///     words early or, for `ms`, after the key; those leave the connection open. What counts as a missing length and
///     what as a missing key (`set  0 0 5`) shows in the number of words, so `set` with three arguments is closed.
///  6. Extra words are ignored, except after `delete <key>`, where only `0`, `noreply` or both may stand.
///  7. `noreply` is the last word of a classic command. It hides refusals too, except those for too few words or a bad
///     length, which are found before it.
///  8. Of several mistakes the one memcached finds first is answered: number of words, length, key, then the numbers
///     from left to right.
public enum RequestParser {
    /// Parses the request that starts at `bytes`.
    ///
    /// - Parameters:
    ///   - bytes: everything received and not consumed yet; may hold the data block and further requests behind the
    ///     line.
    ///   - count: how many, any number from 0.
    ///   - scannedCount: how many of them are known to hold no newline, from an earlier `.incomplete`. Saves looking
    ///     again; must not be more than `count`.
    ///   - request: overwritten. After `.incomplete` and `.hangUp` it means nothing.
    public static func parse(
        _ bytes: UnsafeRawPointer, count: Int, scannedCount: Int = 0, into request: inout Request
    ) -> ParseOutcome {
        if scannedCount == 0, count >= 8 {
            let head = ByteSearch.word(bytes, 0)
            if head & 0xFFFF_FFFF == 0x2074_6573 {  // "set "
                if parseSimpleSet(bytes, count: count, into: &request) { return .request }
            } else if head & 0xFF_FFFF == 0x20_676D {  // "mg "
                if parseSimpleMetaGet(bytes, count: count, into: &request) { return .request }
            } else if head & 0xFFFF_FFFF == 0x2074_6567 {  // "get "
                request = Request()
                if parseOneGet(bytes, count: count, into: &request) { return .request }
            }
        }
        return parseLine(bytes, count: count, scannedCount: scannedCount, into: &request)
    }

    /// `get <key>` and nothing else, by far the most frequent line; false for whatever else it may be. Sets `command`,
    /// `lineBytes`, `key` and `arguments` alone, all that a get has.
    ///
    /// Looks for the first byte up to a space: in such a line it is that of the line's end.
    @inlinable
    public static func parseOneGet(_ bytes: UnsafeRawPointer, count: Int, into request: inout Request) -> Bool {
        guard count >= 8, UInt32(truncatingIfNeeded: ByteSearch.word(bytes, 0)) == 0x2074_6567 else { return false }
        let stop = ByteSearch.firstUpToSpace(in: bytes, from: 4, limit: count)
        // At least "\n" must be there, and "\r\n" where there is a "\r".
        guard stop < count else { return false }
        var newline = stop
        if bytes.load(fromByteOffset: stop, as: UInt8.self) == ByteSearch.carriageReturn {
            newline = stop &+ 1
            guard newline < count else { return false }
        }
        guard bytes.load(fromByteOffset: newline, as: UInt8.self) == ByteSearch.newline else { return false }
        let keyBytes = stop &- 4
        guard keyBytes > 0, keyBytes <= WireLimits.keyBytesMax else { return false }
        request.command = .get
        request.lineBytes = UInt32(truncatingIfNeeded: newline &+ 1)
        request.key = LineSlice(offset: 4, count: keyBytes)
        request.arguments = request.key
        return true
    }

    /// Any line: finds its end, then its first word. Not inlined, or the simple parsers would save registers for it.
    @inline(never)
    private static func parseLine(
        _ bytes: UnsafeRawPointer, count: Int, scannedCount: Int, into request: inout Request
    ) -> ParseOutcome {
        let newline = ByteSearch.first(ByteSearch.newline, in: bytes, from: scannedCount, limit: count)
        if newline > WireLimits.lineBytesMax {
            guard isMultiget(bytes), newline <= WireLimits.multigetLineBytesMax else { return .hangUp }
        }
        // A client that speaks the binary protocol would wait for ever.
        if count > 0, bytes.load(as: UInt8.self) == 0x80 { return .hangUp }
        if newline == count { return .incomplete }

        request = Request()
        request.lineBytes = UInt32(truncatingIfNeeded: newline &+ 1)
        guard newline &+ 1 >= WireLimits.lineWithEndBytesMin else { return refuse(&request, .badFormat) }

        // Spaces behind the last word are no word.
        var end = lineEnd(bytes, newline: newline)
        let verbEnd = min(ByteSearch.first(ByteSearch.space, in: bytes, from: 0, limit: newline), end)
        while end > verbEnd, bytes.load(fromByteOffset: end &- 1, as: UInt8.self) == ByteSearch.space { end &-= 1 }
        let cursor = TokenCursor(line: bytes, position: verbEnd, end: end, limit: newline)
        return parseCommand(Verb(bytes, count: verbEnd, limit: newline), cursor, into: &request)
    }

    private static func parseCommand(
        _ verb: Verb, _ cursor: TokenCursor, into request: inout Request
    ) -> ParseOutcome {
        let command = verb.command
        request.command = command
        switch command {
        case .get, .gets, .gat, .gats: return parseMultiget(cursor, into: &request)
        case .set, .add, .replace, .append, .prepend, .cas: return parseStorage(cursor, into: &request)
        case .touch, .incr, .decr: return parseKeyAndNumber(cursor, into: &request)
        case .delete: return parseDelete(cursor, into: &request)
        case .metaGet, .metaDelete, .metaArithmetic: return parseMeta(cursor, into: &request)
        case .metaSet: return parseMetaSet(cursor, into: &request)
        case .metaDebug: return parseMetaDebug(cursor, into: &request)
        case .metaNoop, .version, .quit: return .request
        case .stats:
            request.arguments = cursor.rest()
            return .request
        case .verbosity, .flushAll, .shutdown, .cacheMemoryLimit, .administration, .unknown:
            return parseServerCommand(cursor, into: &request)
        }
    }

    /// Refuses the line: fills in `request.refusal`.
    @inline(never)
    static func refuse(
        _ request: inout Request, _ reply: FixedReply, isSilent: Bool = false, closes: Bool = false,
        swallowBytes: UInt32 = 0
    ) -> ParseOutcome {
        request.refusal = Refusal(reply, isSilent: isSilent, closes: closes, swallowBytes: swallowBytes)
        return .refused
    }

    /// Where the line's own bytes end, given where its newline is.
    @inline(__always)
    private static func lineEnd(_ bytes: UnsafeRawPointer, newline: Int) -> Int {
        if newline > 0, bytes.load(fromByteOffset: newline &- 1, as: UInt8.self) == ByteSearch.carriageReturn {
            return newline &- 1
        }
        return newline
    }

    /// The (long) line starts like a command that may be long.
    private static func isMultiget(_ bytes: UnsafeRawPointer) -> Bool {
        let word = ByteSearch.word(bytes, 0)
        switch UInt32(truncatingIfNeeded: word) {
        case 0x2074_6567, 0x2074_6167: return true  // "get ", "gat "
        case 0x7374_6567, 0x7374_6167: return word >> 32 & 0xFF == 0x20  // "gets ", "gats "
        default: return false
        }
    }
}
