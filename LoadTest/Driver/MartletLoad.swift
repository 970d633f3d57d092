import ArgumentParser

/// `martlet-load`: how fast, how even and how correct a memcached server is.
@main
struct MartletLoad: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "martlet-load",
        abstract: "Measures how fast, how even and how correct a memcached server is.",
        subcommands: [
            RunCommand.self, CompareCommand.self, ReportCommand.self, DatabaseCommand.self, SimulateCommand.self,
            DifferCommand.self,
        ],
        defaultSubcommand: RunCommand.self
    )
}
