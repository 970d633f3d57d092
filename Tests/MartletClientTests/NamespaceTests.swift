import ClientTesting
import MartletClient
import MartletRecipes
import NIOConcurrencyHelpers
import NIOCore
import ServerTesting
import Testing

extension ClientTests {
    /// Views with something in front of every key.
    @Suite("Namespaces")
    struct NamespaceTests {
        @Test("Keys in one are not those in another")
        func separation() async throws {
            try await CacheFixture.run(servers: 2) { fixture in
                let (a, b) = (fixture.cache.namespace("a"), fixture.cache.namespace("b"))
                try await a.setValue("1", for: "k")
                try await b.setValue("2", for: "k")
                #expect(try await a.value(for: "k") == "1")
                #expect(try await b.namespace("c").value(for: "k", as: String.self) == nil)
                #expect(try await fixture.cache.value(for: "b:k") == "2")
            }
        }

        @Test("One that can be emptied is emptied for everybody, and stays usable", arguments: [true, false])
        func emptying(meta: Bool) async throws {
            try await CacheFixture.run(servers: 3, { $0.usesMetaProtocol = meta }) { fixture in
                let sessions = fixture.cache.droppableNamespace("session", lag: .milliseconds(1))
                let otherClient = CacheFixture.client(for: fixture.servers.map { $0.path ?? "" })
                let others = otherClient.droppableNamespace("session", lag: .milliseconds(1))
                let keys = (0..<50).map { CacheKey("k\($0)") }
                #expect(await sessions.setValues(Dictionary(uniqueKeysWithValues: keys.map { ($0, "v") })).isEmpty)
                try await fixture.cache.setValue("outside", for: "k1")
                #expect(await others.values(for: keys, as: String.self).hits.count == 50)

                try await sessions.removeAll()
                #expect(await sessions.values(for: keys, as: String.self).misses.count == 50)
                #expect(await eventually { await others.values(for: keys, as: String.self).misses.count == 50 })
                #expect(try await fixture.cache.value(for: "k1") == "outside")
                try await others.setValue("new", for: "k1")
                #expect(try await sessions.value(for: "k1") == "new")
                #expect(await sessions.removeValues(for: keys).isEmpty)
                #expect(try await others.value(for: "k1", as: String.self) == nil)
                await otherClient.shutDown()
            }
        }

        @Test("A generation that was lost does not bring back what was dropped")
        func lostGeneration() async throws {
            try await CacheFixture.run { fixture in
                let view = fixture.cache.droppableNamespace("n", lag: .zero)
                try await view.setValue("old", for: "k")
                for _ in 0..<3 { try await view.removeAll() }
                try await fixture.cache.removeValue(for: "n:generation")

                #expect(try await view.value(for: "k", as: String.self) == nil)
            }
        }

        @Test("What was dropped does not come back when the list of servers grows and shrinks again")
        func shrunkenList() async throws {
            try await CacheFixture.run(servers: 2) { fixture in
                let ring = fixture.cache.ring
                let name = try #require((0..<100).map { "n\($0)" }.first { ring.server(for: "\($0):generation") == 1 })
                let cache = CacheFixture.client(for: [fixture.servers[0].path ?? ""])
                let view = cache.droppableNamespace(name, lag: .zero)
                try await view.setValue("old", for: "k")

                #expect(cache.adopt(Topology(epoch: 1, servers: fixture.addresses)))
                try await view.removeAll()
                #expect(cache.adopt(Topology(epoch: 2, servers: Array(fixture.addresses.prefix(1)))))

                #expect(try await view.value(for: "k", as: String.self) == nil)
                // It is the one that all follow from now on.
                try await view.setValue("new", for: "k")
                let other = CacheFixture.client(for: [fixture.servers[0].path ?? ""])
                #expect(try await other.droppableNamespace(name).value(for: "k") == "new")
                await other.shutDown()
                await cache.shutDown()
            }
        }

