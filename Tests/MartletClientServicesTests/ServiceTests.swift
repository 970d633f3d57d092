import Configuration
import InMemoryTracing
import Logging
import MartletClient
import MartletClientServices
import MetricsTestKit
import NIOConcurrencyHelpers
import ServerTesting
import ServiceLifecycle
import Testing
import Tracing

/// The article's code, compiled and not run: a service's signals are not a test's.
private func service(_ app: some Service) async throws {
    let logger = Logger(label: "app")
    let config = ConfigReader(provider: EnvironmentVariablesProvider())
    var configuration = try CacheConfiguration(reading: config.scoped(to: "cache"))
    configuration.observer = CacheInstrument()
    let servers = try CacheServer.list(reading: config.scoped(to: "cache"))
    let cache = CacheClient(servers: servers, configuration: configuration)
    let service = CacheService(cache, following: .dnsServices("_memcached._tcp.cache"), logger: logger)
    try await ServiceGroup(services: [service, app], gracefulShutdownSignals: [.sigterm], logger: logger).run()
}

/// The client among the parts of a Swift service.
@Suite("Client in a service")
struct ServiceTests {
    private static func run(
        _ change: (inout CacheConfiguration) -> Void = { _ in }, body: (CacheClient, TestServer) async throws -> Void
    ) async throws {
        let server = try TestServer.onUnixSocket()
        defer { server.stop() }
        var configuration = CacheConfiguration()
        configuration.operationTimeout = .seconds(60)
        configuration.connectTimeout = .seconds(60)
        change(&configuration)
        let cache = CacheClient(
            servers: [CacheServer(unixSocket: server.path ?? "")], configuration: configuration)
        do {
            try await body(cache, server)
        } catch {
            await cache.shutDown()
            throw error
        }
        await cache.shutDown()
    }

    @Test("Calls are counted and timed by their results, under OpenTelemetry's names")
    func metrics() async throws {
        let metrics = TestMetrics()
        try await Self.run({ $0.observer = CacheInstrument(metrics: metrics, tracer: nil) }) { cache, _ in
            try await cache.setValue("v", for: "k")
            _ = try await cache.value(for: "k", as: String.self)
            _ = try await cache.value(for: "none", as: String.self)
            _ = await cache.values(for: ["k", "none", "neither"], as: String.self)
            try await cache.setValue("text", for: "text")
            await #expect(throws: CacheError.self) { try await cache.incrementCounter("text") }
            _ = try await cache.value(for: "loaded", timeToLive: .seconds(9)) { "loaded" }

            for (result, count) in [("hit", 2), ("miss", 2), ("done", 3), ("error", 1)] as [(String, Int64)] {
                #expect(try metrics.expectCounter("cache.client.requests", [("result", result)]).totalValue == count)
            }
            #expect(try metrics.expectCounter("cache.client.keys", [("result", "miss")]).totalValue == 2)
            let labels = [("db.system.name", "memcached"), ("db.operation.name", "GET")]
            #expect(try metrics.expectTimer("db.client.operation.duration", labels).values.count == 3)
            #expect(try metrics.expectTimer("cache.client.load.duration").values.count == 1)
            let failed = [
                ("db.system.name", "memcached"), ("db.operation.name", "INCREMENT"), ("error.type", "refused"),
            ]
            #expect(try metrics.expectTimer("db.client.operation.duration", failed).values.count == 1)
        }
    }

    @Test("Keys asked for together are counted also where none was found, and where some were not answered")
    func keys() async throws {
        let metrics = TestMetrics()
        let configure = { (configuration: inout CacheConfiguration) in
            configuration.observer = CacheInstrument(metrics: metrics, tracer: nil)
        }
        func expect(hits: Int64, misses: Int64) throws {
            for (result, count) in [("hit", hits), ("miss", misses)] {
                #expect(try metrics.expectCounter("cache.client.keys", [("result", result)]).totalValue == count)
            }
        }
        try await Self.run(configure) { cache, server in
            _ = await cache.values(for: ["a", "b", "c"], as: String.self)
            try expect(hits: 0, misses: 3)
            // A server that is not there.
            let path = server.path ?? ""
            let away = CacheServer(unixSocket: "/nowhere")
            cache.adopt(Topology(epoch: 1, servers: [CacheServer(unixSocket: path), away]))
            let names = (0..<100).map { "k\($0)" }
            let here = names.filter { cache.ring.server(for: $0) == 0 }
            try await cache.setValue("v", for: CacheKey(here[0]))
            let result = await cache.values(for: names.map { CacheKey($0) }, as: String.self)
            #expect(result.hits.count == 1 && result.failures.count == 100 - here.count)
            try expect(hits: 1, misses: 3 + Int64(here.count) - 1)
        }
    }

