// The classic commands on items.
extension RequestParser {
    /// `get|gets <key>+`, `gat|gats <exptime> <key>+`.
    static func parseMultiget(_ line: TokenCursor, into request: inout Request) -> ParseOutcome {
        var cursor = line
        let touches = request.command == .gat || request.command == .gats
        let time = touches ? cursor.next() : LineSlice(offset: 0, count: 0)
        request.arguments = cursor.rest()
        request.key = cursor.next()
        guard !request.key.isEmpty else { return refuse(&request, .badFormat) }
        if touches {
            guard let exptime = DecimalNumber.signed32(time.bytes(in: line.line)) else {
                return refuse(&request, .invalidExptime)
            }
            request.exptime = exptime
        }
        if hasTooLongWord(line.line, from: Int(request.arguments.offset), end: request.arguments.end) {
            return refuse(&request, .badFormat)
        }
        return .request
    }

    /// Whether any word in `line[from ..< end]` is longer than a key may be.
    ///
    /// A stretch of `keyBytesMax + 1` bytes without a space is such a word, and there is none if every stretch of that
    /// length has a space. So look at the last byte of the first stretch and walk back to a space: what lies behind it
    /// starts the next stretch. Short keys cost their own length once for every 251 bytes of line.
    private static func hasTooLongWord(_ line: UnsafeRawPointer, from: Int, end: Int) -> Bool {
        var start = from
        while end &- start > WireLimits.keyBytesMax {
            var probe = start &+ WireLimits.keyBytesMax
            while line.load(fromByteOffset: probe, as: UInt8.self) != ByteSearch.space {
                if probe == start { return true }
                probe &-= 1
            }
            start = probe &+ 1
        }
        return false
    }

    /// `set <key> <flags> <exptime> <bytes> [noreply]` without mistakes, in one pass; false for whatever else it may
    /// be.
    ///
    /// Words stand one space apart and numbers have at most nine digits. The line is known to start with `set `.
    static func parseSimpleSet(_ bytes: UnsafeRawPointer, count: Int, into request: inout Request) -> Bool {
        let keyEnd = ByteSearch.firstUpToSpace(in: bytes, from: 4, limit: count)
        guard keyEnd > 4, keyEnd <= 4 &+ WireLimits.keyBytesMax else { return false }
        var position = keyEnd
        guard let flags = smallNumber(bytes, &position, count), let time = smallNumber(bytes, &position, count),
            let length = smallNumber(bytes, &position, count)
        else { return false }
        let isQuiet = position &+ 8 < count && ByteSearch.word(bytes, position) == noReply
        if isQuiet { position &+= 8 }
        guard position &+ 1 < count,
            bytes.loadUnaligned(fromByteOffset: position, as: UInt16.self) == (0x0A0D as UInt16).littleEndian
        else { return false }
        request = Request()
        request.command = .set
        request.lineBytes = UInt32(truncatingIfNeeded: position &+ 2)
        request.key = LineSlice(offset: 4, count: keyEnd &- 4)
        request.clientFlags = flags
        request.exptime = Int32(truncatingIfNeeded: time)
        request.valueLength = length
        request.isQuiet = isQuiet
        return true
    }

    /// ` noreply` as a word.
    private static let noReply = UInt64(littleEndian: 0x796C_7065_726F_6E20)

    /// A space and a number of one to nine digits at `position`, which then stands behind it; nil if there is none.
    @inline(__always)
    private static func smallNumber(_ bytes: UnsafeRawPointer, _ position: inout Int, _ count: Int) -> UInt32? {
        guard position &+ 1 < count, bytes.load(fromByteOffset: position, as: UInt8.self) == ByteSearch.space else {
            return nil
        }
        let start = position &+ 1
        var place = start
        var sum: UInt32 = 0
        while place < count {
            let digit = bytes.load(fromByteOffset: place, as: UInt8.self) &- 0x30
            guard digit < 10 else { break }
            sum = sum &* 10 &+ UInt32(digit)
            place &+= 1
        }
        guard place > start, place &- start <= 9 else { return nil }
        position = place
        return sum
    }

    /// `set|add|replace|append|prepend <key> <flags> <exptime> <bytes> [noreply]`, `cas ... <bytes> <token> [noreply]`.
    static func parseStorage(_ line: TokenCursor, into request: inout Request) -> ParseOutcome {
        var cursor = line
        request.key = cursor.next()
        var ahead = cursor
        let flags = ahead.nextSmallNumber()
        let time = ahead.nextSmallNumber()
        let length = ahead.nextSmallNumber()
        // All three in their places: nothing below can go wrong with them. -1 shows in the sign of any of them.
        if flags | time | length >= 0, Int(request.key.count) <= WireLimits.keyBytesMax, request.command != .cas {
            request.isQuiet = line.endsWithNoreply
            request.clientFlags = UInt32(truncatingIfNeeded: flags)
            request.exptime = Int32(truncatingIfNeeded: time)
            request.valueLength = UInt32(truncatingIfNeeded: length)
            return .request
        }
        return parseAnyStorage(line, cursor, into: &request)
    }

