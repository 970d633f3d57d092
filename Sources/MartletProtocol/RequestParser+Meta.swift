// The meta commands.
//
//     mg <key> <flag>*        ms <key> <length> <flag>*        me <key> [b]
//
// A flag is a letter, with its argument behind it for some. Mistakes are collected the way memcached collects them:
//
//  9. A flag that starts with neither a letter nor a digit spoils the whole line: a format error.
// 10. An unknown or repeated letter ends the search: that is the answer.
// 11. A bad argument does not end it; of several bad arguments, the last one is answered. A bad `F` has no words of its
//     own and is a format error if nothing else was bad.
// 12. `ma` has one answer for all of 10 and 11, for a key that is too long and for too many flags.
// 13. Then come the mode and the length of the opaque, before anything is carried out.
// 14. `q` never hides a refusal.
extension RequestParser {
    /// `mg`, `md`, `ma`.
    static func parseMeta(_ line: TokenCursor, into request: inout Request) -> ParseOutcome {
        var cursor = line
        request.key = cursor.next()
        guard !request.key.isEmpty else { return refuse(&request, .badFormat) }
        if request.command == .metaArithmetic { request.number = 1 }
        if let reply = parseFlags(cursor, tokenCount: 2, into: &request) { return refuse(&request, reply) }
        return .request
    }

    static func parseMetaSet(_ line: TokenCursor, into request: inout Request) -> ParseOutcome {
        var cursor = line
        request.key = cursor.next()
        let length = cursor.next()
        guard !length.isEmpty else { return refuse(&request, .badFormat) }
        if let outcome = parseLength(length, line.line, into: &request) { return outcome }
        if let reply = parseFlags(cursor, tokenCount: 3, into: &request) {
            return refuse(&request, reply, swallowBytes: request.valueLength &+ 2)
        }
        return .request
    }

    /// `me <key> [b]`: other flags are ignored.
    static func parseMetaDebug(_ line: TokenCursor, into request: inout Request) -> ParseOutcome {
        var cursor = line
        request.key = cursor.next()
        guard !request.key.isEmpty, Int(request.key.count) <= WireLimits.keyBytesMax else {
            return refuse(&request, .badFormat)
        }
        var flag = cursor.next()
        if flag.count == 1, line.line.load(fromByteOffset: Int(flag.offset), as: UInt8.self) == 0x62 {
            request.flags.insert(.binaryKey)
            if Base64.decodedCount(request.key.bytes(in: line.line)) == 0 { return refuse(&request, .badFormat) }
        }
        while !flag.isEmpty {
            let letter = line.line.load(fromByteOffset: Int(flag.offset), as: UInt8.self)
            guard FlagScan.isLetterOrDigit(letter) else { return refuse(&request, .badFormat) }
            flag = cursor.next()
        }
        return .request
    }

    /// Reads all flags; nil if they are in order. `tokenCount` words came before them.
    private static func parseFlags(
        _ line: TokenCursor, tokenCount: Int, into request: inout Request
    ) -> FixedReply? {
        var cursor = line
        var scan = FlagScan()
        var tokenCount = tokenCount
        while true {
            let token = cursor.next()
            if token.isEmpty { break }
            tokenCount &+= 1
            let letter = line.line.load(fromByteOffset: Int(token.offset), as: UInt8.self)
            guard FlagScan.isLetterOrDigit(letter) else { return .badFormat }
            if scan.fatal == nil { scan.read(letter, token, line.line, into: &request) }
        }
        let isArithmetic = request.command == .metaArithmetic
        if Int(request.key.count) > WireLimits.keyBytesMax { return isArithmetic ? .invalidArithmeticFlag : .badFormat }
        if tokenCount > WireLimits.metaTokensMax { return isArithmetic ? .invalidArithmeticFlag : .tooManyFlags }
        if let reply = scan.fatal ?? scan.error { return isArithmetic ? .invalidArithmeticFlag : reply }
        if let reply = applyMode(scan.mode, into: &request) { return reply }
        if scan.opaqueIsTooLong { return .opaqueTooLong }
        return nil
    }

