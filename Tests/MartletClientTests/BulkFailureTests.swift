import MartletClient
import Testing

extension ClientTests {
    /// What a load of many keys that fails leaves behind.
    @Suite("Loads of many keys that fail")
    struct BulkFailureTests {
        private struct Broken: Error, Equatable {}

        @Test("A value that is out of date stays where it is, as for one key; leases are given back")
        func bulkFailureKeepsStale() async throws {
            try await CacheFixture.run { fixture in
                let cache = fixture.cache
                try await cache.setValue("old", for: "a", timeToLive: .seconds(60))
                try await cache.invalidateValue(for: "a", servingStaleFor: .seconds(60))

                await #expect(throws: Broken()) {
                    try await cache.values(for: ["a", "b"], as: String.self, timeToLive: .seconds(60)) { _ in
                        throw Broken()
                    }
                }

                #expect(try fixture.stored(under: "a") != nil)
                #expect(try fixture.stored(under: "b") == nil)
            }
        }
    }
}