    /// A storage command with any numbers and mistakes; `arguments` stands behind the key.
    private static func parseAnyStorage(
        _ line: TokenCursor, _ arguments: TokenCursor, into request: inout Request
    ) -> ParseOutcome {
        var cursor = arguments
        let flags = cursor.next()
        let time = cursor.next()
        let length = cursor.next()
        guard !length.isEmpty else {
            // Rule 5: three arguments may be a whole command without its key.
            return refuse(&request, .badFormat, closes: !time.isEmpty)
        }
        if let outcome = parseLength(length, line.line, into: &request) { return outcome }

        // The length is known: from here on the connection stays in step (rule 4).
        request.isQuiet = line.endsWithNoreply
        let swallowBytes = request.valueLength &+ 2
        // memcached reads these two with C's strtol, which minds no zeros in front.
        guard Int(request.key.count) <= WireLimits.keyBytesMax,
            let clientFlags = DecimalNumber.unsigned32(flags.bytes(in: line.line), digitsMax: .max),
            let exptime = DecimalNumber.signed32(time.bytes(in: line.line), digitsMax: .max)
        else { return refuse(&request, .badFormat, isSilent: request.isQuiet, swallowBytes: swallowBytes) }
        request.clientFlags = clientFlags
        request.exptime = exptime
        if request.command == .cas {
            guard let token = DecimalNumber.unsigned(cursor.next().bytes(in: line.line)) else {
                return refuse(&request, .badFormat, isSilent: request.isQuiet, swallowBytes: swallowBytes)
            }
            request.compareToken = token
        }
        return .request
    }

    /// Takes the length of the data block from `word`. Gives the refusal (rule 5) where it is none.
    static func parseLength(
        _ word: LineSlice, _ line: UnsafeRawPointer, into request: inout Request
    ) -> ParseOutcome? {
        let digits = word.bytes(in: line)
        if let length = DecimalNumber.unsigned32(digits) {
            if Int(length) <= WireLimits.valueBytesMax {
                request.valueLength = length
                return nil
            }
            return refuse(&request, .badFormat)
        }
        return refuse(&request, .badFormat, closes: !isNegative(digits))
    }

    /// A minus sign and digits, however many.
    private static func isNegative(_ digits: UnsafeRawBufferPointer) -> Bool {
        guard digits.count > 1, digits.first == 0x2D else { return false }
        for byte in digits.dropFirst() where byte < 0x30 || byte > 0x39 { return false }
        return true
    }

    /// `touch <key> <exptime> [noreply]`, `incr|decr <key> <delta> [noreply]`.
    static func parseKeyAndNumber(_ line: TokenCursor, into request: inout Request) -> ParseOutcome {
        var cursor = line
        request.key = cursor.next()
        let number = cursor.next()
        guard !number.isEmpty else { return refuse(&request, .badFormat) }
        request.isQuiet = line.endsWithNoreply
        guard Int(request.key.count) <= WireLimits.keyBytesMax else {
            return refuse(&request, .badFormat, isSilent: request.isQuiet)
        }
        if request.command == .touch {
            guard let exptime = DecimalNumber.signed32(number.bytes(in: line.line)) else {
                return refuse(&request, .invalidExptime, isSilent: request.isQuiet)
            }
            request.exptime = exptime
        } else {
            guard let delta = DecimalNumber.unsigned(number.bytes(in: line.line)) else {
                return refuse(&request, .invalidDelta, isSilent: request.isQuiet)
            }
            request.number = delta
        }
        return .request
    }

    /// `delete <key> [0] [noreply]` (rule 6).
    static func parseDelete(_ line: TokenCursor, into request: inout Request) -> ParseOutcome {
        var cursor = line
        request.key = cursor.next()
        guard !request.key.isEmpty else { return refuse(&request, .badFormat) }
        var extra = cursor.next()
        if !extra.isEmpty {
            request.isQuiet = line.endsWithNoreply
            let isZero = extra.count == 1 && line.line.load(fromByteOffset: Int(extra.offset), as: UInt8.self) == 0x30
            if isZero { extra = cursor.next() }
            let isLast = extra.end == line.end
            guard extra.isEmpty || (request.isQuiet && isLast) else {
                return refuse(&request, .badDeleteFormat, isSilent: request.isQuiet)
            }
        }
        guard Int(request.key.count) <= WireLimits.keyBytesMax else {
            return refuse(&request, .badFormat, isSilent: request.isQuiet)
        }
        return .request
    }
}
