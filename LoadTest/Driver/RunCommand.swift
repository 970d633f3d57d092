import ArgumentParser
import LoadEngine
import LoadReport
import LoadWorkload

/// `martlet-load run`: one run against servers that are there already.
struct RunCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Loads servers that are running and reports what they did."
    )

    @Option(name: [.short, .customLong("server")], help: "host:port, [address]:port or unix:/path; may be repeated.")
    var server: [String] = ["127.0.0.1:11211"]

    @Option(name: .shortAndLong, help: "Driver threads.")
    var threads = 1

    @Option(name: .shortAndLong, help: "Connections to each server in all.")
    var connections = 50

    @Option(
        name: [.customShort("P"), .customLong("pipeline"), .customLong("depth")],
        help: "Requests under way on a connection.")
    var pipeline = 1

    @Option(name: [.short, .long, .customLong("test-time")], help: "Seconds to measure.")
    var duration = 10.0

    @Option(name: [.customLong("warm-up")], help: "Seconds of load before measuring.")
    var warmUp = 0.0

    @Option(name: [.customLong("keys")], help: "Number of keys.")
    var keys: UInt64 = 10_000

    @Option(name: [.customLong("sets")], help: "Share of sets, 0 to 1.")
    var sets = 0.1

    @Flag(name: .long, help: "Use the meta commands.")
    var meta = false

    @Flag(name: .long, help: "Store each key before measuring.")
    var fill = false

    func run() throws {
        var workload = Workload()
        workload.keyCount = keys
        workload.mix = try Mix([.get: 1 - sets, .set: sets])
        var settings = LoadSettings(
            servers: try server.map { try ServerAddress(parsing: $0) }, workload: workload)
        settings.threadCount = threads
        settings.connectionCount = connections
        settings.depth = pipeline
        settings.seconds = duration
        settings.warmUpSeconds = warmUp
        settings.wire = meta ? .meta : .classic
        settings.fills = fill
        let result = try LoadRun.run(settings)
        print(TextReport(result).text)
    }
}
