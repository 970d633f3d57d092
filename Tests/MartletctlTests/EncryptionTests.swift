#if TLS
import CTLSTesting
import Foundation
import MartletServer
import ServerTesting
import Testing

/// martletctl over TLS, to servers in this process. Certificates are for the name `localhost`, servers are asked by
/// address.
@Suite("martletctl: TLS")
struct EncryptionTests {
    private struct Failure: Error {}

    /// A certificate of one's own, or one that the other vouches for.
    private static func certificate(_ name: String, in place: TemporaryPlace, issuer: String? = nil) throws {
        let isMade = ctls_make_certificate(
            place.path("\(name).pem"), place.path("\(name).key"), name == "authority" ? name : "localhost",
            issuer.map { place.path("\($0).pem") },
            issuer.map { place.path("\($0).key") }, nil, 0)
        guard isMade == 1 else { throw Failure() }
    }

    private static func server(
        _ place: TemporaryPlace, _ change: (inout ServerSettings) -> Void = { _ in }
    ) throws -> TestServer {
        try TestServer {
            $0.tls.isEnabled = true
            $0.tls.chainPath = place.path("server.pem")
            $0.tls.keyPath = place.path("server.key")
            change(&$0)
        }
    }

    /// A place with the server's certificate, which an authority vouches for.
    private static func place() throws -> TemporaryPlace {
        let place = try TemporaryPlace()
        try certificate("authority", in: place)
        try certificate("server", in: place, issuer: "authority")
        return place
    }

    private static func trusting(_ place: TemporaryPlace) -> [String] {
        ["--tls", "--tls-ca", place.path("authority.pem"), "--tls-name", "localhost"]
    }

    @Test("every command that asks a server does so over TLS")
    func commands() throws {
        let place = try Self.place()
        let one = try Self.server(place)
        let two = try Self.server(place)
        let trust = Self.trusting(place)
        let large = String(repeating: "0123456789abcdef\n", count: 20_000)
        func run(_ words: [String], _ server: TestServer, input: String = "") throws -> Program {
            let program = try Program(words + ["-s", server.address] + trust, input: input)
            #expect(program.status == 0, "\(words): \(program.errors)")
            return program
        }

        _ = try run(["set", "a", "hello"], one)
        _ = try run(["set", "large"], one, input: large)
        #expect(try run(["get", "a"], one).output.hasPrefix("hello"))
        #expect(try run(["get", "large"], one).output == large)
        _ = try run(["touch", "a", "--ttl", "1000"], one)
        let keys = try run(["keys"], one).output
        #expect(keys.split(separator: "\n").sorted() == ["a", "large"])
        #expect(try run(["stats", "--only", "threads"], one).output.contains("threads"))
        #expect(try run(["top", "-n", "1", "--interval", "0.1"], one).output.contains(one.address))
        _ = try run(["dump", "-q", place.path("items")], one)
        _ = try run(["load", place.path("items"), "--verify"], two)
        _ = try run(["delete", "large"], two)
        #expect(try run(["keys"], two).output == "a\n")
        _ = try run(["dump", "--to", two.address, "--verify"], one)
        #expect(try run(["get", "large"], two).output == large)
    }

    @Test("watch waits over TLS for as long as it takes")
    func watch() throws {
        let place = try Self.place()
        let server = try Self.server(place)

        let program = try Program(["watch", "-s", server.address, "--json", "-n", "1"] + Self.trusting(place)) {
            #expect(eventually { server.context.pointee.observation.pointee.watcherCount == 1 })
            _ = try Program(["get", "a", "-s", server.address] + Self.trusting(place))
        }

        #expect(program.output.contains("\"key\":\"a\""))
    }

    @Test("a server that nobody vouches for, or of another name, is refused with the reason")
    func strangers() throws {
        let place = try Self.place()
        let server = try Self.server(place)
        let authority = place.path("authority.pem")

        for words in [["--tls"], ["--tls", "--tls-ca", authority], Self.trusting(place).dropLast() + ["elsewhere"]] {
            let program = try Program(["get", "a", "-s", server.address] + words)

            #expect(program.status != 0)
            #expect(program.errors.contains("TLS: the server's certificate: "), "\(program.errors)")
            #expect(program.errors.contains("(--tls-ca names whom to trust)") == (words == ["--tls"]))
        }
        let pinned = ["--tls", "--tls-ca", place.path("server.pem"), "--tls-name", "localhost"]
        #expect(try Program(["set", "a", "b", "-s", server.address] + pinned).status == 0)
    }

