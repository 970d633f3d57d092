import ClientTesting
import MartletClient
import MartletRing
import MartletServer
import NIOConcurrencyHelpers
import ServerTesting
import Testing

extension ClientTests {
    /// Servers that die, freeze, come back and change.
    @Suite("Many servers")
    struct ClusterTests {
        @Test("Keys are where libmemcached's ring has them")
        func placement() async throws {
            try await CacheFixture.run(servers: 5) { fixture in
                let keys = (0..<1000).map { CacheKey("key:\($0)") }
                let ring = HashRing(servers: fixture.servers.map { RingServer(host: $0.path ?? "", port: 0) })
                #expect(fixture.cache.ring.fingerprint == ring.fingerprint)

                #expect(await fixture.cache.setValues(Dictionary(uniqueKeysWithValues: keys.map { ($0, "v") })).isEmpty)

                for (index, server) in fixture.servers.enumerated() {
                    let client = try server.client()
                    for key in keys where ring.server(for: key.description) == index {
                        #expect(try client.exchange("get \(key)\r\n", "VALUE \(key) 0 1\r\nv\r\nEND\r\n"))
                    }
                }
            }
        }

        @Test("A dead server costs its own keys only, is told of, and is used again when it is back")
        func deathAndReturn() async throws {
            try await CacheFixture.run(
                servers: 3,
                {
                    $0.probeDelay = .milliseconds(20)
                    $0.probeDelayMax = .milliseconds(50)
                }
            ) { fixture in
                let cache = fixture.cache
                let keys = (0..<300).map { CacheKey("k\($0)") }
                let all = Dictionary(uniqueKeysWithValues: keys.map { ($0, $0.description) })
                #expect(await cache.setValues(all).isEmpty)
                var events = cache.events.makeAsyncIterator()

                fixture.servers[1].stop()
                let during = await cache.values(for: keys, as: String.self)

                let ring = cache.ring
                for key in keys {
                    if ring.server(for: key.description) == 1 {
                        let code = during.failures[key]?.code
                        #expect(code == .serverDown || code == .connectionLost, "\(during.failures[key]!)")
                    } else {
                        #expect(during.hits[key] == key.description)
                    }
                }
                guard case .serverDown(let server, _) = await events.next() else {
                    Issue.record("no event")
                    return
                }
                #expect(server == fixture.servers[1].path)

                let path = fixture.servers[1].path
                let revived = try TestServer.onUnixSocket { $0.unixSocketPath = path }
                guard case .serverUp = await events.next() else {
                    Issue.record("no event")
                    return
                }
                let after = await cache.values(for: keys, as: String.self)
                #expect(after.failures.isEmpty)
                #expect(Set(after.misses) == Set(keys.filter { ring.server(for: $0.description) == 1 }))
                revived.stop()
            }
        }

        @Test("A server that no longer answers counts as down, and calls for it fail at once")
        func frozen() async throws {
            // Connections on which nothing was answered, three in a row, are a reason, too, and on a slow machine the
            // one that comes first.
            for limit in [Duration.milliseconds(50), .milliseconds(500), .seconds(5)] {
                if try await isDownOfLateCalls(limit) { return }
            }
            Issue.record("late calls were no reason")
        }

        /// Whether a server that does not answer is down because of calls, of so much time, that were late.
        private func isDownOfLateCalls(_ limit: Duration) async throws -> Bool {
            let server = try await DelayingServer { _ in await Door().pass() }
            let cache = CacheFixture.client(for: [server.path]) {
                $0.operationTimeout = limit
                $0.timeoutsUntilDown = 3
                $0.probeDelay = .seconds(3600)
                $0.probeDelayMax = .seconds(3600)
            }
            var events = cache.events.makeAsyncIterator()

            // Calls whose connection was greeted just now do not count: on a slow machine there are some more.
            var calls = 0
            while !cache.serverStates[0].isDown, calls < 100 {
                let error = await #expect(throws: CacheError.self) { try await cache.value(for: "k", as: String.self) }
                #expect(error?.code == .timeout || cache.serverStates[0].isDown)
                calls += 1
            }
            #expect(cache.serverStates[0].isDown)
            // Each call could now take a minute; none does.
            let patient = cache.timeout(.seconds(60))
            for _ in 0..<100 {
                let error = await #expect(throws: CacheError.self) {
                    try await patient.value(for: "k", as: String.self)
                }
                #expect(error?.code == .serverDown)
            }
            await cache.timeout(.zero).shutDown()
            await server.stop()

