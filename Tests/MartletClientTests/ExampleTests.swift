import Foundation
import MartletClient
import Testing

extension ClientTests {
    /// The code of the overview, as it stands there.
    @Suite("Examples")
    struct ExampleTests {
        struct User: CodedCacheValue, Equatable { var id: Int }

        struct Database {
            func user(_ id: Int) async throws -> User { User(id: id) }

            func users(_ keys: [CacheKey]) async throws -> [CacheKey: User] {
                Dictionary(uniqueKeysWithValues: keys.map { ($0, User(id: $0.bytes.count)) })
            }
        }

        @Test("The overview's code does what it says")
        func overview() async throws {
            try await CacheFixture.run(servers: 2) { fixture in
                let cache = fixture.cache
                let database = Database()
                let id = 7
                let keys: [CacheKey] = ["user:10", "user:100"]

                let user = try await cache.value(for: "user:\(id)", timeToLive: .seconds(300)) {
                    try await database.user(id)
                }
                let users = try await cache.values(for: keys, timeToLive: .seconds(300)) { missing in
                    try await database.users(missing)
                }
                try await cache.removeValue(for: "user:\(id)")

                #expect(user == User(id: 7))
                #expect(users == ["user:10": User(id: 7), "user:100": User(id: 8)])
                #expect(try await cache.value(for: "user:\(id)", as: User.self) == nil)
            }
        }

        /// Compiled, not run: servers with these names are nobody's.
        private static func servers() async throws {
            let servers = [CacheServer(host: "cache-0.example"), CacheServer(host: "cache-1.example")]
            let cache = CacheClient(servers: servers)
            let following = Task {
                await cache.follow(
                    .dnsServices("_memcached._tcp.cache.example"), rememberedAt: "/var/lib/app/cache.json")
            }
            following.cancel()
        }

        /// Compiled, not run.
        private static func etcd(_ cache: CacheClient) async throws {
            let etcd = try Etcd(endpoints: ["10.0.0.1:2379", "10.0.0.2:2379", "10.0.0.3:2379"])
            let following = Task {
                await cache.follow(.etcd(etcd, pool: "users"), rememberedAt: "/var/lib/app/cache.json")
            }
            following.cancel()

            try await etcd.changeServers(of: "users") { $0.append(CacheServer(host: "10.0.0.9", weight: 2)) }
            let announcing = Task { await etcd.announce("10.0.0.9:11211", in: "users") }
            announcing.cancel()
        }

        @Test("A client is made without anything being started, and knows its ring")
        func making() async {
            let cache = CacheClient(servers: [CacheServer(host: "10.0.1.1"), CacheServer(host: "10.0.1.2")])

            #expect(cache.ring.servers.count == 2)
            await cache.shutDown()
        }

        @Test("The code about servers, copies and other pools does what it says")
        func articles() async throws {
            try await CacheFixture.run(servers: 3) { fixture in
                let zones = fixture.servers.map { CacheFixture.client(for: [$0.path ?? ""]) }
                let (here, there, elsewhere) = (zones[0], zones[1], zones[2])

                let users = ReplicatedCache(zones: [here, there, elsewhere], writes: .quorum, reads: .one)
                try await users.setValue(User(id: 1), for: "user:1", timeToLive: .seconds(300))
                let user = try await users.value(for: "user:1", as: User.self)
                #expect(user == User(id: 1))

                let (newPool, oldPool, candidate, start) = (here, there, elsewhere, Date() - 7200)
                let cache = newPool.migrating(
                    Migration(
                        from: oldPool,
                        [
                            (start, .populatingByWrites), (start + 3600, .populatingByReads(0.1)),
                            (start + 7200, .newFirst), (start + 86_400, .newOnly),
                        ]))
                try await oldPool.setValue("v", for: "k")
                #expect(try await cache.value(for: "k") == "v")

                let tried = newPool.shadowed(by: Shadow(candidate, share: 0.1))
                #expect(try await tried.value(for: "k") == "v")

                let following = Task {
                    await newPool.follow(
                        .dnsServices("_memcached._tcp.cache.example", resolver: DNSResolver(servers: [])))
                }
                following.cancel()
                await following.value
                for zone in zones { await zone.shutDown() }
            }
        }
    }
}
