import MartletProtocol
import Testing

private let longKey = String(repeating: "k", count: 251)
private let longOpaque = "O" + String(repeating: "o", count: 32)
private let format = "CLIENT_ERROR bad command line format"
private let usage = "CLIENT_ERROR bad command line format.  Usage: delete <key> [noreply]"
private let exptime = "CLIENT_ERROR invalid exptime argument"

/// What the client sees of each mistake: the line, `-` if noreply hides it, `+n` if n bytes behind the line are
/// skipped, `close` if the connection ends. Where two mistakes meet, the answer is the one memcached 1.6.45 gives.
@Suite("Request parser: what is refused")
struct RefusalTests {
    @Test(
        "Lines too short to be a command are a format error", arguments: ["\r\n", "\n", "a\n", "ab\n", "mn\n", " \r\n"])
    func tooShort(line: String) {
        #expect(ParsedLine(line).refusal == format)
    }

    @Test(
        "Lines that are no command",
        arguments: [
            ("abc", "ERROR"), ("ab", "ERROR"), ("    ", "ERROR"), (" get a", "ERROR"), ("Get a", "ERROR"),
            ("getx a", "ERROR"), ("get\ta", "ERROR"), ("foo", "ERROR"), ("foo noreply", "-"),
            ("a-word-longer-than-any-command x", "ERROR"), ("flush_al", "ERROR"), ("HTTP/1.1", "ERROR"),
            ("foo HTTP/1.1 x", "ERROR"), ("foo HTTP", "ERROR"),
        ])
    func unknown(line: String, refusal: String) {
        #expect(ParsedLine(line + "\r\n").refusal == refusal)
    }

    @Test(
        "Hanging up: HTTP, and the binary protocol",
        arguments: [
            "GET / HTTP/1.0", "DELETE HTTP/1.1", "foo HTTP/", "PUT /a/b HTTP/1.1  ",
        ])
    func hangUp(line: String) {
        #expect(ParsedLine(line + "\r\n").outcome == .hangUp)
        #expect(ParsedLine(bytes: [0x80]).outcome == .hangUp)
        #expect(ParsedLine(bytes: [0x80] + Array("get a\r\n".utf8)).outcome == .hangUp)
    }

    @Test("A line over 2048 bytes is hung up on, ended or not, but a multiget is not")
    func longLines() {
        for word in ["get", "gets", "gat 0", "gats 0"] {
            let line = word + String(repeating: " ", count: 2048) + "key"
            #expect(ParsedLine(line).outcome == .incomplete)
            #expect(ParsedLine(line + "\r\n").keys == ["key"])
        }
        for word in ["incr", "mg", "set", "getx", "getsx", "foo", ""] {
            let line = word + String(repeating: " ", count: 2048 - word.utf8.count)
            #expect(ParsedLine(line).outcome == .incomplete)
            #expect(ParsedLine(line + " ").outcome == .hangUp)
            #expect(ParsedLine(line + " \n").outcome == .hangUp)
            #expect(ParsedLine(line + "\n").outcome != .hangUp)
        }
    }

    @Test(
        "Retrieval",
        arguments: [
            ("get", format), ("gets", format), ("get ", format), ("gat", format), ("gat 0", format),
            ("gat x a", exptime), ("gats 2147483648 a", exptime), ("gat x \(longKey)", exptime),
            ("get \(longKey)", format), ("get a \(longKey) b", format), ("gat 0 a \(longKey)", format),
            ("get \(longKey) noreply", format), ("gets \(longKey)  a", format),
            ("get \(longKey.dropLast()) a \(longKey.dropLast()) \(longKey)", format),
        ])
    func retrieval(line: String, refusal: String) {
        #expect(ParsedLine(line + "\r\n").refusal == refusal)
    }

    @Test(
        "Storage whose length is known stays in step",
        arguments: [
            ("set k x 0 1", "\(format) +3"), ("set k x 0 1 noreply", "- +3"),
            ("set k 0 x 1", "\(format) +3"),
            ("set k -1 0 1", "\(format) +3"), ("set k 4294967296 0 1", "\(format) +3"),
            ("set k 0 2147483648 1", "\(format) +3"), ("set k +1 0 1", "\(format) +3"),
            ("add \(longKey) 0 0 10", "\(format) +12"), ("append \(longKey) 0 0 0 noreply", "- +2"),
            ("cas k 0 0 1", "\(format) +3"), ("cas k 0 0 1 noreply", "- +3"),
            ("cas k 0 0 1 x", "\(format) +3"),
            ("cas k 0 0 1 x noreply", "- +3"), ("cas k 0 0 1 -1", "\(format) +3"),
            ("cas k 0 0 1 18446744073709551616", "\(format) +3"),
            ("prepend \(longKey) 0 0 2147483645", "\(format) +2147483647"),
        ])
    func storage(line: String, refusal: String) {
        #expect(ParsedLine(line + "\r\n").refusal == refusal)
    }

