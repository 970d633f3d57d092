import ClientTesting
import MartletClient
import NIOConcurrencyHelpers
import Testing

extension ClientTests {
    /// Changes that failed, and what becomes of their keys.
    @Suite("Failed changes")
    struct InvalidationTests {
        private static func hasty(_ configuration: inout CacheConfiguration) {
            configuration.probeDelay = .milliseconds(20)
            configuration.probeDelayMax = .milliseconds(50)
        }

        /// Reads events up to the first one that is wanted; what came before, by its name.
        @discardableResult
        private static func events(
            _ events: inout AsyncStream<CacheEvent>.Iterator, to last: String
        ) async -> [String] {
            var seen: [String] = []
            while seen.last != last, let event = await events.next() {
                switch event {
                case .invalidationsLost: seen.append("lost")
                case .serverUp: seen.append("up")
                case .serverDown: seen.append("down")
                default: break
                }
            }
            return seen
        }

        @Test("What failed is removed from a new process as well: others may have stored there what was before")
        func newProcess() async throws {
            var server = try ServerProcess()
            let gate = try await Gate(to: server.path)
            let cache = CacheFixture.client(for: [gate.path], Self.hasty)
            #expect(await eventually { (try? await cache.setValue("old", for: "k")) != nil })
            var events = cache.events.makeAsyncIterator()

            await gate.close()
            await #expect(throws: CacheError.self) { try await cache.removeValue(for: "k") }
            await Self.events(&events, to: "down")
            server.kill()
            server = try ServerProcess(path: server.path)
            let other = CacheFixture.client(for: [server.path], Self.hasty)
            #expect(await eventually { (try? await other.setValue("old", for: "k")) != nil })
            try await gate.open()
            await Self.events(&events, to: "up")

            #expect(try await cache.value(for: "k", as: String.self) == nil)
            await other.shutDown()
            await cache.shutDown()
            await gate.close()
            server.kill()
        }

        @Test("More failed changes than can be remembered are told of")
        func overflow() async throws {
            try await CacheFixture.run { fixture in
                let gate = try await Gate(to: fixture.servers[0].path ?? "")
                let cache = CacheFixture.client(for: [gate.path]) {
                    Self.hasty(&$0)
                    $0.invalidationsMax = 2
                }
                var events = cache.events.makeAsyncIterator()
                try await cache.setValue("old", for: "k")

                await gate.close()
                for number in 0..<10 {
                    await #expect(throws: CacheError.self) { try await cache.removeValue(for: CacheKey("k\(number)")) }
                }
                let before = await Self.events(&events, to: "down")
                try await gate.open()

                let after = await Self.events(&events, to: "up")
                #expect((before + after).contains("lost"))
                await cache.shutDown()
                await gate.close()
            }
        }

        @Test("More failed changes than calls may wait at once are all made good with one probe")
        func manyRemovals() async throws {
            try await CacheFixture.run { fixture in
                let gate = try await Gate(to: fixture.servers[0].path ?? "")
                let cache = CacheFixture.client(for: [gate.path]) {
                    $0.waitingCallsMax = 16
                    $0.inFlightMax = 4
                    $0.probeDelay = .seconds(3600)
                    $0.probeDelayMax = .seconds(3600)
                }
                let keys = (0..<200).map { CacheKey("k\($0)") }
                for key in keys { try await fixture.cache.setValue("old", for: key) }
                await gate.close()
                for key in keys { await #expect(throws: CacheError.self) { try await cache.removeValue(for: key) } }
                #expect(cache.serverStates.map(\.pendingInvalidations) == [200])
                try await gate.open()

                cache.examine(gate.path)

                #expect(await eventually { () async in cache.serverStates.map(\.isDown) == [false] })
                #expect(cache.serverStates.map(\.pendingInvalidations) == [0])
                #expect(await fixture.cache.values(for: keys, as: String.self).misses.count == 200)
                await cache.shutDown()
                await gate.close()
            }
        }

        @Test("A large value whose parts cannot be stored leaves no older one in service", arguments: [false, true])
        func failedParts(many: Bool) async throws {
            try await CacheFixture.run(servers: 2) { (fixture) async throws in
                // One for the parts.
                let gate = try await Gate(to: fixture.servers[1].path ?? "")
                let cache = CacheFixture.client(for: [fixture.servers[0].path ?? "", gate.path]) {
                    Self.hasty(&$0)
                    $0.splitting = ValueSplitting(bytesMax: 10_000, partBytes: 1024)
                }
                let ring = cache.ring
                let name = try #require((0..<100).map { "k\($0)" }.first(where: { ring.server(for: $0) == 0 }))
                let key = CacheKey(name)
                try await cache.setValue("old", for: key)
                let large = String(repeating: "x", count: 20_000)

                await gate.close()
                if many {
                    #expect(await cache.setValues([key: large]).count == 1)
                } else {
                    await #expect(throws: CacheError.self) { try await cache.setValue(large, for: key) }
                }

                #expect(await eventually { () async in (try? fixture.stored(under: name)) == nil })
                #expect(try await cache.value(for: key, as: String.self) == nil)
                await cache.shutDown()
            }
        }

        @Test("What fails while other keys are being removed is removed as well, before the server is used again")
        func duringReplay() async throws {
            let (door, lines) = (Door(), NIOLockedValueBox([String]()))
            let server = try await DelayingServer { line in
                lines.withLockedValue { $0.append(line) }
                if line.hasPrefix("md a ") { await door.pass() }
            }
            let gate = try await Gate(to: server.path)
            let cache = CacheFixture.client(for: [gate.path], Self.hasty)
            var events = cache.events.makeAsyncIterator()
            #expect(try await cache.value(for: "k") == "k")
            await gate.close()
            await #expect(throws: CacheError.self) { try await cache.removeValue(for: "a") }
            await Self.events(&events, to: "down")
            try await gate.open()
            #expect(await eventually { await door.arrivals == 1 })

            let error = await #expect(throws: CacheError.self) { try await cache.removeValue(for: "b") }
            #expect(error?.code == .serverDown)
            await door.open()
            await Self.events(&events, to: "up")

            #expect(lines.withLockedValue { $0.contains { $0.hasPrefix("md b ") } })
            #expect(cache.serverStates.map(\.pendingInvalidations) == [0])
            await cache.shutDown()
            await gate.close()
            await server.stop()
        }

        @Test("A removal of one version that is made good removes that one and no other")
        func conditions() async throws {
            try await CacheFixture.run { fixture in
                let gate = try await Gate(to: fixture.servers[0].path ?? "")
                let cache = CacheFixture.client(for: [gate.path], Self.hasty)
                var events = cache.events.makeAsyncIterator()
                var versions: [CacheKey: CacheVersion] = [:]
                for key in ["same", "changed"] as [CacheKey] {
                    try await cache.setValue("old", for: key)
                    versions[key] = try #require(try await cache.item(for: key, as: String.self)?.version)
                }

                await gate.close()
                for (key, version) in versions {
                    await #expect(throws: CacheError.self) {
                        try await cache.removeValue(for: key, ifVersionIs: version)
                    }
                }
                try await fixture.cache.setValue("new", for: "changed")
                await Self.events(&events, to: "down")
                try await gate.open()
                await Self.events(&events, to: "up")

                #expect(try await cache.value(for: "changed") == "new")
                #expect(try await cache.value(for: "same", as: String.self) == nil)
                await cache.shutDown()
                await gate.close()
            }
        }

