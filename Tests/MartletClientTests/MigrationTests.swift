import Foundation
import MartletClient
import ServerTesting
import Testing

extension ClientTests {
    /// Two pools, one of which takes over from the other, or shadows it.
    @Suite("Migrations and shadows")
    struct MigrationTests {
        private static func run(
            _ mode: Migration.Mode,
            body: (_ cache: CacheClient, _ old: CacheClient, _ new: CacheClient) async throws -> Void
        ) async throws {
            try await CacheFixture.run(servers: 2) { fixture in
                let old = CacheFixture.client(for: [fixture.servers[0].path ?? ""])
                let new = CacheFixture.client(for: [fixture.servers[1].path ?? ""])
                let migration = Migration(from: old, [(.distantPast, mode)])
                do {
                    try await body(new.migrating(migration), old, new)
                } catch {
                    await old.shutDown()
                    await new.shutDown()
                    throw error
                }
                await old.shutDown()
                await new.shutDown()
            }
        }

        @Test("The old pool alone, and the new pool alone")
        func alone() async throws {
            for mode in [Migration.Mode.oldOnly, .newOnly] {
                try await Self.run(mode) { cache, old, new in
                    let (used, unused) = mode == .oldOnly ? (old, new) : (new, old)
                    try await cache.setValue("v", for: "k")
                    #expect(await cache.setValues(["a": "1"]).isEmpty)
                    #expect(try await used.value(for: "k") == "v")
                    #expect(try await used.value(for: "a") == "1")
                    #expect(try await unused.value(for: "k", as: String.self) == nil)
                    #expect(await cache.values(for: ["k", "a"], as: String.self).hits.count == 2)
                }
            }
        }

        // In release builds, too: there the optimizer once mixed keys and outcomes up.
        @Test(
            "Of many keys asked at once each has its own outcome",
            arguments: [Migration.Mode.populatingByWrites, .populatingByReads(1), .newFirst])
        func manyKeys(mode: Migration.Mode) async throws {
            try await Self.run(mode) { cache, _, _ in
                let values = Dictionary(uniqueKeysWithValues: (0..<20).map { (CacheKey("k\($0)"), "v\($0)") })
                let absent = (0..<20).map { CacheKey("none\($0)") }

                #expect(await cache.setValues(values).isEmpty)
                let found = await cache.values(for: zip(values.keys, absent).flatMap { [$0, $1] }, as: String.self)

                #expect(found.hits == values)
                #expect(found.misses == Set(absent))
                #expect(found.failures.isEmpty)
            }
        }

        @Test("While writes populate, the new pool gets stores and removals, and the old one's answers count")
        func populatingByWrites() async throws {
            try await Self.run(.populatingByWrites) { cache, old, new in
                try await old.setValue("old", for: "there")
                try await cache.setValue("v", for: "k", timeToLive: .seconds(1000))
                #expect(try await new.value(for: "k") == "v")
                #expect(try await new.item(for: "k", as: String.self)?.remainingTimeToLive ?? .zero > .seconds(900))
                #expect(try await cache.value(for: "there") == "old")
                #expect(try await new.value(for: "there", as: String.self) == nil)
                #expect(try await cache.removeValue(for: "k"))
                #expect(try await new.value(for: "k", as: String.self) == nil)

                // What depends on what is there is done in the old pool, and leaves nothing old in the new one.
                try await new.setValue(UInt64(7), for: "n")
                #expect(try await cache.incrementCounter("n", initialValue: 1) == 1)
                #expect(try await new.value(for: "n", as: UInt64.self) == nil)
                #expect(try await !cache.addValue("x", for: "there"))
            }
        }

        @Test(
            "While the old pool comes first, what is loaded comes into both, unless it has been removed meanwhile",
            arguments: [Migration.Mode.populatingByWrites, .populatingByReads(1)])
        func loadsPopulate(mode: Migration.Mode) async throws {
            try await Self.run(mode) { cache, old, new in
                _ = try await cache.value(for: "one", as: String.self, timeToLive: .seconds(60)) { "loaded" }
                let keys: [CacheKey] = ["a", "b"]
                let many = try await cache.values(for: keys, as: String.self, timeToLive: .seconds(60)) { keys in
                    Dictionary(uniqueKeysWithValues: keys.map { ($0, "loaded") })
                }
                #expect(many.count == 2)
                _ = try await cache.value(for: "removed", as: String.self, timeToLive: .seconds(60)) {
                    try await cache.removeValue(for: "removed")
                    return "loaded"
                }
                _ = try await cache.value(for: "stored", as: String.self, timeToLive: .seconds(60)) {
                    try await new.setValue("newer", for: "stored")
                    return "loaded"
                }

                for pool in [old, new] {
                    let found = await pool.values(for: ["one", "a", "b", "removed"], as: String.self)
                    #expect(found.hits == ["one": "loaded", "a": "loaded", "b": "loaded"])
                    #expect(found.misses == ["removed"])
                }
                #expect(try await new.value(for: "stored", as: String.self) != "loaded")
            }
        }

