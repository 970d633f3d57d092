import Hummingbird
import MartletClient
import MartletHummingbird
import Testing

/// What Hummingbird asks of a persist driver.
@Suite("Persist driver", .enabled(if: CacheServerUnderTest.server != nil, "MARTLET_SERVER names no server"))
struct PersistDriverTests {
    struct Person: Codable, Equatable { var name: String }

    @Test("A value is what it was, until it is removed")
    func values() async throws {
        try await CacheServerUnderTest.run { cache in
            let persist = MartletPersistDriver(cache)
            try await persist.set(key: "a", value: Person(name: "Ada"))
            #expect(try await persist.get(key: "a", as: Person.self) == Person(name: "Ada"))
            try await persist.set(key: "a", value: 7)
            #expect(try await persist.get(key: "a", as: Int.self) == 7)
            try await persist.remove(key: "a")
            #expect(try await persist.get(key: "a", as: Int.self) == nil)
            try await persist.remove(key: "a")
        }
    }

    @Test("Of two who create the same one succeeds")
    func duplicates() async throws {
        try await CacheServerUnderTest.run { cache in
            let persist = MartletPersistDriver(cache)
            try await persist.create(key: "a", value: 1)
            await #expect(throws: PersistError.duplicate) { try await persist.create(key: "a", value: 2) }
            #expect(try await persist.get(key: "a", as: Int.self) == 1)
        }
    }

    @Test("A change without a life keeps the life there is")
    func lives() async throws {
        try await CacheServerUnderTest.run { cache in
            let persist = MartletPersistDriver(cache)
            try await persist.set(key: "a", value: 1, expires: .seconds(3600))
            try await persist.set(key: "a", value: 2)
            let found = try #require(try await persist.getWithTTL(key: "a", as: Int.self))
            #expect(found.object == 2)
            let life = try #require(found.ttl)
            #expect(life > .seconds(1800) && life <= .seconds(3600))

            try await persist.set(key: "b", value: 1)
            #expect(try await persist.getWithTTL(key: "b", as: Int.self)?.ttl == nil)
            try await persist.set(key: "b", value: 1, expires: .seconds(60))
            #expect(try await persist.getWithTTL(key: "b", as: Int.self)?.ttl != nil)
        }
    }

    @Test("A value of another type is told")
    func conversion() async throws {
        try await CacheServerUnderTest.run { cache in
            let persist = MartletPersistDriver(cache)
            try await persist.set(key: "a", value: "text")
            await #expect(throws: PersistError.invalidConversion) { try await persist.get(key: "a", as: Person.self) }
        }
    }

    @Test("Changes at once, with and without a life, lose no life")
    func together() async throws {
        try await CacheServerUnderTest.run { cache in
            let persist = MartletPersistDriver(cache)
            try await persist.set(key: "a", value: 0, expires: .seconds(3600))
            try await withThrowingTaskGroup { group in
                for number in 1...4 { group.addTask { try await persist.set(key: "a", value: number) } }
                try await group.waitForAll()
            }
            #expect(try await persist.getWithTTL(key: "a", as: Int.self)?.ttl != nil)
        }
    }
}
