import Foundation
import ServerTesting
import Testing

@Suite("martletctl: items")
struct ItemCommandTests {
    @Test("set stores what get prints, byte for byte")
    func setAndGet() throws {
        let server = try TestServer()

        #expect(
            try Program("set", "-s", server.address, "a", "--ttl", "100", "--flags", "7", input: "x\r\ny\n").status == 0
        )
        #expect(try Program("get", "-s", server.address, "a").output == "x\r\ny\n")
        #expect(
            try Program("get", "-s", server.address, "a", "--json").output.hasPrefix(
                #"{"key":"a","value":"x\u000d\ny\n","flags":7,"ttl_seconds":"#))
    }

    @Test("what is not there is told on stderr, with status 1")
    func missing() throws {
        let server = try TestServer()

        for words in [["get", "a"], ["delete", "a"], ["touch", "a", "--ttl", "1"]] {
            let program = try Program(words + ["-s", server.address])

            #expect(program.status == 1)
            #expect(program.output.isEmpty)
            #expect(program.errors == "a is not there\n")
        }
    }

    @Test("delete and touch do what they say, keys of any bytes included")
    func deleteAndTouch() throws {
        let server = try TestServer()
        let key = "with blank"
        #expect(try Program("set", "-s", server.address, key, "v").status == 0)

        #expect(try Program("touch", "-s", server.address, key, "--ttl", "1000").status == 0)
        #expect(try Program("get", "-s", server.address, key, "--json").output.contains(#""ttl_seconds":"#))
        #expect(try Program("delete", "-s", server.address, key).status == 0)
        #expect(try Program("get", "-s", server.address, key).status == 1)
    }

    @Test("a life of more than thirty days is one, and no second of 1970")
    func longLife() throws {
        let server = try TestServer()

        #expect(try Program("set", "-s", server.address, "a", "v", "--ttl", "5184000").status == 0)
        #expect(try Program("get", "-s", server.address, "a", "--json").output.contains(#""ttl_seconds":518"#))
        #expect(try Program("touch", "-s", server.address, "a", "--ttl", "6184000").status == 0)
        #expect(try Program("get", "-s", server.address, "a", "--json").output.contains(#""ttl_seconds":618"#))
        #expect(try Program("get", "-s", server.address, "a").output == "v")
    }

    @Test("add leaves what is there")
    func add() throws {
        let server = try TestServer()
        #expect(try Program("set", "-s", server.address, "a", "old").status == 0)

        #expect(try Program("set", "-s", server.address, "a", "new", "--add").status == 1)
        #expect(try Program("get", "-s", server.address, "a").output == "old")
    }

    /// So many keys for each of two servers. Where a key is depends on the servers' ports.
    private func keys(_ countOfEach: Int, of servers: [String]) throws -> [String] {
        let all = (0..<1000).map { "key:\($0)" }
        let homes = try Program(
            "ring", "map", "--servers", servers.joined(separator: ","), input: all.map { $0 + "\n" }.joined()
        ).output.split(separator: "\n").map(String.init)
        try #require(homes.count == all.count)
        return servers.flatMap { server in
            zip(all, homes).filter { $0.1 == server }.prefix(countOfEach).map { $0.0 }
        }
    }

    @Test("of several servers each key is at the one that clients ask")
    func ring() throws {
        let one = try TestServer()
        let two = try TestServer()
        let both = "\(one.address),\(two.address)"
        for key in try keys(4, of: [one.address, two.address]) {
            #expect(try Program("set", "-s", both, key, "v").status == 0)
        }

        let all = try Program("keys", "-s", both).output.split(separator: "\n")
        let first = try Program("keys", "-s", one.address).output.split(separator: "\n")

        #expect(Set(all).count == 8)
        #expect(first.count == 4)
        let got = try Program(["get", "--json", "-s", both] + all.map(String.init))
        #expect(got.status == 0 && got.output.split(separator: "\n").count == 8)
    }

