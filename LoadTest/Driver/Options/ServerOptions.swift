import ArgumentParser
import LoadEngine

/// Which servers, and how to talk to them.
struct ServerOptions: ParsableArguments {
    @Option(
        name: .shortAndLong,
        help:
            "A server: host, host:port, [address]:port or unix:/path. Repeat it for several: keys are spread over them."
    )
    var server: [String] = []

    @Option(name: .shortAndLong, help: "Port of servers given without one.")
    var port: UInt16 = ServerAddress.portUsual

    @Option(name: [.customShort("S"), .long], help: "A server on a Unix socket.")
    var unixSocket: [String] = []

    @Option(
        help: "classic (get, set, ...; the usual one), meta (mg, ms, ...) or redis (GET, SET, ...).",
        transform: { try Reading.choice($0, "protocol") })
    var `protocol`: WireProtocol?

    @Option(
        help: ArgumentHelp("Give up after so long without a reply: 5, 500ms; 5 seconds otherwise.", valueName: "time"),
        transform: { try Reading.seconds($0, "timeout") })
    var timeout: Double = 5

    @Option(
        help: ArgumentHelp("Give up connecting after so long; 3 seconds otherwise.", valueName: "time"),
        transform: { try Reading.seconds($0, "connect timeout") })
    var connectTimeout: Double = 3

    @Flag(help: "Survive broken connections and servers that go away: count what is lost and connect again.")
    var keepGoing = false

    @Option(
        help: ArgumentHelp(
            "Process of the server, for its CPU time and memory; repeat it as the servers. Local servers are asked.",
            valueName: "pid"))
    var serverPid: [Int32] = []

    /// Who was named, or the one on this machine.
    func addresses() throws -> [ServerAddress] {
        var addresses: [ServerAddress] = []
        for text in server { addresses.append(try ServerAddress(parsing: text, port: port)) }
        for path in unixSocket { addresses.append(try ServerAddress(parsing: "unix:" + path)) }
        return addresses.isEmpty ? [ServerAddress(.host("127.0.0.1", port: port))] : addresses
    }

    func apply(to settings: inout LoadSettings) {
        settings.wire = `protocol` ?? .classic
        settings.timeoutSeconds = timeout
        settings.connectSeconds = connectTimeout
        settings.keepsGoing = keepGoing
        settings.serverProcesses = serverPid
    }
}
