/// The state of reading one line's meta flags: what was wrong so far, and what can only be judged at the end.
struct FlagScan: BitwiseCopyable {
    /// Rule 10: an unknown or repeated letter.
    var fatal: FixedReply?
    /// Rule 11: the last bad argument.
    var error: FixedReply?
    /// The letter behind `M`, 0 if there is none.
    var mode: UInt8 = 0
    var opaqueIsTooLong = false
    private var returnCount: UInt64 = 0

    /// What a flag may start with (rule 9). The range of letters is ASCII's from `A` to `z` with what lies between.
    static func isLetterOrDigit(_ byte: UInt8) -> Bool {
        byte &- 65 < 58 || byte &- 0x30 < 10
    }

    /// Reads one flag.
    mutating func read(_ letter: UInt8, _ token: LineSlice, _ line: UnsafeRawPointer, into request: inout Request) {
        guard letter >= 65 else {
            fatal = .invalidFlag
            return
        }
        let flag = MetaFlags(bits: 1 << UInt64(letter &- 65))
        guard !request.flags.contains(flag) else {
            fatal = .duplicateFlag
            return
        }
        request.flags.insert(flag)
        switch letter {
        case 0x76, 0x75, 0x78, 0x49, 0x4C, 0x50:  // v u x I L P
            break
        case 0x71:  // q
            request.isQuiet = true
        case 0x63, 0x66, 0x68, 0x6B, 0x6C, 0x73:  // c f h k l s
            addReturn(letter, into: &request)
        case 0x74:  // t
            request.returnsTimeToLiveBeforeTouch = !request.flags.contains(.timeToLive)
            addReturn(letter, into: &request)
        case 0x4F:  // O
            addReturn(letter, into: &request)
            request.opaque = LineSlice(offset: Int(token.offset) &+ 1, count: Int(token.count) &- 1)
            opaqueIsTooLong = Int(token.count) > WireLimits.opaqueBytesMax
        case 0x62:  // b
            if Base64.decodedCount(request.key.bytes(in: line)) == 0 { error = .badKeyEncoding }
        default:
            let argument = LineSlice(offset: Int(token.offset) &+ 1, count: Int(token.count) &- 1).bytes(in: line)
            readArgument(letter, argument, into: &request)
        }
    }

    private mutating func readArgument(
        _ letter: UInt8, _ argument: UnsafeRawBufferPointer, into request: inout Request
    ) {
        switch letter {
        case 0x54:  // T
            if let time = signed32(argument) { request.exptime = time }
        case 0x4E:  // N
            request.vivifiesBehindTouch = request.flags.contains(.timeToLive)
            if let time = signed32(argument) { request.vivifyExptime = time }
        case 0x52:  // R
            request.recachesBeforeTouch = !request.flags.contains(.timeToLive)
            if let time = signed32(argument) { request.recacheExptime = time }
        case 0x43:  // C
            if let token = unsigned(argument, else: .badMetaToken) { request.compareToken = token }
        case 0x45:  // E
            if let token = unsigned(argument, else: .badMetaToken) { request.explicitToken = token }
        case 0x4A:  // J
            if let value = unsigned(argument, else: .badInitialValue) { request.initialValue = value }
        case 0x44:  // D
            if let delta = unsigned(argument, else: .badDeltaValue) { request.number = delta }
        case 0x46:  // F
            if let flags = DecimalNumber.unsigned32(argument) {
                request.clientFlags = flags
            } else {
                error = error ?? .badFormat
            }
        case 0x4D:  // M
            mode = argument.first ?? 0
        default:
            fatal = .invalidFlag
        }
    }

    private mutating func signed32(_ argument: UnsafeRawBufferPointer) -> Int32? {
        if let number = DecimalNumber.signed32(argument) { return number }
        error = .badMetaToken
        return nil
    }

    private mutating func unsigned(_ argument: UnsafeRawBufferPointer, else reply: FixedReply) -> UInt64? {
        if let number = DecimalNumber.unsigned(argument) { return number }
        error = reply
        return nil
    }

    /// Letters are unique and eight can be returned, so they fit a word.
    private mutating func addReturn(_ letter: UInt8, into request: inout Request) {
        request.returnOrder |= UInt64(letter) << returnCount
        returnCount &+= 8
    }
}
