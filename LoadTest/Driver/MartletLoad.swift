import ArgumentParser
import Glibc

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

    static func main() {
        // A pipe that nobody reads any more is told by the call that writes. A report that is lost in it is a failure,
        // progress is not; and whatever was started or laid down is ended and tidied up as usual.
        signal(SIGPIPE, SIG_IGN)
        main(nil)
    }
}