    @Test(
        "Storage whose length is not known closes where a data block may follow",
        arguments: [
            ("set k 0 0 x", "\(format) close"), ("set k 0 0 x noreply", "\(format) close"),
            ("set k 0 0 +1", "\(format) close"), ("set k 0 0 1x", "\(format) close"),
            ("set k 0 0 4294967296", "\(format) close"), ("set k 0 0 99999999999999999999", "\(format) close"),
            ("set  0 0 5", "\(format) close"), ("set k 0 noreply", "\(format) close"),
            ("ms k x", "\(format) close"), ("ms k S5", "\(format) close"),
        ])
    func unknownLength(line: String, refusal: String) {
        #expect(ParsedLine(line + "\r\n").refusal == refusal)
    }

    @Test(
        "Storage without a data block stays open",
        arguments: [
            "set", "set k", "set k 0", "set k 0 0 -1", "set k 0 0 -1 noreply",
            "set k 0 0 -99999999999999999999", "set k 0 0 4294967295", "set k 0 0 2147483646",
            "ms k", "ms", "ms k -1", "ms k 4294967295 T0",
        ])
    func noBlock(line: String) {
        #expect(ParsedLine(line + "\r\n").refusal == format)
    }

    @Test(
        "touch, incr, decr, delete",
        arguments: [
            ("touch", format), ("touch k", format), ("touch k x", exptime),
            ("touch \(longKey) x", format),
            ("touch k noreply", "-"), ("touch k x noreply", "-"), ("touch k 2147483648", exptime),
            ("touch k 000000000001", exptime),
            ("incr n", format), ("incr n x", "CLIENT_ERROR invalid numeric delta argument"),
            ("incr n -1", "CLIENT_ERROR invalid numeric delta argument"),
            ("decr n 18446744073709551616", "CLIENT_ERROR invalid numeric delta argument"),
            ("incr n 00000000000000000000001", "CLIENT_ERROR invalid numeric delta argument"),
            ("incr n noreply", "-"), ("incr \(longKey) x", format), ("incr \(longKey) x noreply", "-"),
            ("delete", format), ("delete \(longKey)", format), ("delete \(longKey) noreply", "-"),
            ("delete k 5", usage), ("delete k 5 noreply", "-"), ("delete k noreply 0", usage),
            ("delete k 0 0", usage), ("delete k 0 0 noreply", "-"), ("delete a b c d e", usage),
            ("delete k 00", usage), ("delete k noreply noreply", "-"),
        ])
    func keyCommands(line: String, refusal: String) {
        #expect(ParsedLine(line + "\r\n").refusal == refusal)
    }

    @Test(
        "Commands of the server",
        arguments: [
            ("verbosity", format), ("verbosity x", format), ("verbosity noreply", "-"),
            ("verbosity -1", format), ("verbosity 4294967296", format),
            ("flush_all x", exptime), ("flush_all x noreply", "-"), ("flush_all noreply x", exptime),
            ("flush_all 99999999999", exptime),
            ("cache_memlimit", "ERROR"), ("cache_memlimit x", "ERROR"), ("cache_memlimit noreply", "-"),
        ])
    func serverCommands(line: String, refusal: String) {
        let parsed = ParsedLine(line + "\r\n")

        #expect(parsed.refusal == refusal)
        #expect(parsed.request.command != .unknown)
    }

