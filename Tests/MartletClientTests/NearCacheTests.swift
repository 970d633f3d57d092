import MartletClient
import NIOCore
import Testing

extension ClientTests {
    /// Values kept in the process.
    @Suite("Near cache")
    struct NearCacheTests {
        @Test("A value that was read is had again without a call, until its time is over")
        func keeping() async throws {
            try await CacheFixture.run { fixture in
                let near = fixture.cache.nearCached(timeToLive: .seconds(60))
                let brief = fixture.cache.nearCached(timeToLive: .milliseconds(1))
                let other = CacheFixture.client(for: [fixture.servers[0].path ?? ""])
                try await other.setValue("old", for: "k")
                for view in [near, brief] { _ = try await view.value(for: "k", as: String.self) }

                try await other.setValue("new", for: "k")

                #expect(try await near.value(for: "k") == "old")
                #expect(await near.values(for: ["k"], as: String.self).hits == ["k": "old"])
                let loaded = try await near.value(for: "k", timeToLive: .seconds(60)) { "not needed" }
                #expect(loaded == "old")
                #expect(await eventually { (try? await brief.value(for: "k", as: String.self)) == "new" })
                #expect(try await fixture.cache.value(for: "k") == "new")
                await other.shutDown()
            }
        }

        @Test("There may be as many values as there are numbers, and one at least", arguments: [Int.max, 0, .min])
        func greatestBound(itemsMax: Int) async throws {
            try await CacheFixture.run { fixture in
                let near = fixture.cache.nearCached(itemsMax: itemsMax, timeToLive: .seconds(600))
                try await fixture.cache.setValue("v", for: "k")
                #expect(try await near.value(for: "k") == "v")
                try fixture.store(ByteBuffer(string: "other"), under: "k")
                #expect(try await near.value(for: "k") == "v")
            }
        }

        @Test("A change by whatever view of the client is seen at once")
        func changes() async throws {
            try await CacheFixture.run { (fixture) async throws in
                let cache = fixture.cache
                let near = cache.nearCached(timeToLive: .seconds(60))
                func isSeen(_ expected: String?) async throws -> Bool {
                    try await near.value(for: "k", as: String.self) == expected
                }

                try await cache.setValue("1", for: "k")
                #expect(try await isSeen("1"))
                try await cache.setValue("2", for: "k")
                #expect(try await isSeen("2"))
                try await cache.appendValue("3", to: "k")
                #expect(try await isSeen("23"))
                _ = try await cache.incrementCounter("k")
                #expect(try await isSeen("24"))
                try await near.removeValue(for: "k")
                #expect(try await isSeen(nil))
                _ = await cache.setValues(["k": "5"])
                #expect(try await isSeen("5"))
                _ = await cache.removeValues(for: ["k"])
                #expect(try await isSeen(nil))
            }
        }

        @Test("What was read before a change is not kept behind it")
        func tickets() async throws {
            let door = Door()
            let server = try await DelayingServer { line in
                if line.hasPrefix("mg slow ") { await door.pass() }
            }
            let cache = CacheFixture.client(for: [server.path])
            let near = cache.nearCached(timeToLive: .seconds(60))

            let reader = Task { try await near.value(for: "slow", as: String.self) }
            #expect(await eventually { await door.arrivals == 1 })
            // The server does not know the command; that the change was tried is enough.
            let change = Task { try await cache.timeout(.milliseconds(50)).removeValue(for: "slow") }
            _ = await change.result
            await door.open()

            #expect(try await reader.value == "slow")
            let before = await door.arrivals
            _ = try await near.value(for: "slow", as: String.self)
            #expect(await door.arrivals == before + 1)
            await cache.shutDown()
            await server.stop()
        }

        @Test("What was read while a change was under way is not kept behind it", arguments: 0..<3)
        func duringChange(kind: Int) async throws {
            let (door, looks) = (Door(), Count())
            let server = try await DelayingServer { line in
                if line.hasPrefix("mg ") { await looks.add() } else { await door.pass() }
            }
            let cache = CacheFixture.client(for: [server.path])
            let near = cache.nearCached(timeToLive: .seconds(600))
            // The server does not know the commands: that each was tried is enough.
            let change = Task {
                switch kind {
                case 0: _ = try? await cache.removeValue(for: "k")
                case 1: _ = await cache.removeValues(for: ["k"])
                default: _ = await cache.flushServers()
                }
            }
            #expect(await eventually { await door.arrivals == 1 })
            // Over another connection, before the change is made.
            #expect(try await near.value(for: "k") == "k")
            await door.open()
            await change.value

            #expect(try await near.value(for: "k") == "k")
            #expect(await looks.value == 2)
            await cache.shutDown()
            await server.stop()
        }

        @Test("No more values are kept than allowed, and those that are asked for stay")
        func bound() async throws {
            let calls = Count()
            let server = try await DelayingServer { line in if line.hasPrefix("mg ") { await calls.add() } }
            let near = CacheFixture.client(for: [server.path]).nearCached(itemsMax: 100, timeToLive: .seconds(600))

            for number in 0..<1000 {
                _ = try await near.value(for: CacheKey("k\(number)"), as: String.self)
                _ = try await near.value(for: "hot", as: String.self)
            }
            // A thousand cold ones, and the hot one once.
            #expect(await calls.value == 1001)

            let recent = await near.values(for: (900..<1000).map { CacheKey("k\($0)") }, as: String.self)
            #expect(recent.hits.count == 100)
            let added = await calls.value - 1001
            #expect(added >= 1 && added <= 20)
            await near.shutDown()
            await server.stop()
        }
    }
}
