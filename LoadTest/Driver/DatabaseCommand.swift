import ArgumentParser
import Glibc
import LoadComparison
import LoadEngine
import LoadReport
import LoadWorkload

/// `martlet-load database`: what a cache buys in front of a real database.
struct DatabaseCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "database",
        abstract: "Puts a real PostgreSQL (or SQLite) behind the cache and shows what the cache buys.",
        discussion: """
            Starts a PostgreSQL of its own in a temporary folder, as an unprivileged
            user, on a Unix socket only, and removes it afterwards. Where none is
            installed, SQLite. Then clients ask for rows, first without the cache,
            then with it, then all for one hot key whose row changes again and again.
            Every value is compared with its row.

            Examples:
            The cache that is there:
              martlet-load database -s 127.0.0.1:11211
            Starts the cache as well, and stops it:
              martlet-load database -s 'martletd -p {port}'
            Queries of 20 rows, to a database 2 ms away:
              martlet-load database --rows 20 --delay 2 --fill
              martlet-load database --database sqlite --json result.json

            Exit status: 0 all is well; 1 a wrong value was read; 2 it could not be
            made or finished; 64 the options make no sense; 128 and the number of the
            signal that stopped it.
            """
    )

    @Option(
        name: [.short, .customLong("server")],
        help: ArgumentHelp(
            "The cache: host:port, [address]:port, unix:/path; or a command with {port} or {socket} that starts it.",
            valueName: "cache"))
    var server = "127.0.0.1:11211"

    @Option(
        help: ArgumentHelp(
            "auto (PostgreSQL if installed), postgres or sqlite.", valueName: "kind"),
        transform: { try Reading.choice($0, "database") })
    var database = DatabaseSettings.Choice.auto

    @Option(
        help: ArgumentHelp("Where PostgreSQL's server programs are; the newest is taken.", valueName: "folder"))
    var postgresFolder: String?

    @Option(name: [.short, .long], help: ArgumentHelp("Clients, each a thread that waits.", valueName: "count"))
    var clients = 16

    @Option(
        name: [.short, .long],
        help: ArgumentHelp("Seconds to measure, with and without the cache each.", valueName: "seconds"))
    var duration = 5.0

    @Option(help: ArgumentHelp("Seconds of load before measuring.", valueName: "seconds"))
    var warmUp = 1.0

    @Flag(help: "Store every value in the cache first, as if it had been in service for hours.")
    var fill = false

    @Option(
        help: ArgumentHelp("Number of keys: 10000, 1m.", valueName: "count"),
        transform: { try Reading.count($0, "keys") })
    var keys: UInt64 = 50_000

    @Option(
        help: ArgumentHelp("Which keys are asked for how often: zipf:0.99, uniform, hot:0.1,0.9.", valueName: "shape"),
        transform: { try Popularity(parsing: $0) })
    var popularity = Popularity(.zipf(exponent: 0.99))

    @Option(
        help: ArgumentHelp("Bytes of a value: 1000, 10-1000, etc; at least 24.", valueName: "sizes"),
        transform: { try Sizes(parsing: $0) })
    var values = Sizes.fixed(1000)

    @Option(help: ArgumentHelp("Rows that a query gathers for one value.", valueName: "count"))
    var rows = 1

    @Option(
        help: ArgumentHelp("Milliseconds that every query takes longer: a database farther away.", valueName: "ms"))
    var delay = 0.0

    @Option(help: ArgumentHelp("Seconds that what is stored in the cache lives.", valueName: "seconds"))
    var ttl: UInt32 = 300

    @Option(help: ArgumentHelp("Milliseconds from one change of the hot key's row to the next.", valueName: "ms"))
    var expiry = 100.0

    @Option(help: ArgumentHelp("Seconds of each stampede on the hot key; 0: none.", valueName: "seconds"))
    var stampede = 5.0

    @Option(
        help: ArgumentHelp(
            "Milliseconds from an answer to the same client's next request for the hot key.", valueName: "ms"))
    var pause = 1.0

    @Option(help: "The same number asks for the same keys.")
    var seed: UInt64 = 1

    @Option(help: ArgumentHelp("Write the results as JSON; - for standard output.", valueName: "file"))
    var json: String?

    @Flag(name: .shortAndLong, help: "Do not say what is being done.")
    var quiet = false

    func run() throws {
        try ExitStatus.translating {
            let settings = try made()
            try ResultFile.expectWritable(json)
            let endRequest = EndRequest()
            StopSignal.listen()
            do {
                let result = try DatabaseScenario.run(settings, endRequest) { if !quiet { say($0) } }
                try deliver(result)
            } catch let error as LoadError where endRequest.signalNumber != 0 {
                say(error.description)
                throw ExitCode(128 + endRequest.signalNumber)
            }
        }
    }

    private func made() throws -> DatabaseSettings {
        var settings = DatabaseSettings(cache: try CachePlace(parsing: server))
        settings.choice = database
        if let postgresFolder { settings.postgresFolders = postgresFolder }
        settings.clientCount = clients
        settings.seconds = duration
        settings.warmUpSeconds = warmUp
        settings.fillsCache = fill
        settings.keyCount = keys
        settings.popularity = popularity
        settings.sizes = values
        settings.rowsPerValue = rows
        settings.delayMilliseconds = delay
        settings.secondsToLive = ttl
        settings.expiryMilliseconds = expiry
        settings.stampedeSeconds = stampede
        settings.pauseMilliseconds = pause
        settings.seed = seed
        try settings.check()
        return settings
    }

    private func deliver(_ result: DatabaseResult) throws {
        let report = DatabaseReport(result)
        // Whatever becomes of it, the file is written.
        let said = Result { if json != "-" { try ResultFile.say(report.text) } }
        if let json { try ResultFile.write(report.json(), path: json) }
        try said.get()
        if result.wrong > 0 { throw ExitStatus.failed }
    }

    private func say(_ words: String) {
        let bytes = Array("martlet-load: \(words)\n".utf8)
        _ = write(STDERR_FILENO, bytes, bytes.count)
    }
}