    @Test(
        "a login is the first line of its file; passwords may have blanks and colons",
        arguments: [
            ("user:pass word\n", true), ("user pass word\r\nmore", true), ("user:pass:word", false), ("user:", false),
            ("user", false), ("", false), (":pass word", false),
        ])
    func login(text: String, isRight: Bool) throws {
        let place = try TemporaryPlace()
        try Data("user:pass word\n".utf8).write(to: URL(fileURLWithPath: place.path("users")))
        try Data(text.utf8).write(to: URL(fileURLWithPath: place.path("login")))
        let server = try TestServer {
            $0.authFilePath = place.path("users")
            $0.protocolName = "ascii"
        }

        let program = try Program("set", "-s", server.address, "--login-file", place.path("login"), "a", "v")

        #expect((program.status == 0) == isRight, "\(program.errors)")
        if !isRight, text != "user:pass:word" { #expect(program.errors.contains("is not user:password")) }
    }

    @Test("keys are filtered by name and size")
    func keys() throws {
        let server = try TestServer()
        for (key, bytes) in [("user:1", 10), ("user:22", 2000), ("page:1", 10)] {
            #expect(try Program("set", "-s", server.address, key, String(repeating: "x", count: bytes)).status == 0)
        }
        func keys(_ words: String...) throws -> Set<Substring> {
            Set(try Program(["keys", "-s", server.address] + words).output.split(separator: "\n"))
        }

        #expect(try keys() == ["user:1", "user:22", "page:1"])
        #expect(try keys("--prefix", "user:") == ["user:1", "user:22"])
        #expect(try keys("--like", "*:?") == ["user:1", "page:1"])
        #expect(try keys("--larger", "1000") == ["user:22"])
        #expect(try keys("--expiring", "100").isEmpty)
        #expect(try keys("--limit", "1").count == 1)
    }

    @Test("a connection that is not made in time is told as such")
    func unmade() throws {
        let full = try FullListener()

        let program = try Program("get", "-s", full.address, "--timeout", "0.5", "a")

        #expect(program.errors == "Error: \(full.address): no answer in time (--timeout)\n")
    }

    @Test("keys come out as bytes, a line each, and are taken as they come out")
    func rawKeys() throws {
        let server = try TestServer()
        let keys = ["ключ", #"a\x41"#, "two words", #"say "hi""#]
        for key in keys { #expect(try Program("set", "-s", server.address, key, "v").status == 0) }
        #expect(try server.client().exchange("ms YQpi 1 b\r\nx\r\n", "HD\r\n"))

        let told = try Program("keys", "-s", server.address).output.split(separator: "\n").map(String.init)

        #expect(Set(told) == Set(keys + [#"a\x0ab"#]))
        #expect(try Program(["get", "-s", server.address] + keys).status == 0)
        let table = try Program("keys", "-s", server.address, "--long").output
        for shown in ["  ключ\n", "  a\\\\x41\n", "  a\\x0ab\n"] { #expect(table.contains(shown), "\(table)") }
        #expect(try Program("keys", "-s", server.address, "--json").output.contains(#""key":"a\nb""#))
    }

    @Test("a key that is no text comes out as it is")
    func binaryKeys() throws {
        let list = "key=%ff%1b exp=-1 la=1 cas=1 fetch=no cls=3 size=70\r\nEND\r\n"
        let server = try FakeServer { _ in Array(list.utf8) }

        let program = try Program("keys", "-s", server.address)

        #expect(program.outputBytes == [0xFF, 0x1B, 0x0A])
        #expect(try Program("keys", "-s", server.address, "--long").output.hasSuffix("  \\xff\\x1b\n"))
    }

    @Test(
        "a question mark is one character, of however many bytes",
        arguments: [
            ("?", true), ("??", false), ("*?", true), ("a*??b", false), ("é", true), ("*é*", true), ("???", false),
        ])
    func likeCharacter(pattern: String, isLike: Bool) throws {
        let server = try TestServer()
        #expect(try Program("set", "-s", server.address, "é", "v").status == 0)

        let keys = try Program("keys", "-s", server.address, "--like", pattern).output

        #expect(keys == (isLike ? "é\n" : ""))
    }

    @Test(
        "words that make no sense are a sentence that says why",
        arguments: [
            (["gett", "x"], "there is no command 'gett'; there are top, stats, get, "),
            (["ring", "shov"], "there is no command 'shov'; there are map, show, diff"),
            (["set", "a", "b", "--ttl", "-5"], "--ttl is between 0 and 2147483647"),
            (["touch", "a", "--ttl", "-5"], "--ttl is between 0 and 2147483647"),
            (["dump", "--to", "localhost", "file"], "a file and --to exclude each other"),
            (["dump"], "either a file or --to is needed"),
            (["dump", "--to", "localhost:0"], "'localhost:0' is not host, "),
            (["get", ""], "a key has 1 to 250 bytes (186 if it has others than printable ones)"),
        ])
    func sentences(words: [String], sentence: String) throws {
        let program = try Program(words)

        #expect(program.status == 64)
        #expect(program.errors.contains(sentence), "\(program.errors)")
    }

    @Test("a server that is down leaves what the others answer", arguments: ["get", "delete", "touch", "keys"])
    func partly(command: String) throws {
        let up = try TestServer()
        let down = try RefusingPort()
        let both = "\(down.address),\(up.address)"
        // Each key is where clients would look for it: half of these at the server that is down.
        let keys = try keys(8, of: [down.address, up.address])
        for key in keys { _ = try Program("set", "-s", both, key, "v") }
        let there = Set(try Program("keys", "-s", up.address).output.split(separator: "\n"))
        let words: [String] = command == "keys" ? [] : command == "touch" ? keys + ["--ttl", "0"] : keys

        let program = try Program([command, "-s", both] + words)

        #expect(there.count == 8 && keys.count == 16)
        #expect(program.status == 1)
        let sentences = program.errors.split(separator: "\n").filter { $0.hasPrefix("Error: ") }
        #expect(sentences.count == 1 && sentences[0].hasPrefix("Error: \(down.address): "), "\(program.errors)")
        switch command {
        case "get": #expect(program.output.split(separator: "\n").count == 2 * there.count)
        case "keys": #expect(Set(program.output.split(separator: "\n")) == there)
        case "delete": #expect(try Program("keys", "-s", up.address).output.isEmpty)
        default: break
        }
    }

    @Test(
        "output that cannot be written is a sentence and a status",
        arguments: [["get", "a"], ["keys"], ["stats"], ["stats", "--json"], ["top", "-n", "1", "--interval", "0.1"]])
    func fullDevice(words: [String]) throws {
        let server = try TestServer()
        #expect(try Program("set", "-s", server.address, "a", "v").status == 0)

        let program = try Program(words + ["-s", server.address], outputPath: "/dev/full")

        #expect(program.status == 1)
        #expect(program.errors == "Error: standard output cannot be written: No space left on device\n")
    }

    @Test(
        "a closed pipe is no failure, but of a dump",
        arguments: [
            ["get", "a"], ["keys"], ["keys", "--json"], ["stats"], ["stats", "--json"], ["ring", "map"],
            ["dump", "-q", "-"],
            // They end by themselves after a while, so that the test does, too.
            ["top", "-n", "20", "--interval", "0.1"], ["top", "-n", "20", "--interval", "0.1", "--json"],
        ])
    func closedPipe(words: [String]) throws {
        let server = try TestServer()
        #expect(try Program("set", "-s", server.address, "a", "v").status == 0)
        let option = words[0] == "ring" ? "--servers" : "-s"

        let program = try Program(words + [option, server.address], input: "a\nb\n", isUnread: true)

        #expect(!program.hasCrashed)
        #expect(program.status == (words[0] == "dump" ? 1 : 0), "\(program.errors)")
        #expect(program.errors == (words[0] == "dump" ? "Error: -: Broken pipe\n" : ""))
    }

    @Test("a closed pipe ends what would go on, and hides no failure")
    func closedPipeAndMore() throws {
        let watched = try FakeServer { _ in Array("OK\r\ntype=item_get key=a\r\n".utf8) }
        let up = try TestServer()
        let down = try RefusingPort()
        #expect(try Program("set", "-s", up.address, "a", "v").status == 0)

        let watch = try Program(["watch", "-s", watched.address], isUnread: true)
        let keys = try Program(["keys", "-s", "\(down.address),\(up.address)"], isUnread: true)

        #expect(watch.status == 0 && !watch.hasCrashed, "\(watch.errors)")
        #expect(keys.status == 1 && !keys.hasCrashed, "\(keys.errors)")
    }

    @Test("a server that is not there is one sentence", arguments: ["get", "keys", "stats"])
    func nobody(command: String) throws {
        let server = try RefusingPort()

        let program = try Program([command, "-s", server.address] + (command == "get" ? ["a"] : []))

        #expect(program.status != 0)
        #expect(program.errors.hasPrefix("Error: \(server.address): "))
    }
}
