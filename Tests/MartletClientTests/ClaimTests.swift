import ClientTesting
import MartletClient
import NIOConcurrencyHelpers
import NIOCore
import Testing

extension ClientTests {
    /// Who was told to recache and does not: another one is told.
    @Suite("What was won and is given back")
    struct ClaimTests {
        struct Broken: Error, Equatable {}

        private static let life = Duration.seconds(60)

        /// Keeps the replies to looks for `k` back until `next` is asked for, and notes what is no look.
        private final class Holding: Sendable {
            private let state = NIOLockedValueBox((held: [String](), lines: [String]()))
            private let reply: String

            /// `reply` is the answer to each of those looks; `#` stands for its number.
            init(_ reply: String) { self.reply = reply }

            var heldCount: Int { state.withLockedValue { $0.held.count } }
            var lines: [String] { state.withLockedValue { $0.lines } }

            func answer(_ text: String) -> ScriptedServer.Answer {
                state.withLockedValue { state in
                    var answers = ""
                    for line in text.split(separator: "\r\n").map(String.init) {
                        guard let opaque = line.opaques.first else { continue }
                        if line.hasPrefix("mg k") {
                            state.held.append(opaque)
                            continue
                        }
                        if line.hasPrefix("mg next ") {
                            answers += state.held.map { reply.replacing("#", with: $0) + "\r\n" }.joined()
                            state.held = []
                        }
                        if !line.hasPrefix("mg ") { state.lines.append(line) }
                        answers += line.hasPrefix("mg ") ? "EN\r\n" : "HD \(opaque)\r\n"
                    }
                    return answers.isEmpty ? .nothing : .send(answers)
                }
            }
        }

        private static func run(
            _ reply: String, _ body: (CacheClient, Holding) async throws -> Void
        ) async throws {
            let holding = Holding(reply)
            let server = try await ScriptedServer { holding.answer($0) }
            let cache = CacheFixture.client(for: [server.path]) { $0.connectionsPerServer = 1 }
            // From here on there is a connection.
            #expect(try await cache.value(for: "first", as: String.self) == nil)
            try await body(cache, holding)
            await cache.shutDown()
            await server.stop()
        }

        /// Makes a call with so little time that nothing comes of it, though its requests are sent: one that was late
        /// before that, on a busy machine, is made again with more. `count` requests are then on their way in all: those
        /// of one call, and never a part of them, which another call would make up for.
        private static func hurry(
            _ cache: CacheClient, _ holding: Holding, to count: Int, _ call: (CacheClient) async throws -> Void
        ) async throws {
            let before = cache.serverStates[0].pendingRequests
            for limit in CacheFixture.limits where cache.serverStates[0].pendingRequests < count {
                try await call(cache.timeout(limit))
                #expect([before, count].contains(cache.serverStates[0].pendingRequests))
            }
            #expect(await eventually { () async in holding.heldCount == count })
        }

        @Test(
            "A look that was cancelled gives back what its late answer has won",
            arguments: [
                ("VA 0 # f0 c7 W\r\n", ["md k", "C7"]), ("VA 3 # f0 c7 W X\r\nold", ["md k", "I", "C7"]),
                ("VA 3 # f0 c7 W\r\nold", ["ms k 0", "MA", "C7"]),
            ])
        func cancelledLook(reply: String, words: [String]) async throws {
            try await Self.run(reply) { cache, holding in
                let caller = Task {
                    try await cache.value(for: "k", timeToLive: Self.life, policy: .refreshing(ahead: .seconds(9))) {
                        "never"
                    }
                }
                #expect(await eventually { () async in holding.heldCount == 1 })
                caller.cancel()
                _ = await caller.result

                #expect(try await cache.value(for: "next", as: String.self) == nil)
                #expect(await eventually { () async in holding.lines.count == 1 })
                let line = try #require(holding.lines.first)
                #expect(line.hasPrefix(words[0] + " "))
                // Nothing else but its number.
                let rest = line.dropFirst(words[0].utf8.count).split(separator: " ").filter { !$0.hasPrefix("O") }
                #expect(Set(rest.map(String.init)) == Set(words.dropFirst()))
                // Its own reply is matched like any other's.
                #expect(try await cache.value(for: "next", as: String.self) == nil)
            }
        }