        @Test("Where one version cannot be removed, whatever is there is")
        func classicConditions() async throws {
            try await CacheFixture.run { fixture in
                let gate = try await Gate(to: fixture.servers[0].path ?? "")
                let cache = CacheFixture.client(for: [gate.path]) {
                    Self.hasty(&$0)
                    $0.usesMetaProtocol = false
                }
                var events = cache.events.makeAsyncIterator()
                try await cache.setValue("old", for: "k")
                let version = try #require(try await cache.item(for: "k", as: String.self)?.version)

                await gate.close()
                await #expect(throws: CacheError.self) {
                    try await cache.setValue("new", for: "k", ifVersionIs: version)
                }
                await Self.events(&events, to: "down")
                try await gate.open()
                await Self.events(&events, to: "up")

                #expect(try await cache.value(for: "k", as: String.self) == nil)
                #expect(cache.serverStates.map(\.pendingInvalidations) == [0])
                await cache.shutDown()
                await gate.close()
            }
        }

        /// A proxy: removals of `away` are for a server behind it that is gone, those of `wrong` for none.
        private final class Proxy: Sendable {
            let isAway = NIOLockedValueBox(true)
            let refused = NIOLockedValueBox(0)
            let removed = NIOLockedValueBox(0)

            func answer(_ line: String) -> String {
                if line.hasPrefix("mg ") { return "EN\r\n" }
                if line.hasPrefix("md wrong ") {
                    refused.withLockedValue { $0 += 1 }
                    return "CLIENT_ERROR no\r\n"
                }
                if isAway.withLockedValue({ $0 }) { return "SERVER_ERROR Connection refused\r\n" }
                removed.withLockedValue { $0 += 1 }
                return "HD \(line.opaques[0])\r\n"
            }

            func server() async throws -> ScriptedServer {
                try await ScriptedServer { lines in
                    .send(lines.split(whereSeparator: \.isNewline).map { self.answer(String($0)) }.joined())
                }
            }
        }

        @Test("A removal that a proxy could not pass on is made good when it can; one that was refused is not")
        func proxies() async throws {
            let proxy = Proxy()
            let server = try await proxy.server()
            let cache = CacheFixture.client(for: [server.path], Self.hasty)

            for key in ["away", "wrong"] as [CacheKey] {
                let error = await #expect(throws: CacheError.self) { try await cache.removeValue(for: key) }
                #expect(error?.code == .refused)
            }
            proxy.isAway.withLockedValue { $0 = false }

            #expect(await eventually { () async in proxy.removed.withLockedValue { $0 } == 1 })
            #expect(await eventually { () async in cache.serverStates.map(\.pendingInvalidations) == [0] })
            #expect(proxy.refused.withLockedValue { $0 } == 1)
            await cache.shutDown()
            await server.stop()
        }

        @Test("A proxy is used again though a server behind it is still away, whose keys are removed later")
        func proxyThatComesBack() async throws {
            let proxy = Proxy()
            let server = try await proxy.server()
            let gate = try await Gate(to: server.path)
            let cache = CacheFixture.client(for: [gate.path], Self.hasty)
            var events = cache.events.makeAsyncIterator()
            #expect(try await cache.value(for: "k", as: String.self) == nil)

            await gate.close()
            await #expect(throws: CacheError.self) { try await cache.removeValue(for: "away") }
            await Self.events(&events, to: "down")
            try await gate.open()
            await Self.events(&events, to: "up")
            #expect(proxy.removed.withLockedValue { $0 } == 0)
            proxy.isAway.withLockedValue { $0 = false }
            #expect(await eventually { () async in proxy.removed.withLockedValue { $0 } == 1 })

            await cache.shutDown()
            await gate.close()
            await server.stop()
        }
    }
}