    @Test("Each call is a client's span below that of its caller, with what was found and what went wrong")
    func spans() async throws {
        let tracer = InMemoryTracer()
        try await Self.run({ $0.observer = CacheInstrument(metrics: TestMetrics(), tracer: tracer) }) { cache, server in
            try await tracer.withSpan("request") { _ in
                try await cache.setValue("v", for: "k")
                _ = try await cache.value(for: "k", as: String.self)
                _ = await cache.values(for: ["a", "b"], as: String.self)
                await #expect(throws: CacheError.self) { try await cache.incrementCounter("k") }
            }

            let spans = tracer.finishedSpans
            let parent = try #require(spans.first { $0.operationName == "request" })
            let calls = spans.filter { $0.operationName != "request" }
            #expect(calls.map(\.operationName) == ["SET", "GET", "BATCH GET", "INCREMENT"])
            for call in calls {
                #expect(call.parentSpanID == parent.spanID)
                #expect(call.kind == .client)
                #expect(call.attributes["db.system.name"]?.toSpanAttribute() == "memcached")
            }
            #expect(calls[1].attributes["cache.hit"]?.toSpanAttribute() == true)
            #expect(calls[1].attributes["server.address"]?.toSpanAttribute() == .string(server.path ?? ""))
            #expect(calls[2].attributes["db.operation.batch.size"]?.toSpanAttribute() == 2)
            #expect(calls[3].attributes["error.type"]?.toSpanAttribute() == "refused")
            #expect(calls[3].status?.code == .error)
        }
    }