        @Test("So does one that came too late, and each of many keys")
        func lateLooks() async throws {
            try await Self.run("VA 0 # f0 c7 W\r\n") { cache, holding in
                try await Self.hurry(cache, holding, to: 1) { (hurried) async throws in
                    #expect(try await hurried.value(for: "k", timeToLive: Self.life) { "v" } == "v")
                }
                try await Self.hurry(cache, holding, to: 3) { (hurried) async throws in
                    let keys: [CacheKey] = ["k1", "k2"]
                    let loaded = try await hurried.values(for: keys, as: String.self, timeToLive: Self.life) { _ in
                        ["k1": "v"]
                    }
                    #expect(loaded == ["k1": "v"])
                }

                #expect(try await cache.value(for: "next", as: String.self) == nil)
                #expect(await eventually { () async in holding.lines.count == 3 })
                #expect(holding.lines.map { $0.prefix(5) } == ["md k ", "md k1", "md k2"])
                #expect(holding.lines.allSatisfy { $0.contains(" C7") })
            }
        }

        @Test("So does one that was to give the item a life: it gets back that which it had")
        func lateLife() async throws {
            try await Self.run("VA 3 # f0 c7 t9 X W\r\nold") { (cache, holding) async throws in
                try await Self.hurry(cache, holding, to: 1) { (hurried) async throws in
                    await #expect(throws: CacheError.self) {
                        try await hurried.value(for: "k", as: String.self, extendingTimeToLive: Self.life)
                    }
                }

                #expect(try await cache.value(for: "next", as: String.self) == nil)
                #expect(await eventually { () async in holding.lines.count == 1 })
                let line = try #require(holding.lines.first)
                #expect(line.hasPrefix("md k "))
                #expect([" I", " C7", " T9"].allSatisfy { line.contains($0) })
            }
        }

