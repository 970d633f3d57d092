import ExecutionTesting
import MartletServer
import ServerTesting
import Testing

/// What is said before a login and after, without sockets; the hashed lines have few rounds, so that a try is short.
struct LoginTests {
    static let lines = "foo:bar\nbaaaz:quux\n"

    private func server(_ text: String = lines) throws -> (LogicServer, TemporaryFile) {
        let file = try TemporaryFile(text)
        var settings = ServerSettings()
        settings.authFilePath = file.path
        settings.protocolName = "ascii"
        return (try LogicServer(settings), file)
    }

    private func hashed(_ user: String, _ password: String, rounds: Int = 3000) throws -> String {
        "\(user):\(try #require(PasswordHash(of: password.utf8, rounds: rounds)).text)\n"
    }

    @Test(arguments: [
        ("get foo\r\n", "CLIENT_ERROR unauthenticated\r\n"),
        ("mg foo v\r\n", "CLIENT_ERROR unauthenticated\r\n"),
        ("set foo 0 0 2\r\nhi\r\n", "CLIENT_ERROR bad authentication token format\r\n"),
        ("set foo 0 0 7\r\nfoo bab\r\n", "CLIENT_ERROR authentication failure\r\n"),
        ("set foo 0 0 7\r\nfop bar\r\n", "CLIENT_ERROR authentication failure\r\n"),
        ("set foo 0 0 8\r\nfoo bar\0\r\n", "CLIENT_ERROR authentication failure\r\n"),
        ("set foo 0 0 8\r\nfoo  bar\r\n", "CLIENT_ERROR authentication failure\r\n"),
        ("set foo 0 0 7\r\nfoo barXX", "CLIENT_ERROR bad command line termination\r\n"),
        ("set foo 0 0 2147483646\r\n", "CLIENT_ERROR auth token too long\r\n"),
        ("set foo 0 0 16385\r\n", "CLIENT_ERROR auth token too long\r\n"),
        ("set foo 0 0 99999999999999999999\r\n", "CLIENT_ERROR unauthenticated\r\n"),
        ("set foo 0 0 -1\r\n", "CLIENT_ERROR unauthenticated\r\n"),
        ("set foo 0 0\r\n", "CLIENT_ERROR unauthenticated\r\n"),
    ])
    func `nothing but the right token is let in`(request: String, reply: String) throws {
        let (server, _) = try server()
        let connection = server.connect()

        #expect(connection.ask(request) == reply)
        #expect(connection.ask("get a\r\n").hasPrefix("CLIENT_ERROR") || connection.isClosed)
    }

    @Test(arguments: ["mn\r\n", "quit\r\n", "a\nb", String(repeating: "x", count: 2049), "\u{0}\r\n"])
    func `a line too short or without an end costs the connection`(request: String) throws {
        let (server, _) = try server()
        let connection = server.connect()

        #expect(connection.ask(request) == "")
        #expect(connection.isClosed)
    }

    @Test func `any cut of a login and what follows gives the same answers`() throws {
        let (server, _) = try server()
        let bytes = Array(
            "set a 0 0 7\r\nfoo bab\r\nset a 0 0 10\r\nbaaaz quux\r\nset k 0 0 1\r\nv\r\nget k\r\nmn\r\n".utf8)
        let expected = "CLIENT_ERROR authentication failure\r\nSTORED\r\nSTORED\r\nVALUE k 0 1\r\nv\r\nEND\r\nMN\r\n"

        for cut in 0...bytes.count {
            let connection = server.connect()
            connection.send(bytes[..<cut])
            connection.send(bytes[cut...])
            #expect(String(decoding: connection.takeReplies(), as: UTF8.self) == expected, "cut at \(cut)")
        }
        let connection = server.connect()
        for byte in bytes { connection.send([byte]) }
        #expect(String(decoding: connection.takeReplies(), as: UTF8.self) == expected)
    }

