import MartletClient
import NIOCore
import ServerTesting
import Testing

extension ClientTests {
    /// The same values on several servers.
    @Suite("Replicated caches")
    struct ReplicationTests {
        /// A zone for each of the fixture's servers.
        private static func zones(_ fixture: CacheFixture) -> [CacheClient] {
            fixture.servers.map { server in
                CacheFixture.client(for: [server.path ?? ""]) {
                    $0.probeDelay = .milliseconds(20)
                    $0.probeDelayMax = .milliseconds(40)
                }
            }
        }

        private static func run(
            writes: ReplicatedCache.Concern = .all, reads: ReplicatedCache.Concern = .one,
            body: (ReplicatedCache, [CacheClient], CacheFixture) async throws -> Void
        ) async throws {
            try await CacheFixture.run(servers: 3) { fixture in
                let zones = zones(fixture)
                do {
                    try await body(ReplicatedCache(zones: zones, writes: writes, reads: reads), zones, fixture)
                } catch {
                    for zone in zones { await zone.shutDown() }
                    throw error
                }
                for zone in zones { await zone.shutDown() }
            }
        }

        @Test("A value is on every copy with its version, and a removal on every one")
        func copies() async throws {
            try await Self.run { cache, zones, _ in
                let version = try await cache.setValue("v", for: "k", timeToLive: .seconds(1000))
                for zone in zones {
                    let item = try await zone.item(for: "k", as: String.self)
                    #expect(item?.value == "v")
                    #expect(item?.version == version)
                    #expect(item?.remainingTimeToLive ?? .zero > .seconds(900))
                }
                #expect(try await cache.value(for: "k") == "v")

                try await cache.removeValue(for: "k")
                #expect(try await cache.value(for: "k", as: String.self) == nil)
                for zone in zones { #expect(try await zone.value(for: "k", as: String.self) == nil) }
            }
        }

        @Test("Of two values the one with the greater version stays, whichever comes later")
        func order() async throws {
            try await Self.run { cache, _, _ in
                try await cache.setValue("new", for: "k", version: CacheVersion(token: 20))
                try await cache.setValue("old", for: "k", version: CacheVersion(token: 10))
                #expect(try await cache.item(for: "k", as: String.self)?.version.token == 20)
                try await cache.removeValue(for: "k", version: CacheVersion(token: 15))
                #expect(try await cache.value(for: "k") == "new")
                try await cache.removeValue(for: "k", version: CacheVersion(token: 30))
                try await cache.setValue("late", for: "k", version: CacheVersion(token: 25))
                #expect(try await cache.value(for: "k", as: String.self) == nil)
                try await cache.setValue("newest", for: "k")
                #expect(try await cache.value(for: "k") == "newest")
            }
        }

        @Test("Writers in three clients leave the same value on every copy: the one with the greatest version")
        func concurrentWriters() async throws {
            try await Self.run { _, zones, fixture in
                let greatest = try await withThrowingTaskGroup(of: UInt64.self) { group in
                    for writer in 0..<3 {
                        let own = Self.zones(fixture)
                        group.addTask {
                            let cache = ReplicatedCache(zones: own, writes: .all)
                            var greatest: UInt64 = 0
                            for round in 0..<40 {
                                let version = try await cache.setValue("\(writer):\(round)", for: "k")
                                greatest = max(greatest, version.token)
                            }
                            for zone in own { await zone.shutDown() }
                            return greatest
                        }
                    }
                    return try await group.reduce(0, max)
                }
                var values: Set<String> = []
                for zone in zones {
                    let item = try #require(try await zone.item(for: "k", as: String.self))
                    values.insert(item.value)
                    #expect(item.version?.token == greatest)
                }
                #expect(values.count == 1)
            }
        }

        @Test("Readers of a quorum repair copies that lack a value or have an older one, and never a newer one")
        func repair() async throws {
            try await Self.run(reads: .all) { cache, zones, _ in
                try await cache.setValue("v1", for: "k", version: CacheVersion(token: 100))
                try await zones[1].removeValue(for: "k")
                let ahead = ReplicatedCache(zones: [zones[2]], writes: .all)
                try await ahead.setValue("v2", for: "k", version: CacheVersion(token: 200), timeToLive: .seconds(1000))

                #expect(try await cache.value(for: "k") == "v2")
                for zone in zones {
                    #expect(await eventually { (try? await zone.value(for: "k", as: String.self)) == "v2" })
                    let item = try await zone.item(for: "k", as: String.self)
                    #expect(item?.version?.token == 200)
                    #expect(item?.remainingTimeToLive ?? .zero > .seconds(900))
                }
            }
        }

        @Test(
            "Many keys are read as each alone: the newest copy wins, lagging ones are repaired, and too few answers fail"
        )
        func manyKeys() async throws {
            try await Self.run(reads: .quorum) { cache, zones, fixture in
                for key in ["old", "same", "gone"] as [CacheKey] {
                    try await cache.setValue("v1", for: key, version: CacheVersion(token: 100))
                }
                for zone in zones[1...] {
                    try await ReplicatedCache(zones: [zone], writes: .all).setValue(
                        "v2", for: "old", version: CacheVersion(token: 200))
                }
                try await cache.removeValue(for: "gone")
                let keys: [CacheKey] = ["old", "same", "gone", "none", "old"]

                var strict = cache
                strict.reads = .all
                let all = await strict.values(for: keys, as: String.self)
                #expect(all.hits == ["old": "v2", "same": "v1"])
                #expect(all.misses == ["gone", "none"])
                #expect(await eventually { (try? await zones[0].value(for: "old", as: String.self)) == "v2" })

                fixture.servers[2].stop()
                let most = await cache.values(for: keys, as: String.self)
                #expect(most.hits == ["old": "v2", "same": "v1"])
                let tooFew = await strict.values(for: keys, as: String.self)
                #expect(Set(tooFew.failures.keys) == Set(keys))
            }
        }

        @Test(
            "With one copy gone a quorum still stores and reads, all does not, and the copy is filled when it is back")
        func lostCopy() async throws {
            try await Self.run(writes: .quorum, reads: .quorum) { cache, zones, fixture in
                try await cache.setValue("v", for: "k")
                fixture.servers[0].stop()

                try await cache.setValue("w", for: "k")
                #expect(try await cache.value(for: "k") == "w")
                var strict = cache
                strict.writes = .all
                let error = await #expect(throws: CacheError.self) { try await strict.setValue("x", for: "k") }
                #expect(error != nil)
                var near = cache
                near.reads = .one
                #expect(try await near.value(for: "k", as: String.self) == "x")
                #expect(await near.values(for: ["k", "none"], as: String.self).hits == ["k": "x"])

                let path = fixture.servers[0].path
                let revived = try TestServer.onUnixSocket { $0.unixSocketPath = path }
                #expect(
                    await eventually {
                        _ = try? await cache.value(for: "k", as: String.self)
                        return (try? await zones[0].value(for: "k", as: String.self)) == "x"
                    })
                revived.stop()
            }
        }

