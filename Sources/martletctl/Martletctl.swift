import ArgumentParser

/// What operators ask about Martlets, or any memcached, from the command line.
@main
struct Martletctl: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "martletctl",
        abstract: "Looks at caches and at how keys are shared out among them.",
        subcommands: [RingCommand.self]
    )
}
