import MartletProtocol
import Testing

/// A reply line put through the parser.
struct ParsedReply {
    let bytes: [UInt8]
    let outcome: ReplyOutcome
    let reply: Reply

    init(_ text: String) { self.init(bytes: Array(text.utf8)) }

    init(bytes: [UInt8]) {
        self.bytes = bytes
        let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: max(bytes.count, 1), alignment: 1)
        defer { memory.deallocate() }
        memory.copyBytes(from: bytes)
        var reply = Reply()
        outcome = ReplyParser.parse(UnsafeRawPointer(memory.baseAddress!), count: bytes.count, into: &reply)
        self.reply = reply
    }

    func text(_ slice: LineSlice) -> String {
        String(decoding: bytes[Int(slice.offset)..<slice.end], as: UTF8.self)
    }
}

@Suite("Reply parser")
struct ReplyParserTests {
    @Test("Every fixed reply of the server is understood, whole and in pieces, and keeps its words")
    func fixed() {
        for fixed in FixedReply.allCases {
            let line = "\(fixed.line)"
            let parsed = ParsedReply(line)
            let words = String(line.dropLast())

            #expect(parsed.outcome == .reply)
            #expect(Int(parsed.reply.lineBytes) == line.utf8.count)
            if words.hasPrefix("CLIENT_ERROR ") {
                #expect(parsed.reply.kind == .clientError)
                #expect("CLIENT_ERROR " + parsed.text(parsed.reply.text) == words)
            } else if words.hasPrefix("SERVER_ERROR") {
                #expect(parsed.reply.kind == .serverError)
                #expect(words.hasSuffix(" " + parsed.text(parsed.reply.text)))
            } else if words.hasPrefix("ERROR") {
                #expect(parsed.reply.kind == .error)
            } else if words.hasPrefix("MEMLIMIT") {
                #expect(parsed.reply.kind == .other)
                #expect(parsed.text(parsed.reply.text) == words)
            }
            for count in 0..<line.utf8.count {
                #expect(ParsedReply(bytes: Array(line.utf8.prefix(count))).outcome == .incomplete)
            }
        }
    }

    @Test(
        "Classic outcomes",
        arguments: [
            ("STORED", Reply.Kind.stored), ("NOT_STORED", .notStored), ("EXISTS", .exists), ("NOT_FOUND", .notFound),
            ("DELETED", .deleted), ("TOUCHED", .touched), ("OK", .ok), ("RESET", .reset), ("END", .end),
            ("ERROR", .error), ("BUSY currently processing", .other), ("key=a exp=-1 la=0", .other), ("-1", .other),
        ])
    func outcomes(line: String, kind: Reply.Kind) {
        #expect(ParsedReply(line + "\r\n").reply.kind == kind)
        #expect(ParsedReply(line + "\n").reply.kind == kind)
    }

    @Test("What the server writes as a value, the client reads as that value")
    func valueRoundTrip() {
        for token in [nil, 0, UInt64.max] {
            let line = written { at in
                bytes("some:key") {
                    ReplyWriter.valueHeader(key: $0, clientFlags: 77, valueLength: 4, token: token, at: at)
                }
            }
            let parsed = ParsedReply(line + "\r\n\r\n\r\n")

            #expect(parsed.reply.kind == .value)
            #expect(parsed.text(parsed.reply.key) == "some:key")
            #expect(parsed.reply.clientFlags == 77)
            #expect(parsed.reply.valueLength == 4)
            #expect(parsed.reply.hasToken == (token != nil))
            #expect(parsed.reply.token == token ?? 0)
            #expect(parsed.reply.totalBytes == line.utf8.count + 6)
            #expect(parsed.bytes.withUnsafeBytes { ReplyParser.isValueClosed($0.baseAddress!, parsed.reply) })
        }
    }

    @Test("Numbers, versions and statistics")
    func lines() {
        let number = ParsedReply(written { ReplyWriter.numberLine(.max, at: $0) })
        let version = ParsedReply("VERSION 1.6.45\r\n")
        let stat = ParsedReply("STAT domain_socket /tmp/a b\r\n")

        #expect(number.reply.kind == .number && number.reply.number == .max)
        #expect(version.reply.kind == .version && version.text(version.reply.text) == "1.6.45")
        #expect(stat.reply.kind == .stat && stat.text(stat.reply.key) == "domain_socket")
        #expect(stat.text(stat.reply.text) == "/tmp/a b")
    }