    /// What `M` means depends on the command; `mg` and `md` ignore it.
    private static func applyMode(_ letter: UInt8, into request: inout Request) -> FixedReply? {
        guard request.flags.contains(.mode) else { return nil }
        switch request.command {
        case .metaSet:
            switch letter {
            case 0x45: request.mode = .add
            case 0x41: request.mode = .append
            case 0x50: request.mode = .prepend
            case 0x52: request.mode = .replace
            case 0x53: request.mode = .set
            default: return .invalidSetMode
            }
        case .metaArithmetic:
            switch letter {
            case 0x49, 0x2B: request.mode = .increment
            case 0x44, 0x2D: request.mode = .decrement
            default: return .invalidArithmeticMode
            }
        default: break
        }
        return nil
    }

    /// `mg <key> <flag>*` with flags that have nothing to go wrong, in one pass; false for whatever else it may be.
    ///
    /// Such flags are letters without an argument, none of them twice, and an opaque that is not too long. Words stand
    /// one space apart. The line is known to start with `mg `.
    @inline(__always)
    static func parseSimpleMetaGet(_ bytes: UnsafeRawPointer, count: Int, into request: inout Request) -> Bool {
        let keyEnd = ByteSearch.firstUpToSpace(in: bytes, from: 3, limit: count)
        guard keyEnd > 3, keyEnd <= 3 &+ WireLimits.keyBytesMax else { return false }
        // Nothing but the value: most lines end so.
        if keyEnd &+ 4 <= count,
            bytes.loadUnaligned(fromByteOffset: keyEnd, as: UInt32.self).littleEndian == 0x0A0D_7620  // " v\r\n"
        {
            request = Request()
            request.command = .metaGet
            request.lineBytes = UInt32(truncatingIfNeeded: keyEnd &+ 4)
            request.key = LineSlice(offset: 3, count: keyEnd &- 3)
            request.flags = .returnValue
            return true
        }
        return parseSimpleFlags(bytes, count: count, behind: keyEnd, into: &request)
    }

    /// The rest of it, behind its key.
    @inline(never)
    private static func parseSimpleFlags(
        _ bytes: UnsafeRawPointer, count: Int, behind keyEnd: Int, into request: inout Request
    ) -> Bool {
        var flags: UInt64 = 0
        var order: UInt64 = 0
        var orderShift: UInt64 = 0
        var opaque = LineSlice(offset: 0, count: 0)
        var position = keyEnd
        // A flag, the byte behind it and a newline must be there.
        while position &+ 2 < count, bytes.load(fromByteOffset: position, as: UInt8.self) == ByteSearch.space {
            let letter = bytes.load(fromByteOffset: position &+ 1, as: UInt8.self)
            let index = UInt64(letter &- 65)
            guard index < 58 else { return false }
            let bit = 1 &<< index
            guard bit & (MetaFlags.simple.bits | MetaFlags.opaque.bits) & ~flags != 0 else { return false }
            flags |= bit
            position &+= 2
            if bit & MetaFlags.returned.bits != 0 {
                order |= UInt64(letter) &<< orderShift
                orderShift &+= 8
            }
            if bit == MetaFlags.opaque.bits {
                let end = ByteSearch.firstUpToSpace(in: bytes, from: position, limit: count)
                // One less, for its letter.
                guard end &- position < WireLimits.opaqueBytesMax else { return false }
                opaque = LineSlice(offset: position, count: end &- position)
                position = end
            }
        }
        guard position &+ 1 < count, bytes.load(fromByteOffset: position, as: UInt8.self) == ByteSearch.carriageReturn,
            bytes.load(fromByteOffset: position &+ 1, as: UInt8.self) == ByteSearch.newline
        else { return false }
        request = Request()
        request.command = .metaGet
        request.lineBytes = UInt32(truncatingIfNeeded: position &+ 2)
        request.key = LineSlice(offset: 3, count: keyEnd &- 3)
        request.flags = MetaFlags(bits: flags)
        request.returnOrder = order
        request.opaque = opaque
        request.isQuiet = request.flags.contains(.quiet)
        request.returnsTimeToLiveBeforeTouch = request.flags.contains(.returnTimeToLive)
        return true
    }
}
