import MartletClient
import NIOConcurrencyHelpers
import ServerTesting
import Testing

extension ClientTests {
    /// Lists of servers in etcd, whose gateway here is one of ours: `./martlet client` has the real one.
    @Suite("Membership by etcd")
    struct EtcdTests {
        /// A gateway, and a client that follows the pool `p` in it; its events.
        private static func run(
            _ first: String? = #"{"servers": ["a:1", "b:2:3"]}"#,
            _ change: (inout CacheConfiguration) -> Void = { _ in },
            body: (EtcdGateway, CacheClient, inout AsyncStream<CacheEvent>.AsyncIterator) async throws -> Void
        ) async throws {
            let gateway = try await EtcdGateway()
            if let first { gateway.put("pools/p", first) }
            let cache = CacheFixture.client(for: ["/nowhere"], change)
            var events = cache.events.makeAsyncIterator()
            let etcd = try etcd(gateway)
            let following = Task { await cache.follow(.etcd(etcd, pool: "p", retryInterval: .milliseconds(10))) }
            var failure: (any Error)?
            do { try await body(gateway, cache, &events) } catch { failure = error }
            following.cancel()
            await following.value
            await cache.shutDown()
            await gateway.stop()
            if let failure { throw failure }
        }

        private static func etcd(_ gateways: EtcdGateway...) throws -> Etcd {
            var etcd = try Etcd(endpoints: gateways.map(\.path))
            etcd.timeout = .seconds(60)
            return etcd
        }

        private static func nextList(
            _ cache: CacheClient, _ events: inout AsyncStream<CacheEvent>.AsyncIterator
        ) async -> [String] {
            while let event = await events.next() {
                if case .topologyChanged = event { return cache.ring.servers.map { "\($0.name) \($0.weight)" } }
            }
            return []
        }

        private static func nextFailure(
            _ events: inout AsyncStream<CacheEvent>.AsyncIterator
        ) async -> CacheError? {
            while let event = await events.next() {
                if case .topologySourceFailed(let error) = event { return error }
            }
            return nil
        }

