import ArgumentParser
import Foundation
import MartletClient
import NIOConcurrencyHelpers

/// Servers listed in an etcd of its own, which is stopped and started again meanwhile.
///
/// What must hold:
/// 1. A change of the document, by the client or by `etcdctl`, is at work in every client within seconds.
/// 2. While etcd is stopped all calls go on, and the list in force stays; what is changed when it is back is seen.
/// 3. A process that begins while etcd is stopped begins with the list it remembers.
/// 4. A server that is killed, and whose lease ends, is down for the client without a call; it stays on the ring, and
///    is used again as soon as its lease begins anew, however far off its next probe would be.
struct EtcdMembership: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "etcd", abstract: "The list of servers in etcd, which is stopped and started again.")

    private static let pool = "check"

    @OptionGroup var options: ClientCheck.Options

    func run() async throws { try await Self.check(options) }

    static func check(_ options: ClientCheck.Options) async throws {
        guard ChildProcess.path(of: "etcd") != nil else {
            return print("etcd: skipped, not installed (apt-get install etcd-server)")
        }
        let folder = FileManager.default.temporaryDirectory.appending(path: "client-check-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let fleet = try await Fleet(options)
        let etcd = try await EtcdProcess(folder.path())
        let client = etcd.client
        let servers = fleet.addresses()
        try await etcd.client.changeServers(of: pool) { $0 = Array(servers.dropLast()) }

        var configuration = CacheConfiguration.patient
        configuration.probeDelay = .seconds(3600)
        configuration.probeDelayMax = .seconds(3600)
        let cache = CacheClient(servers: [servers[0]], configuration: configuration)
        let memory = folder.appending(path: "servers.json").path()
        let log = EventLog(cache)
        let following = Task { await cache.follow(.etcd(client, pool: pool), rememberedAt: memory) }
        let watching = Task { await log.run() }
        var announcements = servers.map { server in
            Task { await client.announce(server.name, in: pool, timeToLive: .seconds(2)) }
        }

        try await until("the document is followed") { cache.ring.servers.count == servers.count - 1 }
        let times = try await changes(etcd, cache, servers)
        try await outage(etcd, cache, servers, memory, log)
        try await leases(etcd, cache, fleet, &announcements, log)

        for task in announcements + [following, watching] { task.cancel() }
        for task in announcements { await task.value }
        await following.value
        await cache.shutDown()
        let left = try await etcd.client.topology(of: pool)
        try require(left?.servers == servers, "the document is not what it was")
        print(
            "etcd: a change by transaction was at work after \(times.own), one by etcdctl after \(times.byHand); calls went on "
                + "while it was stopped; a lease that ended had its server found down, one that began had it used again"
        )
    }

    /// Rule 1.
    private static func changes(
        _ etcd: EtcdProcess, _ cache: CacheClient, _ servers: [CacheServer]
    ) async throws -> (own: Duration, byHand: String) {
        let clock = ContinuousClock()
        var start = clock.now
        try await etcd.client.changeServers(of: pool) { $0 = servers }
        try await until("a change is seen") { cache.ring.servers.count == servers.count }
        let own = clock.now - start
        guard ChildProcess.path(of: "etcdctl") != nil else { return (own, "(etcdctl is not installed)") }
        let names = servers.dropFirst().map { "\"\($0.name)\"" }.joined(separator: ", ")
        start = clock.now
        try etcd.control("put", "pools/\(pool)", "{\"servers\": [\(names)]}")
        try await until("a change by etcdctl is seen") { cache.ring.servers.count == servers.count - 1 }
        let byHand = clock.now - start
        try await etcd.client.changeServers(of: pool) { $0 = servers }
        try await until("a change back is seen") { cache.ring.servers.count == servers.count }
        return (own, "\(byHand)")
    }

    /// Rules 2 and 3.
    private static func outage(
        _ etcd: EtcdProcess, _ cache: CacheClient, _ servers: [CacheServer], _ memory: String, _ log: EventLog
    ) async throws {
        etcd.kill()
        let values = Dictionary(uniqueKeysWithValues: (0..<1000).map { (CacheKey("k\($0)"), "v\($0)") })
        let failures = await cache.setValues(values)
        let found = await cache.values(for: values.keys, as: String.self)
        try require(failures.isEmpty && found.hits == values, "calls fail while etcd is stopped")
        try await until("the outage is told") { log.failures > 0 }
        try require(cache.ring.servers.count == servers.count, "the list is gone with etcd")

        let client = etcd.client
        let later = CacheClient(servers: [servers[0]], configuration: .patient)
        let following = Task { await later.follow(.etcd(client, pool: pool), rememberedAt: memory) }
        try await until("the remembered list is in force") { later.ring.servers.count == servers.count }
        try await etcd.start()
        let epoch = cache.epoch
        try await etcd.client.changeServers(of: pool) { $0 = Array($0.reversed()) }
        try await until("a change after the outage is seen") { cache.epoch > epoch && later.epoch == cache.epoch }
        following.cancel()
        await following.value
        await later.shutDown()
        try await etcd.client.changeServers(of: pool) { $0 = servers }
    }

    /// Rule 4.
    private static func leases(
        _ etcd: EtcdProcess, _ cache: CacheClient, _ fleet: Fleet, _ announcements: inout [Task<Void, Never>],
        _ log: EventLog
    ) async throws {
        let name = fleet.addresses()[0].name
        // Taken anew by those that could not keep them while etcd was stopped.
        try await until("the leases are there again") { try await etcd.client.liveServers(of: pool).contains(name) }
        announcements[0].cancel()
        fleet.processes[0].kill()
        await announcements[0].value
        try await until("the server is found down") { log.down == [name] }
        try require(cache.ring.servers.count == fleet.ports.count, "a server that is down has left the ring")
        try await fleet.restart(0)
        let client = etcd.client
        announcements[0] = Task { await client.announce(name, in: pool, timeToLive: .seconds(2)) }
        try await until("the server is used again") { log.down.isEmpty }
    }

    private static func until(_ what: String, _ condition: () async throws -> Bool) async throws {
        for _ in 0..<2000 {
            if try await condition() { return }
            try await Task.sleep(for: .milliseconds(10))
        }
        throw Finding("etcd: not within 20 seconds: \(what)")
    }

    /// What the client has told.
    private final class EventLog: Sendable {
        private let state = NIOLockedValueBox<(down: Set<String>, failures: Int)>(([], 0))
        private let events: AsyncStream<CacheEvent>

        init(_ cache: CacheClient) { events = cache.events }

        var down: Set<String> { state.withLockedValue { $0.down } }
        var failures: Int { state.withLockedValue { $0.failures } }

        func run() async {
            for await event in events {
                state.withLockedValue { state in
                    switch event {
                    case .serverDown(let server, _): state.down.insert(server)
                    case .serverUp(let server): state.down.remove(server)
                    case .topologySourceFailed: state.failures += 1
                    default: break
                    }
                }
            }
        }
    }
}

