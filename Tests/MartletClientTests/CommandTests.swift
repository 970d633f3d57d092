import MartletClient
import NIOCore
import Testing

extension ClientTests {
    /// Each call against a real server, in both dialects.
    @Suite("Calls")
    struct CommandTests {
        @Test("A value that is too large costs its own call, and no other on the connection", arguments: [true, false])
        func tooLarge(isMeta: Bool) async throws {
            try await CacheFixture.run({
                $0.usesMetaProtocol = isMeta
                $0.connectionsPerServer = 1
                $0.valueBytesMax = 1000
            }) { fixture in
                let cache = fixture.cache
                try fixture.store(ByteBuffer(repeating: 0x78, count: 5000), under: "big")
                try fixture.store(ByteBuffer(repeating: 0x79, count: 1000), under: "small")

                let error = await #expect(throws: CacheError.self) {
                    try await cache.value(for: "big", as: String.self)
                }
                #expect(error?.code == .tooLarge)
                let batch = await cache.values(for: ["small", "big", "none"], as: String.self)
                #expect(batch.hits["small"]?.utf8.count == 1000)
                #expect(batch.misses == ["none"])
                #expect(batch.failures["big"]?.code == .tooLarge)
            }
        }

        @Test("Many items are given another life, or declared out of date, at once")
        func manyLives() async throws {
            try await CacheFixture.run(servers: 3) { fixture in
                let cache = fixture.cache
                let keys = (0..<20).map { CacheKey("k\($0)") }
                #expect(await cache.setValues(Dictionary(uniqueKeysWithValues: keys.map { ($0, "v") })).isEmpty)

                let (touched, failures) = await cache.touchValues(for: keys + ["none"], timeToLive: .seconds(500))
                #expect(touched == Set(keys))
                #expect(failures.isEmpty)
                for key in keys {
                    let life = try await cache.item(for: key, as: String.self)?.remainingTimeToLive
                    #expect(life.map { $0 > .seconds(400) } == true)
                }

                let again = await cache.values(for: keys, as: String.self, extendingTimeToLive: .seconds(900))
                #expect(again.hits == Dictionary(uniqueKeysWithValues: keys.map { ($0, "v") }))
                let items = await cache.items(for: keys + ["none"], as: String.self)
                #expect(items.misses == ["none"])
                for item in items.hits.values {
                    #expect(item.value == "v" && item.version != nil)
                    #expect(item.remainingTimeToLive.map { $0 > .seconds(800) } == true)
                }

                #expect(await cache.invalidateValues(for: keys, servingStaleFor: .seconds(60)).isEmpty)
                #expect(await cache.values(for: keys, as: String.self).misses == Set(keys))
                #expect(await cache.values(for: keys, as: String.self).hits.count == keys.count)
            }
        }

        @Test("Stores of every kind", arguments: [true, false])
        func stores(meta: Bool) async throws {
            try await CacheFixture.run({ $0.usesMetaProtocol = meta }) { (fixture) async throws in
                let cache = fixture.cache

                #expect(try await cache.value(for: "a", as: String.self) == nil)
                #expect(try await !cache.replaceValue("0", for: "a"))
                #expect(try await !cache.appendValue("0", to: "a"))
                #expect(try await cache.addValue("1", for: "a"))
                #expect(try await !cache.addValue("2", for: "a"))
                #expect(try await cache.replaceValue("3", for: "a"))
                #expect(try await cache.appendValue("4", to: "a"))
                #expect(try await cache.prependValue("2", to: "a"))
                #expect(try await cache.value(for: "a") == "234")
                #expect(try await cache.removeValue(for: "a"))
                #expect(try await !cache.removeValue(for: "a"))
                #expect(try await cache.value(for: "a", as: String.self) == nil)
            }
        }

        @Test("A store that depends on a version", arguments: [true, false])
        func versions(meta: Bool) async throws {
            try await CacheFixture.run({ $0.usesMetaProtocol = meta }) { fixture in
                let cache = fixture.cache
                try await cache.setValue("1", for: "a")
                let version = try #require(try await cache.item(for: "a", as: String.self)?.version)

                #expect(try await cache.setValue("2", for: "a", ifVersionIs: version) == .stored)
                #expect(try await cache.setValue("3", for: "a", ifVersionIs: version) == .conflict)
                #expect(try await cache.setValue("3", for: "b", ifVersionIs: version) == .missing)
                #expect(try await cache.value(for: "a") == "2")
            }
        }

