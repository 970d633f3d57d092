import MartletClient
import NIOConcurrencyHelpers
import Testing

extension ClientTests {
    /// Many keys, whose server hangs up or is down: what is tried again goes out together.
    @Suite("Second tries")
    struct SecondTryTests {
        /// Answers when all requests of a batch are there, and not before: who sends them one by one waits for ever.
        private static func server(of count: Int, hangsUpFirst: Bool = false) async throws -> ScriptedServer {
            let state = NIOLockedValueBox((isFirst: hangsUpFirst, opaques: [String]()))
            return try await ScriptedServer { lines in
                state.withLockedValue { state in
                    if state.isFirst {
                        state.isFirst = false
                        return .close
                    }
                    state.opaques += lines.opaques
                    guard state.opaques.count == count else { return .nothing }
                    return .send(state.opaques.map { "VA 1 \($0) f0\r\nv\r\n" }.joined())
                }
            }
        }

        private static let keys = (0..<40).map { CacheKey("k\($0)") }

        @Test("A batch whose connection broke is asked once more as a batch")
        func brokenConnection() async throws {
            let server = try await Self.server(of: Self.keys.count, hangsUpFirst: true)
            let cache = CacheFixture.client(for: [server.path]) { $0.connectionsPerServer = 1 }

            let result = await cache.values(for: Self.keys, as: String.self)

            #expect(result.hits.count == Self.keys.count, "\(String(describing: result.failures.first))")
            await cache.shutDown()
            await server.stop()
        }

        @Test("A batch for a server that is down goes to the gutter as a batch")
        func gutter() async throws {
            let spare = try await Self.server(of: Self.keys.count)
            let cache = CacheFixture.client(for: ["/nowhere"]) {
                $0.whenServerDown = .gutter([CacheServer(unixSocket: spare.path)])
                $0.probeDelay = .seconds(3600)
                $0.probeDelayMax = .seconds(3600)
            }

            let result = await cache.values(for: Self.keys, as: String.self)

            #expect(result.hits.count == Self.keys.count, "\(String(describing: result.failures.first))")
            await cache.shutDown()
            await spare.stop()
        }

        @Test("A key that was given twice has one answer, and a load gets each key once, in the order given")
        func duplicates() async throws {
            try await CacheFixture.run { fixture in
                let cache = fixture.cache
                try await cache.setValue("v", for: "b")
                let found = await cache.values(for: ["a", "b", "a", "b", "c"], as: String.self)
                #expect(found.hits == ["b": "v"])
                #expect(found.misses == ["a", "c"])

                let loaded = try await cache.values(
                    for: ["d", "b", "a", "d", "c", "a"], as: String.self, timeToLive: .seconds(60)
                ) { keys in
                    #expect(keys == ["d", "a", "c"])
                    return ["d": "1", "a": "2"]
                }
                #expect(loaded == ["b": "v", "d": "1", "a": "2"])
            }
        }
    }
}
