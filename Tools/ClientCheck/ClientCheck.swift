import ArgumentParser

/// The client library against real servers and beside other clients, in processes of their own.
///
///     client-check all --server .build/release/martletd
///
/// Each check says in a line what it saw, and ends the program with an error if that is not what it should be. What
/// another client is missing for is skipped with a line that says so. Everything listens on 127.0.0.1 and is stopped at
/// the end.
@main
struct ClientCheck: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "client-check", abstract: "The client library against real servers and beside other clients.",
        subcommands: [
            All.self, Interoperability.self, Stampede.self, StampedeCallers.self, Storm.self, Failures.self, Speed.self,
            Credentials.self, EtcdMembership.self, DNSMembership.self,
        ])

    /// What all checks want to know.
    struct Options: ParsableArguments {
        @Option(help: "A memcached or martletd to start.")
        var server = ".build/release/martletd"

        @Option(help: "How many of them.")
        var servers = 5
    }

    struct All: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "All checks that say yes or no.")

        @OptionGroup var options: Options

        func run() async throws {
            try await Interoperability.check(options, keyCount: 10_000)
            try await Credentials.check(options)
            try await Stampede.check(options, callers: 250, rounds: 5)
            try await Storm.check(options, seconds: 5)
            try await Failures.check(options)
            try await EtcdMembership.check(options)
            try await DNSMembership.check(options)
        }
    }
}

/// What a check found wrong.
struct Finding: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}

/// Throws what was found wrong, unless it is right.
func require(_ isRight: Bool, _ what: @autoclosure () -> String) throws {
    if !isRight { throw Finding(what()) }
}
