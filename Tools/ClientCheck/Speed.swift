import ArgumentParser
import Foundation
import MartletClient

/// How many requests a second, and for how much processor time each, beside libmemcached's memcaslap and pylibmc on the
/// same work: values of 100 bytes on one server.
struct Speed: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Requests a second and processor time, beside other clients.")

    private static let keyCount = 10_000

    @OptionGroup var options: ClientCheck.Options

    @Option(help: "How long each way is measured.")
    var seconds = 3

    @Option(help: "Keys in each call for many.")
    var batch = 100

    @Option(help: "Callers at once.")
    var callers = 64

    @Flag(help: "Only our own client.")
    var alone = false

    @Option(help: "Only one of our own client's ways: one, many or stores.")
    var way: String?

    @Option(
        help:
            "The core that each client runs on, alone with what else runs there; the server is elsewhere if it can be.")
    var core: Int?

    /// With one key a call, by a client on one core.
    private static let leastPerSecond = 150_000

    func run() async throws {
        var options = options
        options.servers = 1
        let fleet = try await Fleet(options)
        var configuration = CacheConfiguration.patient
        configuration.connectionsPerServer = 1
        let cache = CacheClient(servers: fleet.addresses(), configuration: configuration)
        let value = String(repeating: "v", count: 100)
        let all = Dictionary(uniqueKeysWithValues: (0..<Self.keyCount).map { (CacheKey("key:\($0)"), value) })
        try require(await cache.setValues(all).isEmpty, "the keys could not be stored")
        let keys = (0..<Self.keyCount).map { CacheKey("key:\($0)") }
        if let core {
            // With all threads that are there by now; what is started later has its place from its parent.
            let process = ProcessInfo.processInfo.processIdentifier
            _ = try ChildProcess.run("taskset", ["-a", "-c", "-p", "\(core)", "\(process)"])
        }

        if way ?? "one" == "one" {
            let rate = try await measure("ours, one key a call, \(callers) callers", callers: callers) { turn in
                guard try await cache.value(for: keys[turn % keys.count], as: String.self)?.utf8.count == 100 else {
                    throw Finding("a miss")
                }
                return 1
            }
            if core != nil {
                // What else runs on the core takes time from it, but not from what a request takes.
                print(
                    "one core, of which \(Self.leastPerSecond) requests/s are asked: \(rate.reached), "
                        + "\(rate.inWholeSecond) in a second of its own")
                try require(rate.inWholeSecond >= Self.leastPerSecond, "too few requests/s")
            }
        }
        if way ?? "many" == "many" {
            try await measure("ours, \(batch) keys a call, 2 callers", callers: 2) { turn in
                let start = turn * batch % (keys.count - batch)
                let result = await cache.values(for: keys[start..<start + batch], as: String.self)
                try require(result.hits.count == batch, "misses")
                return batch
            }
        }
        if way ?? "stores" == "stores" {
            try await measure("ours, stores, \(callers) callers", callers: callers) { turn in
                try await cache.setValue(value, for: keys[turn % keys.count])
                return 1
            }
        }
        await cache.shutDown()
        if !alone, way == nil { try others(fleet) }
    }

    @discardableResult
    private func measure(
        _ title: String, callers: Int, _ call: @escaping @Sendable (Int) async throws -> Int
    ) async throws -> (reached: Int, inWholeSecond: Int) {
        let clock = ContinuousClock()
        let (start, used) = (clock.now, ProcessorTime.own())
        let end = start + .seconds(seconds)
        let count = try await withThrowingTaskGroup(of: Int.self) { group in
            for caller in 0..<callers {
                group.addTask {
                    var (count, turn) = (0, caller * 977)
                    while clock.now < end {
                        count += try await call(turn)
                        turn += 1
                    }
                    return count
                }
            }
            return try await group.reduce(0, +)
        }
        let (time, spent) = (clock.now - start, ProcessorTime.own() - used)
        Self.say(title, count, time, spent)
        return (Int(Double(count) / (time / .seconds(1))), Int(Double(count) / (spent / .seconds(1))))
    }

    private static func say(_ title: String, _ count: Int, _ time: Duration, _ used: Duration) {
        let seconds = time / .seconds(1)
        let each = used / .microseconds(1) / Double(max(count, 1))
        print(
            "\(title): \(Int(Double(count) / seconds)) requests/s, \(Int(each * 1000)) ns of processor time each, "
                + "\(Int(used / time * 100)) % of a core")
    }

    /// The same by programs of their own, which use their processor time and nobody else's.
    private func others(_ fleet: Fleet) throws {
        let server = "127.0.0.1:\(fleet.ports[0])"
        if let program = ChildProcess.path(of: "memcaslap") {
            let file = FileManager.default.temporaryDirectory.appending(path: "client-check-\(UUID().uuidString).cnf")
            defer { try? FileManager.default.removeItem(at: file) }
            for (title, part, many) in [
                ("gets", "1", "1"), ("gets by \(batch)", "1", "\(batch)"), ("stores", "0", "1"),
            ] {
                let mix = part == "1" ? "0 0\n1 1" : "0 1\n1 0"
                try "key\n16 16 1\nvalue\n100 100 1\ncmd\n\(mix)\n".write(to: file, atomically: true, encoding: .utf8)
                let used = ProcessorTime.children()
                let text = try ChildProcess.run(
                    program,
                    [
                        "-s", server, "-T", "1", "-c", "\(callers)", "-t", "\(seconds)s", "-F", file.path(), "-d", many,
                        "-w", "1k",
                    ])
                // It fills the cache before it measures, which takes processor time as well.
                let seconds = Self.number(behind: "Run time:", in: text)
                let count = Self.number(behind: "cmd_get:", in: text) + Self.number(behind: "cmd_set:", in: text)
                Self.say("memcaslap, \(title)", Int(count), .seconds(seconds), ProcessorTime.children() - used)
            }
        } else {
            print("memcaslap: skipped, not installed (apt-get install libmemcached-tools)")
        }
        guard let python = Peer.python else { return print("pylibmc: skipped, not installed") }
        for (title, verb) in [("gets", "get"), ("gets by \(batch)", "many"), ("stores", "set")] {
            let used = ProcessorTime.children()
            let text = try ChildProcess.run(python, ["-c", Self.script, server, verb, "\(seconds)", "\(batch)"])
            Self.say(
                "pylibmc, \(title)", Int(text.trimmingCharacters(in: .newlines)) ?? 0, .seconds(seconds),
                ProcessorTime.children() - used)
        }
    }

    private static func number(behind title: String, in text: String) -> Double {
        guard let place = text.firstRange(of: title) else { return 0 }
        return Double(text[place.upperBound...].drop { $0 == " " }.prefix { $0.isNumber || $0 == "." }) ?? 0
    }

    private static let script = """
        import sys, time, pylibmc
        server, verb, seconds, batch = sys.argv[1], sys.argv[2], float(sys.argv[3]), int(sys.argv[4])
        client = pylibmc.Client([server], behaviors={"ketama_weighted": True, "tcp_nodelay": True})
        keys = ["key:%d" % number for number in range(10000)]
        value = b"v" * 100
        count, end = 0, time.time() + seconds
        while time.time() < end:
            for place in range(0, 1000, batch if verb == "many" else 1):
                if verb == "get": client.get(keys[place])
                elif verb == "set": client.set(keys[place], value)
                else: client.get_multi(keys[place:place + batch])
                count += batch if verb == "many" else 1
        print(count)
        """
}
