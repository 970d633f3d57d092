import MartletClient
import NIOConcurrencyHelpers
import Testing

extension ClientTests {
    /// The cache in front of a source: who loads, who waits, and what is served meanwhile.
    @Suite("Loads through the cache")
    struct LoadTests {
        struct Broken: Error, Equatable {}

        /// How many are inside at once, and how many have been.
        final class Gauge: Sendable {
            private let counts = NIOLockedValueBox((now: 0, most: 0))

            var most: Int { counts.withLockedValue { $0.most } }

            func enter() { counts.withLockedValue { $0 = ($0.now + 1, max($0.most, $0.now + 1)) } }
            func leave() { counts.withLockedValue { $0.now -= 1 } }
        }

        @Test("What is not there is loaded once and then kept")
        func loading() async throws {
            try await CacheFixture.run { fixture in
                let cache = fixture.cache
                let loads = Count()
                for _ in 0..<3 {
                    let value = try await cache.value(for: "k", timeToLive: .seconds(60)) {
                        await loads.add()
                        return "value"
                    }
                    #expect(value == "value")
                }
                #expect(await loads.value == 1)
                #expect(try await cache.value(for: "k") == "value")
            }
        }

        @Test("A thousand callers in four clients cause one load", arguments: [LoadPolicy.patient])
        func stampede(policy: LoadPolicy) async throws {
            try await CacheFixture.run(servers: 3) { fixture in
                let clients = (0..<4).map { _ in CacheFixture.client(for: fixture.servers.map { $0.path ?? "" }) }
                let (loads, door) = (Count(), Door())

                let values = try await withThrowingTaskGroup(of: String.self) { group in
                    for caller in 0..<1000 {
                        group.addTask {
                            try await clients[caller % 4].value(for: "cold", timeToLive: .seconds(60), policy: policy) {
                                await loads.add()
                                await door.pass()
                                return "value"
                            }
                        }
                    }
                    #expect(await eventually { await door.arrivals > 0 })
                    await door.open()
                    return try await group.reduce(into: [String]()) { $0.append($1) }
                }

                #expect(values.count == 1000)
                #expect(Set(values) == ["value"])
                #expect(await loads.value == 1)
                for client in clients { await client.shutDown() }
            }
        }

        @Test("Without a lease callers in one process still share a load")
        func coalescing() async throws {
            try await CacheFixture.run { fixture in
                let cache = fixture.cache
                let (loads, door) = (Count(), Door())

                try await withThrowingTaskGroup { group in
                    for _ in 0..<100 {
                        group.addTask {
                            _ = try await cache.value(for: "k", timeToLive: .seconds(60), policy: .simple) {
                                await loads.add()
                                await door.pass()
                                return 1
                            }
                        }
                    }
                    #expect(await eventually { () async in cache.loadWaiterCount("k") == 100 })
                    await door.open()
                    try await group.waitForAll()
                }

                #expect(await loads.value == 1)
                #expect(try await cache.value(for: "k") == 1)
            }
        }

        @Test("The first caller's cancellation does not cost the others their load")
        func cancelledCaller() async throws {
            try await CacheFixture.run { (fixture) async throws in
                let cache = fixture.cache
                let (loads, door) = (Count(), Door())
                let load: @Sendable () async throws -> String = {
                    await loads.add()
                    await door.pass()
                    return "value"
                }

                let first = Task { try await cache.value(for: "k", timeToLive: .seconds(60), load: load) }
                #expect(await eventually { await door.arrivals == 1 })
                let second = Task { try await cache.value(for: "k", timeToLive: .seconds(60), load: load) }
                #expect(await eventually { () async in cache.loadWaiterCount("k") == 2 })
                first.cancel()
                let error = await #expect(throws: CacheError.self) { try await first.value }
                #expect(error?.code == .cancelled)
                await door.open()

                #expect(try await second.value == "value")
                #expect(await loads.value == 1)
            }
        }