            guard case .serverDown(_, let reason) = await events.next() else { return false }
            guard reason.code == .timeout else { return false }
            #expect(calls >= 3)
            #expect(reason.message == "3 calls in a row were late")
            return true
        }

        @Test("The gutter stands in for a server that is down, and keeps nothing for long")
        func gutter() async throws {
            let gutter = try TestServer.onUnixSocket()
            defer { gutter.stop() }
            let spare = CacheServer(unixSocket: gutter.path ?? "")
            try await CacheFixture.run(
                servers: 2, { $0.whenServerDown = .gutter([spare], timeToLiveMax: .seconds(600)) }
            ) { fixture in
                let cache = fixture.cache
                fixture.servers[0].stop()
                let keys = (0..<100).map { CacheKey("k\($0)") }

                for key in keys { try await cache.setValue(key.description, for: key) }

                for key in keys {
                    let item = try #require(try await cache.item(for: key, as: String.self))
                    #expect(item.value == key.description)
                    let isInGutter = cache.ring.server(for: key.description) == 0
                    #expect((item.remainingTimeToLive != nil) == isInGutter)
                    if let life = item.remainingTimeToLive { #expect(life <= .seconds(600)) }
                }
                let batch = await cache.values(for: keys, as: String.self)
                #expect(batch.hits.count == 100)
            }
        }

        @Test(
            "Where a server that is down is to count as empty nothing fails, nothing is said to be kept that must be, and removals are made good"
        )
        func downIsMiss() async throws {
            try await CacheFixture.run { fixture in
                let real = fixture.servers[0].path ?? ""
                let gate = try await Gate(to: real)
                let cache = CacheFixture.client(for: [gate.path]) {
                    $0.whenServerDown = .miss
                    $0.probeDelay = .milliseconds(20)
                    $0.probeDelayMax = .milliseconds(40)
                }
                var events = cache.events.makeAsyncIterator()
                for key in ["removed", "set", "untouched"] as [CacheKey] { try await cache.setValue("old", for: key) }
                await gate.close()
                // The first call may find the connection gone.
                _ = try? await cache.value(for: "untouched", as: String.self)
                guard case .serverDown = await events.next() else {
                    Issue.record("not down")
                    return
                }

                #expect(try await cache.value(for: "untouched", as: String.self) == nil)
                #expect(try await !cache.removeValue(for: "removed"))
                try await cache.setValue("new", for: "set")
                #expect(try await !cache.addValue("new", for: "added"))
                #expect(try await cache.incrementCounter("count", initialValue: 1) == nil)
                let version = CacheVersion(token: 1)
                #expect(try await cache.setValue("new", for: "set", ifVersionIs: version) == .missing)
                let batch = await cache.values(for: ["set", "untouched"], as: String.self)
                #expect(batch.misses == ["set", "untouched"])
                #expect(try await cache.value(for: "loaded", timeToLive: .seconds(60)) { "loaded" } == "loaded")

                try await gate.open()
                guard case .serverUp = await events.next() else {
                    Issue.record("not up")
                    return
                }
                #expect(try await cache.value(for: "removed", as: String.self) == nil)
                #expect(try await cache.value(for: "set", as: String.self) == nil)
                #expect(try await cache.value(for: "untouched") == "old")
                await cache.shutDown()
                await gate.close()
            }
        }

        @Test("What could not be changed on a server that was out of reach is removed before it is used again")
        func invalidationLog() async throws {
            // A server that stays alive behind a door: to the client it is down, and it keeps what it has.
            try await CacheFixture.run { fixture in
                let real = fixture.servers[0].path ?? ""
                let gate = try await Gate(to: real)
                let cache = CacheFixture.client(for: [gate.path]) {
                    $0.probeDelay = .milliseconds(20)
                    $0.probeDelayMax = .milliseconds(40)
                }
                var events = cache.events.makeAsyncIterator()
                try await cache.setValue("old", for: "removed")
                try await cache.setValue("old", for: "set")
                try await cache.setValue("old", for: "untouched")

                await gate.close()
                await #expect(throws: CacheError.self) { try await cache.removeValue(for: "removed") }
                await #expect(throws: CacheError.self) { try await cache.setValue("new", for: "set") }
                guard case .serverDown = await events.next() else {
                    Issue.record("not down")
                    return
                }
                try await gate.open()
                guard case .serverUp = await events.next() else {
                    Issue.record("not up")
                    return
                }

                #expect(try await cache.value(for: "removed", as: String.self) == nil)
                #expect(try await cache.value(for: "set", as: String.self) == nil)
                #expect(try await cache.value(for: "untouched") == "old")
                await cache.shutDown()
                await gate.close()
            }
        }

        @Test("Only a list of servers with a greater epoch is taken, and servers in both keep what they have")
        func topologies() async throws {
            try await CacheFixture.run(servers: 3) { fixture in
                let cache = fixture.cache
                let servers = fixture.addresses
                #expect(cache.epoch == 0)
                var events = cache.events.makeAsyncIterator()

                #expect(!cache.adopt(Topology(epoch: 5, servers: [])))
                #expect(cache.adopt(Topology(epoch: 5, servers: Array(servers.prefix(2)))))
                #expect(!cache.adopt(Topology(epoch: 5, servers: servers)))
                #expect(!cache.adopt(Topology(epoch: 4, servers: servers)))

                #expect(cache.epoch == 5)
                #expect(cache.ring.servers.count == 2)
                guard case .topologyChanged(5, let fingerprint) = await events.next() else {
                    Issue.record("no event")
                    return
                }
                #expect(fingerprint == cache.ring.fingerprint)
                try await cache.setValue("v", for: "k")
                #expect(try await cache.value(for: "k") == "v")
            }
        }

        @Test(
            "Servers of five are stopped and started in turn under load: errors are told, values are right, all recovers"
        )
        func rolling() async throws {
            try await CacheFixture.run(
                servers: 5,
                {
                    $0.probeDelay = .milliseconds(10)
                    $0.probeDelayMax = .milliseconds(40)
                    $0.operationTimeout = .seconds(2)
                }
            ) { fixture in
                let cache = fixture.cache
                let answered = Count()
                let load = Task {
                    await withTaskGroup { group in
                        for worker in 0..<8 {
                            group.addTask { await Self.work(cache, SplitMix(seed: UInt64(worker)), answered) }
                        }
                    }
                }

                var revived: [TestServer] = []
                for server in fixture.servers {
                    let path = server.path
                    let before = await answered.value
                    #expect(await eventually { await answered.value > before + 100 })
                    server.stop()
                    let down = await answered.value
                    #expect(await eventually { await answered.value > down + 100 })
                    revived.append(try TestServer.onUnixSocket { $0.unixSocketPath = path })
                }
                load.cancel()
                await load.value

                // Every server is back in use by itself.
                let keys = (0..<200).map { CacheKey("after:\($0)") }
                let isWhole = await eventually {
                    await cache.setValues(Dictionary(uniqueKeysWithValues: keys.map { ($0, "v") })).isEmpty
                }
                #expect(isWhole)
                for server in revived { server.stop() }
            }
        }

        /// Writes and reads until cancelled; what is read must be what belongs to the key.
        private static func work(_ cache: CacheClient, _ generator: SplitMix, _ answered: Count) async {
            var random = generator
            while !Task.isCancelled {
                let key = "k\(random.next() % 200)"
                do throws(CacheError) {
                    if random.next() % 2 == 0 {
                        try await cache.setValue(key, for: CacheKey(key))
                    } else if let value = try await cache.value(for: CacheKey(key), as: String.self) {
                        #expect(value == key)
                    }
                    await answered.add()
                } catch {
                    let expected: Set<CacheError.Code> = [.serverDown, .connectionLost, .timeout, .cancelled]
                    #expect(expected.contains(error.code), "\(error)")
                    await Task.yield()
                }
            }
        }

        @Test("A call under way ends where it began, though its server is no longer on the list")
        func retirement() async throws {
            let door = Door()
            let server = try await DelayingServer { line in
                if line.hasPrefix("mg ") { await door.pass() }
            }
            let cache = CacheFixture.client(for: [server.path])
            let call = Task { try await cache.value(for: "k", as: String.self) }
            #expect(await eventually { await door.arrivals == 1 })

            #expect(cache.adopt(Topology(epoch: 1, servers: [CacheServer(unixSocket: "/nowhere")])))
            await door.open()

            #expect(try await call.value == "k")
            await cache.shutDown()
            await server.stop()
        }

        @Test("After the shutdown calls fail, and connections are closed")
        func shutDown() async throws {
            try await CacheFixture.run { fixture in
                try await fixture.cache.setValue("v", for: "k")

                let cache = fixture.cache
                let running = Task { await cache.runUntilCancelled() }
                running.cancel()
                await running.value

                let error = await #expect(throws: CacheError.self) { try await fixture.cache.setValue("v", for: "k") }
                #expect(error?.code == .shutDown)
            }
        }

        @Test("Credentials are sent first, and wrong ones are told")
        func credentials() async throws {
            let server = try await ScriptedServer(greets: false) { lines in
                lines.hasPrefix("set auth 0 0 7\r\nme open\r\n")
                    ? .send("STORED\r\nVERSION 1.6.45\r\nEN\r\nMN\r\n")
                    : lines.hasPrefix("mg")
                        ? .send("VA 1 \(lines.opaques[0])\r\na\r\n")
                        : .send("CLIENT_ERROR authentication failure\r\n")
            }
            let good = CacheFixture.client(for: [server.path]) { $0.credentials = .init(user: "me", password: "open") }
            let wrong = CacheFixture.client(for: [server.path]) { $0.credentials = .init(user: "me", password: "shut") }

            #expect(try await good.value(for: "k") == "a")
            let error = await #expect(throws: CacheError.self) { try await wrong.value(for: "k", as: String.self) }
            #expect(error?.code == .unauthorized)
            await good.shutDown()
            await wrong.shutDown()
            await server.stop()
        }

        @Test("News of a server that comes while it is asked is not lost: it is asked again at once")
        func newsDuringProbe() async throws {
            let (asked, known) = (Asked(), NIOLockedValueBox<(CacheClient, String)?>(nil))
            let server = try await ScriptedServer { _ in
                switch asked.add() {
                case 1: return .close
                case 2:
                    // The probe is under way.
                    if let (cache, path) = known.withLockedValue({ $0 }) { cache.examine(path) }
                    return .close
                default: return .send("EN\r\n")
                }
            }
            let cache = CacheFixture.client(for: [server.path]) {
                $0.connectionsPerServer = 1
                $0.probeDelay = .seconds(3600)
                $0.probeDelayMax = .seconds(3600)
            }
            known.withLockedValue { $0 = (cache, server.path) }
            var events = cache.events.makeAsyncIterator()
            cache.examine(server.path)
            guard case .serverDown = await events.next() else {
                Issue.record("not down")
                return
            }
            cache.examine(server.path)
            #expect(await eventually { () async in asked.count >= 3 })
            #expect(
                await eventually {
                    do { return try await cache.value(for: "k", as: String.self) == nil } catch { return false }
                })
            known.withLockedValue { $0 = nil }
            await cache.shutDown()
            await server.stop()
        }

