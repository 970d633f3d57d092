import NIOConcurrencyHelpers
import NIOCore
import NIOPosix

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// Where the list of servers comes from, if it may change: `CacheClient.follow` asks again and again.
///
/// Rules:
/// 1. A list with a smaller or the same epoch changes nothing, nor does one that is empty, has a name twice or more than
///    4,096 servers. That is an event, unless it is the list in force.
/// 2. A source that cannot be asked leaves the last list in force; that it failed is an event.
/// 3. A server is its name: one that has moved keeps its keys.
public struct TopologySource: Sendable {
    /// What a source tells.
    enum News: Sendable {
        case topology(Topology)
        /// The lease of a server has begun, or ended: a reason to ask it.
        case lease(server: String, isLive: Bool)
        /// There is no list to be had, or none that is one.
        case failure(CacheError)
    }

    /// How long to wait before asking again.
    let interval: Duration
    /// Each failure in a row makes the wait twice as long, up to this.
    let intervalMax: Duration
    /// Asks once, for as long as that takes, and reports whatever comes.
    let ask: @Sendable (_ current: Topology, _ report: @escaping @Sendable (News) -> Void) async throws -> Void

    init(
        interval: Duration, intervalMax: Duration,
        ask:
            @escaping @Sendable (_ current: Topology, _ report: @escaping @Sendable (News) -> Void) async throws -> Void
    ) {
        self.interval = min(interval, TimeToLive.longest)
        self.intervalMax = min(intervalMax, TimeToLive.longest)
        self.ask = ask
    }

    /// A source of one's own. `fetch` gets the list in force, and may return it.
    public init(
        interval: Duration, fetch: @escaping @Sendable (_ current: Topology) async throws -> Topology
    ) {
        self.init(interval: interval, intervalMax: interval) { current, report in
            report(.topology(try await fetch(current)))
        }
    }

    /// Asks once, and returns the last list reported.
    package func fetch(_ current: Topology) async throws -> Topology {
        let last = NIOLockedValueBox(current)
        try await ask(current) { if case .topology(let topology) = $0 { last.withLockedValue { $0 = topology } } }
        return last.withLockedValue { $0 }
    }

    /// A server that answers `config get cluster`, as managed caches and Martlets do. With `configuration`'s
    /// credentials, and over TLS if it uses that.
    public static func clusterEndpoint(
        _ server: CacheServer, interval: Duration = .seconds(60), timeout: Duration = .seconds(2),
        configuration: CacheConfiguration = CacheConfiguration(),
        eventLoopGroup: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton
    ) -> TopologySource {
        TopologySource(interval: interval) { _ in
            try await ClusterEndpoint(
                server: server, timeout: timeout, configuration: configuration, eventLoops: eventLoopGroup
            ).topology()
        }
    }

    /// A file with a server in each line, as `CacheServer.init(_:)` reads it; what stands behind a `#` is a remark. The
    /// list with a changed content has the next epoch. A file with a line that is none changes nothing, nor does one
    /// that is being written: another list is read twice, a tenth of a second apart (or `interval`, if that is
    /// shorter), and counts if it is the same. Half of `10.0.0.5:11211` may be a server, too, so whoever takes longer
    /// to write the file writes it elsewhere and renames it.
    public static func file(_ path: String, interval: Duration = .seconds(1)) -> TopologySource {
        file(path, interval: interval) { Array(try Data(contentsOf: URL(filePath: path))) }
    }

    /// The same for what `read` brings.
    package static func file(
        _ path: String, interval: Duration, read: @escaping @Sendable () throws -> [UInt8]
    ) -> TopologySource {
        TopologySource(interval: interval) { current in
            let text = try read()
            let servers = try servers(String(decoding: text, as: UTF8.self), path)
            if servers == current.servers { return current }
            try await Task.sleep(for: min(interval, .milliseconds(100)))
            guard try read() == text else { throw CacheError(.refused, "\(path) is being written") }
            return try current.changed(to: servers)
        }
    }

    private static func servers(_ text: String, _ path: String) throws(CacheError) -> [CacheServer] {
        var servers: [CacheServer] = []
        for line in text.split(whereSeparator: \.isNewline) {
            let words = line.prefix { $0 != "#" }.split(whereSeparator: \.isWhitespace)
            guard let word = words.first else { continue }
            guard words.count == 1, let server = CacheServer(String(word)) else {
                throw CacheError(.refused, "\(path): \"\(line)\" is no server")
            }
            servers.append(server)
        }
        return servers
    }
}

extension CacheClient {
    /// Takes the list of servers from `source`, now and whenever it changes, until the task is cancelled.
    ///
    /// - Parameter path: A file that has the last good list: what it says is in force until the source has answered,
    ///   and what the source says is written there. One that cannot be written is told as an event, and does no harm.
    public func follow(_ source: TopologySource, rememberedAt path: String? = nil) async {
        let memory = path.map { TopologyMemory(path: $0) }
        do {
            if let last = try memory?.load() { heed(.topology(last), nil) }
        } catch {
            tell(error)
        }
        var wait = source.interval
        while !Task.isCancelled {
            do {
                try await source.ask(core.cluster.topology.list) { heed($0, memory) }
                wait = source.interval
            } catch {
                if Task.isCancelled { return }
                tell(error)
                wait = min(wait * 2, source.intervalMax)
            }
            // Between nine tenths and all of it, so that many clients do not ask at once.
            do { try await Task.sleep(for: wait * Double.random(in: 0.9...1)) } catch { return }
        }
    }

    private func heed(_ news: TopologySource.News, _ memory: TopologyMemory?) {
        switch news {
        case .topology(let topology):
            guard adopt(topology) else {
                if let refusal = core.cluster.refusal(of: topology) { tell(refusal) }
                return
            }
            do { try memory?.store(core.cluster.topology.list) } catch { tell(error) }
        case .lease(let server, _): core.cluster.examine(server)
        case .failure(let error): tell(error)
        }
    }

    private func tell(_ error: any Error) {
        core.events.send(
            .topologySourceFailed(
                error as? CacheError ?? CacheError(.refused, "no list of servers", underlying: error)))
    }
}

extension Topology {
    /// The greatest epoch that is taken from outside: it counts up in whatever counts with signs, too.
    static let epochMax = UInt64(Int64.max)

    /// `servers` with the next epoch.
    ///
    /// - Throws: `refused` if there is none.
    func changed(to servers: [CacheServer]) throws(CacheError) -> Topology {
        guard epoch < Self.epochMax else { throw CacheError(.refused, "there is no epoch behind \(epoch)") }
        return Topology(epoch: epoch + 1, servers: servers)
    }
}