        @Test("While reads populate, what is read is copied with what is left of its life")
        func populatingByReads() async throws {
            try await Self.run(.populatingByReads(1)) { cache, old, new in
                try await old.setValue("v", for: "k", timeToLive: .seconds(1000))
                #expect(try await cache.value(for: "k") == "v")
                #expect(try await new.value(for: "k") == "v")
                let life = try await new.item(for: "k", as: String.self)?.remainingTimeToLive ?? .zero
                #expect(life > .seconds(900) && life <= .seconds(1000))
                #expect(try await cache.value(for: "none", as: String.self) == nil)
                #expect(try await new.addValue("free", for: "none"))
            }
        }

        @Test(
            "A value whose life the old pool cannot tell is not copied for ever",
            arguments: [Migration.Mode.populatingByReads(1), .newFirst])
        func unknownLife(mode: Migration.Mode) async throws {
            try await CacheFixture.run(servers: 2) { fixture in
                let old = CacheFixture.client(for: [fixture.servers[0].path ?? ""]) { $0.usesMetaProtocol = false }
                let new = CacheFixture.client(for: [fixture.servers[1].path ?? ""])
                try await old.setValue("v", for: "k", timeToLive: .seconds(1000))
                var migration = Migration(from: old, [(.distantPast, mode)])

                #expect(try await new.migrating(migration).value(for: "k") == "v")
                // No copy, and no lease in its place.
                #expect(try await new.addValue("free", for: "k"))
                try await new.removeValue(for: "k")

                migration.timeToLiveIfUnknown = .seconds(300)
                #expect(try await new.migrating(migration).value(for: "k") == "v")
                let item = try #require(try await new.item(for: "k", as: String.self))
                #expect(item.value == "v")
                let life = item.remainingTimeToLive ?? .seconds(1000)
                #expect(life > .seconds(100) && life <= .seconds(300))
                await old.shutDown()
                await new.shutDown()
            }
        }

        @Test("A copy of what lives for longer than a month lives as long")
        func longLife() async throws {
            try await Self.run(.newFirst) { cache, old, new in
                try await old.setValue("v", for: "k", timeToLive: .seconds(40 * 86_400))
                #expect(try await cache.value(for: "k") == "v")
                let life = try await new.item(for: "k", as: String.self)?.remainingTimeToLive ?? .zero
                #expect(life > .seconds(39 * 86_400))
            }
        }

        @Test("With the new pool first, misses come from the old one and are there from then on")
        func newFirst() async throws {
            try await Self.run(.newFirst) { cache, old, new in
                let keys = (0..<30).map { CacheKey("k\($0)") }
                #expect(await old.setValues(Dictionary(uniqueKeysWithValues: keys.map { ($0, "old") })).isEmpty)
                try await new.setValue("new", for: "k0")

                let found = await cache.values(for: keys + ["none"], as: String.self)
                #expect(found.hits.count == 30)
                #expect(found.hits["k0"] == "new")
                #expect(found.misses == ["none"])
                #expect(await new.values(for: keys, as: String.self).hits.count == 30)
                #expect(try await new.addValue("free", for: "none"))

                let item = try #require(try await cache.item(for: "k1", as: String.self))
                let version = try #require(item.version)
                #expect(try await cache.setValue("next", for: "k1", ifVersionIs: version) == .stored)
                #expect(try await old.value(for: "k1", as: String.self) == nil)
                try await cache.setValue("both", for: "k2")
                #expect(try await old.value(for: "k2") == "both")
                #expect(try await cache.removeValue(for: "k2"))
                #expect(try await old.value(for: "k2", as: String.self) == nil)
            }
        }