        private final class Asked: Sendable {
            private let box = NIOLockedValueBox(0)
            var count: Int { box.withLockedValue { $0 } }

            func add() -> Int {
                box.withLockedValue { count in
                    count += 1
                    return count
                }
            }
        }

        @Test("A server is not down because there is no room in the queue for the question whether it is")
        func examinationWithoutRoom() async throws {
            let (door, overloaded) = (Door(), Count())
            let server = try await DelayingServer { _ in await door.pass() }
            let cache = CacheFixture.client(for: [server.path]) {
                $0.connectionsPerServer = 1
                $0.inFlightMax = 1
                $0.waitingCallsMax = 1
                $0.operationTimeout = .seconds(60)
                $0.probeDelay = .seconds(3600)
                $0.probeDelayMax = .seconds(3600)
            }
            let first = Task { try await cache.value(for: "first", as: String.self) }
            #expect(await eventually { await door.arrivals == 1 })
            // One of them waits, and the other has no room to.
            let others = (0..<2).map { number in
                Task {
                    do {
                        _ = try await cache.value(for: CacheKey("k\(number)"), as: String.self)
                    } catch let error as CacheError where error.code == .overloaded {
                        await overloaded.add()
                    }
                }
            }
            #expect(await eventually { await overloaded.value == 1 })
            cache.examine(server.path)
            await door.open()
            #expect(try await first.value == "first")
            for other in others { try await other.value }
            #expect(try await cache.value(for: "after") == "after")
            await cache.shutDown()
            await server.stop()
        }

        @Test("Who runs a client and is cancelled lets the calls under way end")
        func cancelledRun() async throws {
            let door = Door()
            let server = try await DelayingServer { _ in await door.pass() }
            let cache = CacheFixture.client(for: [server.path]) { $0.operationTimeout = .seconds(60) }
            let call = Task { try await cache.value(for: "k", as: String.self) }
            #expect(await eventually { await door.arrivals == 1 })
            let running = Task { await cache.runUntilCancelled() }
            running.cancel()
            try await Task.sleep(for: .milliseconds(20))
            await door.open()
            #expect(try await call.value == "k")
            await running.value
            await server.stop()
        }
    }
}
