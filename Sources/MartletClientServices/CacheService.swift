import Logging
import MartletClient
import Metrics
import ServiceLifecycle

/// A cache client among a service's other parts: it follows its list of servers, logs what happens to them, keeps
/// metrics, and ends with the group, after the calls under way.
///
/// | metric | |
/// | --- | --- |
/// | `cache.client.servers`, `cache.client.servers.down` | gauges |
/// | `cache.client.topology.epoch` | a gauge: of the list of servers in force |
/// | `cache.client.topology.failures` | lists of servers that could not be had, or were refused, by `error.type` |
/// | `cache.client.servers.failures` | how often a server was found down, by `error.type` |
/// | `cache.client.invalidations.lost` | servers that may have values out of date, each time |
/// | `cache.client.invalidations.pending` | a gauge for each server: keys that have still to be removed there |
/// | `db.client.connection.count` | a gauge for each server and state, `used` or `idle` |
/// | `db.client.connection.pending_requests` | a gauge for each server |
///
/// The last three, named as OpenTelemetry names them, are looked at every `gaugeInterval`; a server is their
/// `db.client.connection.pool.name`. Those of a server that has left the list are set to 0 and destroyed.
///
/// A list that cannot be had for the same reason again and again is a warning every ten minutes; in between it is a
/// debug line.
///
///     let service = CacheService(cache, following: .dnsServices("_memcached._tcp.cache"), logger: logger)
///     try await ServiceGroup(services: [service, app], gracefulShutdownSignals: [.sigterm], logger: logger).run()
///
/// Put it before those that use it: a group ends its services in the reverse order.
public struct CacheService: Service {
    private let cache: CacheClient
    private let source: TopologySource?
    private let rememberedAt: String?
    private let logger: Logger
    private let metrics: any MetricsFactory
    private let gaugeInterval: Duration

    /// - Parameters:
    ///   - rememberedAt: The file of `CacheClient.follow`.
    ///   - gaugeInterval: How often connections are counted.
    public init(
        _ cache: CacheClient, following source: TopologySource? = nil, rememberedAt: String? = nil,
        logger: Logger = Logger(label: "martlet.client"), metrics: any MetricsFactory = MetricsSystem.factory,
        gaugeInterval: Duration = .seconds(10)
    ) {
        self.gaugeInterval = gaugeInterval
        self.cache = cache
        self.source = source
        self.rememberedAt = rememberedAt
        self.logger = logger
        self.metrics = metrics
    }

    /// Runs until the group ends or the task is cancelled, and shuts the client down.
    public func run() async throws {
        let events = cache.events
        logger.info(
            "cache client", metadata: ["ring": "\(cache.ring.fingerprint)", "servers": "\(cache.ring.servers.count)"])
        await withTaskGroup { group in
            group.addTask { await heed(events) }
            group.addTask { await countConnections() }
            if let source {
                let (cache, path) = (cache, rememberedAt)
                group.addTask { await cache.follow(source, rememberedAt: path) }
            }
            // Until the group is asked to end, or the task is cancelled.
            try? await gracefulShutdown()
            await cache.shutDown()
            group.cancelAll()
        }
    }

    private func heed(_ events: AsyncStream<CacheEvent>) async {
        let servers = Gauge(label: "cache.client.servers", factory: metrics)
        let epoch = Gauge(label: "cache.client.topology.epoch", factory: metrics)
        var warning = Warning()
        servers.record(cache.ring.servers.count)
        countDownServers()
        epoch.record(cache.epoch)
        for await event in events {
            log(event, &warning)
            switch event {
            case .serverDown(_, let error): count("cache.client.servers.failures", error)
            case .topologySourceFailed(let error): count("cache.client.topology.failures", error)
            case .invalidationsLost: count("cache.client.invalidations.lost")
            case .serverUp, .metaProtocolDeclined: break
            case .topologyChanged:
                servers.record(cache.ring.servers.count)
                epoch.record(cache.epoch)
            }
            countDownServers()
        }
    }

    /// As they are, not as events tell: those of several connections may come in another order, or be missed.
    private func countDownServers() {
        Gauge(label: "cache.client.servers.down", factory: metrics).record(cache.serverStates.count { $0.isDown })
    }

    private func countConnections() async {
        var known: Set<String> = []
        repeat {
            let states = cache.serverStates
            for state in states {
                for (gauge, count) in gauges(of: state.server, state) { gauge.record(count) }
            }
            let servers = Set(states.map(\.server))
            for server in known.subtracting(servers) {
                // What it had last would be shown for ever.
                for (gauge, count) in gauges(of: server) {
                    gauge.record(count)
                    gauge.destroy()
                }
            }
            known = servers
            countDownServers()
            // Cancelled at the end.
            try? await Task.sleep(for: gaugeInterval)
        } while !Task.isCancelled
    }

    /// With what they are to show; 0 for a server that is no longer there.
    private func gauges(of server: String, _ state: ServerState? = nil) -> [(Gauge, Int)] {
        let pool = ("db.client.connection.pool.name", server)
        let used = [pool, ("db.client.connection.state", "used")]
        let idle = [pool, ("db.client.connection.state", "idle")]
        return [
            ("db.client.connection.count", used, state?.usedConnections),
            ("db.client.connection.count", idle, state?.idleConnections),
            ("db.client.connection.pending_requests", [pool], state?.pendingRequests),
            ("cache.client.invalidations.pending", [pool], state?.pendingInvalidations),
        ].map { label, labels, count in (Gauge(label: label, dimensions: labels, factory: metrics), count ?? 0) }
    }

    private func count(_ label: String, _ error: CacheError? = nil) {
        let labels = error.map { [("error.type", "\($0.code)")] } ?? []
        Counter(label: label, dimensions: labels, factory: metrics).increment()
    }

    /// What was last warned of.
    private struct Warning {
        static let interval = Duration.seconds(600)

        var text = ""
        var time = ContinuousClock.now

        /// Whether it is time to say so, or to say so again.
        mutating func isDue(_ text: String) -> Bool {
            let now = ContinuousClock.now
            guard text != self.text || now >= time + Self.interval else { return false }
            (self.text, time) = (text, now)
            return true
        }
    }

    private func log(_ event: CacheEvent, _ warning: inout Warning) {
        switch event {
        case .serverDown(let server, let error):
            logger.warning("cache server down", metadata: ["server": "\(server)", "error": "\(error)"])
        case .serverUp(let server): logger.notice("cache server up", metadata: ["server": "\(server)"])
        case .invalidationsLost(let server):
            logger.error(
                "failed removals are no longer known: values may be out of date", metadata: ["server": "\(server)"])
        case .metaProtocolDeclined(let server):
            logger.warning("cache server without the meta protocol", metadata: ["server": "\(server)"])
        case .topologySourceFailed(let error):
            logger.log(
                level: warning.isDue("\(error)") ? .warning : .debug,
                "no new list of cache servers, the last one stays", metadata: ["error": "\(error)"])
        case .topologyChanged(let epoch, let fingerprint):
            logger.notice("other cache servers", metadata: ["epoch": "\(epoch)", "ring": "\(fingerprint)"])
        }
    }
}
