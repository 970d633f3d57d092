import MartletClient
import NIOConcurrencyHelpers
import ServerTesting
import Testing

extension ClientTests {
    /// What goes on behind the callers' backs ends before the client does, and how many loads may wait.
    @Suite("Ends and bounds of what goes on behind")
    struct EndingTests {
        /// Runs until it is cancelled.
        private static func sleepUntilCancelled(_ log: NIOLockedValueBox<[String]>) async throws -> String {
            log.withLockedValue { $0.append("begun") }
            do { try await Task.sleep(for: .seconds(3600)) } catch {
                log.withLockedValue { $0.append("cancelled") }
                throw error
            }
            return "new"
        }

        @Test("A refresh that nobody waits for ends with the client")
        func refresh() async throws {
            try await CacheFixture.run { fixture in
                let cache = fixture.cache.timeout(.milliseconds(50))
                try await fixture.cache.setValue("old", for: "k", timeToLive: .seconds(60))
                let log = NIOLockedValueBox([String]())
                let policy = LoadPolicy.refreshing(ahead: .seconds(400))

                let value = try await fixture.cache.value(for: "k", timeToLive: .seconds(1000), policy: policy) {
                    try await Self.sleepUntilCancelled(log)
                }
                #expect(value == "old")
                #expect(await eventually { () async in log.withLockedValue { $0 } == ["begun"] })
                await cache.shutDown()

                #expect(await eventually { () async in log.withLockedValue { $0 } == ["begun", "cancelled"] })
            }
        }

        @Test("A load that a caller waits for is the caller's, and goes on behind the client's end")
        func awaitedLoad() async throws {
            try await CacheFixture.run { fixture in
                let (cache, door) = (fixture.cache, Door())
                let caller = Task {
                    try await cache.value(for: "k", as: String.self, timeToLive: .seconds(60)) {
                        await door.pass()
                        return "loaded"
                    }
                }
                #expect(await eventually { await door.arrivals == 1 })
                await cache.timeout(.milliseconds(20)).shutDown()
                await door.open()
                let loaded = try await caller.value
                #expect(loaded == "loaded")
            }
        }

        @Test("Tasks that nobody waits for are counted and cancelled, others are neither")
        func tasks() async throws {
            let tasks = BackgroundTasks()
            let (isAwaited, log) = (NIOLockedValueBox(true), NIOLockedValueBox([String]()))
            let awaited = tasks.begin(isAwaited: { isAwaited.withLockedValue { $0 } }) {
                _ = try? await Self.sleepUntilCancelled(log)
            }
            #expect(tasks.count == 0)
            tasks.cancel()
            #expect(!awaited.isCancelled)
            isAwaited.withLockedValue { $0 = false }
            #expect(tasks.count == 1)
            tasks.cancel()
            await awaited.value
            #expect(tasks.count == 0)
            await tasks.begin {}.value
            #expect(tasks.count == 0)
        }

        @Test("A removal that was to be made good later is made before the end")
        func hints() async throws {
            try await CacheFixture.run({ $0.probeDelay = .seconds(3600) }) { fixture in
                let cache = fixture.cache
                try await cache.setValue("old", for: "k")
                let error = await #expect(throws: CacheError.self) {
                    try await cache.timeout(.zero).setValue("new", for: "k")
                }
                #expect(error?.code == .timeout)

                await cache.shutDown()

                #expect(try fixture.stored(under: "k") == nil)
            }
        }

        @Test("Removals that cannot be made good before the end are told of")
        func lostHints() async throws {
            let cache = CacheFixture.client(for: ["/nowhere"]) {
                $0.probeDelay = .seconds(3600)
                $0.probeDelayMax = .seconds(3600)
            }
            let events = cache.events
            _ = try? await cache.removeValue(for: "k")
            await cache.shutDown()

            var lost: [String] = []
            for await case .invalidationsLost(let server) in events { lost.append(server) }
            #expect(lost == ["/nowhere"])
        }

        @Test("Behind its end a client takes no other list of servers, and connects to nobody")
        func adoption() async throws {
            try await CacheFixture.run(servers: 2) { fixture in
                let cache = fixture.cache
                await cache.shutDown()
                #expect(!cache.adopt(Topology(epoch: 9, servers: fixture.addresses)))
                let error = await #expect(throws: CacheError.self) { try await cache.setValue("v", for: "k") }
                #expect(error?.code == .shutDown)
            }
        }

