import ExecutionTesting
import Glibc
import MartletServer
import Testing

/// `martletd --hash-password`, as its users run it: what it prints lets in who was named, and nobody else.
@Suite(.enabled(if: Program.path != nil), .serialized)
struct HashedPasswordsTests {
    private static func run(_ input: [UInt8]) throws -> Program.End {
        let file = try TemporaryFile(input)
        return try Program(["--hash-password"], input: file.path).end()
    }

    private static func login(_ token: [UInt8], with file: [UInt8]) throws -> String {
        let file = try TemporaryFile(file)
        var settings = ServerSettings()
        settings.authFilePath = file.path
        settings.protocolName = "ascii"
        let connection = try LogicServer(settings).connect()
        connection.send(Array("set x 0 0 \(token.count)\r\n".utf8) + token + [0x0D, 0x0A])
        return String(decoding: connection.takeReplies(), as: UTF8.self)
    }

    /// Bytes that are no text, a password that begins with a mark of the letter before, one with a colon; and a line
    /// end of two bytes.
    @Test(
        arguments: [
            ("ann", [0x70, 0xE4, 0x73, 0x73]), ("ann", [0xCC, 0x81, 0x70]), ("ann", Array("a:b c".utf8)), ("b", [0xFF]),
        ] as [(String, [UInt8])], [[0x0A], [0x0D, 0x0A], []] as [[UInt8]])
    func `names and passwords are bytes`(_ line: (name: String, password: [UInt8]), _ end: [UInt8]) throws {
        let name = Array(line.name.utf8) + [0xE9, 0x61]

        let printed = try Self.run(name + [0x3A] + line.password + end)

        #expect(printed.status == 0)
        #expect(printed.outputBytes.starts(with: name + Array(":$pbkdf2-sha256$".utf8)))
        #expect(try Self.login(name + [0x20] + line.password, with: printed.outputBytes) == "STORED\r\n")
        let other = name + [0x20] + line.password.dropLast()
        #expect(try Self.login(other, with: printed.outputBytes) == "CLIENT_ERROR authentication failure\r\n")
    }

    @Test func `what is hashed stays as it is`() throws {
        let line = "ann:\(try #require(PasswordHash(of: "secret".utf8, rounds: 10)).text)\n"

        #expect(try Self.run(Array(line.utf8)).output == line)
    }

    @Test(
        arguments: [
            ("", "there is no user:password line"), ("ann\n", "line 1: not user:password"),
            (":secret\n", "line 1: no name before the colon"), ("a:b\n\n", "line 2: not user:password"),
            ("a:$pbkdf2-sha256$x\n", "line 1: not $pbkdf2-sha256$"),
            (String(repeating: "n", count: 200) + ":p\n", "line 1 would be longer than 255 bytes"),
        ])
    func `what cannot stand in the file is an error`(_ input: String, _ reason: String) throws {
        let end = try Self.run(Array(input.utf8))

        #expect(end.status == ExitStatus.usage)
        #expect(end.errors.contains("--hash-password: \(reason)"), "\(end.errors)")
    }
}