        @Test("A removal that depends on a version")
        func conditionalRemoval() async throws {
            try await CacheFixture.run { fixture in
                let cache = fixture.cache
                try await cache.setValue("1", for: "a")
                let old = try #require(try await cache.item(for: "a", as: String.self)?.version)
                try await cache.setValue("2", for: "a")
                let new = try #require(try await cache.item(for: "a", as: String.self)?.version)

                #expect(try await cache.removeValue(for: "a", ifVersionIs: old) == .conflict)
                #expect(try await cache.removeValue(for: "a", ifVersionIs: new) == .stored)
                #expect(try await cache.removeValue(for: "a", ifVersionIs: new) == .missing)
            }
        }

        @Test("Counters", arguments: [true, false])
        func counters(meta: Bool) async throws {
            try await CacheFixture.run({ $0.usesMetaProtocol = meta }) { fixture in
                let cache = fixture.cache

                #expect(try await cache.incrementCounter("n") == nil)
                #expect(try await cache.incrementCounter("n", initialValue: 40, timeToLive: .seconds(60)) == 40)
                #expect(try await cache.incrementCounter("n", by: 2) == 42)
                #expect(try await cache.decrementCounter("n", by: 50) == 0)
                #expect(try await cache.incrementCounter("n", by: .max) == .max)
                #expect(try await cache.value(for: "n") == UInt64.max)
                try await cache.setValue("text", for: "t")
                let error = await #expect(throws: CacheError.self) { try await cache.incrementCounter("t") }
                #expect(error?.code == .refused)
            }
        }

        @Test("Lives are kept, prolonged and read")
        func lives() async throws {
            try await CacheFixture.run { fixture in
                let cache = fixture.cache
                try await cache.setValue("1", for: "a", timeToLive: .seconds(500))
                try await cache.setValue("1", for: "b")
                try await cache.setValue("1", for: "long", timeToLive: .seconds(40 * 24 * 60 * 60))
                try await cache.setValue("1", for: "rounded", timeToLive: .milliseconds(499_500))
                func life(_ key: CacheKey) async throws -> Int64? {
                    try await cache.item(for: key, as: String.self)?.remainingTimeToLive?.components.seconds
                }

                #expect(try #require(try await life("a")) > 400)
                #expect(try await life("b") == nil)
                #expect(try #require(try await life("long")) > 39 * 24 * 60 * 60)
                #expect(try #require(try await life("rounded")) > 400)
                #expect(try await cache.touchValue(for: "a", timeToLive: .seconds(1000)))
                #expect(try #require(try await life("a")) > 900)
                #expect(try await cache.value(for: "a", extendingTimeToLive: nil) == "1")
                #expect(try await life("a") == nil)
                #expect(try await !cache.touchValue(for: "none", timeToLive: nil))
            }
        }

        @Test("What was invalidated with a grace is recached by one and served to the others")
        func invalidation() async throws {
            try await CacheFixture.run { fixture in
                let cache = fixture.cache
                try await cache.setValue("old", for: "a")

                #expect(try await cache.invalidateValue(for: "a", servingStaleFor: .seconds(60)))

                #expect(try await cache.value(for: "a", as: String.self) == nil)
                #expect(try await cache.value(for: "a") == "old")
                #expect(try await cache.item(for: "a", as: String.self)?.isStale == true)
                try await cache.setValue("new", for: "a")
                #expect(try await cache.value(for: "a") == "new")
                #expect(try await cache.item(for: "a", as: String.self)?.isStale == false)
            }
        }

        @Test("Many keys at once, over five servers", arguments: [true, false])
        func batches(meta: Bool) async throws {
            try await CacheFixture.run(servers: 5, { $0.usesMetaProtocol = meta }) { fixture in
                let cache = fixture.cache
                let values = Dictionary(uniqueKeysWithValues: (0..<5000).map { (CacheKey("key:\($0)"), $0) })

                #expect(await cache.setValues(values, timeToLive: .seconds(60)).isEmpty)
                let found = await cache.values(for: Array(values.keys) + ["none", "none"], as: Int.self)
                #expect(found.hits == values)
                #expect(found.misses == ["none"])
                #expect(found.failures.isEmpty)

                let even = values.filter { $0.value % 2 == 0 }.keys
                #expect(await cache.removeValues(for: Array(even) + ["none"]).isEmpty)
                #expect(await cache.values(for: values.keys, as: Int.self).hits.count == 2500)
            }
        }