        @Test("The document is followed, by whomever it is changed, and its epoch grows")
        func following() async throws {
            try await Self.run { gateway, cache, events in
                #expect(await Self.nextList(cache, &events) == ["a:1 1", "b:2 3"])
                let first = cache.epoch

                let told = try await Self.etcd(gateway).changeServers(of: "p") { $0.append(CacheServer("c:3")!) }
                #expect(await Self.nextList(cache, &events) == ["a:1 1", "b:2 3", "c:3 1"])
                #expect(cache.epoch > first)
                #expect(cache.epoch == told.epoch)

                // By hand, without an epoch; and what belongs to another pool is none of ours.
                gateway.put("pools/p-other", #"{"servers": ["z:1"]}"#)
                gateway.put("pools/p", #"{"servers": [{"name": "one", "address": "c:3"}]}"#)
                #expect(await Self.nextList(cache, &events) == ["one 1"])
                #expect(cache.epoch > told.epoch)
            }
        }

        @Test("Of changes at once none is lost, and a list that cannot be is refused")
        func transactions() async throws {
            let gateway = try await EtcdGateway()
            let etcd = try Self.etcd(gateway)
            await withTaskGroup { group in
                for number in 1...8 {
                    group.addTask {
                        _ = try? await etcd.changeServers(of: "p") { $0.append(CacheServer("s\(number):1")!) }
                    }
                }
            }

            let topology = try await etcd.topology(of: "p")
            #expect(Set(topology?.servers.map(\.name) ?? []) == Set((1...8).map { "s\($0):1" }))
            for servers in [[], [CacheServer("a:1")!, CacheServer("a:1:2")!]] {
                let error = await #expect(throws: CacheError.self) {
                    try await etcd.changeServers(of: "p") { $0 = servers }
                }
                #expect(error?.code == .refused)
            }
            let asked = gateway.asked.count
            try await etcd.changeServers(of: "p") { _ in }
            #expect(gateway.asked.count == asked + 1)
            #expect(try await etcd.topology(of: "none") == nil)
            await gateway.stop()
        }

        @Test("A document that is none, or that is gone, leaves the last list in force, and the next one is taken")
        func wrongDocuments() async throws {
            try await Self.run { gateway, cache, events in
                _ = await Self.nextList(cache, &events)
                for text in ["nonsense", #"{"servers": [":"]}"#, #"{"servers": ["a:1", "a:1"]}"#] {
                    gateway.put("pools/p", text)
                    #expect(await Self.nextFailure(&events)?.code == .refused)
                }
                gateway.remove("pools/p")
                #expect(await Self.nextFailure(&events)?.code == .refused)
                #expect(cache.ring.servers.map(\.name) == ["a:1", "b:2"])

                gateway.put("pools/p", #"{"servers": ["c:3"]}"#)
                #expect(await Self.nextList(cache, &events) == ["c:3 1"])
            }
        }

        @Test("A pool that is not there yet is told, and taken when it comes")
        func later() async throws {
            try await Self.run(nil) { gateway, cache, events in
                #expect(await Self.nextFailure(&events)?.code == .refused)
                gateway.put("pools/p", #"{"servers": ["c:3"]}"#)
                #expect(await Self.nextList(cache, &events) == ["c:3 1"])
            }
        }

        @Test("While etcd is gone the last list stays, and what was changed meanwhile is seen when it is back")
        func outage() async throws {
            try await Self.run { gateway, cache, events in
                _ = await Self.nextList(cache, &events)
                await gateway.stop()
                #expect(await Self.nextFailure(&events) != nil)
                #expect(cache.ring.servers.map(\.name) == ["a:1", "b:2"])

                gateway.put("pools/p", #"{"servers": ["c:3"]}"#)
                try await gateway.start()
                #expect(await Self.nextList(cache, &events) == ["c:3 1"])
            }
        }

        @Test("A watch that etcd ends is begun anew, with all that has changed")
        func compaction() async throws {
            try await Self.run { gateway, cache, events in
                _ = await Self.nextList(cache, &events)
                #expect(await eventually { () async in gateway.watcherCount == 1 })
                gateway.compact()
                #expect(await Self.nextFailure(&events)?.message.contains("compacted") == true)
                gateway.put("pools/p", #"{"servers": ["c:3"]}"#)
                #expect(await Self.nextList(cache, &events) == ["c:3 1"])
            }
        }

        @Test("A watch that is refused is told with etcd's reason, and changes are seen all the same")
        func refusedWatch() async throws {
            try await Self.run { gateway, cache, events in
                _ = await Self.nextList(cache, &events)
                #expect(await eventually { () async in gateway.watcherCount == 1 })
                gateway.refuseWatches("etcdserver: permission denied")
                gateway.compact()
                var reasons: [String] = []
                while reasons.count < 3 { reasons.append(await Self.nextFailure(&events)?.message ?? "") }
                #expect(reasons[0].contains("compacted"))
                #expect(reasons[1...].allSatisfy { $0.contains("permission denied") })
                gateway.put("pools/p", #"{"servers": ["c:3"]}"#)
                #expect(await Self.nextList(cache, &events) == ["c:3 1"])
            }
        }

        @Test("A list that is refused, because it is empty or its number is behind, is told")
        func refusedLists() async throws {
            try await Self.run(#"{"epoch": 1000, "servers": ["a:1"]}"#) { gateway, cache, events in
                #expect(await Self.nextList(cache, &events) == ["a:1 1"])
                #expect(cache.epoch == 1000)
                gateway.put("pools/p", #"{"servers": ["b:1"]}"#)
                let behind = await Self.nextFailure(&events)
                #expect(behind?.code == .refused)
                #expect(behind?.message.contains("1000") == true)
                gateway.put("pools/p", #"{"epoch": 1001, "servers": []}"#)
                #expect(await Self.nextFailure(&events)?.message.contains("empty") == true)
                gateway.put("pools/p", #"{"epoch": 1001, "servers": ["c:3"]}"#)
                #expect(await Self.nextList(cache, &events) == ["c:3 1"])
            }
        }

        @Test("No leader, nonsense and silence are errors, each of its own kind")
        func faults() async throws {
            let gateway = try await EtcdGateway()
            var etcd = try Self.etcd(gateway)
            for (mood, code) in [(.unavailable, .serverDown), (.garbled, .protocolViolation)]
                as [(EtcdGateway.Mood, CacheError.Code)]
            {
                gateway.set(mood)
                let error = await #expect(throws: CacheError.self) { try await etcd.topology(of: "p") }
                #expect(error?.code == code)
            }
            gateway.set(.silent)
            etcd.timeout = .milliseconds(50)
            let impatient = etcd
            let error = await #expect(throws: CacheError.self) { try await impatient.topology(of: "p") }
            #expect(error?.code == .timeout)
            await gateway.stop()
            #expect(throws: CacheError.self) { try Etcd(endpoints: []) }
            let encrypted = try Etcd(endpoints: ["https://127.0.0.1:1"])
            let plain = await #expect(throws: CacheError.self) { try await encrypted.topology(of: "p") }
            #expect(plain?.code == .unsupported)
            #expect(throws: CacheError.self) { try Etcd(endpoints: ["http://:1"]) }
        }

        @Test("An endpoint that does not answer is passed over, and the one that did is asked first from then on")
        func endpoints() async throws {
            let (gone, gateway) = (try await EtcdGateway(), try await EtcdGateway())
            await gone.stop()
            gateway.put("pools/p", #"{"servers": ["a:1"]}"#)
            let etcd = try Self.etcd(gone, gateway)
            #expect(try await etcd.topology(of: "p")?.servers.count == 1)

            try await gone.start()
            #expect(try await etcd.topology(of: "p")?.servers.count == 1)
            #expect(gone.asked.isEmpty)
            await gone.stop()
            await gateway.stop()
        }

        @Test("With credentials a token is asked for, once, and anew when it is good no longer")
        func credentials() async throws {
            let gateway = try await EtcdGateway()
            gateway.put("pools/p", #"{"servers": ["a:1"]}"#)
            gateway.require(password: "open")
            var etcd = try Self.etcd(gateway)
            let without = etcd
            etcd.credentials = CacheCredentials(user: "me", password: "open")

            for _ in 0..<2 { #expect(try await etcd.topology(of: "p") != nil) }
            gateway.forgetTokens()
            #expect(try await etcd.topology(of: "p") != nil)
            #expect(gateway.asked.count { $0 == "/v3/auth/authenticate" } == 2)

            gateway.forgetTokens()
            etcd.credentials = CacheCredentials(user: "me", password: "shut")
            for etcd in [etcd, without] {
                let error = await #expect(throws: CacheError.self) { try await etcd.topology(of: "p") }
                #expect(error?.code == .unauthorized)
            }
            await gateway.stop()
        }

        @Test(
            "A token from before the users were changed is asked for anew, whatever etcd's version calls it",
            arguments: [
                (400, "etcdserver: revision of auth store is old"), (400, "etcdserver: user name is empty"),
                (500, "auth: revision in header is old"),
            ])
        func staleTokens(status: Int, message: String) async throws {
            let gateway = try await EtcdGateway()
            gateway.put("pools/p", #"{"servers": ["a:1"]}"#)
            gateway.require(password: "open")
            gateway.set(EtcdGateway.Staleness(status: .init(statusCode: status), message: message))
            var etcd = try Self.etcd(gateway)
            etcd.credentials = CacheCredentials(user: "me", password: "open")

            #expect(try await etcd.topology(of: "p") != nil)
            gateway.forgetTokens()
            #expect(try await etcd.topology(of: "p") != nil)
            #expect(gateway.asked.count { $0 == "/v3/auth/authenticate" } == 2)

            // A copy with other credentials does not go in with the first one's token.
            var other = etcd
            other.credentials = CacheCredentials(user: "me", password: "shut")
            let stranger = other
            let error = await #expect(throws: CacheError.self) { try await stranger.topology(of: "p") }
            #expect(error?.code == .unauthorized)
            await gateway.stop()
        }

        @Test("A change whose answer was lost is made once, though the next endpoint is asked as well")
        func lostAnswer() async throws {
            let gateway = try await EtcdGateway()
            gateway.put("pools/p", #"{"servers": ["a:1:5"]}"#)
            gateway.loseAnswer(to: "/v3/kv/txn")

            let told = try await Self.etcd(gateway, gateway).changeServers(of: "p") { servers in
                servers = servers.map { CacheServer("a:1:\($0.node.weight + 1)")! }
            }
            #expect(told.servers.map(\.node.weight) == [6])
            #expect(gateway.asked.count { $0 == "/v3/kv/txn" } == 2)
            let found = try await Self.etcd(gateway).topology(of: "p")
            #expect(found?.servers == told.servers)
            #expect(found?.epoch == told.epoch)
            await gateway.stop()
        }

        @Test(
            "Epochs and weights beyond all measure are refused",
            arguments: [
                #"{"epoch": 18446744073709551615, "servers": ["a:1"]}"#,
                #"{"epoch": 9223372036854775808, "servers": ["a:1"]}"#, #"{"servers": ["a:1:4294967295"]}"#,
                #"{"servers": [{"name": "a", "address": "a:1", "weight": 4294967295}]}"#,
                #"{"servers": [{"name": "a", "address": "a:1", "weight": 0}]}"#,
            ])
        func beyondMeasure(document: String) async throws {
            let gateway = try await EtcdGateway()
            gateway.put("pools/p", document)
            let etcd = try Self.etcd(gateway)
            let read = await #expect(throws: CacheError.self) { try await etcd.topology(of: "p") }
            #expect(read?.code == .refused)
            await gateway.stop()
        }

        @Test("What counts changes does not go beyond its last number")
        func lastNumbers() async throws {
            let gateway = try await EtcdGateway()
            let etcd = try Self.etcd(gateway)
            gateway.put("pools/p", #"{"epoch": 9223372036854775807, "servers": ["a:1"]}"#)
            let change = await #expect(throws: CacheError.self) {
                try await etcd.changeServers(of: "p") { $0.append(CacheServer("b:1")!) }
            }
            #expect(change?.code == .refused)
            let heavy = await #expect(throws: CacheError.self) {
                try await etcd.changeServers(of: "p") { $0 = [CacheServer(host: "a", weight: .max)] }
            }
            #expect(heavy?.code == .refused)

            gateway.set(revision: .max)
            let watch = await #expect(throws: CacheError.self) {
                try await TopologySource.etcd(etcd, pool: "p").fetch(Topology(epoch: 0, servers: []))
            }
            #expect(watch?.code == .protocolViolation)
            await gateway.stop()
        }

        @Test("A lease that was granted is given back, though the server's key was never put under it")
        func abandonedLease() async throws {
            let gateway = try await EtcdGateway()
            gateway.ignore("/v3/kv/put")
            let etcd = try Self.etcd(gateway)
            let announcing = Task { await etcd.announce("a:1", in: "p") }
            #expect(await eventually { () async in gateway.asked.contains("/v3/kv/put") })
            #expect(gateway.leaseCount == 1)

            announcing.cancel()
            await announcing.value
            #expect(gateway.leaseCount == 0)
            await gateway.stop()
        }

        @Test("A lease is kept, taken anew when it was lost, not taken for a server that is dead, and given back")
        func announcement() async throws {
            let gateway = try await EtcdGateway()
            let etcd = try Self.etcd(gateway)
            let isAlive = NIOLockedValueBox(true)
            // How much had been asked for each time that the server was dead.
            let counts = NIOLockedValueBox<[Int]>([])
            let announcing = Task {
                await etcd.announce("a:1", in: "p", timeToLive: .zero) {
                    let isAlive = isAlive.withLockedValue { $0 }
                    if !isAlive { counts.withLockedValue { $0.append(gateway.asked.count) } }
                    return isAlive
                }
            }

            #expect(await eventually { () async in gateway.asked.count { $0 == "/v3/lease/keepalive" } >= 2 })
            #expect(gateway.value("pools/p/live/a:1") == "")
            gateway.endLeases()
            #expect(await eventually { () async in gateway.value("pools/p/live/a:1") != nil })

            isAlive.withLockedValue { $0 = false }
            #expect(await eventually { () async in counts.withLockedValue { $0.count } >= 3 })
            #expect(Set(counts.withLockedValue { $0 }).count == 1)
            announcing.cancel()
            await announcing.value
            #expect(gateway.leaseCount == 0)
            await gateway.stop()
        }

        @Test(
            "A lease that ends has the server asked, one that begins ends the wait for the next probe; the ring stays")
        func liveness() async throws {
            let server = try TestServer.onUnixSocket()
            let path = server.path ?? ""
            let document = #"{"servers": ["\#(path)"]}"#
            try await Self.run(document, { $0.probeDelay = .seconds(3600) }) { gateway, cache, events in
                gateway.put("pools/p/live/\(path)", "", lease: "1")
                _ = await Self.nextList(cache, &events)
                try await cache.setValue("v", for: "k")
                #expect(await eventually { () async in gateway.watcherCount == 1 })

                // It answers: it is not down for having lost its lease.
                gateway.remove("pools/p/live/\(path)")
                gateway.put("pools/p/live/\(path)", "", lease: "1")
                #expect(try await cache.value(for: "k") == "v")

                server.stop()
                gateway.remove("pools/p/live/\(path)")
                guard case .serverDown(path, _) = await events.next() else {
                    Issue.record("not down")
                    return
                }
                #expect(cache.ring.servers.count == 1)

                let again = try TestServer.onUnixSocket { $0.unixSocketPath = path }
                gateway.put("pools/p/live/\(path)", "", lease: "1")
                guard case .serverUp(path) = await events.next() else {
                    Issue.record("not up")
                    return
                }
                try await cache.setValue("v", for: "k")
                again.stop()
            }
        }
    }
}
