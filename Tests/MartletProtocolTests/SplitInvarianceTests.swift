import MartletProtocol
import Testing

/// However the bytes arrive, the parser's answer is the same. At this level that means: a prefix that holds no newline
/// is `incomplete`, whatever stands in it, and bytes behind the line change nothing.
@Suite("Request parser: packets do not matter")
struct SplitInvarianceTests {
    static let lines = [
        "get a", "get alpha beta gamma", "gets 0123456789012345678901234567890123456789", "gat 100 key", "gats 0 a b",
        "set key 0 0 10", "cas key 1 2 3 4 noreply", "append k 0 0 0", "touch k 1", "delete k 0 noreply", "incr n 1",
        "mg key v t Oabc k", "ms key 5 T30 c F7", "md k q I", "ma n D5 MD", "me Zm9v b", "mn", "version", "verbosity 1",
        "flush_all 10 noreply", "cache_memlimit 64", "stats settings", "lru_crawler metadump all", "shutdown graceful",
        "quit", "foo", "set k x 0 5", "mg k !", "delete k 5", "get", "set  0 0 5", "foo noreply", " ", "GET / HTTP/1.1",
    ]

    @Test("Every prefix of a line waits for more", arguments: lines)
    func prefixes(line: String) {
        for ending in ["\r\n", "\n"] {
            let bytes = Array((line + ending).utf8)
            for count in 0..<bytes.count {
                #expect(ParsedLine(bytes: Array(bytes.prefix(count))).outcome == .incomplete)
            }
        }
    }

    @Test("Neither what follows nor an earlier look changes what a line means", arguments: lines)
    func surroundings(line: String) {
        let bytes = Array((line + "\r\n").utf8)
        let alone = ParsedLine(bytes: bytes)

        for tail in ["", "\r", "\n", "get b\r\n", " \r\n", String(repeating: "x", count: 3000)] {
            for scannedCount in 0..<bytes.count {
                let parsed = ParsedLine(bytes: bytes + Array(tail.utf8), scannedCount: scannedCount)
                #expect(parsed.outcome == alone.outcome)
                guard alone.outcome != .hangUp else { continue }
                #expect(parsed.request.isSame(as: alone.request))
            }
        }
    }

    /// `get`, `mg` and `set` lines without anything unusual are parsed in one pass, but not when a look before found no
    /// newline: both ways must agree, also on lines that are almost such.
    @Test("The short way through frequent lines means the same as the long one")
    func shortcuts() {
        var random = SplitMix64(state: 20_261_121)
        let flags = [
            "v", "t", "f", "k", "s", "c", "q", "h", "l", "u", "O", "Oab", "T5", "v v", "b", "I", "", "!",
            "O" + String(repeating: "x", count: 31),
        ]
        let numbers = ["0", "1", "999999999", "1000000000", "-1", "", "007", "x", "4294967296", "5"]
        let spaces = [" ", " ", " ", " ", " ", " ", "  ", "", "\t"]
        var shortCount = 0
        for _ in 0..<20_000 {
            let key = String(repeating: "k", count: [1, 4, 7, 8, 20, 250, 251].randomElement(using: &random)!)
            var line = ["get", "mg", "set", "gets", "mgx"].randomElement(using: &random)!
            line += spaces.randomElement(using: &random)! + key
            for _ in 0..<Int.random(in: 0...4, using: &random) {
                line += spaces.randomElement(using: &random)!
                line += (line.hasPrefix("mg") ? flags : numbers).randomElement(using: &random)!
            }
            let bytes = Array((line + ["\r\n", "\r\n", "\n", " \r\n", "\r\r\n"].randomElement(using: &random)!).utf8)
            let short = ParsedLine(bytes: bytes)
            let long = ParsedLine(bytes: bytes, scannedCount: 1)
            #expect(short.outcome == long.outcome, "\(line.debugDescription)")
            #expect(short.request.isSame(as: long.request), "\(line.debugDescription)")
            if short.outcome == .request { shortCount += 1 }
        }
        #expect(shortCount > 2000)
    }

    @Test("Random bytes never stop the parser, are never read beyond their end, and mean the same whole and in pieces")
    func randomBytes() {
        let words = Self.lines.flatMap { $0.split(separator: " ").map { Array($0.utf8) } }
        var random = SplitMix64(state: 20_240_611)
        for _ in 0..<20_000 {
            var bytes: [UInt8] = []
            for _ in 0..<Int.random(in: 0...8, using: &random) {
                switch Int.random(in: 0..<10, using: &random) {
                case 0: bytes += [.random(in: 0...255, using: &random)]
                case 1: bytes += [0x0D]
                case 2: bytes += Array(repeating: 0x39, count: .random(in: 1...25, using: &random))
                case 3: bytes += [0x2D]
                default: bytes += words.randomElement(using: &random)!
                }
                bytes += [0x20]
            }
            bytes += [0x0A]

            let whole = ParsedLine(bytes: bytes)
            let cut = Int.random(in: 0..<bytes.count, using: &random)
            let piece = ParsedLine(bytes: Array(bytes.prefix(cut)))
            let newline = bytes.firstIndex(of: 0x0A)!
            if newline >= cut, piece.outcome == .incomplete {
                let rest = ParsedLine(bytes: bytes, scannedCount: cut)
                #expect(rest.outcome == whole.outcome)
                if whole.outcome != .hangUp { #expect(rest.request.isSame(as: whole.request)) }
            }
            #expect(whole.outcome != .incomplete)
            if whole.outcome != .hangUp { #expect(Int(whole.request.lineBytes) == newline + 1) }
        }
    }
}

/// A small seeded generator: the same numbers on every run.
struct SplitMix64: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}

extension Request {
    /// Field by field, except what is left undefined.
    func isSame(as other: Request) -> Bool {
        command == other.command && isQuiet == other.isQuiet && mode == other.mode && lineBytes == other.lineBytes
            && shutdownMode == other.shutdownMode && hasDelay == other.hasDelay && key == other.key
            && returnsTimeToLiveBeforeTouch == other.returnsTimeToLiveBeforeTouch
            && vivifiesBehindTouch == other.vivifiesBehindTouch && arguments == other.arguments
            && opaque == other.opaque && valueLength == other.valueLength && clientFlags == other.clientFlags
            && exptime == other.exptime && vivifyExptime == other.vivifyExptime && flags == other.flags
            && recacheExptime == other.recacheExptime && returnOrder == other.returnOrder
            && compareToken == other.compareToken && explicitToken == other.explicitToken && number == other.number
            && initialValue == other.initialValue && refusal == other.refusal
    }
}
