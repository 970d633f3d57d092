import NIOConcurrencyHelpers

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

extension TopologySource {
    /// A pool's servers in etcd, and which of them are alive.
    ///
    /// The document is a list of servers with an epoch,
    ///
    ///     { "epoch": 7, "servers": ["10.0.0.1", "10.0.0.2:11212:3", { "name": "cache-2", "address": "10.0.0.3:11211" }] }
    ///
    /// which `Etcd.changeServers` writes, or somebody by hand, who can leave the epoch out. Changes come within
    /// moments, by a watch. While etcd does not answer, the last list stays in force.
    ///
    /// - Parameter retryInterval: How long to wait before asking again where etcd did not answer; up to 16 times as
    ///   long where it goes on like that.
    public static func etcd(
        _ etcd: Etcd, pool: String, retryInterval: Duration = .seconds(1)
    ) -> TopologySource {
        let live = NIOLockedValueBox<Set<String>>([])
        return TopologySource(interval: retryInterval, intervalMax: retryInterval * 16) { _, report in
            try await EtcdWatch(etcd: etcd, pool: pool, live: live, report: report).run()
        }
    }
}

/// One watch on a pool, from its beginning to its end.
///
/// Rules:
/// 1. Everything is read, and then watched from the revision at which it was read: no change is missed.
/// 2. A watch that etcd ends is told as a failure with its reason, and begun anew with rule 1: soon where the revision
///    was compacted, and else, since it may be refused again, with growing waits, after each of which all is read at
///    least. Every watch is begun anew after `life`.
/// 3. A document that is none, or that is gone, is told as a failure, and the watch goes on.
/// 4. Only a server whose lease was there, now or in an earlier watch, can lose it.
private struct EtcdWatch: Sendable {
    private static let life = Duration.seconds(60)

    let etcd: Etcd
    let pool: String
    /// The servers under a lease; kept from one watch to the next.
    let live: NIOLockedValueBox<Set<String>>
    let report: @Sendable (TopologySource.News) -> Void

    private var liveKey: String { etcd.liveKey(pool, "") }

    func run() async throws {
        let key = etcd.key(pool)
        // The key itself, and what begins with it and a slash; what is in between is passed over.
        let (first, end) = (Data(key.utf8), EtcdMessage.end(ofPrefix: Data("\(key)/".utf8)))
        let pairs = try await etcd.ask(
            "kv/range", EtcdMessage.Range(key: first, rangeEnd: end), as: EtcdMessage.Pairs.self)
        takeAll(pairs.kvs ?? [])
        guard let revision = pairs.header.number, revision < UInt64(Int64.max) else {
            throw CacheError(.protocolViolation, "a reply without a revision to watch from")
        }
        let watch = EtcdMessage.Watch(creation: .init(key: first, rangeEnd: end, startRevision: "\(revision + 1)"))
        for try await line in try etcd.lines("watch", watch, life: Self.life * Double.random(in: 0.8...1)) {
            let watched = try Etcd.decoded(line, as: EtcdMessage.Watched.self)
            guard let result = watched.result else {
                throw CacheError(.refused, "the watch has failed: \(watched.error?.message ?? "no reason given")")
            }
            guard result.canceled != true else {
                let reason = result.reason.flatMap { $0.isEmpty ? nil : $0 }
                let error = CacheError(
                    .refused, "the watch was ended: \(reason ?? (result.isCompacted ? "compacted" : "no reason given"))"
                )
                guard result.isCompacted else { throw error }
                return report(.failure(error))
            }
            for event in result.events ?? [] { take(event) }
        }
    }

    /// Rule 1, and 4 for what has ended meanwhile.
    private func takeAll(_ pairs: [EtcdMessage.Pair]) {
        let now = Set(pairs.compactMap { server($0.name) })
        let before = live.withLockedValue { live in
            defer { live = now }
            return live
        }
        if let document = pairs.first(where: { $0.name == etcd.key(pool) }) {
            take(document: document)
        } else {
            report(.failure(CacheError(.refused, "there is no \(etcd.key(pool)) in etcd")))
        }
        for server in now.subtracting(before) { report(.lease(server: server, isLive: true)) }
        for server in before.subtracting(now) { report(.lease(server: server, isLive: false)) }
    }

    private func take(_ event: EtcdMessage.Watched.Event) {
        let isGone = event.type == "DELETE"
        if event.kv.name == etcd.key(pool) {
            guard !isGone else {
                return report(.failure(CacheError(.refused, "\(event.kv.name) was removed from etcd")))
            }
            take(document: event.kv)
        } else if let server = server(event.kv.name) {
            let isNews = live.withLockedValue { live in
                isGone ? live.remove(server) != nil : live.insert(server).inserted
            }
            if isNews { report(.lease(server: server, isLive: !isGone)) }
        }
    }

    /// Rule 3.
    private func take(document: EtcdMessage.Pair) {
        do throws(CacheError) {
            report(.topology(try Etcd.topology(document)))
        } catch {
            report(.failure(error))
        }
    }

    /// The server that a key under a lease stands for.
    private func server(_ key: String) -> String? {
        key.hasPrefix(liveKey) && key.utf8.count > liveKey.utf8.count ? String(key.dropFirst(liveKey.count)) : nil
    }
}
