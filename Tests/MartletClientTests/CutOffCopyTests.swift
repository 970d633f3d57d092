import MartletClient
import Testing

extension ClientTests {
    /// Copies that a change has not reached, and callers that wait for copies no longer.
    @Suite("Copies that are cut off")
    struct CutOffCopyTests {
        @Test("What was stored and removed while the nearest copy was cut off is not old there when it is back")
        func stale() async throws {
            let near = try ServerProcess()
            try await CacheFixture.run(servers: 2) { fixture in
                let nearest = CacheFixture.client(for: [near.path]) {
                    $0.operationTimeout = .milliseconds(300)
                    $0.timeoutsUntilDown = 1
                    $0.probeDelay = .milliseconds(20)
                    $0.probeDelayMax = .milliseconds(40)
                }
                let zones = [nearest] + fixture.servers.map { CacheFixture.client(for: [$0.path ?? ""]) }
                var cache = ReplicatedCache(zones: zones, writes: .all, reads: .one)
                for key in ["changed", "removed"] as [CacheKey] {
                    #expect(await eventually { (try? await cache.setValue("old", for: key)) != nil })
                }
                cache.writes = .quorum

                near.pause()
                try await cache.setValue("new", for: "changed")
                try await cache.removeValue(for: "removed")
                // Both have failed there, and neither has got as far as a store.
                #expect(
                    await eventually {
                        let state = nearest.serverStates[0]
                        return state.isDown && state.pendingInvalidations == 2
                    })
                near.resume()
                #expect(await eventually { !nearest.serverStates[0].isDown })

                let patient = nearest.timeout(.seconds(60))
                #expect(try await patient.value(for: "changed", as: String.self) != "old")
                #expect(try await patient.value(for: "removed", as: String.self) == nil)
                #expect(try await cache.value(for: "changed") == "new")
                #expect(try await cache.value(for: "removed", as: String.self) == nil)
                for zone in zones { await zone.shutDown() }
            }
        }

        @Test("A caller that is cancelled waits for no copy")
        func cancelled() async throws {
            let door = Door()
            let server = try await DelayingServer(isEmpty: true) { _ in await door.pass() }
            let zones = (0..<3).map { _ in CacheFixture.client(for: [server.path]) }
            let cache = ReplicatedCache(zones: zones, writes: .quorum, reads: .quorum)

            let reading = Task { try await cache.value(for: "k", as: String.self) }
            let writing = Task { try await cache.setValue("v", for: "k") }
            // Each connection answers in order: its first request is at the door.
            #expect(await eventually { await door.arrivals >= 3 })
            reading.cancel()
            writing.cancel()

            let read = await #expect(throws: CacheError.self) { try await reading.value }
            #expect(read?.code == .cancelled)
            let written = await #expect(throws: CacheError.self) { try await writing.value }
            #expect(written?.code == .cancelled)
            await door.open()
            for zone in zones { await zone.shutDown() }
            await server.stop()
        }
    }
}
