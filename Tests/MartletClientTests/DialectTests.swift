import MartletClient
import NIOConcurrencyHelpers
import Testing

extension ClientTests {
    /// Servers that hang up when they are asked for the meta protocol, by chance or for good, and one that does not
    /// know all of it.
    @Suite("Which protocol is spoken")
    struct DialectTests {
        /// A server that hangs up so many times at first, and then speaks both protocols. It has nothing.
        private final class Shy: Sendable {
            private let state: NIOLockedValueBox<(hangUps: Int, lines: [String])>

            init(hangUps: Int) { state = NIOLockedValueBox((hangUps, [])) }

            /// What has been asked, in order.
            var lines: [String] { state.withLockedValue { $0.lines } }

            func become(hangUps: Int) { state.withLockedValue { $0.hangUps = hangUps } }

            func server() async throws -> ScriptedServer { try await ScriptedServer(greets: false) { self.answer($0) } }

            private func answer(_ text: String) -> ScriptedServer.Answer {
                state.withLockedValue { state in
                    state.lines += text.split(whereSeparator: \.isNewline).map(String.init)
                    switch text.prefix(3) {
                    case "ver":
                        guard state.hangUps == 0 else {
                            state.hangUps -= 1
                            return .close
                        }
                        return .send("VERSION 1.6.45\r\nEN\r\nMN\r\n")
                    case "get": return .send("END\r\n")
                    case "mg ": return text.contains("held") ? .nothing : .send("EN\r\n")
                    case "ms ": return .send("HD \(text.opaques[0])\r\n")
                    default: return .send("ERROR\r\n")
                    }
                }
            }
        }

        private static func settings(_ configuration: inout CacheConfiguration) {
            configuration.connectionsPerServer = 1
            configuration.probeDelay = .seconds(3600)
            configuration.probeDelayMax = .seconds(3600)
        }

        /// Whether a client comes to ask in meta commands, looking again and again.
        private static func isAskedInMeta(_ shy: Shy, by cache: CacheClient) async -> Bool {
            await eventually {
                _ = try? await cache.value(for: "k", as: String.self)
                return shy.lines.last?.hasPrefix("mg k ") == true
            }
        }

        @Test("A server that hangs up once is asked again, and no key is spelt otherwise because of it")
        func hangingUpOnce() async throws {
            let shy = Shy(hangUps: 1)
            let server = try await shy.server()
            let cache = CacheFixture.client(for: [server.path], Self.settings)

            #expect(try await cache.value(for: "a b", as: String.self) == nil)

            #expect(shy.lines.filter { $0 == "version" }.count == 2)
            #expect(shy.lines.last?.hasPrefix("mg YSBi ") == true)
            await cache.shutDown()
            await server.stop()
        }

        @Test("A server that hangs up twice is told of, spoken to in classic commands, and asked again later")
        func askingAgain() async throws {
            let shy = Shy(hangUps: .max)
            let server = try await shy.server()
            let cache = CacheFixture.client(for: [server.path]) {
                Self.settings(&$0)
                $0.probeDelayMax = .milliseconds(20)
            }
            var events = cache.events.makeAsyncIterator()

            #expect(try await cache.value(for: "k", as: String.self) == nil)
            guard case .metaProtocolDeclined(server.path) = await events.next() else {
                Issue.record("not told")
                return
            }
            #expect(shy.lines.contains("gets k"))
            shy.become(hangUps: 0)

            #expect(await Self.isAskedInMeta(shy, by: cache))
            await cache.shutDown()
            await server.stop()
        }

        @Test("A server that speaks the meta protocol over one connection does not speak another over the next")
        func oneAfterAnother() async throws {
            let shy = Shy(hangUps: 0)
            let server = try await shy.server()
            let cache = CacheFixture.client(for: [server.path]) {
                Self.settings(&$0)
                $0.connectionsPerServer = 2
            }
            // Keeps the first connection busy.
            let held = Task { try await cache.value(for: "held", as: String.self) }
            #expect(await eventually { () async in shy.lines.contains { $0.hasPrefix("mg held ") } })
            shy.become(hangUps: .max)

            let call = Task { try await cache.value(for: "k", as: String.self) }

            #expect(await eventually { () async in shy.lines.contains { $0.hasPrefix("mg k ") } })
            #expect(!shy.lines.contains { $0.hasPrefix("get") })
            #expect(cache.serverStates.map(\.isDown) == [false])
            held.cancel()
            call.cancel()
            _ = await (held.result, call.result)
            await cache.timeout(.zero).shutDown()
            await server.stop()
        }

        @Test("A connection that speaks classic commands is renewed when another one speaks the meta protocol")
        func together() async throws {
            let shy = Shy(hangUps: 2)
            let server = try await shy.server()
            let cache = CacheFixture.client(for: [server.path]) {
                Self.settings(&$0)
                $0.smallValueBytesMax = 4
            }
            #expect(try await cache.value(for: "k", as: String.self) == nil)
            #expect(shy.lines.last == "gets k")

            // Over the connection for large values.
            try await cache.setValue("larger", for: "k")

            #expect(await Self.isAskedInMeta(shy, by: cache))
            await cache.shutDown()
            await server.stop()
        }

        @Test(
            "A server that cannot keep the version gets its turn to recache back all the same",
            arguments: [false, true])
        func staleItemOfOldServer(many: Bool) async throws {
            let lines = NIOLockedValueBox([String]())
            let server = try await ScriptedServer { text in
                guard text.hasPrefix("md k ") else {
                    return .send("VA 3 \(text.opaques[0]) f0 c7 t50 h1 l1 X W\r\nold\r\n")
                }
                lines.withLockedValue { $0.append(text) }
                return .send(text.contains(" E7") ? "CLIENT_ERROR invalid flag\r\n" : "HD \(text.opaques[0])\r\n")
            }
            let cache = CacheFixture.client(for: [server.path])

            if many {
                #expect(await cache.items(for: ["k"], as: String.self).hits["k"]?.isStale == true)
            } else {
                #expect(try await cache.item(for: "k", as: String.self)?.isStale == true)
            }

            let asked = lines.withLockedValue { $0 }
            #expect(asked.count == 2)
            #expect(asked.allSatisfy { $0.contains(" I") && $0.contains(" C7") })
            #expect(asked.last?.contains(" E") == false)
            await cache.shutDown()
            await server.stop()
        }
    }
}