    @Test(
        "Meta commands",
        arguments: [
            ("mg", format), ("mg", format), ("mg \(longKey)", format), ("mg \(longKey) b", format),
            ("mg k !", format), ("mg k {", format), ("mg k v v !", format),
            ("mg k 1", "CLIENT_ERROR invalid flag"), ("mg k y", "CLIENT_ERROR invalid flag"),
            ("mg k S5", "CLIENT_ERROR invalid flag"), ("mg k [", "CLIENT_ERROR invalid flag"),
            ("mg k v v", "CLIENT_ERROR duplicate flag"), ("mg k T1 T2 y", "CLIENT_ERROR duplicate flag"),
            ("mg k T", "CLIENT_ERROR bad token in command line format"),
            ("mg k Tx", "CLIENT_ERROR bad token in command line format"),
            ("mg k T-", "CLIENT_ERROR bad token in command line format"),
            ("mg k N2147483648", "CLIENT_ERROR bad token in command line format"),
            ("mg k R99999999999", "CLIENT_ERROR bad token in command line format"),
            ("mg k C", "CLIENT_ERROR bad token in command line format"),
            ("mg k E-1", "CLIENT_ERROR bad token in command line format"),
            ("mg k Tx Jx", "CLIENT_ERROR invalid numeric initial value"),
            ("mg k Jx Tx", "CLIENT_ERROR bad token in command line format"),
            ("mg k Dx", "CLIENT_ERROR invalid numeric delta value"),
            ("mg k Fx", format), ("mg k F", format), ("mg k F4294967296", format),
            ("mg k Jx Fx", "CLIENT_ERROR invalid numeric initial value"),
            ("mg k Fx Jx", "CLIENT_ERROR invalid numeric initial value"),
            ("mg k Fx b", "CLIENT_ERROR error decoding key"), ("mg k b", "CLIENT_ERROR error decoding key"),
            ("mg Zm9vYg b", "CLIENT_ERROR error decoding key"),
            ("mg ==== b", "CLIENT_ERROR error decoding key"),
            ("mg Z=== b", "CLIENT_ERROR error decoding key"), ("mg Zm=v b", "CLIENT_ERROR error decoding key"),
            ("mg Zm9- b", "CLIENT_ERROR error decoding key"),
            ("mg k q \(longOpaque)", "CLIENT_ERROR opaque token too long"),
            ("mg k a b c d e f g h i j k l m n o p q r s t", "CLIENT_ERROR options flags are too long"),
            ("mg k y b c f h k l q s t u v x C1 D1 E1 F1 I J1", "CLIENT_ERROR options flags are too long"),
            ("md k q y", "CLIENT_ERROR invalid flag"),
            ("md k \(longOpaque)", "CLIENT_ERROR opaque token too long"),
            ("me", format), ("me \(longKey)", format), ("me zz b", format), ("me k !", format),
        ])
    func meta(line: String, refusal: String) {
        #expect(ParsedLine(line + "\r\n").refusal == refusal)
    }

    @Test(
        "Meta arithmetic has one answer for most",
        arguments: [
            ("ma", format), ("ma k !", format), ("ma k y", "CLIENT_ERROR invalid or duplicate flag"),
            ("ma k v v", "CLIENT_ERROR invalid or duplicate flag"),
            ("ma k Dx", "CLIENT_ERROR invalid or duplicate flag"),
            ("ma \(longKey)", "CLIENT_ERROR invalid or duplicate flag"),
            ("ma zz b", "CLIENT_ERROR invalid or duplicate flag"),
            ("ma k c f h k l q s t u v x C1 D1 E1 F1 I J1 MI O1", "CLIENT_ERROR invalid or duplicate flag"),
            ("ma k y MZ", "CLIENT_ERROR invalid or duplicate flag"),
            ("ma k MZ", "CLIENT_ERROR invalid mode for ma M token"),
            ("ma k M", "CLIENT_ERROR invalid mode for ma M token"),
            ("ma k q \(longOpaque)", "CLIENT_ERROR opaque token too long"),
        ])
    func arithmetic(line: String, refusal: String) {
        #expect(ParsedLine(line + "\r\n").refusal == refusal)
    }

    @Test(
        "Meta set swallows the data block of every refusal after the length",
        arguments: [
            ("ms k 1 y", "CLIENT_ERROR invalid flag +3"), ("ms k 1 !", "\(format) +3"),
            ("ms \(longKey) 1", "\(format) +3"), ("ms k 1 q q", "CLIENT_ERROR duplicate flag +3"),
            ("ms k 1 MZ", "CLIENT_ERROR invalid mode for ms M token +3"),
            ("ms k 1 M", "CLIENT_ERROR invalid mode for ms M token +3"),
            ("ms k 1 MZ \(longOpaque)", "CLIENT_ERROR invalid mode for ms M token +3"),
            ("ms k 1 \(longOpaque)", "CLIENT_ERROR opaque token too long +3"),
            ("ms k 1 q T F", "CLIENT_ERROR bad token in command line format +3"),
            ("ms k 1 F4294967296", "\(format) +3"), ("ms k 1 F-1", "\(format) +3"),
            ("ms zz 0 b k", "CLIENT_ERROR error decoding key +2"),
            ("ms k 5 b c f h k l q s t u v x C1 D1 E1 F1 I J1", "CLIENT_ERROR options flags are too long +7"),
        ])
    func metaSet(line: String, refusal: String) {
        #expect(ParsedLine(line + "\r\n").refusal == refusal)
    }
}
