import MartletClient
import NIOConcurrencyHelpers
import Testing

extension ClientTests {
    /// Loads that load through the cache themselves, where turns are few.
    @Suite("Loads within loads", .timeLimit(.minutes(5)))
    struct NestedLoadTests {
        private static let life = Duration.seconds(60)

        @Test("A load may load through the cache where all turns are taken, by one key or many")
        func nested() async throws {
            try await CacheFixture.run({ $0.concurrentLoadsMax = 1 }) { fixture in
                let cache = fixture.cache
                let value = try await cache.value(for: "outer", timeToLive: Self.life) {
                    let inner = try await cache.value(for: "inner", timeToLive: Self.life) {
                        try await cache.value(for: "innermost", timeToLive: Self.life) { "c" } + "b"
                    }
                    let others = try await cache.values(for: ["d"], as: String.self, timeToLive: Self.life) { _ in
                        ["d": "d"]
                    }
                    return inner + "a" + (others["d"] ?? "")
                }

                #expect(value == "cbad")
                #expect(try await cache.value(for: "inner") == "cb")
                // The turn was given back.
                #expect(try await cache.value(for: "next", timeToLive: Self.life) { 1 } == 1)
            }
        }

        @Test("Outer loads keep to their number while each of them loads more")
        func bound() async throws {
            try await CacheFixture.run({ $0.concurrentLoadsMax = 3 }) { fixture in
                let (cache, gauge) = (fixture.cache, LoadTests.Gauge())
                try await withThrowingTaskGroup { group in
                    for number in 0..<30 {
                        group.addTask {
                            _ = try await cache.value(for: CacheKey("outer\(number)"), timeToLive: Self.life) {
                                gauge.enter()
                                defer { gauge.leave() }
                                // Some of them are asked for by several.
                                return try await cache.value(for: CacheKey("in\(number % 7)"), timeToLive: Self.life) {
                                    number
                                }
                            }
                        }
                    }
                    try await group.waitForAll()
                }
                #expect(gauge.most <= 3)
            }
        }

        @Test("A load that waits for its turn has it at once when a running one comes to wait for it")
        func joined() async throws {
            try await CacheFixture.run({ $0.concurrentLoadsMax = 1 }) { (fixture) async throws in
                let (cache, door) = (fixture.cache, Door())
                let outer = Task {
                    try await cache.value(for: "a", timeToLive: Self.life) {
                        await door.pass()
                        return try await cache.value(for: "b", timeToLive: Self.life) { "not needed" } + "a"
                    }
                }
                #expect(await eventually { await door.arrivals == 1 })
                let waiting = Task { try await cache.value(for: "b", timeToLive: Self.life) { "b" } }
                #expect(await eventually { () async in cache.waitingLoadCount == 1 })
                await door.open()

                #expect(try await outer.value == "ba")
                #expect(try await waiting.value == "b")
                #expect(cache.waitingLoadCount == 0)
            }
        }

        @Test("A load that asks for its own key is told so")
        func ownKey() async throws {
            try await CacheFixture.run { (fixture) async throws in
                let cache = fixture.cache
                let error = await #expect(throws: CacheError.self) {
                    try await cache.value(for: "k", as: String.self, timeToLive: Self.life) {
                        try await cache.value(for: "k", timeToLive: Self.life) { "never" }
                    }
                }
                #expect(error?.code == .refused)
                #expect(try await cache.value(for: "k", timeToLive: Self.life) { "v" } == "v")
            }
        }

        @Test("A task that outlives the load it was begun in waits for its turn like any other")
        func outliving() async throws {
            try await CacheFixture.run({ $0.concurrentLoadsMax = 1 }) { (fixture) async throws in
                let (cache, first, second) = (fixture.cache, Door(), Door())
                let late = NIOLockedValueBox<Task<String, any Error>?>(nil)
                _ = try await cache.value(for: "short", timeToLive: Self.life) {
                    late.withLockedValue { late in
                        late = Task {
                            await first.pass()
                            return try await cache.value(for: "late", timeToLive: Self.life) { "late" }
                        }
                    }
                    return 1
                }
                let long = Task {
                    try await cache.value(for: "long", timeToLive: Self.life) {
                        await second.pass()
                        return 2
                    }
                }
                #expect(await eventually { await second.arrivals == 1 })
                await first.open()
                #expect(await eventually { () async in cache.waitingLoadCount == 1 })
                await second.open()

                #expect(try await long.value == 2)
                #expect(try await late.withLockedValue { $0 }?.value == "late")
            }
        }

        @Test("A load whose caller is on the way is not over because another one has left it")
        func expectedCaller() async throws {
            let load = SharedLoad<Int>(outlivesWaiters: false)
            load.expectWaiter()
            let other = Task { try await load.value() }
            #expect(await eventually { () async in load.waiterCount == 2 })
            other.cancel()
            _ = await other.result

            load.start(in: BackgroundTasks()) { 1 }

            #expect(try await load.value(isExpected: true) == 1)
            #expect(load.waiterCount == 0)
        }
    }
}
