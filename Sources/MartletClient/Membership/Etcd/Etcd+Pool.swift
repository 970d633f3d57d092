import MartletRing

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

extension Etcd {
    /// Changes in a row by others after which a change is given up.
    private static let attemptsMax = 16

    // MARK: The ring document

    /// The pool's servers; nil if there is no document.
    public func topology(of pool: String) async throws(CacheError) -> Topology? {
        try await document(pool)?.topology
    }

    /// Changes the pool's servers, or makes the pool, by a transaction: nobody's change is lost.
    ///
    ///     try await etcd.changeServers(of: "users") { $0.append(CacheServer(host: "10.0.0.9")) }
    ///
    /// - Parameter change: May be called several times, each time with the servers there are.
    /// - Returns: The new list; the old one if nothing was changed.
    /// - Throws: A `CacheError`: of code `refused` for an empty list, more than 4,096 servers, two with one name, or no end of
    ///   others' changes.
    @discardableResult
    public func changeServers(
        of pool: String, _ change: @Sendable (inout [CacheServer]) -> Void
    ) async throws(CacheError) -> Topology {
        // What was written by a request that one endpoint left unanswered, so that the next one could not do it.
        var unanswered: Data?
        for _ in 0..<Self.attemptsMax {
            let found = try await document(pool)
            if let found, let unanswered, found.text == unanswered { return found.topology }
            var servers = found?.topology.servers ?? []
            change(&servers)
            if let found, servers == found.topology.servers { return found.topology }
            guard !servers.isEmpty else { throw CacheError(.refused, "a pool has one server at least") }
            guard servers.count <= Topology.serversMax else {
                throw CacheError(.refused, "a pool has \(Topology.serversMax) servers at most")
            }
            guard Set(servers.map(\.name)).count == servers.count else {
                throw CacheError(.refused, "two servers have one name")
            }
            guard servers.allSatisfy({ $0.node.weight <= RingServer.weightMax }) else {
                throw CacheError(.refused, "a server weighs more than \(RingServer.weightMax)")
            }
            let topology = try (found?.topology ?? Topology(epoch: 0, servers: [])).changed(to: servers)
            let text: Data
            do { text = try TopologyDocument(topology).encoded() } catch {
                throw CacheError(.unencodable, underlying: error)
            }
            let put = EtcdMessage.Put(key: Data(key(pool).utf8), value: text)
            let (reply, isRepeated) = try await askRepeatedly(
                "kv/txn", EtcdMessage.ConditionalPut(put, ifAt: found?.revision ?? 0),
                as: EtcdMessage.ConditionalDone.self)
            if reply.succeeded == true {
                return Topology(epoch: max(topology.epoch, reply.header.number ?? 0), servers: servers)
            }
            unanswered = isRepeated ? text : nil
        }
        throw CacheError(.refused, "changed by others \(Self.attemptsMax) times in a row")
    }

    private func document(
        _ pool: String
    ) async throws(CacheError) -> (topology: Topology, revision: UInt64, text: Data?)? {
        let range = EtcdMessage.Range(key: Data(key(pool).utf8))
        guard let pair = try await ask("kv/range", range, as: EtcdMessage.Pairs.self).kvs?.first else { return nil }
        return (try Self.topology(pair), pair.revision, pair.value)
    }

    /// The document's epoch, or the revision of its last change if that is greater, so that who edits it by hand need
    /// not count.
    static func topology(_ pair: EtcdMessage.Pair) throws(CacheError) -> Topology {
        guard let document = TopologyDocument(pair.value ?? Data()), let servers = document.cacheServers else {
            throw CacheError(
                .refused,
                "\(pair.name) is no list of servers that weigh 1 to \(RingServer.weightMax), or its epoch is too large")
        }
        return Topology(epoch: max(document.epoch ?? 0, pair.revision), servers: servers)
    }

    // MARK: Leases

    /// The servers that are under a lease.
    public func liveServers(of pool: String) async throws(CacheError) -> Set<String> {
        let first = liveKey(pool, "")
        let range = EtcdMessage.Range(
            key: Data(first.utf8), rangeEnd: EtcdMessage.end(ofPrefix: Data(first.utf8)))
        let pairs = try await ask("kv/range", range, as: EtcdMessage.Pairs.self).kvs ?? []
        return Set(pairs.map { String($0.name.dropFirst(first.count)) })
    }

    /// Says that a server is alive, until the task is cancelled: for whoever runs it, a process beside it or a part of
    /// one.
    ///
    /// Its key is under a lease of `timeToLive`, which is renewed three times in that time. A lease that is lost,
    /// because etcd could not be reached for so long, is taken anew; what goes wrong until then is `failed`'s to tell.
    ///
    /// - Parameters:
    ///   - server: Its name on the ring.
    ///   - timeToLive: A second at least.
    ///   - isAlive: Asked before each renewal: the lease of a server that is not is left to end.
    public func announce(
        _ server: String, in pool: String, timeToLive: Duration = .seconds(10),
        isAlive: @Sendable () async -> Bool = { true }, failed: @Sendable (CacheError) -> Void = { _ in }
    ) async {
        // etcd counts whole seconds, and no more than these.
        let life = min(max(timeToLive, .seconds(1)), .seconds(9_000_000_000))
        var lease: String?
        var isKeyPut = false
        while !Task.isCancelled {
            do throws(CacheError) {
                if await isAlive() {
                    if let current = lease, try await keepAlive(current) {
                    } else {
                        lease = try await grant(life)
                        isKeyPut = false
                    }
                    if !isKeyPut, let lease {
                        try await put(server, pool, lease)
                        isKeyPut = true
                    }
                }
            } catch {
                if error.code != .cancelled { failed(error) }
            }
            do { try await Task.sleep(for: life / 3) } catch { break }
        }
        guard let lease else { return }
        // The task is cancelled, and what it asks would be: another one says goodbye.
        await Task {
            _ = try? await ask("lease/revoke", EtcdMessage.LeaseName(identity: lease), as: EtcdMessage.Done.self)
        }
        .value
    }

    private func grant(_ life: Duration) async throws(CacheError) -> String {
        let seconds = life.components.seconds
        let grant = try await ask(
            "lease/grant", EtcdMessage.LeaseGrant(seconds: "\(seconds)"), as: EtcdMessage.Lease.self)
        guard let lease = grant.identity else { throw CacheError(.protocolViolation, "a lease without a name") }
        return lease
    }

    private func put(_ server: String, _ pool: String, _ lease: String) async throws(CacheError) {
        let put = EtcdMessage.Put(key: Data(liveKey(pool, server).utf8), value: Data(), lease: lease)
        _ = try await ask("kv/put", put, as: EtcdMessage.Done.self)
    }

    /// False if there is no such lease any longer.
    private func keepAlive(_ lease: String) async throws(CacheError) -> Bool {
        let kept = try await ask(
            "lease/keepalive", EtcdMessage.LeaseName(identity: lease), as: EtcdMessage.KeptAlive.self)
        return kept.result?.seconds.flatMap { Int64($0) } ?? 0 > 0
    }
}