/// An etcd of one member, with its files in a folder.
private final class EtcdProcess {
    let client: Etcd
    private let folder: String
    private let ports: [UInt16]
    private var process: ChildProcess?

    init(_ folder: String) async throws {
        self.folder = folder
        ports = try Fleet.freePorts(2)
        client = try Etcd(endpoints: ["127.0.0.1:\(ports[0])"])
        try await start()
    }

    /// Also after `kill`, with what it had.
    func start() async throws {
        let (own, peers) = ("http://127.0.0.1:\(ports[0])", "http://127.0.0.1:\(ports[1])")
        let process = try ChildProcess(
            "etcd",
            [
                "--data-dir", folder + "/etcd", "--listen-client-urls", own, "--advertise-client-urls", own,
                "--listen-peer-urls", peers, "--initial-advertise-peer-urls", peers, "--initial-cluster",
                "default=\(peers)",
            ])
        self.process = process
        for _ in 0..<400 {
            do {
                _ = try await client.topology(of: "none")
                return
            } catch {}
            guard process.isRunning else { throw Finding("etcd does not start") }
            try await Task.sleep(for: .milliseconds(50))
        }
        throw Finding("etcd does not answer")
    }

    func kill() { process?.kill() }

    @discardableResult
    func control(_ words: String...) throws -> String {
        setenv("ETCDCTL_API", "3", 1)
        return try ChildProcess.run("etcdctl", ["--endpoints", "127.0.0.1:\(ports[0])"] + words)
    }
}
