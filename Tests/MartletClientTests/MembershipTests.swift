import Glibc
import MartletClient
import MartletRing
import MartletServer
import NIOConcurrencyHelpers
import NIOCore
import NIOPosix
import ServerTesting
import Testing

extension ClientTests {
    /// Lists of servers that change.
    @Suite("Membership")
    struct MembershipTests {
        @Test("The cluster that a server tells of is taken, and its nodes are called by their hosts")
        func clusterEndpoint() async throws {
            let seed = try TestServer {
                $0.clusterNodes = ["cache-a.example|127.0.0.1|21211", "cache-b.example||21212"]
            }
            defer { seed.stop() }
            let address = CacheServer(host: "127.0.0.1", port: seed.port)
            let cache = CacheClient(servers: [address])
            var events = cache.events.makeAsyncIterator()

            let following = Task { await cache.follow(.clusterEndpoint(address, timeout: .seconds(60))) }
            guard case .topologyChanged = await events.next() else {
                Issue.record("no topology")
                return
            }
            following.cancel()
            await following.value

            #expect(cache.ring.servers.map(\.name) == ["cache-a.example:21211", "cache-b.example:21212"])
            #expect(cache.epoch > 0)
            await cache.shutDown()
        }

        @Test("Calls, statistics and a cluster's endpoint are asked on the event loops given for them, and no others")
        func eventLoops() async throws {
            let seed = try TestServer { $0.clusterNodes = ["cache-a.example|127.0.0.1|21211"] }
            defer { seed.stop() }
            let address = CacheServer(host: "127.0.0.1", port: seed.port)
            let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
            let used = NIOLockedValueBox([any EventLoop]())
            var configuration = CacheConfiguration()
            configuration.operationTimeout = .seconds(60)
            configuration.connectTimeout = .seconds(60)
            configuration.prepareChannel = { channel, _ in used.withLockedValue { $0.append(channel.eventLoop) } }
            let cache = CacheClient(servers: [address], configuration: configuration, eventLoopGroup: group)

            try await cache.setValue("v", for: "k")
            _ = await cache.statistics()
            _ = await cache.flushServers()
            let source = TopologySource.clusterEndpoint(
                address, timeout: .seconds(60), configuration: configuration, eventLoopGroup: group)
            _ = try await source.fetch(Topology(epoch: 0, servers: []))

            let loops = used.withLockedValue { $0 }
            #expect(loops.count == 4)
            #expect(loops.allSatisfy { $0 === group.next() })
            await cache.shutDown()
            try await group.shutdownGracefully()
        }

        @Test("Only a greater version is taken, and what is no description changes nothing")
        func versions() async throws {
            let replies = NIOLockedValueBox([
                "CONFIG cluster 0 20\r\n7\na|127.0.0.1|1\n\r\nEND\r\n",
                "CONFIG cluster 0 20\r\n6\nb|127.0.0.1|1\n\r\nEND\r\n",
                "CONFIG cluster 0 20\r\nnonsense\n\r\nEND\r\n",
                "CONFIG cluster 0 20\r\n8\na|b\n\r\nEND\r\n",
                "ERROR\r\n", "VALUE AmazonElastiCache:cluster 0 20\r\n9\nc|127.0.0.1|1 d|127.0.0.1|2\n\r\nEND\r\n",
            ])
            let server = try await ScriptedServer(greets: false) { _ in
                replies.withLockedValue { $0.count > 1 ? .send($0.removeFirst()) : .send($0[0]) }
            }
            let cache = CacheFixture.client(for: [server.path])
            var events = cache.events.makeAsyncIterator()

            let following = Task {
                await cache.follow(
                    .clusterEndpoint(
                        CacheServer(unixSocket: server.path), interval: .milliseconds(1), timeout: .seconds(60)))
            }
            var seen: [String] = []
            while seen.last != "epoch 9" {
                switch await events.next() {
                case .topologyChanged(let epoch, _): seen.append("epoch \(epoch)")
                case .topologySourceFailed(let error): seen.append("\(error.code)")
                default: break
                }
            }
            following.cancel()
            await following.value

            #expect(seen == ["epoch 7", "refused", "protocolViolation", "protocolViolation", "epoch 9"])
            #expect(cache.ring.servers.map(\.name) == ["c:1", "d:2"])
            await cache.shutDown()
            await server.stop()
        }