    @Test("a server that wants a certificate gets one, and refuses whoever has none")
    func clientCertificates() throws {
        let place = try Self.place()
        try Self.certificate("client", in: place, issuer: "authority")
        let server = try Self.server(place) {
            $0.tls.verifyMode = 2
            $0.tls.authoritiesPath = place.path("authority.pem")
        }
        let set = ["set", "a", "b", "-s", server.address] + Self.trusting(place)
        let shown = ["--tls-cert", place.path("client.pem"), "--tls-key", place.path("client.key")]

        let refused = try Program(set)
        let taken = try Program(set + shown)

        #expect(refused.status != 0)
        #expect(refused.errors.hasPrefix("Error: \(server.address)"), "\(refused.errors)")
        #expect(taken.status == 0, "\(taken.errors)")
    }

    @Test("a login goes over TLS")
    func login() throws {
        let place = try Self.place()
        let users = place.path("users")
        try Data("ann:secret\n".utf8).write(to: URL(fileURLWithPath: users))
        let server = try Self.server(place) { $0.authFilePath = users }

        let program = try Program(
            ["set", "a", "b", "-s", server.address, "--login-file", users] + Self.trusting(place))

        #expect(program.status == 0, "\(program.errors)")
    }

    @Test("a server without TLS, one that says anything and one that hangs up end in a sentence")
    func noise() throws {
        let place = try Self.place()
        let plain = try TestServer()
        let noisy = try FakeServer { _ in (0..<5000).map { UInt8(truncatingIfNeeded: $0 &* 7) } }
        let silent = try FakeServer { _ in [] }
        let alert = try FakeServer { _ in [0x15, 3, 3, 0, 2, 2, 40] }
        let endless = try FakeServer { _ in [0x16, 3, 3, 0x3F, 0xFF] + [UInt8](repeating: 2, count: 300) }

        for address in [plain.address, noisy.address, silent.address, alert.address, endless.address] {
            for command in [["get", "a"], ["stats"], ["dump", "-"]] {
                let program = try Program(command + ["-s", address, "--timeout", "5"] + Self.trusting(place))

                #expect(!program.hasCrashed && program.status != 0)
                #expect(program.errors.contains("\(address): TLS: "), "\(program.errors)")
            }
        }
    }

    @Test("a server that answers in the clear is said to")
    func plain() throws {
        let place = try Self.place()
        let plain = try FakeServer { _ in Array("ERROR\r\n".utf8) }

        let program = try Program(["get", "a", "-s", plain.address] + Self.trusting(place))

        #expect(program.errors == "Error: \(plain.address): TLS: what the server answers is no TLS\n")
    }

    @Test("an answer to a handshake that comes a byte at a time is not waited for")
    func dripping() throws {
        let place = try Self.place()
        // A packet that is never whole.
        let slow = try FakeServer(dripping: [0x16, 3, 3, 0x20, 0, 2])

        let program = try Program(["stats", "-s", slow.address, "--timeout", "1"] + Self.trusting(place))

        #expect(program.errors == "Error: \(slow.address): TLS: no answer in time (--timeout)\n")
    }

    @Test("whoever asks in the clear is not answered, and is told")
    func clear() throws {
        let server = try Self.server(try Self.place())

        let program = try Program("get", "a", "-s", server.address)

        #expect(program.status != 0)
        #expect(program.errors.contains(server.address))
        // Or the connection was reset, for which there is no other reason to give.
        if program.errors.contains("has closed the connection") { #expect(program.errors.contains("--tls")) }
    }

    @Test(
        "options that do not go together, and files that are not there, are named",
        arguments: [
            (["--tls-ca", "x"], "--tls"), (["--tls-name", "x"], "--tls"), (["--tls", "--tls-key", "x"], "--tls-cert"),
            (["--tls", "--tls-ca", "/none/ca.pem"], "/none/ca.pem: "),
            (["--tls", "--tls-cert", "/none/me.pem"], "/none/me.pem: "),
        ])
    func options(words: [String], sentence: String) throws {
        let silent = try FakeServer { _ in [] }

        let program = try Program(["get", "a", "-s", silent.address] + words)

        #expect(program.status != 0)
        #expect(program.errors.contains(sentence), "\(program.errors)")
    }
}
#endif