    @Test("In a service group the client follows its servers, and ends with the group")
    func lifecycle() async throws {
        try await Self.run { cache, server in
            let other = CacheServer(unixSocket: "/nowhere")
            let path = server.path ?? ""
            let source = TopologySource(interval: .milliseconds(5)) { _ in
                Topology(epoch: 9, servers: [CacheServer(unixSocket: path), other])
            }
            let metrics = TestMetrics()
            let service = CacheService(
                cache, following: source, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() },
                metrics: metrics)
            let group = ServiceGroup(
                configuration: .init(
                    services: [.init(service: service)],
                    logger: Logger(label: "group") { _ in SwiftLogNoOpLogHandler() }))
            let running = Task { try await group.run() }
            // The epoch is told behind the number of servers.
            for _ in 0..<12000 where (try? metrics.expectGauge("cache.client.topology.epoch").lastValue) != 9 {
                try await Task.sleep(for: .milliseconds(5))
            }
            #expect(try metrics.expectGauge("cache.client.topology.epoch").lastValue == 9)
            #expect(try metrics.expectGauge("cache.client.servers").lastValue == 2)
            #expect(try metrics.expectGauge("cache.client.servers.down").lastValue == 0)

            await group.triggerGracefulShutdown()
            try await running.value

            let error = await #expect(throws: CacheError.self) { try await cache.setValue("v", for: "k") }
            #expect(error?.code == .shutDown)
        }
    }

    /// Tells that its group runs.
    private struct Herald: Service {
        let isRunning: AsyncStream<Void>.Continuation

        func run() async throws {
            isRunning.yield()
            try await gracefulShutdown()
        }
    }

    @Test("A client that is a group's service itself ends when the group ends gracefully, and when it is cancelled")
    func ownLifecycle() async throws {
        for isGraceful in [true, false] {
            try await Self.run { cache, _ in
                let (stream, isRunning) = AsyncStream.makeStream(of: Void.self)
                let group = ServiceGroup(
                    configuration: .init(
                        services: [.init(service: cache), .init(service: Herald(isRunning: isRunning))],
                        logger: Logger(label: "group") { _ in SwiftLogNoOpLogHandler() }))
                let running = Task { try await group.run() }
                for await _ in stream { break }
                try await cache.setValue("v", for: "k")

                if isGraceful { await group.triggerGracefulShutdown() } else { running.cancel() }
                _ = await running.result

                let error = await #expect(throws: CacheError.self) { try await cache.setValue("v", for: "k") }
                #expect(error?.code == .shutDown)
            }
        }
    }

    @Test("Connections, and what waits for them, are counted for each server")
    func connections() async throws {
        try await Self.run { cache, server in
            try await cache.setValue("v", for: "k")
            #expect(cache.serverStates.map(\.server) == [server.path ?? ""])
            let metrics = TestMetrics()
            let service = CacheService(
                cache, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }, metrics: metrics,
                gaugeInterval: .milliseconds(5))
            let running = Task { try await service.run() }
            let pool = ("db.client.connection.pool.name", server.path ?? "")
            let idle = [pool, ("db.client.connection.state", "idle")]
            // Behind the call's reply its connection is idle.
            var isCounted = false
            for _ in 0..<12000 where !isCounted {
                isCounted = ((try? metrics.expectGauge("db.client.connection.count", idle).lastValue) ?? 0) >= 1
                try await Task.sleep(for: .milliseconds(5))
            }
            running.cancel()
            try await running.value

            #expect(isCounted)
            #expect(try metrics.expectGauge("db.client.connection.pending_requests", [pool]).lastValue == 0)
            #expect(try metrics.expectGauge("cache.client.invalidations.pending", [pool]).lastValue == 0)
        }
    }

    @Test("Servers that were down before anybody listened count as such; of one that has left no number stays")
    func gonePools() async throws {
        try await Self.run({ $0.probeDelay = .seconds(3600) }) { cache, server in
            let here = CacheServer(unixSocket: server.path ?? "")
            cache.adopt(Topology(epoch: 1, servers: [here, CacheServer(unixSocket: "/nowhere")]))
            let name = try #require((0..<100).map { "k\($0)" }.first { cache.ring.server(for: $0) == 1 })
            await #expect(throws: CacheError.self) { try await cache.removeValue(for: CacheKey(name)) }
            let metrics = TestMetrics()
            let service = CacheService(
                cache, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }, metrics: metrics,
                gaugeInterval: .milliseconds(5))
            let running = Task { try await service.run() }
            func value(_ label: String, _ labels: [(String, String)] = []) -> Double? {
                try? metrics.expectGauge(label, labels).lastValue
            }
            func becomes(_ isSo: () -> Bool) async throws -> Bool {
                for _ in 0..<12000 where !isSo() { try await Task.sleep(for: .milliseconds(5)) }
                return isSo()
            }
            let pool = [("db.client.connection.pool.name", "/nowhere")]
            #expect(try await becomes { value("cache.client.invalidations.pending", pool) == 1 })
            #expect(try await becomes { value("cache.client.servers.down") == 1 })
            let pending = try metrics.expectGauge("cache.client.invalidations.pending", pool)

            cache.adopt(Topology(epoch: 2, servers: [here]))

            #expect(try await becomes { value("cache.client.invalidations.pending", pool) == nil })
            #expect(pending.lastValue == 0)
            #expect(try await becomes { value("cache.client.servers.down") == 0 })
            running.cancel()
            try await running.value
        }
    }

    @Test("Settings are read from a service's configuration, and wrong ones are told")
    func configuration() async throws {
        let reader = ConfigReader(
            provider: InMemoryProvider(values: [
                "servers": ConfigValue(.stringArray(["10.0.0.1:11212:3", "/run/cache.sock"]), isSecret: false),
                "distribution": "rendezvous", "operation.timeout.milliseconds": 70, "connections.per.server": 4,
                "uses.meta.protocol": false, "compression.bytes.min": 2048, "user": "me", "password": "open",
            ]))
        let configuration = try CacheConfiguration(reading: reader)
        #expect(configuration.distribution == .rendezvous)
        #expect(configuration.operationTimeout == .milliseconds(70))
        #expect(configuration.connectionsPerServer == 4)
        #expect(!configuration.usesMetaProtocol)
        #expect(configuration.compression?.bytesMin == 2048)
        #expect(configuration.credentials?.user == "me")
        #expect(configuration.connectTimeout == CacheConfiguration().connectTimeout)
        let servers = try CacheServer.list(reading: reader)
        #expect(servers.map(\.name) == ["10.0.0.1:11212", "/run/cache.sock"])
        #expect(servers[0].node.weight == 3)

        #expect(throws: CacheError.self) {
            try CacheServer.list(reading: ConfigReader(provider: InMemoryProvider(values: [:])))
        }
    }

    @Test(
        "A setting that is there and cannot be is an error that names it",
        arguments: [
            ("distribution", "roulette", "ketama"), ("distribution", 7, "a text"), ("key.hash", "none", "md5"),
            ("hash.tag", "{", "two characters"), ("in.flight.max", -1, "above 0"),
            ("operation.timeout.milliseconds", "soon", "a whole number"),
            ("connections.per.server", 1.5, "a whole number"), ("uses.meta.protocol", "perhaps", "true or false"),
            ("when.server.down", "panic", "fail, miss"), ("user", "me", "only the other one"),
        ] as [(String, ConfigValue, String)])
    func wrongSettings(key: String, value: ConfigValue, hint: String) throws {
        let name = AbsoluteConfigKey(key.split(separator: ".").map(String.init))
        let reader = ConfigReader(provider: InMemoryProvider(values: [name: value]))

        let error = #expect(throws: CacheError.self) { try CacheConfiguration(reading: reader) }

        #expect(error?.message.hasPrefix(key == "user" ? "password" : key) == true, "\(error?.message ?? "")")
        #expect(error?.message.contains(hint) == true, "\(error?.message ?? "")")
    }

    @Test("A secret with a space in it is refused, and not repeated")
    func wrongSecrets() throws {
        let reader = ConfigReader(
            provider: InMemoryProvider(values: ["user": "me", "password": "open sesame"]))
        let error = #expect(throws: CacheError.self) { try CacheConfiguration(reading: reader) }
        #expect(error?.message.contains("sesame") == false)
    }

    @Test(
        "Servers that are none, or there twice, are told",
        arguments: [[""], ["a:1", ":"], ["a:1", "a:1:3"], ["a:1", "[a:1]"]])
    func wrongServers(texts: [String]) {
        let reader = ConfigReader(
            provider: InMemoryProvider(values: ["servers": ConfigValue(.stringArray(texts), isSecret: false)]))
        #expect(throws: CacheError.self) { try CacheServer.list(reading: reader) }
    }

    @Test("Lists of servers that are refused are counted, and warned of once while the reason stays the same")
    func refusedLists() async throws {
        try await Self.run { cache, _ in
            let fetches = NIOLockedValueBox(0)
            let source = TopologySource(interval: .milliseconds(1)) { _ in
                fetches.withLockedValue { $0 += 1 }
                return Topology(epoch: 9, servers: [])
            }
            let (metrics, lines) = (TestMetrics(), NIOLockedValueBox([Logger.Level]()))
            let service = CacheService(
                cache, following: source, logger: Logger(label: "test") { _ in LineCounter(levels: lines) },
                metrics: metrics)
            let running = Task { try await service.run() }
            let labels = [("error.type", "refused")]
            for _ in 0..<12000
            where ((try? metrics.expectCounter("cache.client.topology.failures", labels).totalValue) ?? 0) < 3 {
                try await Task.sleep(for: .milliseconds(5))
            }
            running.cancel()
            try await running.value

            #expect(try metrics.expectCounter("cache.client.topology.failures", labels).totalValue >= 3)
            #expect(lines.withLockedValue { $0 }.count { $0 == .warning } == 1)
            #expect(lines.withLockedValue { $0 }.count { $0 == .debug } >= 2)
        }
    }

    /// Keeps the levels of what is logged.
    private struct LineCounter: LogHandler {
        let levels: NIOLockedValueBox<[Logger.Level]>
        var metadata: Logger.Metadata = [:]
        var logLevel = Logger.Level.trace

        init(levels: NIOLockedValueBox<[Logger.Level]>) { self.levels = levels }

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) { levels.withLockedValue { $0.append(event.level) } }
    }
}