        @Test("A value that is out of date is none to be changed", arguments: [true, false])
        func staleUpdate(wins: Bool) async throws {
            try await CacheFixture.run { fixture in
                let cache = fixture.cache
                try await cache.setValue("old", for: "k", timeToLive: Self.life)
                try await cache.invalidateValue(for: "k", servingStaleFor: .seconds(50))
                // Whoever comes first is told to recache.
                if !wins { #expect(try await cache.value(for: "k", as: String.self) == nil) }

                #expect(try await cache.updateValue(for: "k", as: String.self) { $0 += "er" } == nil)

                #expect(try await cache.item(for: "k", as: String.self)?.isStale == true)
            }
        }

        @Test("Who looks at an item that is out of date recaches nothing, and leaves that to others", arguments: 0..<3)
        func staleItem(kind: Int) async throws {
            try await CacheFixture.run { fixture in
                let cache = fixture.cache
                try await cache.setValue("old", for: "k", timeToLive: Self.life)
                try await cache.invalidateValue(for: "k", servingStaleFor: .seconds(50))

                let found =
                    if kind == 0 {
                        await cache.items(for: ["k"], as: String.self).hits["k"]
                    } else {
                        try await cache.item(for: "k", as: String.self)
                    }
                let item = try #require(found)

                #expect(item.isStale)
                if kind == 2 {
                    let version = try #require(item.version)
                    #expect(try await cache.setValue("new", for: "k", ifVersionIs: version) == .stored)
                }
                #expect(try await cache.value(for: "k", timeToLive: Self.life) { "new" } == "new")
            }
        }

        @Test(
            "The life of a value that is out of date is not made longer, by whoever is told to recache or by others",
            arguments: 0..<4, [true, false])
        func staleLife(kind: Int, wins: Bool) async throws {
            try await CacheFixture.run { fixture in
                let (cache, life) = (fixture.cache, Duration.seconds(600))
                try await cache.setValue("old", for: "k", timeToLive: Self.life)
                try await cache.invalidateValue(for: "k", servingStaleFor: .seconds(50))
                if !wins { #expect(try await cache.value(for: "k", as: String.self) == nil) }

                switch kind {
                case 0:
                    let value = try await cache.value(for: "k", as: String.self, extendingTimeToLive: life)
                    let expected: String? = wins ? nil : "old"
                    #expect(value == expected)
                case 1:
                    let found = await cache.values(for: ["k"], as: String.self, extendingTimeToLive: life)
                    let expected: [CacheKey: String] = wins ? [:] : ["k": "old"]
                    #expect(found.hits == expected)
                case 2: #expect(try await cache.touchValue(for: "k", timeToLive: life))
                default: #expect(await cache.touchValues(for: ["k"], timeToLive: life).touched == ["k"])
                }

                let item = try #require(try await cache.item(for: "k", as: String.self))
                #expect(item.isStale)
                #expect(item.remainingTimeToLive.map { $0 <= .seconds(50) } == true)
                if wins { #expect(try await cache.value(for: "k", timeToLive: Self.life) { "new" } == "new") }
            }
        }

        @Test("A life that is given while a value is loaded is not given to the lease", arguments: 0..<4)
        func leaseLife(kind: Int) async throws {
            try await CacheFixture.run { fixture in
                let (cache, door, life) = (fixture.cache, Door(), Duration.seconds(6000))
                let loader = Task {
                    try await cache.value(for: "k", timeToLive: Self.life, policy: .patient) {
                        await door.pass()
                        return "v"
                    }
                }
                #expect(await eventually { await door.arrivals == 1 })

                switch kind {
                case 0: #expect(try await cache.value(for: "k", as: String.self, extendingTimeToLive: life) == nil)
                case 1:
                    #expect(await cache.values(for: ["k"], as: String.self, extendingTimeToLive: life).misses == ["k"])
                case 2: #expect(try await !cache.touchValue(for: "k", timeToLive: life))
                default: #expect(await cache.touchValues(for: ["k"], timeToLive: life).touched == [])
                }

                // As `LoadPolicy.patient` has it.
                let seconds = try #require(try fixture.secondsToLive(under: "k"))
                #expect(0...600 ~= seconds)
                await door.open()
                #expect(try await loader.value == "v")
                #expect(try await cache.value(for: "k") == "v")
            }
        }

        @Test("So is one that was given too late to be heard of")
        func lateLeaseLife() async throws {
            try await Self.run("VA 0 # f0 c7 t9 Z\r\n") { (cache, holding) async throws in
                try await Self.hurry(cache, holding, to: 1) { (hurried) async throws in
                    await #expect(throws: CacheError.self) {
                        try await hurried.value(for: "k", as: String.self, extendingTimeToLive: Self.life)
                    }
                }
                #expect(try await cache.value(for: "next", as: String.self) == nil)

                // The one that gives the life back.
                #expect(await eventually { () async in holding.heldCount == 1 })
                #expect(holding.lines == [])
                // It is answered, so that nobody waits for it.
                _ = try? await cache.value(for: "next", as: String.self)
            }
        }

        @Test("A look that won nothing leaves nothing to be given back")
        func nothingWon() async throws {
            try await Self.run("VA 3 # f0 c7 Z X\r\nold") { (cache, holding) async throws in
                try await Self.hurry(cache, holding, to: 1) { (hurried) async throws in
                    #expect(try await hurried.value(for: "k", timeToLive: Self.life) { "v" } == "v")
                }
                for _ in 0..<3 { #expect(try await cache.value(for: "next", as: String.self) == nil) }
                #expect(holding.lines == [])
            }
        }

        @Test("A value that is out of date is tried again when its load has failed", arguments: [true, false])
        func failedRecache(many: Bool) async throws {
            try await CacheFixture.run { (fixture) async throws in
                let (cache, loads) = (fixture.cache, Count())
                var policy = LoadPolicy.standard
                policy.retryDelay = .zero
                let settings = policy
                func read(_ load: @escaping @Sendable () async throws -> String) async throws -> String? {
                    let counted: @Sendable () async throws -> String = {
                        await loads.add()
                        return try await load()
                    }
                    guard many else {
                        return try await cache.value(for: "k", timeToLive: Self.life, policy: settings, load: counted)
                    }
                    return try await cache.values(for: ["k"], timeToLive: Self.life, policy: settings) { _ in
                        ["k": try await counted()]
                    }["k"]
                }
                try await cache.setValue("old", for: "k", timeToLive: Self.life)
                try await cache.invalidateValue(for: "k", servingStaleFor: .seconds(50))

                for _ in 0..<2 {
                    #expect(try await read { throw Broken() } == "old")
                }
                #expect(await loads.value == 2)
                #expect(try await read { "new" } == "new")
                #expect(try await cache.value(for: "k") == "new")
            }
        }

        @Test("In the pause behind a load that failed others have the old value, and with the client it ends")
        func pause() async throws {
            try await CacheFixture.run { fixture in
                let other = CacheFixture.client(for: fixture.servers.map { $0.path ?? "" })
                var policy = LoadPolicy.standard
                policy.retryDelay = .seconds(3600)
                let settings = policy
                try await other.setValue("old", for: "k", timeToLive: Self.life)
                try await other.invalidateValue(for: "k", servingStaleFor: .seconds(50))
                let value = try await fixture.cache.value(for: "k", timeToLive: Self.life, policy: settings) {
                    () async throws -> String in throw Broken()
                }
                #expect(value == "old")

                #expect(try await other.value(for: "k", timeToLive: Self.life) { "too early" } == "old")
                await fixture.cache.timeout(.milliseconds(500)).shutDown()
                #expect(
                    await eventually {
                        (try? await other.value(for: "k", timeToLive: Self.life) { "new" }) == "new"
                    })
                await other.shutDown()
            }
        }

        @Test("A refresh that failed is tried again, and the value stays as it is meanwhile")
        func failedRefresh() async throws {
            try await CacheFixture.run { fixture in
                let (cache, loads) = (fixture.cache, Count())
                var policy = LoadPolicy.refreshing(ahead: .seconds(600))
                policy.retryDelay = .zero
                let settings = policy
                try await cache.setValue("old", for: "k", timeToLive: .seconds(300))

                let isRefreshed = await eventually {
                    let value = try? await cache.value(for: "k", timeToLive: .seconds(3000), policy: settings) {
                        () async throws -> String in
                        guard await loads.add() > 2 else { throw Broken() }
                        return "new"
                    }
                    if await loads.value < 3 {
                        #expect(value == "old")
                        let item = try? await cache.item(for: "k", as: String.self)
                        #expect(item?.remainingTimeToLive ?? .zero <= .seconds(300) || item?.value == "new")
                        #expect(item?.isStale == false)
                    }
                    return value == "new"
                }
                #expect(isRefreshed)
                #expect(await loads.value == 3)
            }
        }

        @Test("What is loaded in the place of an old value is kept, though its caller has gone")
        func goneCaller() async throws {
            try await CacheFixture.run { fixture in
                let (cache, door) = (fixture.cache, Door())
                try await cache.setValue("old", for: "k", timeToLive: Self.life)
                try await cache.invalidateValue(for: "k", servingStaleFor: .seconds(50))
                let caller = Task {
                    try await cache.value(for: "k", timeToLive: Self.life) { () async throws -> String in
                        await door.pass()
                        try Task.checkCancellation()
                        return "new"
                    }
                }
                #expect(await eventually { await door.arrivals == 1 })
                caller.cancel()
                _ = await caller.result
                // Whoever comes meanwhile does not wait.
                #expect(try await cache.value(for: "k", timeToLive: Self.life) { "not needed" } == "old")
                await door.open()

                #expect(await eventually { (try? await cache.value(for: "k", as: String.self)) == "new" })
            }
        }

        @Test(
            "A load that takes no notice of its cancellation leaves its value, not a lease", arguments: [true, false])
        func unheededCancellation(many: Bool) async throws {
            try await CacheFixture.run { fixture in
                let (cache, door) = (fixture.cache, Door())
                let caller = Task { () async throws -> String? in
                    guard many else {
                        return try await cache.value(
                            for: "k", as: String.self, timeToLive: Self.life, policy: .patient
                        ) {
                            await door.pass()
                            return "v"
                        }
                    }
                    return try await cache.values(
                        for: ["k"], as: String.self, timeToLive: Self.life, policy: .patient
                    ) { _ in
                        await door.pass()
                        return ["k": "v"]
                    }["k"]
                }
                #expect(await eventually { await door.arrivals == 1 })
                caller.cancel()
                if !many { _ = await caller.result }
                await door.open()
                _ = await caller.result

                #expect(await eventually { (try? await cache.value(for: "k", as: String.self)) == "v" })
            }
        }

        @Test("Of many keys what was won is given back where a server's failure is the caller's")
        func failureOfMany() async throws {
            try await CacheFixture.run { fixture in
                let path = fixture.servers[0].path ?? ""
                let cache = CacheFixture.client(for: [path, "/nowhere"])
                let keys = (0..<50).map { CacheKey("k\($0)") }
                let isThere = cache.ring
                let here = keys.filter { isThere.server(for: $0.description) == 0 }
                try #require(!here.isEmpty && here.count < 50)
                var policy = LoadPolicy.standard
                policy.whenCacheFails = .rethrow
                let settings = policy

                let error = await #expect(throws: CacheError.self) {
                    try await cache.values(for: keys, as: String.self, timeToLive: Self.life, policy: settings) { _ in
                        [:]
                    }
                }

                #expect(error?.code == .serverDown)
                for key in here { #expect(try fixture.stored(under: key.description) == nil) }
                await cache.shutDown()
            }
        }

        @Test(
            "What is loaded in the place of something unreadable is not stored over what has come since",
            arguments: [true, false])
        func unreadable(many: Bool) async throws {
            try await CacheFixture.run { fixture in
                let (cache, door) = (fixture.cache, Door())
                try await cache.setValue("no number", for: "k")
                let caller = Task { () async throws -> Int? in
                    guard many else {
                        return try await cache.value(for: "k", as: Int.self, timeToLive: Self.life) {
                            await door.pass()
                            return 1
                        }
                    }
                    return try await cache.values(for: ["k"], as: Int.self, timeToLive: Self.life) { _ in
                        await door.pass()
                        return ["k": 1]
                    }["k"]
                }
                #expect(await eventually { await door.arrivals == 1 })
                try await cache.setValue(2, for: "k")
                await door.open()

                #expect(try await caller.value == 1)
                #expect(try await cache.value(for: "k") == 2)
                // Where nothing has come, it is.
                try await cache.setValue("no number", for: "other")
                let other = try await cache.values(for: ["other"], timeToLive: Self.life) { _ in ["other": 3] }
                #expect(other == ["other": 3])
                #expect(try await cache.value(for: "other") == 3)
            }
        }

        @Test("A look whose value's parts do not come gives back what it has won", arguments: [true, false])
        func missingParts(isStale: Bool) async throws {
            try await CacheFixture.run(servers: 2) { fixture in
                // One for the parts.
                let gate = try await Gate(to: fixture.servers[1].path ?? "")
                let cache = CacheFixture.client(for: [fixture.servers[0].path ?? "", gate.path]) {
                    $0.splitting = ValueSplitting(bytesMax: 10_000, partBytes: 1024)
                    $0.probeDelay = .milliseconds(20)
                    $0.probeDelayMax = .milliseconds(50)
                }
                let ring = cache.ring
                let name = try #require((0..<100).map { "k\($0)" }.first(where: { ring.server(for: $0) == 0 }))
                let key = CacheKey(name)
                let large = String(repeating: "x", count: 20_000)
                // Lives longer than anybody waits here.
                let life = Duration.seconds(20_000)
                try await cache.setValue(large, for: key, timeToLive: .seconds(3000))
                if isStale { try await cache.invalidateValue(for: key, servingStaleFor: .seconds(3000)) }
                let policy: LoadPolicy = isStale ? .standard : .refreshing(ahead: .seconds(9000))

                await gate.close()
                let loaded = try await cache.value(for: key, timeToLive: life, policy: policy) { "not kept" }
                #expect(loaded == "not kept")
                try await gate.open()

                // Somebody wins once more, and what that one loads is kept.
                let isRecached = await eventually {
                    _ = try? await cache.value(for: key, timeToLive: life, policy: policy) { "new" }
                    return (try? fixture.stored(under: name))?.value == ByteBuffer(string: "new")
                }
                #expect(isRecached)
                await cache.shutDown()
                await gate.close()
            }
        }
    }
}
