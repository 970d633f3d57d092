import Foundation
import ServerTesting
import StoreTesting
import Testing

/// Servers and files that tell anything: a sentence and a status, never a crash, nothing that commands a terminal.
@Suite("martletctl: hostile servers and files")
struct HostileTests {
    private static let stats =
        "STAT uptime 5\r\nSTAT curr_items 7\r\nSTAT bytes 1024\r\nSTAT limit_maxbytes 67108864\r\nSTAT cmd_get 9\r\n"
        + "STAT get_hits 8\r\nSTAT cmd_set 3\r\nSTAT incr_hits 1\r\nSTAT bytes_read 100\r\nSTAT bytes_written 200\r\nEND\r\n"
    private static let list =
        "key=a exp=-1 la=1700000000 cas=1 fetch=no cls=3 size=70\r\n"
        + "key=b%20c exp=1900000000 la=1700000000 cas=2 fetch=yes cls=4 size=80\r\nEND\r\n"
    private static let values = "VA 1 f0 t-1 ka\r\nx\r\nVA 2 f7 t100 kYiBj b\r\nyy\r\nMN\r\n"

    /// Replies as they should be, or changed by the seed.
    private static func reply(_ request: [UInt8], _ random: inout SplitMix, changes: Bool) -> [UInt8] {
        let text = String(decoding: request, as: UTF8.self)
        let reply =
            text.hasPrefix("stats") ? stats : text.hasPrefix("lru") ? list : text.hasPrefix("mg") ? values : "MN\r\n"
        return changes ? Mutation.applied(to: Array(reply.utf8), &random) : Array(reply.utf8)
    }

    @Test(
        "no reply ends the program by a trap",
        arguments: [
            ["stats"], ["top", "-n", "2", "--interval", "0.1"], ["keys", "--long"], ["keys", "--json", "--idle", "1"],
            ["keys", "--expiring", "9"], ["get", "a", "--json"], ["dump", "-q", "-"],
        ])
    func replies(words: [String]) throws {
        // The same server many times over: each is asked anew, and answers something else.
        for seed in 0..<8 as Range<UInt64> {
            var random = SplitMix(seed: seed)
            let server = try FakeServer { request in Self.reply(request, &random, changes: true) }
            let isMany = words[0] == "top" || words[0] == "stats"
            let addresses = [String](repeating: server.address, count: isMany ? 12 : 1).joined(separator: ",")

            let program = try Program(words + ["--timeout", "5", "-s", addresses])

            #expect(!program.hasCrashed, "seed \(seed): \(program.errors)")
            if words[0] != "dump" {
                #expect(!program.output.contains("\u{1B}") && !program.output.contains("\u{9B}"), "seed \(seed)")
            }
            #expect(!program.errors.contains("\u{1B}"), "seed \(seed)")
        }
    }

    @Test("what a server says in place of an answer does not command the terminal")
    func escapes() throws {
        let server = try FakeServer { _ in Array("\u{1B}]0;owned\u{7}\u{9B}2J\u{202E}\r\n".utf8) }

        for words in [["stats"], ["keys"], ["get", "a"], ["set", "a", "b"], ["delete", "a"], ["watch"]] {
            let program = try Program(words + ["-s", server.address])

            #expect(program.status != 0)
            #expect(program.errors.contains("\\u{1b}]0;owned\\u{7}\\u{9b}2J\\u{202e}"), "\(program.errors)")
        }
    }

    @Test("events are told without what would command the terminal")
    func events() throws {
        let server = try FakeServer { _ in Array("OK\r\ntype=item_get key=\u{1B}[2J\r\n".utf8) }

        #expect(try Program("watch", "-s", server.address, "-n", "1").output == "type=item_get key=\\u{1b}[2J\n")
    }

    @Test("a line that does not end is not read for ever")
    func endless() throws {
        let server = try FakeServer { _ in [UInt8](repeating: 0x61, count: 3 << 20) }

        let program = try Program("stats", "-s", server.address)

        #expect(program.errors.contains("a reply's line does not end"))
    }

    @Test("a list of keys begins once", arguments: [1, 2])
    func beginnings(count: Int) throws {
        let server = try FakeServer { _ in Array((String(repeating: "OK\r\n", count: count) + Self.list).utf8) }

        let program = try Program("keys", "-s", server.address)

        #expect((program.status == 0) == (count == 1), "\(program.errors)")
        #expect(program.errors.contains("listing keys: OK") == (count == 2))
        #expect(program.output.hasPrefix("a\n") == (count == 1))
    }