        @Test("Loads beyond those that may wait for their turn are refused, the others come in their order")
        func waitingLoads() async throws {
            try await CacheFixture.run({
                $0.concurrentLoadsMax = 1
                $0.waitingLoadsMax = 2
            }) { fixture in
                let (cache, door, order) = (fixture.cache, Door(), NIOLockedValueBox([String]()))
                func load(_ key: String) -> Task<String, any Error> {
                    Task {
                        try await cache.value(for: CacheKey(key), timeToLive: .seconds(60)) {
                            order.withLockedValue { $0.append(key) }
                            await door.pass()
                            return key
                        }
                    }
                }
                let first = load("first")
                #expect(await eventually { await door.arrivals == 1 })
                var waiting: [Task<String, any Error>] = []
                for (number, key) in ["second", "third"].enumerated() {
                    waiting.append(load(key))
                    #expect(await eventually { () async in cache.waitingLoadCount == number + 1 })
                }
                let error = await #expect(throws: CacheError.self) { try await load("fourth").value }
                #expect(error?.code == .overloaded)
                #expect(error?.message.contains("2 loads") == true)

                // One who leaves makes room for another.
                waiting.removeFirst().cancel()
                #expect(await eventually { () async in cache.waitingLoadCount == 1 })
                waiting.append(load("fifth"))
                #expect(await eventually { () async in cache.waitingLoadCount == 2 })
                await door.open()

                let values = [try await first.value, try await waiting[0].value, try await waiting[1].value]
                #expect(values == ["first", "third", "fifth"])
                #expect(order.withLockedValue { $0 } == ["first", "third", "fifth"])
            }
        }

        @Test("A client that is dropped without being shut down leaves no connection behind")
        func droppedClient() async throws {
            try await CacheFixture.run { fixture in
                let path = fixture.servers[0].path ?? ""
                // Asked over a connection of its own, each time.
                func connectionCount() async -> Int? {
                    let statistics = try? await fixture.cache.statistics()[path]?.get()
                    return statistics?["curr_connections"].flatMap { Int($0) }
                }
                let before = try #require(await connectionCount())
                func use() async throws {
                    let cache = CacheFixture.client(for: [path])
                    try await cache.setValue("v", for: "k")
                    #expect(try #require(await connectionCount()) > before)
                    #expect(try await cache.value(for: "k") == "v")
                }

                try await use()

                #expect(await eventually { await connectionCount() == before })
            }
        }

        /// Counts loads that it was told of.
        private final class Loads: CacheObserver {
            let told = NIOLockedValueBox((good: 0, failed: 0))
            func begin(_ operation: CacheOperation) -> (any CacheObservation)? { nil }
            func loaded(_ duration: Duration, _ error: (any Error)?) {
                told.withLockedValue { if error == nil { $0.good += 1 } else { $0.failed += 1 } }
            }
        }

        @Test("Whoever observes is told of every load, whichever way it came to be, and of nothing else")
        func observedLoads() async throws {
            let loads = Loads()
            try await CacheFixture.run({ $0.observer = loads }) { fixture in
                let cache = fixture.cache
                for _ in 0..<2 { _ = try await cache.value(for: "k", timeToLive: .seconds(60)) { "v" } }
                #expect(loads.told.withLockedValue { $0 } == (1, 0))
                _ = try await cache.values(for: ["a", "b"], as: String.self, timeToLive: .seconds(60)) { _ in [:] }
                #expect(loads.told.withLockedValue { $0 } == (2, 0))
                let copies = ReplicatedCache(cache, copies: 1)
                _ = try await copies.value(for: "r", timeToLive: .seconds(60)) { "v" }
                #expect(loads.told.withLockedValue { $0 } == (3, 0))
                // What is known to be nothing.
                var policy = LoadPolicy()
                policy.negativeTimeToLive = .seconds(60)
                let none: String? = try await cache.valueIfAny(for: "n", timeToLive: .seconds(60), policy: policy) {
                    nil
                }
                #expect(none == nil)
                _ = try await cache.value(for: "n", timeToLive: .seconds(60)) { "v" }
                #expect(loads.told.withLockedValue { $0 } == (5, 0))
                _ = try? await cache.value(for: "f", as: String.self, timeToLive: .seconds(60)) {
                    throw CacheError(.refused)
                }
                #expect(loads.told.withLockedValue { $0 } == (5, 1))
            }
        }

        @Test("A load is observed as well where the namespace's generation cannot be read")
        func observedWithoutCache() async throws {
            let loads = Loads()
            let cache = CacheFixture.client(for: ["/nowhere"]) { $0.observer = loads }
            let space = cache.droppableNamespace("n")
            #expect(try await space.value(for: "k", timeToLive: .seconds(60)) { "v" } == "v")
            #expect(loads.told.withLockedValue { $0 } == (1, 0))
            await cache.shutDown()
        }
    }
}
