import MartletProtocol
import Testing

/// Runs a writer over fresh memory and gives what it wrote.
func written(_ write: (UnsafeMutableRawPointer) -> UnsafeMutableRawPointer) -> String {
    let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: 4096, alignment: 1)
    defer { memory.deallocate() }
    let end = write(memory.baseAddress!)
    return String(decoding: memory[..<(end - memory.baseAddress!)], as: UTF8.self)
}

/// Gives a text's bytes to a writer.
func bytes<Result>(_ text: String, _ body: (UnsafeRawBufferPointer) -> Result) -> Result {
    var text = text
    return text.withUTF8 { body(UnsafeRawBufferPointer($0)) }
}

@Suite("Reply writer")
struct ReplyWriterTests {
    @Test("Numbers of every length are written in full, with every digit in every place")
    func numbers() {
        var values: [UInt64] = [0, .max, UInt64(UInt32.max), UInt64(Int64.max)]
        var power: UInt64 = 1
        for _ in 0..<19 {
            power &*= 10
            values += [power - 1, power, power + 1, power / 10 * 7, 12_345_678_901_234_567_890 % power]
        }

        for value in values {
            #expect(written { WireWriter.number(value, at: $0) } == "\(value)")
            #expect(WireWriter.digitCount(value) == "\(value)".count)
        }
        for value in [Int64.min, -1, -10, 0, 1, .max] {
            #expect(written { WireWriter.signed(value, at: $0) } == "\(value)")
        }
        #expect(written { ReplyWriter.numberLine(.max, at: $0) } == "18446744073709551615\r\n")
    }

    @Test("Fixed replies end their line, are all different and fit the room that is promised")
    func fixed() {
        var seen: Set<String> = []
        for reply in FixedReply.allCases {
            let line = written { ReplyWriter.fixed(reply, at: $0) }
            #expect(line.hasSuffix("\r\n"))
            #expect(!line.dropLast().contains("\n"))
            #expect(line.utf8.count <= FixedReply.bytesMax)
            #expect(seen.insert(line).inserted)
        }
    }

    @Test("A value's header, with and without token")
    func valueHeader() {
        let plain = written { at in
            bytes("key") { ReplyWriter.valueHeader(key: $0, clientFlags: 5, valueLength: 1000, at: at) }
        }
        let long = written { at in
            bytes(String(repeating: "k", count: 250)) {
                ReplyWriter.valueHeader(
                    key: $0, clientFlags: .max, valueLength: WireLimits.valueBytesMax, token: .max, at: at)
            }
        }

        #expect(plain == "VALUE key 5 1000\r\n")
        #expect(long.hasSuffix("k 4294967295 2147483645 18446744073709551615\r\n"))
        #expect(long.utf8.count <= 250 + 60)
    }

    @Test("Meta replies: status, flags in any order, key and opaque as they came")
    func meta() {
        let line = written { at in
            var cursor = ReplyWriter.valueStatus(length: 12, at: at)
            cursor = ReplyWriter.flag(0x73, 12, at: cursor)
            cursor = ReplyWriter.timeToLive(nil, at: cursor)
            cursor = ReplyWriter.timeToLive(30, at: cursor)
            cursor = bytes("op") { ReplyWriter.opaque($0, at: cursor) }
            cursor = bytes("Zm9v") { ReplyWriter.key($0, isBase64: true, at: cursor) }
            cursor = bytes("foo") { ReplyWriter.key($0, isBase64: false, at: cursor) }
            cursor = ReplyWriter.flag(0x57, at: cursor)
            return WireWriter.lineEnd(at: cursor)
        }

        #expect(line == "VA 12 s12 t-1 t30 Oop kZm9v b kfoo W\r\n")
        for (status, text) in [
            (MetaStatus.done, "HD"), (.value, "VA"), (.miss, "EN"), (.notFound, "NF"), (.notStored, "NS"),
            (.exists, "EX"), (.noop, "MN"), (.debug, "ME"),
        ] {
            #expect(written { ReplyWriter.status(status, at: $0) } == text)
        }
    }

    @Test("The answer to me")
    func debugLine() {
        let never = written { at in
            bytes("k") {
                ReplyWriter.debugLine(
                    key: $0, secondsLeft: nil, secondsSinceAccess: 3, token: 12, wasFetched: false, slabClass: 1,
                    itemBytes: 61, at: at)
            }
        }
        let longest = written { at in
            bytes(String(repeating: "k", count: 250)) {
                ReplyWriter.debugLine(
                    key: $0, secondsLeft: .min, secondsSinceAccess: .max, token: .max, wasFetched: true,
                    slabClass: .max, itemBytes: .max, at: at)
            }
        }

        #expect(never == "ME k exp=-1 la=3 cas=12 fetch=no cls=1 size=61\r\n")
        #expect(longest.utf8.count <= 250 + 160)
    }

