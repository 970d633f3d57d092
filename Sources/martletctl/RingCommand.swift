import ArgumentParser
import MartletRing

/// `martletctl ring`: the ring without a client, for operators and for comparing clients.
struct RingCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ring",
        abstract: "Which server has which key.",
        subcommands: [RingMap.self, RingShow.self, RingDiff.self]
    )
}

/// The options that make a ring.
struct RingOptions: ParsableArguments {
    @Option(
        name: [.customShort("s"), .customLong("servers")],
        help: ArgumentHelp(
            "The servers, as the client's configuration spells them.", valueName: "host:port[:weight],..."),
        transform: { try ServerList($0) })
    var servers: ServerList

    @Option(help: "How keys are shared out.")
    var distribution = KeyDistribution.ketama

    @Option(help: "The key's hash. Each distribution has its usual one.")
    var hash: KeyHash?

    @Option(help: ArgumentHelp("Only what stands between these two characters decides.", valueName: "{}"))
    var hashTag: HashTag?

    var ring: HashRing { ring(of: servers) }

    func ring(of servers: ServerList) -> HashRing {
        HashRing(servers: servers.servers, distribution: distribution, hash: hash, hashTag: hashTag)
    }
}

/// `host:port[:weight],...`
struct ServerList {
    /// One at least, each named once.
    let servers: [RingServer]

    /// The failure names the word that is wrong, and why.
    init(_ list: String) throws {
        var servers: [RingServer] = []
        var names: Set<String> = []
        for text in list.split(separator: ",", omittingEmptySubsequences: false) {
            guard let server = RingServer(String(text)) else {
                throw ValidationError(
                    "'\(TerminalText.shown(String(text)))' is not host[:port[:weight]], with a port from 1 to 65535 "
                        + "and a weight from 1 to \(RingServer.weightMax)")
            }
            guard names.insert(server.name).inserted else {
                throw ValidationError("\(TerminalText.shown(server.name)) is named twice")
            }
            servers.append(server)
        }
        self.servers = servers
    }
}

extension KeyDistribution: ExpressibleByArgument {}

extension KeyHash: ExpressibleByArgument {}

extension HashTag: ExpressibleByArgument {
    public init?(argument: String) { self.init(argument) }
}