        @Test("With the last caller gone the load is cancelled, and the next one loads anew")
        func abandoned() async throws {
            try await CacheFixture.run { fixture in
                let cache = fixture.cache
                let (hasBegun, wasCancelled) = (Count(), Count())
                let caller = Task {
                    try await cache.value(for: "k", timeToLive: .seconds(60), policy: .patient) {
                        () async throws -> String in
                        do {
                            await hasBegun.add()
                            try await Task.sleep(for: .seconds(3600))
                        } catch {
                            await wasCancelled.add()
                            throw error
                        }
                        return "old"
                    }
                }
                #expect(await eventually { await hasBegun.value == 1 })
                caller.cancel()

                _ = await caller.result
                #expect(await eventually { await wasCancelled.value == 1 })
                // The lease was given back: who had waited for it in vain would have stored nothing.
                let next = try await cache.value(for: "k", timeToLive: .seconds(60), policy: .patient) { "new" }
                #expect(next == "new")
                #expect(try await cache.value(for: "k") == "new")
            }
        }

        @Test("A load that fails fails for all its callers, and the next one loads again")
        func failure() async throws {
            try await CacheFixture.run { (fixture) async throws in
                let cache = fixture.cache
                await #expect(throws: Broken()) {
                    try await cache.value(for: "k", timeToLive: .seconds(60)) { () async throws -> String in
                        throw Broken()
                    }
                }
                #expect(try await cache.value(for: "k", timeToLive: .seconds(60)) { "value" } == "value")
            }
        }

        @Test("A hot key is refreshed before its end, by one, and nobody waits")
        func refreshAhead() async throws {
            try await CacheFixture.run { fixture in
                let cache = fixture.cache
                let (loads, door) = (Count(), Door())
                var policy = LoadPolicy.refreshing(ahead: .seconds(600))
                policy.timeToLiveJitter = 0
                let settings = policy
                // Every moment of this life is within ten minutes of its end.
                try await cache.setValue("old", for: "k", timeToLive: .seconds(300))

                for _ in 0..<50 {
                    let value = try await cache.value(for: "k", timeToLive: .seconds(3000), policy: settings) {
                        await loads.add()
                        await door.pass()
                        return "new"
                    }
                    #expect(value == "old")
                    if await loads.value > 0 { break }
                }
                #expect(await eventually { await loads.value == 1 })
                await door.open()

                #expect(await eventually { (try? await cache.value(for: "k", as: String.self)) == "new" })
                #expect(await loads.value == 1)
            }
        }

        @Test("After an invalidation one loads, and others are served the old value")
        func staleServing() async throws {
            try await CacheFixture.run { fixture in
                let cache = fixture.cache
                let other = CacheFixture.client(for: fixture.servers.map { $0.path ?? "" })
                let door = Door()
                try await cache.setValue("old", for: "k")
                try await cache.invalidateValue(for: "k", servingStaleFor: .seconds(60))

                let winner = Task {
                    try await cache.value(for: "k", timeToLive: .seconds(60)) {
                        await door.pass()
                        return "new"
                    }
                }
                #expect(await eventually { await door.arrivals == 1 })
                let served = try await other.value(for: "k", timeToLive: .seconds(60)) { "not needed" }
                #expect(served == "old")
                await door.open()

                #expect(try await winner.value == "new")
                #expect(try await other.value(for: "k") == "new")
                await other.shutDown()
            }
        }

        @Test("An old value is served when its load fails")
        func staleOnError() async throws {
            try await CacheFixture.run { fixture in
                let cache = fixture.cache
                try await cache.setValue("old", for: "k")
                try await cache.invalidateValue(for: "k", servingStaleFor: .seconds(60))

                let value = try await cache.value(for: "k", timeToLive: .seconds(60)) { () async throws -> String in
                    throw Broken()
                }

                #expect(value == "old")
            }
        }

        @Test("That there is nothing is remembered, if asked for")
        func negative() async throws {
            try await CacheFixture.run { fixture in
                let cache = fixture.cache
                let loads = Count()
                var policy = LoadPolicy.standard
                policy.negativeTimeToLive = .seconds(60)
                let settings = policy
                for _ in 0..<3 {
                    let value = try await cache.valueIfAny(
                        for: "k", as: String.self, timeToLive: .seconds(60), policy: settings,
                        load: {
                            await loads.add()
                            return nil
                        })
                    #expect(value == nil)
                }
                #expect(await loads.value == 1)
                #expect(try await cache.value(for: "k", as: String.self) == nil)

                for _ in 0..<2 {
                    _ = try await cache.valueIfAny(
                        for: "other", as: String.self, timeToLive: .seconds(60),
                        load: {
                            await loads.add()
                            return nil
                        })
                }
                #expect(await loads.value == 3)
            }
        }

