import MartletProtocol
import Testing

@Suite("Request parser: meta commands")
struct MetaRequestTests {
    @Test(
        "Every meta command is known",
        arguments: [
            ("mg k", Command.metaGet), ("ms k 2", .metaSet), ("md k", .metaDelete),
            ("ma k", .metaArithmetic), ("me k", .metaDebug), ("mn", .metaNoop),
        ])
    func commands(line: String, command: Command) {
        let parsed = ParsedLine(line + "\r\n")

        #expect(parsed.outcome == .request)
        #expect(parsed.request.command == command)
        #expect(parsed.request.command.isMeta)
        if command != .metaNoop { #expect(parsed.key == "k") }
    }

    @Test("Numbers find their fields")
    func numbers() {
        let line = ParsedLine("mg k T1 N-2 R2147483647 C4 E5 F6 J7 D18446744073709551615\r\n")
        let request = line.request

        #expect(line.outcome == .request)
        #expect(request.exptime == 1)
        #expect(request.vivifyExptime == -2)
        #expect(request.recacheExptime == .max)
        #expect(request.compareToken == 4)
        #expect(request.explicitToken == 5)
        #expect(request.clientFlags == 6)
        #expect(request.initialValue == 7)
        #expect(request.number == .max)
        for flag in [MetaFlags.timeToLive, .vivify, .recache, .compareToken, .explicitToken, .clientFlags, .delta] {
            #expect(request.flags.contains(flag))
        }
        #expect(!request.flags.contains(.returnValue))
    }

    @Test("Every letter sets its own flag and no other")
    func letters() {
        for letter in "bNTRlOPLkstcfvhuqxFCEMJDI" {
            let argument = "NTRFCEJD".contains(letter) ? "1" : ""
            let key = letter == "b" ? "Zm9v" : "k"
            let request = ParsedLine("mg \(key) \(letter)\(argument)\r\n").request

            #expect(request.flags == MetaFlags(letter.unicodeScalars.first!))
        }
    }

    @Test("Return flags keep the order of the request")
    func returnOrder() {
        let line = ParsedLine("mg k v t Oabc s q k T30 c f h u l\r\n")
        var order = line.request.returnOrder
        var letters = ""
        while order != 0 {
            letters.unicodeScalars.append(Unicode.Scalar(UInt8(truncatingIfNeeded: order)))
            order >>= 8
        }

        #expect(letters == "tOskcfhl")
        #expect(line.text(line.request.opaque) == "abc")
        #expect(line.request.isQuiet)
        #expect(line.request.returnsTimeToLiveBeforeTouch)
        #expect(!ParsedLine("mg k T30 t\r\n").request.returnsTimeToLiveBeforeTouch)
        #expect(ParsedLine("mg k T30 N10\r\n").request.vivifiesBehindTouch)
        #expect(!ParsedLine("mg k N10 T30\r\n").request.vivifiesBehindTouch)
    }

    @Test("ms carries a length and its flags")
    func metaSet() {
        let line = ParsedLine("ms k  12  T-1 F4294967295 I c\r\n")

        #expect(line.outcome == .request)
        #expect(line.request.valueLength == 12)
        #expect(line.request.exptime == -1)
        #expect(line.request.clientFlags == .max)
        #expect(line.request.flags.contains(.invalidate))
    }

    @Test("Only the first letter of a mode counts")
    func modes() {
        let set: [(String, MetaMode)] = [
            ("", .unspecified), ("MS", .set), ("ME", .add), ("MA", .append), ("MP", .prepend), ("MR", .replace),
            ("MAxyz", .append),
        ]
        let arithmetic: [(String, MetaMode)] = [
            ("", .unspecified), ("MI", .increment), ("M+", .increment), ("MD", .decrement), ("M-", .decrement),
            ("MIx", .increment),
        ]

        for (flag, mode) in set { #expect(ParsedLine("ms k 1 \(flag)\r\n").request.mode == mode) }
        for (flag, mode) in arithmetic { #expect(ParsedLine("ma k \(flag)\r\n").request.mode == mode) }
        #expect(ParsedLine("mg k MZ\r\n").outcome == .request)
        #expect(ParsedLine("md k M\r\n").outcome == .request)
    }

    @Test("ma counts by one unless told otherwise")
    func delta() {
        #expect(ParsedLine("ma k\r\n").request.number == 1)
        #expect(ParsedLine("ma k D0\r\n").request.number == 0)
    }

    @Test("A binary key is decoded into the caller's space")
    func binaryKey() {
        let key: [UInt8] = [0, 0x20, 0x0A, 0xFF, 0x80]
        let line = ParsedLine("mg ACAK/4A= b k v\r\n")
        var space = [UInt8](repeating: 0, count: WireLimits.keyBytesMax)

        let count = line.bytes.withUnsafeBytes { bytes in
            space.withUnsafeMutableBytes { line.request.decodeKey(in: bytes.baseAddress!, into: $0.baseAddress!) }
        }

        #expect(line.outcome == .request)
        #expect(Array(space.prefix(count)) == key)
        #expect(ParsedLine("me Zm9v b\r\n").request.flags.contains(.binaryKey))
        #expect(!ParsedLine("me Zm9v x b\r\n").request.flags.contains(.binaryKey))
    }

    @Test("Twenty words are read, the opaque may have 31 bytes, the key 250")
    func limits() {
        let key = String(repeating: "k", count: 250)
        let opaque = String(repeating: "o", count: 31)

        #expect(ParsedLine("mg \(key) c f h k l q s t u v x C1 D1 E1 F1 I J1 O\(opaque)\r\n").outcome == .request)
        #expect(ParsedLine("ms k 1 c f h k l q s t u v x C1 D1 E1 F1 I J1\r\n").outcome == .request)
    }
}
