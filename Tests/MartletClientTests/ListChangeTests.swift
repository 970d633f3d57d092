import MartletClient
import MartletRing
import NIOConcurrencyHelpers
import Testing

extension ClientTests {
    /// What another list of servers costs those that are on both, and which lists are none.
    @Suite("Lists that change")
    struct ListChangeTests {
        @Test("A changed weight costs a server neither its connections nor what is known of it")
        func weights() async throws {
            let server = try await DelayingServer { _ in }
            let cache = CacheFixture.client(for: [server.path, "/nowhere"]) {
                $0.connectionsPerServer = 1
                $0.probeDelay = .seconds(3600)
                $0.probeDelayMax = .seconds(3600)
            }
            let keys = (0..<100).map { CacheKey("k\($0)") }
            let here = try #require(keys.first { cache.ring.server(for: $0.description) == 0 })
            let away = try #require(keys.first { cache.ring.server(for: $0.description) == 1 })
            #expect(try await cache.value(for: here) == here.description)
            await #expect(throws: CacheError.self) { try await cache.removeValue(for: away) }
            let states = cache.serverStates

            #expect(
                cache.adopt(
                    Topology(
                        epoch: 1,
                        servers: [
                            CacheServer(unixSocket: server.path, weight: 5),
                            CacheServer(unixSocket: "/nowhere", weight: 2),
                        ])))

            #expect(cache.ring.servers.map(\.weight) == [5, 2])
            #expect(states.map(\.isDown) == [false, true])
            #expect(states.map(\.pendingInvalidations) == [0, 1])
            #expect(cache.serverStates == states)
            let still = try #require(keys.first { cache.ring.server(for: $0.description) == 0 })
            #expect(try await cache.value(for: still) == still.description)
            #expect(await server.connectionCount == 1)
            await cache.shutDown()
            await server.stop()
        }

        @Test("A retrieval whose connection broke because its server left the list is asked of the key's new server")
        func brokenByLeaving() async throws {
            let next = try await DelayingServer { _ in }
            let leaving = NIOLockedValueBox<CacheClient?>(nil)
            let old = try await ScriptedServer { lines in
                let cache = leaving.withLockedValue { leaving in
                    defer { leaving = nil }
                    return leaving
                }
                guard let cache else { return .send("VA 3 \(lines.opaques[0]) f0\r\nold\r\n") }
                cache.adopt(Topology(epoch: 1, servers: [CacheServer(unixSocket: next.path)]))
                return .close
            }
            let cache = CacheFixture.client(for: [old.path])
            leaving.withLockedValue { $0 = cache }

            #expect(try await cache.value(for: "k") == "k")
            await cache.shutDown()
            await old.stop()
            await next.stop()
        }

        @Test("A call that may take longer than others ends where it began, however long that is")
        func patientCalls() async throws {
            let door = Door()
            let server = try await DelayingServer { line in
                if line.hasPrefix("mg k ") { await door.pass() }
            }
            let silent = try await DelayingServer { _ in await Door().pass() }
            let cache = CacheFixture.client(for: [server.path]) {
                $0.operationTimeout = .milliseconds(50)
                $0.connectTimeout = .milliseconds(500)
            }
            // The call goes over a connection that is there, however long that took.
            let isConnected = await eventually {
                (try? await cache.timeout(.seconds(60)).value(for: "first", as: String.self)) == "first"
            }
            #expect(isConnected)
            let call = Task { try await cache.timeout(.seconds(60)).value(for: "k", as: String.self) }
            #expect(await eventually { await door.arrivals == 1 })

            #expect(cache.adopt(Topology(epoch: 1, servers: [CacheServer(unixSocket: silent.path)])))
            // Longer than calls and connections may usually take, together.
            await #expect(throws: CacheError.self) {
                try await cache.timeout(.seconds(1)).value(for: "k", as: String.self)
            }
            await door.open()

            #expect(try await call.value == "k")
            await cache.shutDown()
            await server.stop()
            await silent.stop()
        }

        @Test("Two servers with one name, or with the same points on a ring, are no list")
        func twins() async throws {
            let cache = CacheFixture.client(for: ["/nowhere"])
            let twins: [[CacheServer]] = [
                [CacheServer(host: "a"), CacheServer(host: "a", weight: 2)],
                [CacheServer(host: "a"), CacheServer(name: "a", address: .unixSocket(path: "/nowhere"))],
            ]
            for servers in twins {
                #expect(!cache.adopt(Topology(epoch: 1, servers: servers)))
            }
            #expect(cache.epoch == 0)
            await cache.shutDown()
        }

        @Test("A list of more servers than there can be leaves the last one in force, and is told of")
        func tooMany() async throws {
            let cache = CacheFixture.client(for: ["/nowhere"])
            var events = cache.events.makeAsyncIterator()
            let nodes = (0...4096).map { "n\($0)||1" }.joined(separator: " ")
            let server = try await ScriptedServer(greets: false) { _ in
                .send("CONFIG cluster 0 20\r\n7\n\(nodes)\n\r\nEND\r\n")
            }

            let source = TopologySource.clusterEndpoint(CacheServer(unixSocket: server.path), timeout: .seconds(60))
            let following = Task { await cache.follow(source) }
            guard case .topologySourceFailed(let error)? = await events.next() else {
                Issue.record("a list of 4,097 servers was taken")
                return
            }
            following.cancel()
            await following.value

            #expect(error.description.contains("more than 4096 servers"))
            #expect(cache.epoch == 0)
            #expect(cache.ring.servers.count == 1)
            await cache.shutDown()
            await server.stop()
        }

        @Test("A client is not made for a list in which a server is twice")
        func twinsAtFirst() async {
            await #expect(processExitsWith: .failure) {
                _ = CacheClient(servers: [CacheServer(host: "a"), CacheServer(host: "b"), CacheServer(host: "a")])
            }
            await #expect(processExitsWith: .failure) {
                var configuration = CacheConfiguration()
                configuration.whenServerDown = .gutter([CacheServer(host: "b"), CacheServer(host: "b")])
                _ = CacheClient(servers: [CacheServer(host: "a")], configuration: configuration)
            }
        }

        @Test("Wrong credentials are an error for one key and for many: the gutter does not stand in")
        func credentials() async throws {
            let server = try await ScriptedServer(greets: false) { _ in
                .send("CLIENT_ERROR authentication failure\r\n")
            }
            let cache = CacheFixture.client(for: [server.path]) {
                $0.credentials = CacheCredentials(user: "me", password: "wrong")
                $0.whenServerDown = .gutter([CacheServer(unixSocket: "/nowhere")])
                $0.probeDelay = .seconds(3600)
                $0.probeDelayMax = .seconds(3600)
            }

            // The second one finds the server down.
            for _ in 0..<2 {
                let error = await #expect(throws: CacheError.self) { try await cache.value(for: "k", as: String.self) }
                #expect(error?.code == .unauthorized)
                let batch = await cache.values(for: ["a", "b"], as: String.self)
                #expect(batch.failures.values.map(\.code) == [.unauthorized, .unauthorized])
            }
            await cache.shutDown()
            await server.stop()
        }

        @Test("A gutter without a server is none, for one key and for many")
        func emptyGutter() async throws {
            let cache = CacheFixture.client(for: ["/nowhere"]) { $0.whenServerDown = .gutter([]) }

            for _ in 0..<2 {
                let error = await #expect(throws: CacheError.self) { try await cache.value(for: "k", as: String.self) }
                #expect(error?.code == .serverDown)
                #expect(await cache.values(for: ["a"], as: String.self).failures["a"]?.code == .serverDown)
            }
            await cache.shutDown()
        }
    }
}
