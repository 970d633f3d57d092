import MartletProtocol
import Testing

/// What a client writes is what a server reads.
@Suite("Request writer")
struct RequestWriterTests {
    private let longKey = String(repeating: "k", count: 250)

    @Test("Storage commands come back with every field", arguments: [Command.set, .add, .replace, .append, .prepend])
    func storage(command: Command) {
        for (key, flags, time, length, noreply) in [
            ("k", UInt32(0), Int32(0), 0, false), (longKey, .max, .min, WireLimits.valueBytesMax, true),
        ] {
            let line = written { at in
                bytes(key) {
                    RequestWriter.storage(
                        command, key: $0, clientFlags: flags, exptime: time, valueLength: length, noreply: noreply,
                        at: at)
                }
            }
            let parsed = ParsedLine(line)

            #expect(line.utf8.count <= key.utf8.count + 90)
            #expect(parsed.outcome == .request && parsed.request.command == command && parsed.key == key)
            #expect(parsed.request.clientFlags == flags && parsed.request.exptime == time)
            #expect(Int(parsed.request.valueLength) == length && parsed.request.isQuiet == noreply)
        }
    }

    @Test("cas comes back with its token")
    func cas() {
        let line = written { at in
            bytes("k") { RequestWriter.storage(.cas, key: $0, valueLength: 1, token: .max, noreply: true, at: at) }
        }

        #expect(line == "cas k 0 0 1 18446744073709551615 noreply\r\n")
        #expect(ParsedLine(line).request.compareToken == .max)
    }

    @Test("Lines with a key and at most one number")
    func lines() {
        let delete = written { at in bytes("k") { RequestWriter.line(.delete, key: $0, noreply: true, at: at) } }
        let incr = written { at in bytes(longKey) { RequestWriter.line(.incr, key: $0, number: .max, at: at) } }

        #expect(delete == "delete k noreply\r\n")
        #expect(ParsedLine(delete).request.isQuiet)
        #expect(ParsedLine(incr).request.number == .max && ParsedLine(incr).key == longKey)
        #expect(incr.utf8.count <= 250 + 40)
    }

    @Test("A multiget is put together from pieces")
    func multiget() {
        let line = written { at in
            var cursor = RequestWriter.signed(-1, at: RequestWriter.word(.gats, at: at))
            for key in ["a", "bb", longKey] { cursor = bytes(key) { RequestWriter.key($0, at: cursor) } }
            return RequestWriter.lineEnd(at: cursor)
        }
        let parsed = ParsedLine(line)

        #expect(parsed.request.command == .gats && parsed.request.exptime == -1)
        #expect(parsed.keys == ["a", "bb", longKey])
    }

    @Test("Meta lines come back with every flag")
    func meta() {
        let line = written { at in
            var cursor = bytes("Zm9v") { RequestWriter.meta(.metaSet, key: $0, valueLength: 3, at: at) }
            cursor = RequestWriter.flag("T", signed: -1, at: RequestWriter.flag("b", at: cursor))
            cursor = RequestWriter.flag("C", .max, at: RequestWriter.flag("c", at: cursor))
            cursor = bytes("tag") { RequestWriter.flag("O", $0, at: cursor) }
            return RequestWriter.lineEnd(at: cursor)
        }
        let parsed = ParsedLine(line)

        #expect(line == "ms Zm9v 3 b T-1 c C18446744073709551615 Otag\r\n")
        #expect(parsed.outcome == .request && parsed.request.valueLength == 3)
        #expect(parsed.request.exptime == -1 && parsed.request.compareToken == .max)
        #expect(parsed.text(parsed.request.opaque) == "tag")
    }

    @Test("Every command's word is read as that command")
    func words() {
        for command in Command.allCases where command != .administration && command != .unknown {
            let word = written { RequestWriter.word(command, at: $0) }
            let parsed = ParsedLine(word + " 1 1 1 1 1\r\n")

            #expect(parsed.request.command == command)
        }
    }

    @Test("Keys that would be read as something else are told apart")
    func safeKeys() {
        for key in ["k", longKey, "a:b/c", "schlüssel"] { #expect(bytes(key) { RequestWriter.isSafeKey($0) }) }
        for key in ["", longKey + "k", "a b", "a\r\nflush_all", "a\n", "a\t", "a\u{0}", "a\u{7F}"] {
            #expect(!bytes(key) { RequestWriter.isSafeKey($0) })
        }
    }
}