        @Test("A refresh further ahead than a life is long does not load at each look, neither a value nor nothing")
        func refreshTooFarAhead() async throws {
            try await CacheFixture.run { fixture in
                let loads = Count()
                var policy = LoadPolicy.refreshing(ahead: .seconds(3600))
                policy.negativeTimeToLive = .seconds(300)
                let settings = policy
                for (key, answer) in [("nothing", nil), ("something", "v")] as [(CacheKey, String?)] {
                    for _ in 0..<5 {
                        let value = try await fixture.cache.valueIfAny(
                            for: key, timeToLive: .seconds(600), policy: settings
                        ) {
                            await loads.add()
                            return answer
                        }
                        #expect(value == answer)
                    }
                }
                #expect(await loads.value == 2)
            }
        }

        @Test("A change during the load is not overwritten by what was loaded before it")
        func changeDuringLoad() async throws {
            try await CacheFixture.run { fixture in
                let cache = fixture.cache
                let door = Door()
                let caller = Task {
                    try await cache.value(for: "k", timeToLive: .seconds(60)) {
                        await door.pass()
                        return "read before the change"
                    }
                }
                #expect(await eventually { await door.arrivals == 1 })

                try await cache.removeValue(for: "k")
                // Who asks behind the change loads anew.
                let after = try await cache.value(for: "k", timeToLive: .seconds(60)) { "read after the change" }
                await door.open()
                _ = try await caller.value

                #expect(after == "read after the change")
                #expect(try await cache.value(for: "k") == "read after the change")
            }
        }

