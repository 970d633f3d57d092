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
        name: .customLong("servers"),
        help: ArgumentHelp(
            "The servers, as the client's configuration spells them.", valueName: "host:port[:weight],..."))
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
struct ServerList: ExpressibleByArgument {
    /// One at least, each named once.
    let servers: [RingServer]

    init?(argument: String) {
        var servers: [RingServer] = []
        for text in argument.split(separator: ",", omittingEmptySubsequences: false) {
            guard let server = RingServer(String(text)) else { return nil }
            servers.append(server)
        }
        guard Set(servers.map(\.name)).count == servers.count else { return nil }
        self.servers = servers
    }
}

extension KeyDistribution: ExpressibleByArgument {}

extension KeyHash: ExpressibleByArgument {}

extension HashTag: ExpressibleByArgument {
    public init?(argument: String) { self.init(argument) }
}
