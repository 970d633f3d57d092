import MartletProtocol
import Testing

@Suite("Binary request parser")
struct BinaryRequestParserTests {
    private func header(
        _ opcode: UInt8, key: Int = 0, extras: Int = 0, body: Int = 0, token: UInt8 = 0, magic: UInt8 = 0x80
    ) -> [UInt8] {
        [magic, opcode, UInt8(key >> 8), UInt8(key & 255), UInt8(extras), 0, 0, 0]
            + [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: body >> $0) } + [1, 2, 3, 4]
            + [UInt8](repeating: 0, count: 7) + [token]
    }

    private func parse(_ bytes: [UInt8]) -> (ParseOutcome, Request) {
        var request = Request()
        let outcome = bytes.withUnsafeBytes {
            BinaryRequestParser.parse($0.baseAddress.unsafelyUnwrapped, count: $0.count, into: &request)
        }
        return (outcome, request)
    }

    @Test("A set has key, flags, time, and a value behind them")
    func set() {
        let (outcome, request) = parse(
            header(0x11, key: 3, extras: 8, body: 16) + [0, 0, 1, 0, 0xFF, 0xFF, 0xFF, 0xFF] + Array("foo".utf8))

        #expect(outcome == .request)
        #expect(request.command == .set && request.isQuiet)
        #expect(request.key == LineSlice(offset: 32, count: 3))
        #expect(request.lineBytes == 35 && request.valueLength == 5)
        #expect(request.clientFlags == 256 && request.exptime == .max)
    }

    @Test(
        "A token makes a set, an add and a replace a cas", arguments: [0x01, 0x02, 0x03, 0x11, 0x12, 0x13] as [UInt8])
    func token(opcode: UInt8) {
        let (_, request) = parse(header(opcode, key: 1, extras: 8, body: 9, token: 7) + [UInt8](repeating: 0, count: 9))

        #expect(request.command == .cas && request.compareToken == 7)
    }

    @Test("A counter is made unless all bits of its time are set")
    func counter() {
        let body = [UInt8](repeating: 0, count: 7) + [5] + [UInt8](repeating: 0, count: 7) + [9]
        let (_, made) = parse(header(0x05, key: 1, extras: 20, body: 21) + body + [0, 0, 0, 60, 0x6B])
        let (_, kept) = parse(header(0x06, key: 1, extras: 20, body: 21) + body + [255, 255, 255, 255, 0x6B])

        #expect(made.command == .incr && made.number == 5 && made.initialValue == 9 && made.vivifyExptime == 60)
        #expect(made.flags.contains(.vivify))
        #expect(kept.command == .decr && !kept.flags.contains(.vivify))
    }

    @Test("What is wrong with a header is known from the header")
    func refusals() {
        let cases: [([UInt8], BinaryStatus, Bool)] = [
            (header(0x00, key: 2, body: 1), .unknownCommand, true),
            (header(0x01, key: 1, extras: 9, body: 9), .unknownCommand, true),
            (header(0x01, key: 1, extras: 8, body: (1 << 30) + 1), .invalidArguments, true),
            (header(0x01, key: 1, extras: 8, body: 0xFFFF_FFFF), .invalidArguments, true),
            (header(0x00, key: 251, body: 251), .invalidArguments, true),
            (header(0x00, key: 0, body: 0), .invalidArguments, true),
            (header(0x00, key: 1, body: 2), .invalidArguments, true),
            (header(0x01, key: 1, extras: 4, body: 5), .invalidArguments, true),
            (header(0x10, key: 1, body: 2), .invalidArguments, true),
            (header(0x1C, key: 1, extras: 4, body: 6), .invalidArguments, true),
            (header(0x0A, key: 1, body: 1), .invalidArguments, true),
            (header(0x1B, extras: 4, body: 4), .unknownCommand, false),
            (header(0x20), .unknownCommand, false),
            (header(0xFF, key: 3, body: 300), .unknownCommand, false),
        ]

        for (bytes, status, closes) in cases {
            let refusal = bytes.withUnsafeBytes {
                BinaryRequestParser.refusal(BinaryHeader(at: $0.baseAddress.unsafelyUnwrapped))
            }
            #expect(parse(bytes).0 == .refused)
            #expect(refusal?.status == status && refusal?.closes == closes, "\(bytes)")
        }
    }

    @Test("A request is incomplete until all in front of its value is there; another magic byte hangs up")
    func incomplete() {
        let whole = header(0x01, key: 3, extras: 8, body: 16) + [UInt8](repeating: 0, count: 8) + Array("foo".utf8)

        for count in 1..<whole.count { #expect(parse(Array(whole.prefix(count))).0 == .incomplete, "\(count)") }
        #expect(parse(whole).0 == .request)
        for magic in [0x00, 0x67, 0x81] as [UInt8] { #expect(parse(header(0x0A, magic: magic)).0 == .hangUp) }
        #expect(parse([0x81]).0 == .hangUp)
    }

    @Test("No header traps, and none that is taken has a key or a value beyond the limits")
    func anything() {
        var generator = SplitMix64(state: 20_261_123)
        for _ in 0..<20_000 {
            var bytes = (0..<24).map { _ in UInt8.random(in: 0...255, using: &generator) }
            bytes[0] = 0x80
            if Bool.random(using: &generator) {
                bytes.replaceSubrange(2..<12, with: [0, bytes[2] & 15, bytes[4] & 31, 0, 0, 0, 0, 0, 0, bytes[9]])
            }
            let (outcome, request) = parse(bytes + [UInt8](repeating: 0x61, count: 600))
            guard outcome == .request else { continue }
            #expect(request.key.count <= 250 && request.valueLength <= 1 << 30)
            #expect(Int(request.lineBytes) <= 24 + 20 + 250)
        }
    }
}
