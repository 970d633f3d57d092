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

        @Test("For a caller who was cancelled while the cache was asked nothing is loaded")
        func cancelledCaller() async throws {
            let (door, loads) = (Door(), Count())
            let server = try await DelayingServer(isEmpty: true) { _ in await door.pass() }
            let cache = CacheFixture.client(for: [server.path])
            let caller = Task {
                try await cache.values(for: ["a", "b"], as: String.self, timeToLive: .seconds(60)) { _ in
                    await loads.add()
                    return [:]
                }
            }
            #expect(await eventually { await door.arrivals == 1 })

            caller.cancel()

            let error = await #expect(throws: CacheError.self) { try await caller.value }
            #expect(error?.code == .cancelled)
            #expect(await loads.value == 0)
            await door.open()
            await cache.shutDown()
            await server.stop()
        }
    }
}
