import ArgumentParser
import Foundation
import MartletClient
import Synchronization

/// Many callers in four processes want a key that is not there: one of them loads. And a key that is refreshed ahead of
/// its end makes nobody wait.
struct Stampede: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "A thousand callers in four processes cause one load; a refreshed key makes nobody wait.")

    static let processCount = 4
    private static let refreshers = 32

    @OptionGroup var options: ClientCheck.Options

    @Option(help: "Callers in each of four processes.")
    var callers = 250

    @Option(help: "Keys, one after the other.")
    var rounds = 5

    func run() async throws { try await Self.check(options, callers: callers, rounds: rounds) }

    static func check(_ options: ClientCheck.Options, callers: Int, rounds: Int) async throws {
        let fleet = try await Fleet(options)
        let loads = FileManager.default.temporaryDirectory.appending(path: "client-check-\(UUID().uuidString).loads")
        try Data().write(to: loads)
        defer { try? FileManager.default.removeItem(at: loads) }
        for round in 0..<rounds {
            let good = try stampede(fleet, key: "cold:\(round)", callers, loads.path())
            try require(good == callers * processCount, "only \(good) callers got the value")
            let text = try String(contentsOf: loads, encoding: .utf8)
            let count = text.split(separator: "\n").count { $0 == "cold:\(round)" }
            try require(count == 1, "\(count) loads of cold:\(round)")
        }
        print(
            "stampede: \(callers * processCount) callers in \(processCount) processes, \(rounds) cold keys, one load each"
        )
        try await refresh(fleet)
    }

    /// How many callers got the value.
    private static func stampede(_ fleet: Fleet, key: String, _ callers: Int, _ loads: String) throws -> Int {
        let servers = fleet.ports.map { "127.0.0.1:\($0)" }
        let processes = try (0..<processCount).map { _ in
            try ChildProcess(
                CommandLine.arguments[0],
                ["stampede-callers", "--key", key, "--callers", "\(callers)", "--loads", loads] + servers,
                readsOutput: true)
        }
        for process in processes {
            let word = process.read()
            try require(word.hasPrefix("ready"), "a process did not get ready: \(word)")
        }
        for process in processes { process.write("go\n") }
        return try processes.reduce(0) { sum, process in
            let (output, isGood) = process.finish()
            guard isGood, let good = Int(output.trimmingCharacters(in: .whitespacesAndNewlines)) else {
                throw Finding("a process failed: \(output)")
            }
            return sum + good
        }
    }

    /// Callers of a key with a life of 4 s, of which 2 s to refresh it in, and whose load takes 700 ms. Behind the
    /// first load nobody waits.
    private static func refresh(_ fleet: Fleet) async throws {
        let cache = CacheClient(servers: fleet.addresses(), configuration: .patient)
        let loads = Atomic<Int>(0)
        let call: @Sendable () async throws -> Void = {
            _ = try await cache.value(
                for: "hot", timeToLive: .seconds(4), policy: .refreshing(ahead: .seconds(2))
            ) {
                loads.add(1, ordering: .relaxed)
                try await Task.sleep(for: .milliseconds(700))
                return "value"
            }
        }
        try await call()
        let clock = ContinuousClock()
        let end = clock.now + .seconds(8)
        let (calls, longest) = try await withThrowingTaskGroup(of: (Int, Duration).self) { group in
            for _ in 0..<refreshers {
                group.addTask {
                    var (calls, longest) = (0, Duration.zero)
                    while clock.now < end {
                        let start = clock.now
                        try await call()
                        longest = max(longest, clock.now - start)
                        calls += 1
                        try await Task.sleep(for: .milliseconds(5))
                    }
                    return (calls, longest)
                }
            }
            return try await group.reduce((0, .zero)) { ($0.0 + $1.0, max($0.1, $1.1)) }
        }
        await cache.shutDown()
        let count = loads.load(ordering: .relaxed)
        print(
            "refresh ahead: \(refreshers) callers, \(calls) calls, \(count) loads of 700 ms, longest wait behind the first "
                + "\(longest)")
        try require(count > 2, "the key was not refreshed")
        try require(longest < .milliseconds(500), "somebody waited \(longest) for a refresh")
    }
}

/// One of the four: says `ready`, waits for a line, calls, and says how many got the value.
struct StampedeCallers: AsyncParsableCommand {
    static let configuration = CommandConfiguration(shouldDisplay: false)

    @Option var key: String
    @Option var callers: Int
    /// A line for each load is put at the end of it.
    @Option var loads: String
    @Argument var servers: [String]

    func run() async throws {
        let cache = CacheClient(servers: servers.compactMap { CacheServer($0) }, configuration: .patient)
        // Connections are there before the start, as in a service that runs.
        _ = await cache.values(for: (0..<100).map { CacheKey("warm:\($0)") }, as: String.self)
        print("ready")
        fflush(nil)
        _ = readLine()
        let (key, path) = (key, loads)
        let good = await withTaskGroup(of: Bool.self) { group in
            for _ in 0..<callers {
                group.addTask {
                    let value = try? await cache.value(for: CacheKey(key), timeToLive: .seconds(60)) {
                        Self.append("\(key)\n", to: path)
                        try await Task.sleep(for: .milliseconds(200))
                        return "value of \(key)"
                    }
                    return value == "value of \(key)"
                }
            }
            return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
        }
        await cache.shutDown()
        print(good)
    }

    private static func append(_ line: String, to path: String) {
        let descriptor = open(path, O_WRONLY | O_APPEND)
        let bytes = Array(line.utf8)
        _ = Foundation.write(descriptor, bytes, bytes.count)
        close(descriptor)
    }
}