    @Test("Version and statistics")
    func others() {
        #expect(written { at in bytes("1.6.45") { ReplyWriter.version($0, at: at) } } == "VERSION 1.6.45\r\n")
        #expect(written { ReplyWriter.stat("curr_items", 12, at: $0) } == "STAT curr_items 12\r\n")
        let line = written { at in
            bytes("items:1:age") { name in bytes("0.5") { ReplyWriter.stat(name, $0, at: at) } }
        }
        #expect(line == "STAT items:1:age 0.5\r\n")
    }
}

@Suite("Base64")
struct Base64Tests {
    @Test("What is encoded decodes to itself, at every length")
    func roundTrip() {
        var random = SplitMix64(state: 7)
        for count in 1...250 {
            let original = (0..<count).map { _ in UInt8.random(in: 0...255, using: &random) }
            let text = written { at in original.withUnsafeBytes { Base64.encode($0, at: at) } }
            #expect(text.utf8.count == Base64.encodedCount(count))
            var decoded = [UInt8](repeating: 0, count: count)
            let decodedCount = decoded.withUnsafeMutableBytes { space in
                bytes(text) { Base64.decode($0, into: space.baseAddress!) }
            }
            #expect(decodedCount == count)
            #expect(decoded == original)
        }
    }

    @Test(
        "What is not base64 decodes to nothing",
        arguments: ["", "Z", "Zm9", "Zm9vY", "=m9v", "Zm=v", "Z===", "Zm9-", "Zm9v Zm9"])
    func rejects(text: String) {
        #expect(bytes(text) { Base64.decodedCount($0) } == 0)
    }
}

@Suite("Decimal numbers")
struct DecimalNumberTests {
    @Test("Numbers are read up to their limits and not beyond")
    func limits() {
        #expect(bytes("18446744073709551615") { DecimalNumber.unsigned($0) } == .max)
        #expect(bytes("18446744073709551616") { DecimalNumber.unsigned($0) } == nil)
        #expect(bytes("99999999999999999999") { DecimalNumber.unsigned($0) } == nil)
        #expect(bytes("0018446744073709551615") { DecimalNumber.unsigned($0) } == .max)
        #expect(bytes("00018446744073709551615") { DecimalNumber.unsigned($0) } == nil)
        #expect(bytes("4294967295") { DecimalNumber.unsigned32($0) } == .max)
        #expect(bytes("4294967296") { DecimalNumber.unsigned32($0) } == nil)
        #expect(bytes("2147483647") { DecimalNumber.signed32($0) } == .max)
        #expect(bytes("2147483648") { DecimalNumber.signed32($0) } == nil)
        #expect(bytes("-2147483648") { DecimalNumber.signed32($0) } == .min)
        #expect(bytes("-2147483649") { DecimalNumber.signed32($0) } == nil)
        #expect(bytes("000000000001") { DecimalNumber.unsigned32($0) } == nil)
        #expect(bytes("000000000001") { DecimalNumber.signed32($0) } == nil)
    }

    @Test("Where any number of zeros may stand in front, the limits are the same")
    func zeros() {
        let zeros = String(repeating: "0", count: 200)
        #expect(bytes(zeros + "4294967295") { DecimalNumber.unsigned32($0, digitsMax: .max) } == .max)
        #expect(bytes(zeros + "4294967296") { DecimalNumber.unsigned32($0, digitsMax: .max) } == nil)
        #expect(bytes(zeros + "2147483647") { DecimalNumber.signed32($0, digitsMax: .max) } == .max)
        #expect(bytes(zeros + "2147483648") { DecimalNumber.signed32($0, digitsMax: .max) } == nil)
        #expect(bytes("-" + zeros + "2147483648") { DecimalNumber.signed32($0, digitsMax: .max) } == .min)
        #expect(bytes("-" + zeros + "2147483649") { DecimalNumber.signed32($0, digitsMax: .max) } == nil)
        for wraps in [
            "18446744073709551617", "36893488147419103233", "9223372036854775808", zeros.replacing("0", with: "9"),
        ] {
            #expect(bytes(wraps) { DecimalNumber.unsigned32($0, digitsMax: .max) } == nil)
            #expect(bytes("-" + wraps) { DecimalNumber.signed32($0, digitsMax: .max) } == nil)
        }
    }

    @Test(
        "Nothing but digits and one minus is a number",
        arguments: ["", "-", "+1", " 1", "1 ", "0x1", "1.0", "--1", "1-", "a", "\u{0}"])
    func rejects(text: String) {
        #expect(bytes(text) { DecimalNumber.unsigned($0) } == nil)
        #expect(bytes(text) { DecimalNumber.signed32($0) } == nil)
        #expect(bytes("-1") { DecimalNumber.unsigned($0) } == nil)
    }
}
