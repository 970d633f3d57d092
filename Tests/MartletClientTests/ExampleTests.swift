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
    }
}
