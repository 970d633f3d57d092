import Logging
import MartletClient
import Metrics
import ServiceLifecycle

/// A cache client among a service's other parts: it follows its list of servers, logs what happens to them, keeps the gauges
/// `cache.client.servers`, `cache.client.servers.down` and `cache.client.topology.epoch`, and ends with the group, after the
/// calls under way.
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

    /// - Parameter rememberedAt: The file of `CacheClient.follow`.
    public init(
        _ cache: CacheClient, following source: TopologySource? = nil, rememberedAt: String? = nil,
        logger: Logger = Logger(label: "martlet.client"), metrics: any MetricsFactory = MetricsSystem.factory
    ) {
        self.cache = cache
        self.source = source
        self.rememberedAt = rememberedAt
        self.logger = logger
        self.metrics = metrics
    }

    public func run() async throws {
        let events = cache.events
        logger.info(
            "cache client", metadata: ["ring": "\(cache.ring.fingerprint)", "servers": "\(cache.ring.servers.count)"])
        await withTaskGroup { group in
            group.addTask { await heed(events) }
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
        let downServers = Gauge(label: "cache.client.servers.down", factory: metrics)
        let epoch = Gauge(label: "cache.client.topology.epoch", factory: metrics)
        var down: Set<String> = []
        servers.record(cache.ring.servers.count)
        downServers.record(0)
        epoch.record(cache.epoch)
        for await event in events {
            log(event)
            switch event {
            case .serverDown(let server, _): down.insert(server)
            case .serverUp(let server): down.remove(server)
            case .topologyChanged:
                down.formIntersection(cache.ring.servers.map(\.name))
                servers.record(cache.ring.servers.count)
                epoch.record(cache.epoch)
            default: continue
            }
            downServers.record(down.count)
        }
    }

    private func log(_ event: CacheEvent) {
        switch event {
        case .serverDown(let server, let error):
            logger.warning("cache server down", metadata: ["server": "\(server)", "error": "\(error)"])
        case .serverUp(let server): logger.notice("cache server up", metadata: ["server": "\(server)"])
        case .invalidationsLost(let server):
            logger.error(
                "failed removals are no longer known: values may be out of date", metadata: ["server": "\(server)"])
        case .topologySourceFailed(let error):
            logger.warning("no list of cache servers, the last one stays", metadata: ["error": "\(error)"])
        case .topologyChanged(let epoch, let fingerprint):
            logger.notice("other cache servers", metadata: ["epoch": "\(epoch)", "ring": "\(fingerprint)"])
        }
    }
}