        @Test("A value is changed by many at once, and no change is lost")
        func updates() async throws {
            try await CacheFixture.run { fixture in
                let cache = fixture.cache
                try await cache.setValue([Int](), for: "list")

                try await withThrowingTaskGroup { group in
                    for number in 0..<20 {
                        group.addTask {
                            _ = try await cache.updateValue(for: "list", as: [Int].self, attemptsMax: 1000) {
                                $0.append(number)
                            }
                        }
                    }
                    try await group.waitForAll()
                }

                #expect(try await cache.value(for: "list", as: [Int].self)?.sorted() == Array(0..<20))
                #expect(try await cache.updateValue(for: "none", as: [Int].self) { $0.append(1) } == nil)
            }
        }

        @Test("A value that is changed keeps what is left of its life, unless it is given another")
        func updateLives() async throws {
            try await CacheFixture.run { fixture in
                let cache = fixture.cache
                try await cache.setValue("v", for: "brief", timeToLive: .seconds(1000))
                try await cache.setValue("v", for: "endless")
                func life(_ key: CacheKey, _ given: Duration?) async throws -> Duration? {
                    #expect(
                        try await cache.updateValue(for: key, as: String.self, timeToLive: given) { $0 += "w" } != nil)
                    return try await cache.item(for: key, as: String.self)?.remainingTimeToLive
                }

                for _ in 0..<3 {
                    let left = try #require(try await life("brief", nil))
                    #expect(left > .seconds(900) && left <= .seconds(1000))
                    #expect(try await life("endless", nil) == nil)
                }
                let longer = try #require(try await life("brief", .seconds(5000)))
                #expect(longer > .seconds(4900) && longer <= .seconds(5000))
            }
        }

        @Test("Namespaces do not see each other")
        func namespaces() async throws {
            try await CacheFixture.run { fixture in
                let (one, other) = (fixture.cache.namespace("one"), fixture.cache.namespace("other"))

                try await one.setValue(1, for: "k")

                #expect(try await other.value(for: "k", as: Int.self) == nil)
                #expect(try await fixture.cache.value(for: "one:k") == 1)
                #expect(await one.values(for: ["k"], as: Int.self).hits == ["k": 1])
            }
        }

        @Test("Too large a value is refused, here or there, and the connection lives on")
        func tooLarge() async throws {
            try await CacheFixture.run({ $0.valueBytesMax = 4 << 20 }) { fixture in
                let cache = fixture.cache
                for size in [2 << 20, 5 << 20] {
                    let error = await #expect(throws: CacheError.self) {
                        try await cache.setValue([UInt8](repeating: 1, count: size), for: "large")
                    }
                    #expect(error?.code == .tooLarge)
                }
                try await cache.setValue("small", for: "a")
                #expect(try await cache.value(for: "a") == "small")
            }
        }

        @Test("Each server tells its statistics, and all are emptied together, with what is near")
        func servers() async throws {
            try await CacheFixture.run(servers: 3) { fixture in
                let cache = fixture.cache
                let near = cache.nearCached(timeToLive: .seconds(60))
                let all = Dictionary(uniqueKeysWithValues: (0..<300).map { (CacheKey("k\($0)"), "v") })
                #expect(await cache.setValues(all).isEmpty)
                #expect(await near.values(for: all.keys, as: String.self).hits.count == 300)

                let before = await cache.statistics()
                #expect(Set(before.keys) == Set(fixture.addresses.map(\.name)))
                let counts = try before.values.map { Int(try $0.get()["curr_items"] ?? "") ?? 0 }
                #expect(counts.reduce(0, +) == 300)
                #expect(try await cache.statistics("settings").values.allSatisfy { try $0.get()["maxconns"] != nil })

                #expect(await cache.flushServers().isEmpty)
                #expect(await near.values(for: all.keys, as: String.self).misses.count == 300)

                for words in ["nonsense", "items\r\nflush_all"] {
                    for statistics in await cache.statistics(words).values {
                        let error = #expect(throws: CacheError.self) { try statistics.get() }
                        #expect(error?.code == .refused)
                    }
                }
            }
        }

        @Test("Of servers that are not there neither statistics nor emptying is told as done")
        func absentServers() async throws {
            let cache = CacheFixture.client(for: ["/nowhere"])
            #expect(await cache.flushServers()["/nowhere"]?.code == .serverDown)
            if case .success? = await cache.statistics()["/nowhere"] { Issue.record("nobody has said anything") }
            await cache.shutDown()
        }
    }
}
