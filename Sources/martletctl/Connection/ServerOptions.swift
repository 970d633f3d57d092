import ArgumentParser
import MartletRing

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// Which servers, and how to be let in.
struct ServerOptions: ParsableArguments {
    @Option(
        name: [.customShort("s"), .customLong("servers")],
        help: ArgumentHelp(
            "The servers. A key belongs to the one that clients with this list would ask (see --distribution). (default: "
                + "127.0.0.1)",
            valueName: "host[:port]|unix:path,..."),
        transform: { try AddressList($0) })
    var list: AddressList?

    @Option(help: "How keys are shared out among several servers.")
    var distribution = KeyDistribution.ketama

    @Option(help: ArgumentHelp("Seconds to wait for an answer, and for each 16 KiB of one.", valueName: "seconds"))
    var timeout = 5.0

    @Option(
        name: .customLong("login-file"),
        help: ArgumentHelp("A file with 'user:password' or 'user password', for servers with -Y.", valueName: "file"))
    var loginPath: String?

    @OptionGroup(title: "TLS") var tls: TLSOptions

    func validate() throws {
        guard timeout > 0, timeout <= 86_400 else { throw ValidationError("--timeout is between 0 and 86400 seconds") }
    }

    var addresses: [ServerAddress] { list?.addresses ?? [ServerAddress.usual] }

    /// `user password`, as the servers want it: the first line of the file. A user's name has neither a colon nor a
    /// blank; a password may have both.
    func login() throws -> String? {
        guard let loginPath else { return nil }
        guard let bytes = try? FileInput(path: loginPath).readAll(countMax: Self.loginBytesMax) else {
            throw CacheFailure("--login-file: \(loginPath) cannot be read")
        }
        let line = String(decoding: bytes.prefix { $0 != 0x0A && $0 != 0x0D }, as: UTF8.self)
        guard let end = line.firstIndex(where: { $0 == ":" || $0 == " " }), end > line.startIndex,
            line.index(after: end) < line.endIndex
        else { throw CacheFailure("--login-file: \(loginPath): the first line is not user:password") }
        return "\(line[..<end]) \(line[line.index(after: end)...])"
    }

    private static let loginBytesMax = 1 << 14

    /// Which server has a key.
    var ring: HashRing {
        HashRing(
            servers: addresses.map { RingServer($0.ringName) ?? RingServer("127.0.0.1")! }, distribution: distribution,
            hash: nil, hashTag: nil)
    }

    func address(for key: [UInt8]) -> ServerAddress {
        addresses.count == 1 ? addresses[0] : addresses[ring.server(for: key.span)]
    }

    func connection(for key: [UInt8]) throws -> CacheConnection { try CacheConnection(address(for: key), self) }
}

/// `host[:port],...`
struct AddressList {
    /// One at least.
    let addresses: [ServerAddress]

    /// The failure names the word and what an address is.
    init(_ list: String) throws {
        addresses = try list.split(separator: ",", omittingEmptySubsequences: false).map { text in
            guard let address = ServerAddress(String(text)) else {
                throw ValidationError(
                    "'\(TerminalText.shown(String(text)))' is not host, host:port, [address]:port or unix:path, "
                        + "with a port from 1 to 65535")
            }
            return address
        }
    }
}

/// How to tell the outcome.
struct OutputOptions: ParsableArguments {
    @Flag(help: "Prints JSON, for scripts.")
    var json = false

    /// Whether a person is looking who wants colours.
    static var hasColours: Bool { isTerminal && getenv("NO_COLOR") == nil }

    static var isTerminal: Bool { isatty(1) == 1 }
}
