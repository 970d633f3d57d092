import ArgumentParser
import Glibc
import LoadComparison
import LoadDifference
import LoadEngine
import LoadReport
import LoadWorkload

/// `martlet-load differ`: the same commands to two servers, and what they answer compared.
struct DifferCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "differ",
        abstract: "Sends random commands to two servers and compares the replies.",
        discussion: """
            Examples:
              martlet-load differ --a 'memcached -m 256 -s {socket}' \\
                --b 'martletd -m 256 -s {socket}'
              martlet-load differ --a unix:/tmp/m.sock --b 127.0.0.1:11211 \\
                --commands 100k --seed 7

            Commands are valid, nearly valid and hostile, classic and meta. What
            differs is counted under the reason that docs/differences.md gives for
            it, or shown; then the exit status is 1.
            """
    )

    @Option(
        help: ArgumentHelp(
            "The server that is right: its address, or a command with {socket} or {port}.", valueName: "server"))
    var a: String

    @Option(help: ArgumentHelp("The other one.", valueName: "server"))
    var b: String

    @Option(
        help: ArgumentHelp("How many commands; 1m otherwise.", valueName: "count"),
        transform: { Int(try OptionText("commands", $0).count(Substring($0), "the number", from: 1, to: 1 << 40)) })
    var commands: Int = 1_000_000

    @Option(help: "Another seed, other commands. Without one it is picked, and told.")
    var seed: UInt64?

    @Option(help: ArgumentHelp("Ends after so many differences without a reason.", valueName: "count"))
    var findings: Int = 20

    @Option(help: ArgumentHelp("Shows so many of the differences that have a reason, for each.", valueName: "count"))
    var samples: Int = 0

    @Flag(help: "Shows all commands that led to a difference without a reason.")
    var whole = false

    func run() throws { try ExitStatus.translating(compare) }

    private func compare() throws {
        let expectedStarted = try started(a)
        let foundStarted = try started(b)
        let expected = try ProbedServer(try expectedStarted?.address ?? ServerAddress(parsing: a))
        let found = try ProbedServer(try foundStarted?.address ?? ServerAddress(parsing: b))
        let seed = seed ?? .random(in: 1...1 << 31)
        note("seed \(seed)")
        let result = try DifferenceRun(expected: expected.ask, found: found.ask).run(
            DifferenceRun.Settings(seed: seed, commandCount: commands, findingsMax: findings, samplesMax: samples)
        ) { note("\($0.commandCount) commands, \($0.findings.count) differences without a reason") }
        withExtendedLifetime((expectedStarted, foundStarted)) {}
        try ResultFile.say(DifferenceText.text(result, expected: "a", found: "b"))
        for (index, finding) in result.findings.enumerated() where whole {
            try ResultFile.say("\nAll commands of number \(index + 1):\n\(DifferenceText.epoch(finding))")
        }
        if !result.findings.isEmpty { throw ExitStatus.failed }
    }

    private func started(_ text: String) throws -> StartedServer? {
        guard text.contains("{") else { return nil }
        return try StartedServer(
            ServerTemplate(name: nil, command: text), options: CommandWords(parsing: ""), cores: nil)
    }

    private func note(_ text: String) {
        let bytes = Array("martlet-load: \(text)\n".utf8)
        _ = write(STDERR_FILENO, bytes, bytes.count)
    }
}
