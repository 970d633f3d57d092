/// Bytes of the binary protocol to requests.
///
/// 1. Something that does not begin with the magic byte is not this protocol: hang up.
/// 2. Parts that are longer than the body, a body of more than a gigabyte, a key of more than 250 bytes, and parts that
///    the opcode does not have are refused, and cost the connection: who sent them counts differently from us.
/// 3. An opcode that is not carried out is refused; its body is skipped.
/// 4. What is wrong with a header is known from the header alone; nothing behind it is waited for.
/// 5. A token in a `set`, `add` or `replace` makes it a `cas`, as in memcached.
public enum BinaryRequestParser {
    /// A request that has to be refused.
    public struct Refusal: BitwiseCopyable {
        public let status: BinaryStatus
        public let closes: Bool
    }

    /// What is wrong with a request; nil if nothing is.
    public static func refusal(_ header: BinaryHeader) -> Refusal? {
        let before = Int(header.keyBytes) &+ Int(header.extrasBytes)
        if before > Int(header.bodyBytes) { return Refusal(status: .unknownCommand, closes: true) }
        if Int(header.bodyBytes) > WireLimits.binaryBodyBytesMax || Int(header.keyBytes) > WireLimits.keyBytesMax {
            return Refusal(status: .invalidArguments, closes: true)
        }
        guard let opcode = BinaryOpcode(rawValue: header.opcode) else {
            return Refusal(status: .unknownCommand, closes: false)
        }
        let fits = opcode.fits(
            extrasBytes: Int(header.extrasBytes), keyBytes: Int(header.keyBytes),
            valueBytes: Int(header.bodyBytes) &- before)
        return fits ? nil : Refusal(status: .invalidArguments, closes: true)
    }

    /// Parses the request that starts at `bytes`, as `RequestParser.parse` does: `lineBytes` counts all in front of the
    /// value. After `.refused`, `lineBytes` counts the header alone, and `refusal(_:)` says why.
    public static func parse(_ bytes: UnsafeRawPointer, count: Int, into request: inout Request) -> ParseOutcome {
        guard count > 0 else { return .incomplete }
        guard bytes.load(as: UInt8.self) == BinaryHeader.requestMagic else { return .hangUp }
        guard count >= BinaryHeader.bytes else { return .incomplete }
        let header = BinaryHeader(at: bytes)
        request = Request()
        guard refusal(header) == nil, let opcode = BinaryOpcode(rawValue: header.opcode) else {
            request.lineBytes = UInt32(BinaryHeader.bytes)
            return .refused
        }
        let keyOffset = BinaryHeader.bytes &+ Int(header.extrasBytes)
        let lineBytes = keyOffset &+ Int(header.keyBytes)
        guard count >= lineBytes else { return .incomplete }
        request.command = opcode.command
        request.isQuiet = opcode.isQuiet
        request.lineBytes = UInt32(truncatingIfNeeded: lineBytes)
        request.key = LineSlice(offset: keyOffset, count: Int(header.keyBytes))
        request.arguments = request.key
        if header.token != 0 {
            request.flags.insert(.compareToken)
            request.compareToken = header.token
        }
        if request.command.carriesValue {
            request.valueLength = header.bodyBytes &- UInt32(truncatingIfNeeded: lineBytes &- BinaryHeader.bytes)
        }
        readExtras(bytes + BinaryHeader.bytes, Int(header.extrasBytes), into: &request)
        return .request
    }

    private static func readExtras(_ extras: UnsafeRawPointer, _ count: Int, into request: inout Request) {
        switch request.command {
        case .set, .add, .replace:
            request.clientFlags = word(extras)
            request.exptime = time(extras + 4)
            if request.compareToken != 0 { request.command = .cas }
        case .incr, .decr:
            request.number = longWord(extras)
            request.initialValue = longWord(extras + 8)
            // All bits set: a counter that is not there is not made.
            if word(extras + 16) != .max {
                request.flags.insert(.vivify)
                request.vivifyExptime = time(extras + 16)
            }
        case .touch, .gat:
            request.exptime = time(extras)
        case .flushAll where count > 0:
            request.hasDelay = true
            request.exptime = time(extras)
        default: break
        }
    }

    private static func word(_ bytes: UnsafeRawPointer) -> UInt32 {
        UInt32(bigEndian: bytes.loadUnaligned(as: UInt32.self))
    }

    private static func longWord(_ bytes: UnsafeRawPointer) -> UInt64 {
        UInt64(bigEndian: bytes.loadUnaligned(as: UInt64.self))
    }

    /// No time is negative here; one beyond the year 2038 is as good as that year.
    private static func time(_ bytes: UnsafeRawPointer) -> Int32 { Int32(clamping: word(bytes)) }
}