        @Test("A number that was read before a namespace was emptied is not kept behind it")
        func lateGeneration() async throws {
            let state = NIOLockedValueBox((held: "", looks: 0))
            let server = try await ScriptedServer { lines in
                let opaque = lines.opaques[0]
                return state.withLockedValue { state in
                    switch lines.prefix(5) {
                    case "mg n:" where lines.contains("generation"):
                        state.looks += 1
                        guard state.looks == 1 else { return .send("VA 1 \(opaque) f0\r\n6\r\n") }
                        state.held = opaque
                        return .nothing
                    case "ma n:": return .send("VA 1 \(opaque)\r\n6\r\n")
                    case "mg fi": return .nothing
                    // On the connection of the first look.
                    case "mg se": return .send("VA 1 \(state.held) f0\r\n5\r\nEN\r\n")
                    default: return .send("EN\r\n")
                    }
                }
            }
            let cache = CacheFixture.client(for: [server.path]) { $0.connectionsPerServer = 2 }
            let view = cache.droppableNamespace("n", lag: .seconds(3600))
            let reader = Task { try await view.value(for: "k", as: String.self) }
            #expect(await eventually { () async in state.withLockedValue { $0.looks } == 1 })
            try await view.removeAll()
            // So that both connections have a call, and the next one is over the first.
            let first = Task { try await cache.value(for: "first", as: String.self) }
            #expect(await eventually { () async in cache.serverStates[0].pendingRequests == 2 })
            #expect(try await cache.value(for: "second", as: String.self) == nil)
            #expect(try await reader.value == nil)

            #expect(try await view.value(for: "k", as: String.self) == nil)

            #expect(state.withLockedValue { $0.looks } == 2)
            first.cancel()
            await cache.shutDown()
            await server.stop()
        }

        @Test("A removal that fails because the generation cannot be read is made good under the number known last")
        func removalWithoutGeneration() async throws {
            try await CacheFixture.run(servers: 2) { fixture in
                let gate = try await Gate(to: fixture.servers[0].path ?? "")
                let cache = CacheFixture.client(for: [gate.path, fixture.servers[1].path ?? ""]) {
                    $0.probeDelay = .milliseconds(10)
                }
                let ring = cache.ring
                let name = try #require((0..<100).map { "n\($0)" }.first { ring.server(for: "\($0):generation") == 0 })
                let view = cache.droppableNamespace(name, lag: .zero)
                #expect(try await view.value(for: "k", as: String.self) == nil)
                let number = try #require(try fixture.stored(under: "\(name):generation"))
                let prefix = "\(name):\(String(buffer: number.value)):"
                let keys = (0..<100).map { CacheKey("k\($0)") }
                let there = keys.filter { ring.server(for: prefix + $0.description) == 1 }
                try #require(there.count > 3)
                #expect(await view.setValues(Dictionary(uniqueKeysWithValues: there.map { ($0, "old") })).isEmpty)
                await gate.close()

                await #expect(throws: CacheError.self) { try await view.removeValue(for: there[0]) }
                await #expect(throws: CacheError.self) { try await view.setValue("new", for: there[1]) }
                #expect(await view.removeValues(for: [there[2]]).count == 1)

                for key in there[0..<3] {
                    #expect(
                        await eventually { () async in
                            (try? fixture.stored(under: prefix + key.description, server: 1)) == nil
                        })
                }
                #expect(try fixture.stored(under: prefix + there[3].description, server: 1) != nil)
                await cache.shutDown()
            }
        }

