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
        do {
            try checkCommand(CommandLine.arguments.dropFirst().first)
            var command = try parseAsRoot()
            do {
                try command.run()
            } catch let error as ValidationError {
                // The parser knows no more whose options they are.
                let name = "martlet-load \(type(of: command)._commandName)"
                let bytes = Array("Error: \(error.message)\nSee '\(name) --help' for more information.\n".utf8)
                _ = write(STDERR_FILENO, bytes, bytes.count)
                throw ExitCode.validationFailure
            }
        } catch {
            exit(withError: error)
        }
    }

    /// What is no option is a command: without one `run` has no word of its own.
    private static func checkCommand(_ word: String?) throws {
        let names = configuration.subcommands.map { $0._commandName }
        guard let word, !word.hasPrefix("-"), word != "help", !names.contains(word) else { return }
        throw ValidationError("there is no command '\(word)'; there are \(names.joined(separator: ", "))")
    }
}
