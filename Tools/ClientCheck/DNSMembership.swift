import ArgumentParser
import MartletClient
import NIOConcurrencyHelpers

/// Servers whose list comes from a name server, as in Kubernetes, whose answers empty, or do not come.
///
/// What must hold: while there is no answer, or none with a server in it, the last list stays in force and every key is
/// found; each of it is told; the next good answer is taken.
struct DNSMembership: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "dns", abstract: "The list of servers by DNS, whose answers empty.")

    private static let keyCount = 2000

    @OptionGroup var options: ClientCheck.Options

    func run() async throws { try await Self.check(options) }

    static func check(_ options: ClientCheck.Options) async throws {
        let fleet = try await Fleet(options)
        let names = try await ServiceNames(ports: fleet.ports)
        let cache = CacheClient(servers: [fleet.addresses()[0]], configuration: .patient)
        let failures = NIOLockedValueBox(0)
        let events = cache.events
        let watching = Task {
            for await case .topologySourceFailed in events { failures.withLockedValue { $0 += 1 } }
        }
        let source = TopologySource.dnsServices(
            "_memcached._tcp.cache.example", interval: .milliseconds(20), resolver: names.resolver)
        let following = Task { await cache.follow(source) }
        try await until("the list of servers is there") { cache.ring.servers.count == fleet.ports.count }

        let values = Dictionary(uniqueKeysWithValues: (0..<keyCount).map { (CacheKey("k\($0)"), "v\($0)") })
        try require(await cache.setValues(values).isEmpty, "stores failed")
        let fingerprint = cache.ring.fingerprint
        for mood in [ServiceNames.Mood.empty, .unknown, .silent] {
            names.set(mood)
            let told = failures.withLockedValue { $0 }
            try await until("answers that are \(mood) are told") { failures.withLockedValue { $0 } >= told + 3 }
            let found = await cache.values(for: values.keys, as: String.self)
            try require(
                found.hits == values && cache.ring.fingerprint == fingerprint, "the list changed with answers \(mood)")
        }
        names.set(ports: Array(fleet.ports.dropLast()))
        names.set(.well)
        try await until("the next list is taken") { cache.ring.servers.count == fleet.ports.count - 1 }
        following.cancel()
        await following.value
        await cache.shutDown()
        watching.cancel()
        await names.stop()
        print(
            "dns: \(keyCount) of \(keyCount) keys while answers were empty, the name unknown and the name server silent; "
                + "\(failures.withLockedValue { $0 }) failures told; the next list was taken")
    }

    private static func until(_ what: String, _ condition: () -> Bool) async throws {
        for _ in 0..<2000 {
            if condition() { return }
            try await Task.sleep(for: .milliseconds(10))
        }
        throw Finding("not so after 20 s: \(what)")
    }
}