        @Test("Where the generation cannot be read calls fail, and loads go to the source")
        func unreachable() async throws {
            let cache = CacheFixture.client(for: ["/nowhere/at/all"])
            let view = cache.droppableNamespace("n")
            let error = await #expect(throws: CacheError.self) { try await view.value(for: "k", as: String.self) }
            #expect(error?.code == .serverDown)
            #expect(await view.values(for: ["a", "b"], as: String.self).failures.count == 2)
            #expect(await view.setValues(["a": "1"]).count == 1)
            #expect(await view.removeValues(for: ["a"]).count == 1)
            #expect(try await view.value(for: "k", timeToLive: .seconds(1)) { "source" } == "source")
            #expect(
                try await view.values(for: ["k"], timeToLive: .seconds(1)) { _ in ["k": "source"] } == ["k": "source"])
            await cache.shutDown()
        }

        @Test(
            "One whose generation's server is down is not emptied without a word, and is once the server is back",
            arguments: [true, false])
        func emptyingWhileDown(hasGutter: Bool) async throws {
            let spare = try TestServer.onUnixSocket()
            defer { spare.stop() }
            let gutter = CacheServer(unixSocket: spare.path ?? "")
            try await CacheFixture.run { fixture in
                let gate = try await Gate(to: fixture.servers[0].path ?? "")
                let cache = CacheFixture.client(for: [gate.path]) {
                    $0.whenServerDown = hasGutter ? .gutter([gutter]) : .miss
                    $0.probeDelay = .milliseconds(20)
                    $0.probeDelayMax = .milliseconds(40)
                }
                var events = cache.events.makeAsyncIterator()
                let view = cache.droppableNamespace("n", lag: .zero)
                try await view.setValue("old", for: "k")
                await gate.close()
                // The first call may find the connection gone.
                _ = try? await cache.value(for: "k", as: String.self)
                guard case .serverDown = await events.next() else {
                    Issue.record("not down")
                    return
                }

                let error = await #expect(throws: CacheError.self) { try await view.removeAll() }
                #expect(error?.code == .serverDown)
                await #expect(throws: CacheError.self) { try await view.setValue("new", for: "k") }
                try await gate.open()
                guard case .serverUp = await events.next() else {
                    Issue.record("not up")
                    return
                }

                #expect(try await view.value(for: "k", as: String.self) == nil)
                await cache.shutDown()
                await gate.close()
            }
        }

        @Test("Many values wait together for a generation that does not come, and not one behind the other")
        func silentGeneration() async throws {
            let looks = NIOLockedValueBox(0)
            let server = try await ScriptedServer { lines in
                looks.withLockedValue { $0 += lines.opaques.count }
                return .nothing
            }
            let cache = CacheFixture.client(for: [server.path]) { $0.timeoutsUntilDown = 100 }
            let view = cache.droppableNamespace("n")
            let keys = (0..<5).map { CacheKey("k\($0)") }

            // What is late before it is sent is not sent.
            for limit in CacheFixture.limits where cache.serverStates[0].pendingRequests == 0 {
                let failures = await view.timeout(limit).setValues(
                    Dictionary(uniqueKeysWithValues: keys.map { ($0, "v") }))
                #expect(failures.count == 5)
                #expect(failures.values.allSatisfy { $0.code == .timeout })
            }

            #expect(cache.serverStates[0].pendingRequests == 1)
            #expect(await eventually { () async in looks.withLockedValue { $0 } == 1 })
            await cache.timeout(.zero).shutDown()
            await server.stop()
        }

        @Test("What is within one that can be emptied is emptied with it, and not by itself")
        func nesting() async throws {
            try await CacheFixture.run { fixture in
                let outer = fixture.cache.droppableNamespace("x")
                let inner = outer.namespace("y")
                try await inner.setValue("v", for: "k")
                #expect(try await outer.value(for: "y:k") == "v")
                #expect(try await outer.value(for: "k", as: String.self) == nil)
                #expect(await RateLimiter(outer, limit: 1, per: .seconds(60)).allows("a").isAllowed)

                let error = await #expect(throws: CacheError.self) { try await inner.removeAll() }
                #expect(error?.code == .unsupported)
                #expect(try await inner.value(for: "k") == "v")
                try await outer.removeAll()
                #expect(try await inner.value(for: "k", as: String.self) == nil)
            }
        }

        @Test("One that is emptied through one view is empty to all views of the client")
        func views() async throws {
            try await CacheFixture.run { fixture in
                let one = fixture.cache.droppableNamespace("n", lag: .seconds(3600))
                let other = fixture.cache.droppableNamespace("n", lag: .seconds(3600))
                try await one.setValue("v", for: "k")
                #expect(try await other.value(for: "k") == "v")

                try await one.removeAll()

                #expect(try await other.value(for: "k", as: String.self) == nil)
            }
        }

        @Test("Only a droppable namespace can be emptied")
        func unsupported() async throws {
            try await CacheFixture.run { fixture in
                let error = await #expect(throws: CacheError.self) {
                    try await fixture.cache.namespace("n").removeAll()
                }
                #expect(error?.code == .unsupported)
            }
        }
    }
}