    @Test("What the server writes as a meta reply, the client reads with all its flags")
    func metaRoundTrip() {
        let line = written { at in
            var cursor = ReplyWriter.valueStatus(length: 9, at: at)
            cursor = ReplyWriter.timeToLive(nil, at: cursor)
            cursor = ReplyWriter.flag(0x66, UInt64(UInt32.max), at: cursor)
            cursor = ReplyWriter.flag(0x63, .max, at: cursor)
            cursor = ReplyWriter.flag(0x73, 9, at: cursor)
            cursor = ReplyWriter.flag(0x6C, 12, at: cursor)
            cursor = ReplyWriter.flag(0x68, 1, at: cursor)
            cursor = bytes("op") { ReplyWriter.opaque($0, at: cursor) }
            cursor = bytes("Zm9v") { ReplyWriter.key($0, isBase64: true, at: cursor) }
            cursor = ReplyWriter.flag(0x58, at: ReplyWriter.flag(0x57, at: cursor))
            return WireWriter.lineEnd(at: cursor)
        }
        let parsed = ParsedReply(line)
        let reply = parsed.reply

        #expect(reply.kind == .meta && reply.status == .value && reply.valueLength == 9)
        #expect(reply.secondsToLive == -1 && reply.clientFlags == .max && reply.token == .max && reply.hasToken)
        #expect(reply.number == 9 && reply.secondsSinceAccess == 12 && reply.wasHit)
        #expect(parsed.text(reply.opaque) == "op" && parsed.text(reply.key) == "Zm9v")
        #expect(reply.flags.contains(.binaryKey) && reply.flags.contains(.won) && reply.flags.contains(.stale))
        #expect(!reply.flags.contains(.winSent))
        #expect(reply.carriesValue && reply.totalBytes == line.utf8.count + 11)
    }

    @Test("Every meta status is read, with flags or without", arguments: MetaStatus.allCases)
    func statuses(status: MetaStatus) {
        let word = written { ReplyWriter.status(status, at: $0) }
        let parsed = ParsedReply(
            word + (status == .value ? " 0" : "") + (status == .debug ? " k exp=-1" : " k1") + "\r\n")

        #expect(parsed.outcome == .reply)
        #expect(parsed.reply.kind == .meta)
        #expect(parsed.reply.status == status)
        #expect(parsed.reply.carriesValue == (status == .value))
    }

    @Test(
        "What no server may send is refused",
        arguments: [
            "VALUE", "VALUE k", "VALUE k 0", "VALUE k 0 x", "VALUE k 0 -1", "VALUE k 4294967296 1", "VALUE k 0 1 x",
            "VALUE k 0 4294967295", "VA", "VA x", "VA 2147483646", "HD tx", "HD c", "HD c-1", "HD 5", "HD f4294967296",
            "", " STORED",
        ])
    func invalid(line: String) {
        #expect(ParsedReply(line + "\r\n").outcome == .invalid)
    }

    @Test("A line without end is not waited for for ever")
    func longLine() {
        #expect(ParsedReply(String(repeating: "x", count: 8191)).outcome == .incomplete)
        #expect(ParsedReply(String(repeating: "x", count: 8192)).outcome == .invalid)
    }

    @Test("Random bytes never stop the parser")
    func randomBytes() {
        let words = ["VALUE", "VA", "HD", "STAT", "ME", "END", "k", "t-1", "99999999999999999999", "1", "-", "c5", "f"]
        var random = SplitMix64(state: 3)
        for _ in 0..<20_000 {
            var line: [UInt8] = []
            for _ in 0..<Int.random(in: 0...6, using: &random) {
                if Int.random(in: 0..<8, using: &random) == 0 {
                    line.append(.random(in: 0...255, using: &random))
                } else {
                    line += Array(words.randomElement(using: &random)!.utf8)
                }
                line.append(0x20)
            }
            #expect(ParsedReply(bytes: line + [0x0A]).outcome != .incomplete)
        }
    }
}
