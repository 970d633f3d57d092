import ArgumentParser

/// What operators ask about Martlets, or any memcached, from the command line.
@main
struct Martletctl: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "martletctl",
        abstract: "Looks at caches, at what is in them, and at how keys are shared out among them.",
        discussion: """
            For completion: martletctl --generate-completion-script bash, zsh or fish.
            """,
        version: "martletctl 0.1.0",
        subcommands: [
            TopCommand.self, StatsCommand.self, GetCommand.self, SetCommand.self, DeleteCommand.self,
            TouchCommand.self, KeysCommand.self, DumpCommand.self, LoadCommand.self, WatchCommand.self,
            BenchCommand.self, RingCommand.self,
        ]
    )

    static func main() {
        do {
            let words = CommandWords.given
            try CommandWords.checkCommand(words, Martletctl.self)
            var command = try parseAsRoot(words)
            try CommandWords.check(words, command)
            // Not for bench: the program that it becomes would have it, too.
            if !(command is BenchCommand) { BrokenPipe.isToldByCalls() }
            try command.run()
        } catch {
            exit(withError: error)
        }
    }
}