        @Test("With the new pool first, what only the old one has is given a life in both, and is there to be removed")
        func lifeOfOldValues() async throws {
            try await Self.run(.newFirst) { cache, old, new in
                for key in ["read", "touched", "removed"] as [CacheKey] {
                    try await old.setValue("v", for: key, timeToLive: .seconds(50))
                }

                #expect(try await cache.value(for: "read", extendingTimeToLive: .seconds(3600)) == "v")
                #expect(try await cache.touchValue(for: "touched", timeToLive: .seconds(3600)))
                #expect(try await cache.removeValue(for: "removed"))

                for (pool, key) in [(old, "read"), (new, "read"), (old, "touched")] as [(CacheClient, CacheKey)] {
                    let item = try #require(try await pool.item(for: key, as: String.self))
                    #expect(item.remainingTimeToLive ?? .zero > .seconds(3000))
                }
                #expect(try await cache.value(for: "removed", as: String.self) == nil)
                // What neither has leaves no lease behind.
                #expect(try await cache.value(for: "none", as: String.self, extendingTimeToLive: nil) == nil)
                #expect(try await new.addValue("free", for: "none"))
            }
        }

        @Test("A life that is given while somebody else brings the value is not given to that one's lease")
        func lifeDuringLoad() async throws {
            try await CacheFixture.run(servers: 2) { fixture in
                let paths = fixture.servers.map { $0.path ?? "" }
                let (old, new) = (CacheFixture.client(for: [paths[0]]), CacheFixture.client(for: [paths[1]]))
                try await old.setValue("v", for: "read", timeToLive: .seconds(500))
                try await old.setValue("v", for: "touched", timeToLive: .seconds(500))
                let other = try TestClient(path: paths[1])
                for key in ["read", "touched"] { #expect(try other.exchange("mg \(key) N100\r\n", "HD W\r\n")) }

                let reader = new.migrating(Migration(from: old, [(.distantPast, .newFirst)]))
                #expect(try await reader.value(for: "read", extendingTimeToLive: .seconds(3600)) == "v")
                let toucher = new.migrating(Migration(from: old, [(.distantPast, .populatingByWrites)]))
                #expect(try await toucher.touchValue(for: "touched", timeToLive: .seconds(3600)))

                for key in ["read", "touched"] {
                    let seconds = try #require(try fixture.secondsToLive(under: key, server: 1))
                    #expect(0...100 ~= seconds)
                }
                await old.shutDown()
                await new.shutDown()
            }
        }

        @Test("Who wants a version while somebody else copies the value gets that of the copy")
        func versionDuringCopy() async throws {
            let door = Door()
            let slow = try await DelayingServer { _ in await door.pass() }
            try await CacheFixture.run { fixture in
                let old = CacheFixture.client(for: [slow.path])
                let cache = fixture.cache.migrating(Migration(from: old, [(.distantPast, .newFirst)]))
                let other = try TestClient(path: fixture.servers[0].path ?? "")
                #expect(try other.exchange("mg k N60\r\n", "HD W\r\n"))
                let reading = Task { try await cache.item(for: "k", as: String.self) }
                // It has seen the other one's lease.
                #expect(await eventually { await door.arrivals == 1 })
                try await fixture.cache.setValue("copied", for: "k")
                await door.open()

                let item = try #require(try await reading.value)
                #expect(item.value == "copied")
                #expect(item.version != nil)
                await old.shutDown()
            }
            await slow.stop()
        }

        @Test("Loads through a migrating cache take what the old pool has, and load what neither has")
        func loads() async throws {
            try await Self.run(.newFirst) { cache, old, new in
                try await old.setValue("old", for: "k")
                let value = try await cache.value(for: "k", timeToLive: .seconds(60)) { "loaded" }
                #expect(value == "old")
                let other = try await cache.value(for: "other", timeToLive: .seconds(60)) { "loaded" }
                #expect(other == "loaded")
                #expect(try await new.value(for: "other") == "loaded")
            }
        }

        @Test("A removal while a copy is made voids the copy")
        func removalDuringCopy() async throws {
            let door = Door()
            let slow = try await DelayingServer { _ in await door.pass() }
            try await CacheFixture.run { fixture in
                let old = CacheFixture.client(for: [slow.path])
                let cache = fixture.cache.migrating(Migration(from: old, [(.distantPast, .newFirst)]))
                let reading = Task { try await cache.value(for: "k", as: String.self) }
                #expect(await eventually { await door.arrivals == 1 })
                try await fixture.cache.removeValue(for: "k")
                await door.open()

                #expect(try await reading.value == "k")
                #expect(try await fixture.cache.value(for: "k", as: String.self) == nil)
                await old.shutDown()
            }
            await slow.stop()
        }

        @Test("An old pool that is gone costs nothing but its values")
        func oldPoolGone() async throws {
            try await CacheFixture.run { fixture in
                let old = CacheFixture.client(for: ["/nowhere/at/all"])
                let cache = fixture.cache.migrating(Migration(from: old, [(.distantPast, .newFirst)]))
                #expect(try await cache.value(for: "k", as: String.self) == nil)
                try await cache.setValue("v", for: "k")
                #expect(try await cache.value(for: "k") == "v")
                await old.shutDown()
            }
        }

        @Test(
            "A replicated cache replaces and removes what a migrating zone has, in every mode",
            arguments: [
                Migration.Mode.oldOnly, .populatingByWrites, .populatingByReads(1), .newFirst, .newOnly,
            ])
        func replicated(mode: Migration.Mode) async throws {
            try await Self.run(mode) { zone, _, _ in
                let cache = ReplicatedCache(zones: [zone], writes: .all)
                try await cache.setValue("first", for: "k")
                #expect(try await cache.value(for: "k") == "first")
                try await cache.setValue("second", for: "k")
                #expect(try await cache.value(for: "k") == "second")
                try await cache.removeValue(for: "k")
                #expect(try await cache.value(for: "k", as: String.self) == nil)
            }
        }

        @Test("Each copy of several is on a server of its own in the old pool, and comes over with its version")
        func copies() async throws {
            try await CacheFixture.run(servers: 4) { fixture in
                let old = CacheFixture.client(for: fixture.servers.dropLast().map { $0.path ?? "" })
                let new = CacheFixture.client(for: [fixture.servers[3].path ?? ""])
                let before = new.migrating(Migration(from: old, []))
                try await ReplicatedCache(before, copies: 3, writes: .all).setValue(
                    "v", for: "k", version: CacheVersion(token: 1000))
                for server in 0..<3 { #expect(try fixture.stored(under: "k", server: server) != nil) }
                try await ReplicatedCache(before, copies: 3, writes: .all).removeValue(
                    for: "gone", version: CacheVersion(token: 1000))

                let after = ReplicatedCache(
                    new.migrating(Migration(from: old, [(.distantPast, .newFirst)])), copies: 3, writes: .all)
                #expect(try await after.item(for: "k", as: String.self)?.version.token == 1000)
                #expect(try await new.item(for: "k", as: String.self)?.version?.token == 1000)
                // A removal comes over as well: nothing older comes back.
                try await after.setValue("older", for: "gone", version: CacheVersion(token: 900))
                #expect(try await after.value(for: "gone", as: String.self) == nil)
                await old.shutDown()
                await new.shutDown()
            }
        }

        @Test("Modes follow each other by the time")
        func plan() {
            let old = CacheFixture.client(for: ["/nowhere/at/all"])
            let start = Date(timeIntervalSince1970: 1_000_000)
            for (seconds, mode) in [
                (-1.0, Migration.Mode.oldOnly), (0, .populatingByWrites), (9, .populatingByWrites), (10, .newFirst),
                (1e9, .newOnly),
            ] {
                let migration = Migration(
                    from: old,
                    [(start + 20, .newOnly), (start, .populatingByWrites), (start + 10, .newFirst)],
                    now: { start + seconds })
                #expect(migration.mode == mode)
            }
        }

        @Test("A shadow gets the same calls, and nobody sees what becomes of them")
        func shadow() async throws {
            try await CacheFixture.run(servers: 2) { fixture in
                let main = CacheFixture.client(for: [fixture.servers[0].path ?? ""])
                let other = CacheFixture.client(for: [fixture.servers[1].path ?? ""])
                let cache = main.shadowed(by: Shadow(other))
                try await cache.setValue("v", for: "k")
                #expect(await cache.setValues(["a": "1", "b": "2"]).isEmpty)
                #expect(await eventually { await other.values(for: ["k", "a", "b"], as: String.self).hits.count == 3 })
                try await cache.removeValue(for: "k")
                #expect(await eventually { (try? await other.value(for: "k", as: String.self)) == .some(nil) })

                let lost = Shadow(CacheFixture.client(for: ["/nowhere/at/all"]), callsMax: 0)
                #expect(try await main.shadowed(by: lost).value(for: "a") == "1")
                #expect(lost.leftOut == 1)

                let half = Shadow(other, share: 0.5)
                let keys = (0..<200).map { CacheKey("h\($0)") }
                #expect(
                    await main.shadowed(by: half).setValues(Dictionary(uniqueKeysWithValues: keys.map { ($0, "v") }))
                        .isEmpty)
                #expect(
                    await eventually {
                        let count = await other.values(for: keys, as: String.self).hits.count
                        return count > 60 && count < 140
                    })
                await main.shutDown()
                await other.shutDown()
            }
        }
    }
}
