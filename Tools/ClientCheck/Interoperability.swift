import ArgumentParser
import Foundation
import MartletClient

/// Keys that other clients have stored are found by ours, and the other way round: by pylibmc, whose ring is
/// libmemcached's own, and through nutcracker, with weights.
struct Interoperability: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Keys stored by other clients are found, and theirs by them.")

    @OptionGroup var options: ClientCheck.Options

    @Option(help: "How many keys.")
    var keys = 10_000

    func run() async throws { try await Self.check(options, keyCount: keys) }

    static func check(_ options: ClientCheck.Options, keyCount: Int) async throws {
        let fleet = try await Fleet(options)
        let name = (options.server as NSString).lastPathComponent
        let peers: [(String, [UInt32], (Fleet) throws -> Peer)] = [
            ("pylibmc", [], { try Peer(pylibmc: $0) }),
            ("nutcracker", [1, 2, 3, 4, 5], { try Peer(nutcracker: $0, [1, 2, 3, 4, 5]) }),
        ]
        for (title, weights, make) in peers {
            if let missing = Peer.missing(for: title) {
                print("interoperability, \(name), \(title): skipped, \(missing)")
                continue
            }
            try fleet.flush()
            let peer = try make(fleet)
            let cache = CacheClient(servers: fleet.addresses(weights: weights), configuration: .patient)
            let (forth, back) = try await exchange(cache, peer, fleet, Self.keys(keyCount))
            if let port = peer.proxyPort { try await compare(cache, through: port, fleet, Self.keys(keyCount)) }
            await cache.shutDown()
            print("interoperability, \(name), \(title): \(forth) and \(back) of \(keyCount) keys")
            try require(forth == keyCount && back == keyCount, "\(title) has other servers for some keys")
        }
    }

    /// Our client through the proxy, which knows nothing but classic requests, finds what it stored without one.
    private static func compare(_ cache: CacheClient, through port: UInt16, _ fleet: Fleet, _ keys: [String])
        async throws
    {
        try fleet.flush()
        let values = Dictionary(uniqueKeysWithValues: keys.map { (CacheKey($0), "v \($0)") })
        try require(await cache.setValues(values).isEmpty, "stores failed")
        let proxied = CacheClient(servers: [CacheServer(host: "127.0.0.1", port: port)], configuration: .patient)
        let found = await proxied.values(for: values.keys, as: String.self)
        await proxied.shutDown()
        print("interoperability, ours through nutcracker: \(found.hits.count) of \(keys.count) keys")
        try require(found.hits == values, "\(found.failures.first?.value.description ?? "misses")")
    }

    /// How many keys ours found of the peer's, and the peer of ours.
    private static func exchange(
        _ cache: CacheClient, _ peer: Peer, _ fleet: Fleet, _ keys: [String]
    ) async throws -> (Int, Int) {
        let folder = FileManager.default.temporaryDirectory.appending(path: "client-check-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let list = folder.appending(path: "keys")
        try keys.joined(separator: "\n").write(to: list, atomically: true, encoding: .utf8)

        try peer.store(list.path(), prefix: "peer")
        let found = await cache.values(for: keys.map { CacheKey($0) }, as: String.self)
        let forth = keys.count { found.hits[CacheKey($0)] == "peer \($0)" }

        try fleet.flush()
        let failures = await cache.setValues(
            Dictionary(uniqueKeysWithValues: keys.map { (CacheKey($0), "ours \($0)") }))
        try require(failures.isEmpty, "\(failures.count) stores failed: \(failures.first?.value.description ?? "")")
        return (forth, try peer.found(list.path(), prefix: "ours"))
    }

    /// Short and long keys, with and without bytes beyond ASCII.
    private static func keys(_ count: Int) -> [String] {
        (0..<count).map { index in
            switch index % 4 {
            case 0: "user:\(index)"
            case 1: "\(index)"
            case 2: "größe/\(index)/été"
            default: "session:\(String(repeating: "\(index % 10)", count: index % 200)):\(index)"
            }
        }
    }
}

extension CacheConfiguration {
    /// For a machine that does other things as well.
    static var patient: CacheConfiguration {
        var configuration = CacheConfiguration()
        configuration.operationTimeout = .seconds(10)
        configuration.connectTimeout = .seconds(5)
        return configuration
    }
}