        @Test("A file is followed, and a line that is none changes nothing")
        func file() async throws {
            let folder = TestServer.freshSocketPath()
            let cache = CacheFixture.client(for: ["/nowhere"])
            let written = NIOLockedValueBox(["a:1\nb:2:3 # twice\n\n# none\n", "a:1\n:\n", "", "c:1\n"])
            var events = cache.events.makeAsyncIterator()
            try write("x:1\n", to: folder)

            let following = Task { await cache.follow(.file(folder, interval: .milliseconds(2))) }
            var seen: [[String]] = []
            while seen.count < 3 {
                switch await events.next() {
                case .topologyChanged: seen.append(cache.ring.servers.map { "\($0.name) \($0.weight)" })
                case .topologySourceFailed: break
                default: continue
                }
                if let next = written.withLockedValue({ $0.isEmpty ? nil : $0.removeFirst() }) {
                    try write(next, to: folder)
                }
            }
            following.cancel()
            await following.value

            #expect(seen == [["x:1 1"], ["a:1 1", "b:2 3"], ["c:1 1"]])
            await cache.shutDown()
        }

        @Test("A file that is being written changes nothing until it is whole")
        func halfWritten() async throws {
            let texts = NIOLockedValueBox([
                "a:1\n10.0.0.5:112", "a:1\n10.0.0.5:11211\n", "a:1\n10.0.0.5:11211\n", "a:1\n10.0.0.5:11211\n",
            ])
            let source = TopologySource.file("list", interval: .milliseconds(1)) {
                Array(texts.withLockedValue { $0.removeFirst() }.utf8)
            }
            let none = Topology(epoch: 4, servers: [])

            let error = await #expect(throws: CacheError.self) { try await source.fetch(none) }
            #expect(error?.code == .refused)
            let topology = try await source.fetch(none)
            #expect(topology.epoch == 5)
            #expect(topology.servers.map(\.name) == ["a:1", "10.0.0.5:11211"])
        }

        @Test("Numbers of a cluster's description have no sign", arguments: ["+7\na|127.0.0.1|1", "7\na|127.0.0.1|+1"])
        func signs(payload: String) {
            #expect(throws: CacheError.self) { try ClusterEndpoint.topology(payload[...]) }
        }

        @Test("A remembered epoch beyond all measure is none, and behind the last one there is no other")
        func lastEpoch() async throws {
            let (list, memory) = (TestServer.freshSocketPath(), TestServer.freshSocketPath())
            try write("a:1\n", to: list)
            try write(#"{"epoch": 18446744073709551615, "servers": ["b:1"]}"#, to: memory)
            let cache = CacheFixture.client(for: ["/nowhere"])
            var events = cache.events.makeAsyncIterator()
            let following = Task { await cache.follow(.file(list), rememberedAt: memory) }
            guard case .topologySourceFailed(let error) = await events.next(), error.message.contains(memory),
                case .topologyChanged(1, _) = await events.next()
            else {
                Issue.record("not the file's list")
                return
            }
            following.cancel()
            await following.value
            await cache.shutDown()
            #expect(cache.ring.servers.map(\.name) == ["a:1"])

            for epoch in [UInt64(Int64.max), .max] {
                let error = await #expect(throws: CacheError.self) {
                    try await TopologySource.file(list).fetch(Topology(epoch: epoch, servers: []))
                }
                #expect(error?.code == .refused)
            }
            unlink(list)
            unlink(memory)
        }

        private func write(_ text: String, to path: String) throws {
            // Put in place at once: half a file must not be read.
            guard let file = fopen(path + ".new", "w") else { throw CacheError(.refused) }
            fputs(text, file)
            fclose(file)
            rename(path + ".new", path)
        }

        @Test("A server that cannot be asked leaves the list in force")
        func unreachable() async throws {
            let cache = CacheFixture.client(for: ["/nowhere"])
            var events = cache.events.makeAsyncIterator()

            let following = Task {
                await cache.follow(.clusterEndpoint(CacheServer(unixSocket: "/tmp/martlet-nowhere")))
            }
            guard case .topologySourceFailed(let error) = await events.next() else {
                Issue.record("no event")
                return
            }
            following.cancel()
            await following.value

            #expect(error.code == .serverDown)
            #expect(cache.epoch == 0)
            await cache.shutDown()
        }
    }
}