    @Test func `a hashed line lets its password in, slice by slice, and every later one at once`() throws {
        let (server, _) = try server(try hashed("ann", "secret") + Self.lines)
        let first = server.connect()
        let second = server.connect()

        #expect(first.ask("set a 0 0 10\r\nann secret\r\n") == "STORED\r\n")
        #expect(first.dispositions.filter { $0 == .goesOn }.count == 2)
        #expect(second.ask("set a 0 0 10\r\nann secret\r\n") == "STORED\r\n")
        #expect(second.dispositions == [.wantsInput])
    }

    @Test(arguments: ["ann wrong", "nobody secret", "foo secret", "ann $pbkdf2"])
    func `a refusal computes as much whoever it names`(token: String) throws {
        let (server, _) = try server(
            try hashed("ann", "secret") + hashed("ann", "another") + hashed("bob", "x") + Self.lines)
        let connection = server.connect()

        #expect(
            connection.ask("set a 0 0 \(token.utf8.count)\r\n\(token)\r\n") == "CLIENT_ERROR authentication failure\r\n"
        )
        #expect(connection.dispositions.filter { $0 == .goesOn }.count == 5)
    }

    @Test func `of thousands of wrong passwords none is let in`() throws {
        // One compares equal by chance where a comparison looks at little of the hash.
        let (server, _) = try server(try hashed("ann", "secret", rounds: 1))

        for number in 0..<2000 {
            let token = "ann \(number)"
            let reply = server.connect().ask("set a 0 0 \(token.utf8.count)\r\n\(token)\r\n")
            #expect(reply == "CLIENT_ERROR authentication failure\r\n", "\(token)")
        }
    }

    @Test func `both of a user's passwords will do`() throws {
        let (server, _) = try server(try hashed("ann", "old") + hashed("ann", "new"))

        #expect(server.connect().ask("set a 0 0 7\r\nann old\r\n") == "STORED\r\n")
        #expect(server.connect().ask("set a 0 0 7\r\nann new\r\n") == "STORED\r\n")
        #expect(server.connect().ask("set a 0 0 7\r\nann ol!\r\n") == "CLIENT_ERROR authentication failure\r\n")
    }

    @Test func `many refused tokens end the connection, and are counted`() throws {
        let (server, _) = try server()
        let connection = server.connect()

        let replies = connection.ask(String(repeating: "set a 0 0 7\r\nfoo bab\r\n", count: 20))

        #expect(replies == String(repeating: "CLIENT_ERROR authentication failure\r\n", count: Limits.loginFailuresMax))
        #expect(connection.isClosed)
        _ = server.connect().ask("set a 0 0 7\r\nfoo bar\r\n")
        #expect(server.counters.pointee.commands.logins.value == UInt64(Limits.loginFailuresMax + 1))
        #expect(server.counters.pointee.commands.loginFailures.value == UInt64(Limits.loginFailuresMax))
    }

    @Test func `a new file counts for new logins, a bad one changes nothing, and who is in stays in`() throws {
        let (server, file) = try server(try hashed("ann", "secret"))
        let login = "set a 0 0 10\r\nann secret\r\n"
        let old = server.connect()
        #expect(old.ask(login) == "STORED\r\n")

        try file.write("no colon\n")
        server.context.pointee.credentialFile.reload()
        #expect(server.connect().ask(login) == "STORED\r\n")

        try file.write("ann:other\n")
        server.context.pointee.credentialFile.reload()
        #expect(server.connect().ask(login) == "CLIENT_ERROR authentication failure\r\n")
        #expect(server.connect().ask("set a 0 0 9\r\nann other\r\n") == "STORED\r\n")
        #expect(old.ask("mn\r\n") == "MN\r\n")
    }

    private static func token(_ token: String) -> String { "set a 0 0 \(token.utf8.count)\r\n\(token)\r\n" }

    /// Connections of `count` addresses, of each `each`, that have sent wrong passwords.
    private func guessers(_ server: LogicServer, count: Int, each: Int) -> [LogicConnection] {
        (0..<count * each).map { number in
            let guesser = server.connect(from: UInt64(1000 + number % count))
            guesser.sendUnseen(String(repeating: Self.token("ann wrong"), count: Limits.loginFailuresMax))
            return guesser
        }
    }

    @Test func `whoever guesses, what takes no slow hash is decided at once`() throws {
        let (server, _) = try server(try hashed("ann", "secret") + Self.lines)
        #expect(server.connect().ask(Self.token("ann secret")) == "STORED\r\n")
        let guessers = guessers(server, count: 2, each: 3)
        let plain = server.connect(from: 7)
        let remembered = server.connect(from: 8)
        server.round(guessers)

        plain.sendUnseen(Self.token("foo bar"))
        remembered.sendUnseen(Self.token("ann secret"))
        server.round(guessers + [plain, remembered])

        #expect(plain.takeReplies() == Array("STORED\r\n".utf8))
        #expect(remembered.takeReplies() == Array("STORED\r\n".utf8))
    }

    @Test(arguments: [1, 5])
    func `who guesses from some addresses makes a login wait for a turn of each per slice, and no more`(
        addressCount: Int
    ) throws {
        let (server, _) = try server(try hashed("ann", "secret"))
        let guessers = guessers(server, count: addressCount, each: 8)
        server.round(guessers)
        let late = server.connect(from: 7)
        late.sendUnseen(Self.token("ann secret"))

        var replies: [UInt8] = []
        var rounds = 0
        while replies.isEmpty, rounds < 1000 {
            server.round(guessers + [late])
            rounds += 1
            replies += late.takeReplies()
        }

        #expect(replies == Array("STORED\r\n".utf8))
        // 3000 rounds of the hash are three slices.
        #expect(rounds <= 3 * (addressCount + 1))
    }

    @Test func `who waits with the password that another of its address has got right goes on with it`() throws {
        let (server, _) = try server(try hashed("ann", "secret"))
        let pool = (0..<10).map { _ in server.connect(from: 7) }
        for connection in pool { connection.sendUnseen(Self.token("ann secret")) }

        for _ in 0..<4 { server.round(pool) }

        for connection in pool { #expect(connection.takeReplies() == Array("STORED\r\n".utf8)) }
    }

    @Test func `who leaves in the middle of a check leaves its turn to others`() throws {
        let (server, _) = try server(try hashed("ann", "secret"))
        var guessers = guessers(server, count: 3, each: 2)
        server.round(guessers)
        guessers = []

        #expect(server.connect(from: 1000).ask(Self.token("ann secret")) == "STORED\r\n")
    }

    @Test func `a password may be as long as a token`() throws {
        let password = String(repeating: "p", count: 16_000)
        let (server, _) = try server(try hashed("ann", password))

        #expect(server.connect().ask(Self.token("ann \(password)")) == "STORED\r\n")
        #expect(server.connect().ask(Self.token("ann \(password)p")) == "CLIENT_ERROR authentication failure\r\n")
    }

    @Test func `over a socket, a slow login holds up nobody else, and who does not log in is closed`() throws {
        let file = try TemporaryFile(try hashed("ann", "secret", rounds: 8_000) + Self.lines)
        let server = try TestServer(clock: ServerClock(manualWithWall: 1_000_000)) {
            $0.threadCount = 1
            $0.protocolName = "ascii"
            $0.authFilePath = file.path
        }
        defer { server.stop() }
        let silent = try server.client()
        let slow = try server.client()
        let quick = try server.client()

        #expect(try quick.exchange("set a 0 0 7\r\nfoo bar\r\n", "STORED\r\n"))
        try slow.send("set a 0 0 9\r\nann wrong\r\n")
        #expect(try quick.exchange("set a 0 0 1\r\nv\r\n", "STORED\r\n"))
        #expect(try slow.exchange("", "CLIENT_ERROR authentication failure\r\n"))

        server.context.pointee.clock.advance(seconds: Limits.loginSecondsMax)
        server.server.tick()
        #expect(try silent.receiveAll() == [])
        #expect(try quick.exchange("mn\r\n", "MN\r\n"))
    }
}
