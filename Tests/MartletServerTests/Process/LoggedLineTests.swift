import MartletServer
import Testing

@Suite("What the log shows of commands and replies")
struct LoggedLineTests {
    @Test(
        "is their first line without a counter's numbers",
        arguments: [
            ("incr n 5\r\n", "incr n <number>"), ("decr  n  5 noreply\r\n", "decr  n  <number> noreply"),
            ("ma n N0 J17 D5 v\r\n", "ma n N0 J<number> D<number> v"), ("ma J1 q\r\n", "ma J1 q"),
            ("ma n J\r\n", "ma n J<number>"), ("incr n\r\n", "incr n"), ("incr\r\n", "incr"), ("\r\n", ""),
            ("set D5 0 0 4\r\nJ424\r\n", "set D5 0 0 4"), ("incrs n 5\r\n", "incrs n 5"),
            ("mg m\u{7F} v\r\n", "mg m\\x7f v"),
        ])
    func commands(_ command: String, _ shown: String) {
        #expect(LoggedLine.command(Array(command.utf8)) == shown)
    }

    @Test("is cut where a line has no end, a number too")
    func cut() {
        let key = String(repeating: "k", count: 292)

        #expect(LoggedLine.command(Array("incr \(key) 424242".utf8)) == "incr \(key) <number>...")
    }

    @Test("is no value that a counter has come to", arguments: ["0\r\n", "424242\r\n", "9"])
    func numbers(_ reply: String) {
        #expect(LoggedLine.reply(Array(reply.utf8)) == "<number>")
    }

    @Test(
        "is the first line of other replies",
        arguments: [("VA 6\r\n424242\r\n", "VA 6"), ("NOT_FOUND\r\n", "NOT_FOUND")])
    func replies(_ reply: String, _ shown: String) {
        #expect(LoggedLine.reply(Array(reply.utf8)) == shown)
    }

    @Test("is of a binary request header and key, of a binary reply the header, whatever bytes are in them")
    func binary() {
        let header: [UInt8] = [0x80, 5, 0, 2, 20, 0, 0, 0, 0, 0, 0, 22] + [UInt8](repeating: 0x0A, count: 12)
        let extras = [UInt8](repeating: UInt8(ascii: "7"), count: 20)
        let request = LoggedLine.command(header + extras + Array("kk".utf8))
        let reply = LoggedLine.reply([0x81] + header.dropFirst() + Array("s3cret".utf8))

        #expect(request.hasPrefix("\\x80\\x05\\x00\\x02\\x14") && request.hasSuffix("\\x0a\\x0akk"))
        #expect(!request.contains("7"))
        #expect(reply.hasPrefix("\\x81") && reply.hasSuffix("\\x0a"))
        #expect(LoggedLine.command(header.prefix(10)).hasSuffix("\\x00\\x00"))
    }
}