        @Test("A cache that is down is no reason not to load, unless asked for")
        func cacheDown() async throws {
            let cache = CacheFixture.client(for: ["/tmp/martlet-nowhere"])
            #expect(try await cache.value(for: "k", timeToLive: .seconds(60)) { "value" } == "value")

            var policy = LoadPolicy.standard
            policy.whenCacheFails = .rethrow
            let settings = policy
            let error = await #expect(throws: CacheError.self) {
                try await cache.value(for: "k", timeToLive: .seconds(60), policy: settings) { "value" }
            }
            #expect(error?.code == .serverDown)
            await cache.shutDown()
        }

        @Test("Bytes that are no such value are loaded anew")
        func undecodable() async throws {
            try await CacheFixture.run { fixture in
                let cache = fixture.cache
                try await cache.setValue("no number", for: "k")
                #expect(try await cache.value(for: "k", timeToLive: .seconds(60)) { 5 } == 5)
                #expect(try await cache.value(for: "k") == 5)
            }
        }

        @Test("No more loads at once than allowed")
        func loadLimit() async throws {
            try await CacheFixture.run({ $0.concurrentLoadsMax = 3 }) { fixture in
                let cache = fixture.cache
                let (gauge, door) = (Gauge(), Door())
                try await withThrowingTaskGroup { group in
                    for number in 0..<50 {
                        group.addTask {
                            _ = try await cache.value(for: CacheKey("k\(number)"), timeToLive: .seconds(60)) {
                                gauge.enter()
                                await door.pass()
                                gauge.leave()
                                return number
                            }
                        }
                    }
                    #expect(await eventually { () async in cache.waitingLoadCount == 47 })
                    #expect(await eventually { await door.arrivals == 3 })
                    await door.open()
                    try await group.waitForAll()
                }
                #expect(gauge.most == 3)
            }
        }

        @Test("Many keys: one load for all that are not there", arguments: [true, false])
        func bulk(meta: Bool) async throws {
            try await CacheFixture.run(servers: 3, { $0.usesMetaProtocol = meta }) { fixture in
                let cache = fixture.cache
                let asked = Asked()
                let keys = (0..<100).map { CacheKey("k\($0)") }
                for key in keys.prefix(40) { try await cache.setValue(key.description, for: key) }
                func read() async throws -> [CacheKey: String] {
                    try await cache.values(for: keys, timeToLive: .seconds(60), policy: .patient) { missing in
                        await asked.note(missing)
                        // The source has not all of them either.
                        return Dictionary(
                            uniqueKeysWithValues: missing.filter { $0 != "k99" }.map { ($0, $0.description) })
                    }
                }

                let first = try await read()
                #expect(first.count == 99)
                #expect(first.allSatisfy { $0.key.description == $0.value })
                #expect(await asked.lists.map { Set($0) } == [Set(keys.dropFirst(40))])

                // What was loaded is there now, and the lease of what was not is free again.
                #expect(try await read() == first)
                #expect(await asked.lists.last == ["k99"])
            }
        }

        actor Asked {
            private(set) var lists: [[CacheKey]] = []

            func note(_ keys: [CacheKey]) { lists.append(keys) }
        }

        @Test("Many keys: a load that fails gives its leases back")
        func bulkFailure() async throws {
            try await CacheFixture.run { fixture in
                let cache = fixture.cache
                await #expect(throws: Broken()) {
                    try await cache.values(for: ["a", "b"], as: String.self, timeToLive: .seconds(60)) { _ in
                        throw Broken()
                    }
                }

                let value = try await cache.value(for: "a", timeToLive: .seconds(60)) { "value" }

                #expect(value == "value")
            }
        }

        @Test("Without the meta protocol loads work as well, only without leases")
        func classic() async throws {
            try await CacheFixture.run({ $0.usesMetaProtocol = false }) { fixture in
                let cache = fixture.cache
                let loads = Count()
                for _ in 0..<3 {
                    let value = try await cache.value(for: "k", timeToLive: .seconds(60)) {
                        await loads.add()
                        return "value"
                    }
                    #expect(value == "value")
                }
                #expect(await loads.value == 1)
            }
        }

        @Test("Many keys: a load that is cancelled gives its leases back")
        func bulkCancelled() async throws {
            try await CacheFixture.run { (fixture) async throws in
                let cache = fixture.cache
                let hasBegun = Count()
                let caller = Task {
                    try await cache.values(
                        for: ["a", "b"], as: String.self, timeToLive: .seconds(60), policy: .patient
                    ) { _ in
                        await hasBegun.add()
                        try await Task.sleep(for: .seconds(3600))
                        return [:]
                    }
                }
                #expect(await eventually { await hasBegun.value == 1 })
                #expect(try fixture.stored(under: "a") != nil)
                caller.cancel()
                _ = await caller.result

                for key in ["a", "b"] { #expect(try fixture.stored(under: key) == nil) }
            }
        }

        @Test("Many keys: nothing that was declared out of date is loaded, as for one key")
        func bulkNothing() async throws {
            try await CacheFixture.run { fixture in
                let cache = fixture.cache
                var policy = LoadPolicy.standard
                policy.negativeTimeToLive = .seconds(60)
                let settings = policy
                let nothing: String? = try await cache.valueIfAny(for: "k", timeToLive: .seconds(60), policy: settings)
                {
                    nil
                }
                #expect(nothing == nil)
                let none = try await cache.values(for: ["k"], as: String.self, timeToLive: .seconds(60)) { _ in
                    ["k": "too early"]
                }
                #expect(none.isEmpty)

                try await cache.invalidateValue(for: "k", servingStaleFor: .seconds(60))
                let loaded = try await cache.values(for: ["k"], as: String.self, timeToLive: .seconds(60)) { _ in
                    ["k": "new"]
                }

                #expect(loaded == ["k": "new"])
                #expect(try await cache.value(for: "k") == "new")
            }
        }

        @Test("A load that was left before it began is over, and does not begin")
        func leftBeforeStart() async throws {
            let load = SharedLoad<Int>(outlivesWaiters: false)
            let (ends, begins) = (Gauge(), Gauge())
            load.whenOver { ends.enter() }
            let caller = Task { try await load.value() }
            #expect(await eventually { () async in load.waiterCount == 1 })
            caller.cancel()
            _ = await caller.result
            #expect(ends.most == 1)
            load.start(in: BackgroundTasks()) {
                begins.enter()
                return 1
            }
            await #expect(throws: AbandonedLoad.self) { try await load.value() }
            #expect(begins.most == 0)
        }
    }
}