        @Test("On one ring the copies are on the servers that follow")
        func followingServers() async throws {
            try await CacheFixture.run(servers: 4) { fixture in
                let cache = ReplicatedCache(fixture.cache, copies: 2, writes: .all)
                let keys = (0..<100).map { "k\($0)" }
                for key in keys { try await cache.setValue(key, for: CacheKey(key)) }
                for key in keys {
                    let places = fixture.cache.ring.servers(for: Array(key.utf8).span, count: 2)
                    for place in 0..<4 {
                        #expect((try fixture.stored(under: key, server: place) != nil) == places.contains(place))
                    }
                }
            }
        }

        @Test("A value that is in no copy is loaded once, and a store during the load wins")
        func loading() async throws {
            try await Self.run { cache, zones, _ in
                let (loads, door) = (Count(), Door())
                let callers = (0..<20).map { _ in
                    Task {
                        try await cache.value(for: "k", timeToLive: .seconds(60)) {
                            await loads.add()
                            await door.pass()
                            return "loaded"
                        }
                    }
                }
                #expect(await eventually { () async in zones[0].loadWaiterCount("k") == 20 })
                try await cache.setValue("stored", for: "k")
                await door.open()
                for caller in callers { #expect(try await caller.value == "loaded") }
                #expect(await loads.value == 1)
                #expect(try await cache.value(for: "k") == "stored")
            }
        }

        @Test("A store between a look that finds nothing and the load that follows it wins as well")
        func loadingLate() async throws {
            let (look, loads) = (Door(), Count())
            let empty = try await DelayingServer(isEmpty: true) { _ in await look.pass() }
            try await CacheFixture.run { fixture in
                let far = CacheFixture.client(for: [empty.path])
                let cache = ReplicatedCache(zones: [fixture.cache, far], writes: .one)
                let caller = Task {
                    try await cache.value(for: "k", timeToLive: .seconds(60)) {
                        await loads.add()
                        return "loaded"
                    }
                }
                // It has found nothing in the near zone and asks the far one.
                #expect(await eventually { await look.arrivals == 1 })
                try await cache.setValue("stored", for: "k")
                await look.open()
                #expect(try await caller.value == "loaded")
                #expect(await loads.value == 1)
                #expect(try await cache.value(for: "k") == "stored")
                await far.shutDown()
            }
            await empty.stop()
        }

        @Test("A copy whose server is down counts as no answer, also where calls for it are to find nothing")
        func downIsNoCopy() async throws {
            try await CacheFixture.run(servers: 3) { fixture in
                let zones = fixture.servers.map { server in
                    CacheFixture.client(for: [server.path ?? ""]) { $0.whenServerDown = .miss }
                }
                let cache = ReplicatedCache(zones: zones, writes: .quorum, reads: .quorum)
                try await cache.setValue("v", for: "k")
                for zone in zones { #expect(await eventually { (try? await zone.value(for: "k")) == "v" }) }

                fixture.servers[0].stop()
                for _ in 0..<20 { #expect(try await cache.value(for: "k") == "v") }
                #expect(await cache.values(for: ["k", "none"], as: String.self).hits == ["k": "v"])
                try await cache.setValue("w", for: "k")
                #expect(try await cache.value(for: "k") == "w")

                fixture.servers[1].stop()
                // The first calls may find connections gone; then the server is known to be down.
                #expect(await eventually { (try? await zones[1].value(for: "k", as: String.self)) == .some(nil) })
                let error = await #expect(throws: CacheError.self) { try await cache.value(for: "k", as: String.self) }
                #expect(error?.code == .serverDown)
                let failures = await cache.values(for: ["k", "none"], as: String.self).failures
                #expect(Set(failures.keys) == ["k", "none"])
                for zone in zones { await zone.shutDown() }
            }
        }

        @Test(
            "A copy whose parts are gone counts as none, and is made whole from another one",
            arguments: [ReplicatedCache.Concern.one, .all])
        func lostParts(reads: ReplicatedCache.Concern) async throws {
            try await CacheFixture.run(servers: 2) { fixture in
                let zones = fixture.servers.map { server in
                    CacheFixture.client(for: [server.path ?? ""]) {
                        $0.splitting = ValueSplitting(bytesMax: 10_000, partBytes: 4096)
                    }
                }
                let cache = ReplicatedCache(zones: zones, writes: .all, reads: reads)
                func losePart(_ place: Int) async throws {
                    let list = try #require(try fixture.stored(under: "big", server: place))
                    let parts = try #require(ValueParts(decoding: list.value, bytesMax: .max))
                    #expect(try await zones[place].removeValue(for: parts.key(1, of: "big")))
                }
                let value = String(repeating: "x", count: 20_000)
                try await cache.setValue(value, for: "big")

                try await losePart(0)
                #expect(try await cache.value(for: "big") == value)
                #expect(await eventually { (try? await zones[0].value(for: "big", as: String.self)) == value })

                for place in zones.indices { try await losePart(place) }
                #expect(try await cache.value(for: "big", as: String.self) == nil)
                #expect(await cache.values(for: ["big"], as: String.self).misses == ["big"])
                for zone in zones { await zone.shutDown() }
            }
        }
    }
}