    @Test("a long name among many rows does not make all of them long")
    func wideTable() throws {
        let rows = (0..<1000).map { "STAT a\($0) 1\r\n" }.joined()
        let server = try FakeServer { _ in
            Array(("STAT " + String(repeating: "n", count: 100_000) + " 1\r\n" + rows + "END\r\n").utf8)
        }

        let program = try Program("stats", "-s", server.address)

        #expect(program.status == 0, "\(program.errors)")
        #expect(program.output.contains("\na999 ") && program.outputBytes.count < 400_000)
    }

    @Test(
        "an item that cannot be is no part of a copy",
        arguments: [
            "VA 1 f0 t-1 ka\r\nxyy", "VA 1 f0 t-1 ka\r\nx\n\n", "VA 1 f99999999999 t-1 ka\r\nx\r\n",
            "VA 1 f-1 t-1 ka\r\nx\r\n", "VA 1 t-1 ka\r\nx\r\n", "VA 1 f0 t99999999999999999999 ka\r\nx\r\n",
            "VA 1 f0 t4294967296 ka\r\nx\r\n", "VA 1 f0 t-2 ka\r\nx\r\n", "VA 1 f0 t ka\r\nx\r\n",
            "VA 1 f0 ka\r\nx\r\n", "VA +1 f0 t-1 ka\r\nx\r\n", "VA 1 f0 t-1\r\nx\r\n",
        ])
    func impossibleItem(told: String) throws {
        let place = try TemporaryPlace()
        let list = "key=a exp=-1 la=1 cas=1 fetch=no cls=1 size=60\r\nEND\r\n"
        let server = try FakeServer { request in
            Array((request.starts(with: "lru".utf8) ? list : told + "MN\r\n").utf8)
        }

        let dump = try Program("dump", "-s", server.address, place.path("a"))

        #expect(dump.status == 1)
        #expect(dump.errors.hasPrefix("Error: \(server.address): reading items: "), "\(dump.errors)")
        #expect(!FileManager.default.fileExists(atPath: place.path("a")))
    }

    @Test("no file ends the program by a trap, and what is damaged is said to be")
    func files() throws {
        let place = try TemporaryPlace()
        let source = try FakeServer { request in
            var random = SplitMix(seed: 0)
            return Self.reply(request, &random, changes: false)
        }
        #expect(try Program("dump", "-q", "-s", source.address, place.path("whole")).status == 0)
        let whole = Array(try Data(contentsOf: URL(fileURLWithPath: place.path("whole"))))
        let target = try TestServer()

        for seed in 0..<40 as Range<UInt64> {
            var random = SplitMix(seed: seed)
            let file = Mutation.applied(to: whole, &random)
            try Data(file).write(to: URL(fileURLWithPath: place.path("a")))

            let program = try Program("load", "-q", "-s", target.address, place.path("a"))

            #expect(!program.hasCrashed, "seed \(seed): \(program.errors)")
            // The time in its first line is nobody's.
            let isSame = file.drop { $0 != 0x0A } == whole.drop { $0 != 0x0A }
            #expect(program.status != 0 || isSame, "seed \(seed)")
        }
    }

    @Test(
        "a line with a right sum is not believed either when it says what cannot be",
        arguments: [
            "YQ== 0 - 9223372036854775807", "YQ== 0 - -1", "YQ== 0 - 1073741825", "YQ== 4294967296 - 1",
            "YQ== 0 x 1", "YQ= 0 - 1", String(repeating: "YWFh", count: 90) + " 0 - 1",
        ])
    func impossible(words: String) throws {
        let place = try TemporaryPlace()
        let target = try TestServer()
        try Data(DumpText.file(words, value: "x").utf8).write(to: URL(fileURLWithPath: place.path("a")))

        let program = try Program("load", "-s", target.address, place.path("a"))

        #expect(program.errors.contains("item 1 is damaged: it says what cannot be"), "\(program.errors)")
    }

    @Test(
        "a life from the beginning or the end of time is one",
        arguments: ["-9223372036854775808", "9223372036854775807"])
    func lives(end: String) throws {
        let place = try TemporaryPlace()
        let target = try TestServer()
        try Data(DumpText.file("YQ== 0 \(end) 1", value: "x").utf8)
            .write(to: URL(fileURLWithPath: place.path("a")))

        let program = try Program("load", "-s", target.address, place.path("a"))

        #expect(program.status == 0, "\(program.errors)")
        #expect(program.errors.contains(end.hasPrefix("-") ? "1 expired since" : "1 items stored"))
    }
}
