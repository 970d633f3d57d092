import ArgumentParser
import MartletRing

/// `martletctl ring map`: a server for each key.
struct RingMap: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "map",
        abstract: "Reads keys, one a line, and prints the host:port of each one's server.",
        discussion: "A key is every byte of its line but the newline."
    )

    @OptionGroup var options: RingOptions

    func run() throws {
        let ring = options.ring
        let names = ring.servers.map { Array("\($0)\n".utf8) }
        var output = StandardOutput()
        try StandardInput().forEachLine { line in
            try output.write(names[ring.server(for: line.span)])
            if output.isClosed { throw ExitCode.success }
        }
        try output.flush()
    }
}
