import MartletClient
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
