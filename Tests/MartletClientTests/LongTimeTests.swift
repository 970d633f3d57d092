import MartletClient
import MartletRecipes
import NIOConcurrencyHelpers
import Testing

extension ClientTests {
    /// Times as long as a number can be, for whoever means "for ever" by them.
    @Suite("Times without an end")
    struct LongTimeTests {
        private static let forever = Duration.seconds(Int64.max)

        @Test("A value may live, be refreshed and be out of date for ever", arguments: [true, false])
        func lives(usesMetaProtocol: Bool) async throws {
            try await CacheFixture.run({ $0.usesMetaProtocol = usesMetaProtocol }) { fixture in
                let (cache, loads) = (fixture.cache, Count())
                var policy = LoadPolicy.refreshing(ahead: Self.forever)
                policy.staleGrace = Self.forever
                policy.negativeTimeToLive = Self.forever
                policy.lease = Self.forever
                policy.leaseWaitMax = Self.forever

                for _ in 0..<2 {
                    let value = try await cache.value(for: "k", timeToLive: Self.forever, policy: policy) {
                        await loads.add()
                    }
                    #expect(value == 1)
                }

                #expect(try await cache.item(for: "k", as: Int.self)?.remainingTimeToLive == nil)
                try await cache.setValue("v", for: "l", timeToLive: Self.forever + Self.forever)
                #expect(try await cache.value(for: "l") == "v")
            }
        }

        @Test("More than 30 days, which a server would take for a date, is never asked for as a lease or a refresh")
        func dates() async throws {
            let lines = NIOLockedValueBox([String]())
            let server = try await DelayingServer(isEmpty: true) { line in lines.withLockedValue { $0.append(line) } }
            let cache = CacheFixture.client(for: [server.path])
            var policy = LoadPolicy.refreshing(ahead: .seconds(60))
            policy.lease = .seconds(31 * 86_400)
            policy.staleGrace = .seconds(31 * 86_400)

            _ = try await cache.value(for: "k", timeToLive: .seconds(600), policy: policy) { "v" }
            policy.staleGrace = .seconds(30 * 86_400 - 100)
            _ = try await cache.value(for: "k", timeToLive: .seconds(600), policy: policy) { "v" }

            let looks = lines.withLockedValue { $0 }.filter { $0.hasPrefix("mg ") }.map { $0.split(separator: " ") }
            #expect(looks.map { $0.last { $0.first == "N" } } == ["N2592000", "N2592000"])
            #expect(looks.map { $0.last { $0.first == "R" } } == ["R2592000", "R2591960"])
            await cache.shutDown()
            await server.stop()
        }

        @Test("A load that failed may be tried again as late as never")
        func retry() async throws {
            try await CacheFixture.run { fixture in
                let cache = fixture.cache
                var policy = LoadPolicy.standard
                policy.retryDelay = Self.forever
                try await cache.setValue("old", for: "k")
                try await cache.invalidateValue(for: "k", servingStaleFor: .seconds(60))

                let value = try await cache.value(for: "k", timeToLive: .seconds(60), policy: policy) {
                    () async throws -> String in
                    throw CacheError(.refused)
                }

                #expect(value == "old")
                // What waits to give the claim back would be waited for.
                await cache.timeout(.milliseconds(50)).shutDown()
            }
        }

        @Test(
            "A call may take for ever, and about as long as nanoseconds can be counted",
            arguments: [forever, forever + forever, .seconds(9_223_372_036) + .milliseconds(900)])
        func calls(timeout: Duration) async throws {
            try await CacheFixture.run { fixture in
                try await fixture.cache.timeout(timeout).setValue("v", for: "k")
            }
        }

        @Test("A period may be as long as there are seconds")
        func period() async throws {
            try await CacheFixture.run { fixture in
                #expect(await RateLimiter(fixture.cache, limit: 1, per: Self.forever).allows("a").isAllowed)
            }
        }
    }
}
