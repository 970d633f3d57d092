import MartletClient
import NIOConcurrencyHelpers
import NIOCore
import Testing

extension ClientTests {
    /// Servers and proxies without the meta protocol.
    @Suite("Classic servers")
    struct ClassicServerTests {
        @Test(
            "A server that hangs up at the first question is asked in older words", arguments: ["", "VERSION 1.2\r\n"])
        func hangingUp(answer: String) async throws {
            let server = try await ScriptedServer(greets: false) { lines in
                switch lines {
                case let greeting where greeting.hasPrefix("version\r\n"):
                    answer.isEmpty ? .close : .sendAndClose(answer)
                case "get martlet:probe\r\n": .send("END\r\n")
                default: .send("VALUE k 0 1 7\r\nv\r\nEND\r\n")
                }
            }
            let cache = CacheFixture.client(for: [server.path])

            #expect(try await cache.value(for: "k") == "v")
            await cache.shutDown()
            await server.stop()
        }

        @Test(
            "memcached before 1.6.10, whose stores are others, gets no value that it would take for commands"
        )
        func earlyMeta() async throws {
            let lines = NIOLockedValueBox([String]())
            let server = try await ScriptedServer(greets: false) { text in
                lines.withLockedValue { $0.append(text) }
                if text.hasPrefix("version") { return .send("VERSION 1.6.9\r\nCLIENT_ERROR invalid flag\r\nMN\r\n") }
                return .send(text.hasPrefix("set k ") ? "STORED\r\n" : "CLIENT_ERROR invalid flag\r\n")
            }
            let cache = CacheFixture.client(for: [server.path])
            var events = cache.events.makeAsyncIterator()

            try await cache.setValue("hello\r\nflush_all", for: "k", timeToLive: .seconds(60))

            #expect(lines.withLockedValue { $0.last } == "set k 0 60 16\r\nhello\r\nflush_all\r\n")
            guard case .metaProtocolDeclined(server.path) = await events.next() else {
                Issue.record("not told")
                return
            }
            await cache.shutDown()
            await server.stop()
        }

        @Test("A proxy whose server is away when it greets has understood the question")
        func proxyAway() async throws {
            let server = try await ScriptedServer(greets: false) { text in
                text.hasPrefix("version")
                    ? .send("VERSION 1.6.45\r\nSERVER_ERROR backend failure\r\nMN\r\n")
                    : .send(text.hasPrefix("mg k ") ? "VA 1 \(text.opaques[0])\r\na\r\n" : "ERROR\r\n")
            }
            let cache = CacheFixture.client(for: [server.path])

            #expect(try await cache.value(for: "k") == "a")
            await cache.shutDown()
            await server.stop()
        }

        @Test("A server that hangs up at everything counts as down")
        func hangingUpAlways() async throws {
            let server = try await ScriptedServer(greets: false) { _ in .close }
            let cache = CacheFixture.client(for: [server.path])

            let error = await #expect(throws: CacheError.self) { try await cache.value(for: "k", as: String.self) }
            #expect(error?.code == .serverDown)
            await cache.shutDown()
            await server.stop()
        }

        @Test("A date beyond all that a number of milliseconds can be is one that is never due")
        func endlessDate() {
            let date = ValueDate(life: .seconds(Int64.max), load: .seconds(Int64.max))

            #expect(!date.isDue(at: ValueDate.now, random: 0.5))
        }

        @Test("Near its end a value is loaded anew by somebody, while it is served, and never by everybody")
        func earlyRefresh() async throws {
            try await CacheFixture.run({ $0.usesMetaProtocol = false }) { fixture in
                let (cache, loads) = (fixture.cache, Count())
                var policy = LoadPolicy.refreshing(ahead: .seconds(1))
                policy.timeToLiveJitter = 0
                let load: @Sendable () async throws -> Int = { await loads.add() }

                #expect(try await cache.value(for: "k", timeToLive: .seconds(60), policy: policy, load: load) == 1)
                for _ in 0..<200 {
                    #expect(try await cache.value(for: "k", timeToLive: .seconds(60), policy: policy, load: load) == 1)
                }
                #expect(try await cache.value(for: "k") == 1)
                #expect(await loads.value == 1)

                // One whose load took ages is due at once.
                var dated = ByteBuffer()
                ValueDate(life: .seconds(60), load: .seconds(1_000_000)).write(into: &dated)
                dated.writeString("1")
                try fixture.store(dated, flags: 1 << 23, under: "k")
                #expect(try await cache.value(for: "k", timeToLive: .seconds(60), policy: policy, load: load) == 1)
                #expect(await eventually { await loads.value >= 2 })
                #expect(await eventually { (try? await cache.value(for: "k", as: Int.self)) ?? 0 > 1 })
            }
        }

        @Test("What the source has not is remembered, and what is out of date is served while it is loaded")
        func negativesAndGrace() async throws {
            try await CacheFixture.run({ $0.usesMetaProtocol = false }) { fixture in
                let (cache, loads) = (fixture.cache, Count())
                var policy = LoadPolicy.standard
                policy.negativeTimeToLive = .seconds(60)
                for _ in 0..<3 {
                    let value = try await cache.valueIfAny(
                        for: "none", as: String.self, timeToLive: .seconds(60), policy: policy
                    ) {
                        await loads.add()
                        return nil
                    }
                    #expect(value == nil)
                }
                #expect(await loads.value == 1)

                policy.staleGrace = .seconds(60)
                var dated = ByteBuffer()
                ValueDate(life: .seconds(-1), load: .zero).write(into: &dated)
                dated.writeString("old")
                try fixture.store(dated, flags: 1 << 23, under: "old")
                let door = Door()
                for _ in 0..<5 {
                    let value = try await cache.value(for: "old", timeToLive: .seconds(60), policy: policy) {
                        await loads.add()
                        await door.pass()
                        return "new"
                    }
                    #expect(value == "old")
                }
                await door.open()
                #expect(await eventually { (try? await cache.value(for: "old", as: String.self)) == "new" })
                #expect(await loads.value == 2)
            }
        }

        @Test("The die is thrown so that a long load begins early, and none begins long before")
        func dates() {
            let now = ValueDate.now
            let date = ValueDate(life: .seconds(100), load: .seconds(2))
            var buffer = ByteBuffer()
            date.write(into: &buffer)
            buffer.writeString("rest")

            #expect(ValueDate(taking: &buffer) == date)
            #expect(String(buffer: buffer) == "rest")
            #expect(!date.isDue(at: now, random: 0.5))
            #expect(date.isDue(at: now + 101_000, random: 0.999))
            // 2 s times -ln 0.01 are 9.2 s.
            #expect(date.isDue(at: now + 92_000, random: 0.01))
            #expect(!date.isDue(at: now + 90_000, random: 0.02))
            var short = ByteBuffer(string: "short")
            #expect(ValueDate(taking: &short) == nil)
        }
    }
}
