import MartletClient
import Testing

extension ClientTests {
    /// Loads of many keys keep to the same policy as those of one.
    @Suite("Loads of many keys by their policy")
    struct BulkLoadTests {
        private struct Broken: Error, Equatable {}

        @Test("In its grace, and due for a refresh, a value is loaded anew with the rest", arguments: [true, false])
        func refresh(inGrace: Bool) async throws {
            try await CacheFixture.run { fixture in
                let (cache, loads) = (fixture.cache, Count())
                var policy = LoadPolicy.standard
                if inGrace { policy.staleGrace = .seconds(3600) } else { policy.refreshAhead = .seconds(3600) }
                let settings = policy
                // All of this life is within what is asked for.
                try await cache.setValue("old", for: "k", timeToLive: .seconds(1800))
                func read() async throws -> [CacheKey: String] {
                    try await cache.values(for: ["k", "n"], timeToLive: .seconds(9000), policy: settings) { keys in
                        await loads.add()
                        return Dictionary(uniqueKeysWithValues: keys.map { ($0, "new") })
                    }
                }

                #expect(try await read() == ["k": "new", "n": "new"])
                #expect(try await cache.value(for: "k") == "new")

                #expect(try await read() == ["k": "new", "n": "new"])
                #expect(await loads.value == 1)
            }
        }

        @Test("A load that fails leaves the old values to be served, if there is one for every key")
        func failure() async throws {
            try await CacheFixture.run { (fixture) async throws in
                let cache = fixture.cache
                var policy = LoadPolicy.standard
                policy.staleGrace = .seconds(3600)
                policy.retryDelay = .zero
                func read(_ keys: [CacheKey], _ settings: LoadPolicy) async throws -> [CacheKey: String] {
                    try await cache.values(for: keys, timeToLive: .seconds(9000), policy: settings) { _ in
                        throw Broken()
                    }
                }
                for key in ["due", "stale"] as [CacheKey] {
                    try await cache.setValue("old", for: key, timeToLive: .seconds(1800))
                }
                try await cache.invalidateValue(for: "stale", servingStaleFor: .seconds(1800))

                // What was won is given back each time.
                for _ in 0..<2 { #expect(try await read(["due", "stale"], policy) == ["due": "old", "stale": "old"]) }
                let settings = policy
                await #expect(throws: Broken()) { try await read(["due", "none"], settings) }
                policy.servesStaleOnError = false
                #expect(try await read(["due"], policy) == ["due": "old"])
                let strict = policy
                await #expect(throws: Broken()) { try await read(["stale"], strict) }
            }
        }

        @Test("Keys for which the source has nothing are remembered, if asked for")
        func negative() async throws {
            try await CacheFixture.run { fixture in
                let (cache, loads) = (fixture.cache, Count())
                var policy = LoadPolicy.standard
                policy.negativeTimeToLive = .seconds(3600)
                let settings = policy

                for _ in 0..<3 {
                    let values = try await cache.values(
                        for: ["k", "none"], as: String.self, timeToLive: .seconds(3600), policy: settings
                    ) { _ in
                        await loads.add()
                        return ["k": "v"]
                    }
                    #expect(values == ["k": "v"])
                }

                #expect(await loads.value == 1)
            }
        }

        @Test("A near cache answers for what was found, and for what was loaded")
        func near() async throws {
            try await CacheFixture.run { fixture in
                let loads = Count()
                let near = fixture.cache.nearCached(timeToLive: .seconds(3600))
                let other = CacheFixture.client(for: [fixture.servers[0].path ?? ""])
                try await other.setValue("old", for: "found")
                func read() async throws -> [CacheKey: String] {
                    try await near.values(for: ["found", "loaded"], timeToLive: .seconds(3600)) { keys in
                        await loads.add()
                        return Dictionary(uniqueKeysWithValues: keys.map { ($0, "old") })
                    }
                }
                #expect(try await read() == ["found": "old", "loaded": "old"])

                try await other.setValue("new", for: "found")
                try await other.removeValue(for: "loaded")

                #expect(try await read() == ["found": "old", "loaded": "old"])
                #expect(await loads.value == 1)
                #expect(try await near.value(for: "found") == "old")
                await other.shutDown()
            }
        }
    }
}
