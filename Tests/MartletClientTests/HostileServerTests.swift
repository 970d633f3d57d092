import MartletClient
import NIOConcurrencyHelpers
import Testing

extension ClientTests {
    /// Servers that answer nonsense, too little, too much or in the wrong order: that costs their connection and the
    /// calls on it an error. Never a crash, never a wait beyond the deadline, never a value under another key's name.
    @Suite("Servers that answer wrongly")
    struct HostileServerTests {
        static let nonsense = [
            "\r\n", "HELLO\r\n", "VA\r\n", "VA x\r\n", "VA -1 O1\r\n", "VA 99999999999999999999 O1\r\n",
            "VA 5 O1\r\nabc\r\n",
            "VA 4294967295 O1\r\n", "VA 3 O1\r\nabcde", "VA 3 O1\r\nabc\n\n", "HD Ox\r\n", "HD O\r\n", "HD O1 c\r\n",
            "VALUE k 0 3\r\nabc\r\nEND\r\n", "END\r\n", "STORED\r\n", "MN\r\n", "NF O1\r\n", "EX O1\r\n", "NS O1\r\n",
            "HD O999\r\n", "VA 1 O999\r\na\r\n", "VA 1\r\na\r\n", "EN O999\r\n", "\u{0}\u{1}\u{2}\r\n",
            "VA 3 O1 ff\r\nabc\r\n",
            "VA 3 O1 \u{7F}\r\nabc\r\n", "STAT a b\r\n", "VERSION 1\r\n", "5\r\n", "ME a b=c\r\n",
        ]

        @Test("Nonsense is a protocol violation", arguments: nonsense)
        func nonsenseIsRefused(reply: String) async throws {
            let server = try await ScriptedServer { _ in .send(reply) }
            let cache = CacheFixture.client(for: [server.path]) { $0.operationTimeout = .seconds(2) }

            let error = await #expect(throws: CacheError.self) { try await cache.value(for: "k", as: String.self) }

            #expect(
                error?.code == .protocolViolation || error?.code == .timeout,
                "\(error.map(String.init(describing:)) ?? "")"
            )
            #expect(error?.server == server.path)
            await cache.shutDown()
            await server.stop()
        }

        @Test("A line without an end is bounded")
        func endlessLine() async throws {
            let server = try await ScriptedServer { _ in .send(String(repeating: "x", count: 100_000)) }
            let cache = CacheFixture.client(for: [server.path])

            let error = await #expect(throws: CacheError.self) { try await cache.value(for: "k", as: String.self) }

            #expect(error?.code == .protocolViolation)
            await cache.shutDown()
            await server.stop()
        }

        @Test("A value larger than allowed is not waited for")
        func endlessValue() async throws {
            let server = try await ScriptedServer { .send("VA 2000000000 \($0.opaques[0])\r\nabc") }
            let cache = CacheFixture.client(for: [server.path])

            let error = await #expect(throws: CacheError.self) { try await cache.value(for: "k", as: String.self) }

            #expect(error?.code == .protocolViolation)
            await cache.shutDown()
            await server.stop()
        }

        @Test("Half a reply ends at the deadline, or with the connection")
        func halfReply() async throws {
            for closes in [false, true] {
                let server = try await ScriptedServer {
                    let half = "VA 10 \($0.opaques[0])\r\nabc"
                    return closes ? .sendAndClose(half) : .send(half)
                }
                let cache = CacheFixture.client(for: [server.path]) {
                    if !closes { $0.operationTimeout = .seconds(1) }
                }

                let error = await #expect(throws: CacheError.self) { try await cache.value(for: "k", as: String.self) }

                #expect(error?.code == (closes ? .connectionLost : .timeout))
                await cache.shutDown()
                await server.stop()
            }
        }

        @Test("Replies in the wrong order are noticed: no value comes under another key's name")
        func wrongOrder() async throws {
            let server = try await ScriptedServer { lines in
                // All that has arrived, answered backwards.
                .send(lines.opaques.reversed().map { "VA \($0.utf8.count) \($0)\r\n\($0)\r\n" }.joined())
            }
            let cache = CacheFixture.client(for: [server.path]) { $0.connectionsPerServer = 1 }
            let keys = (0..<100).map { CacheKey("k\($0)") }

            let result = await cache.values(for: keys, as: String.self)

            // A reply alone in its batch, as the middle one of an odd number, is right; every other one is an error.
            #expect(result.misses.isEmpty)
            #expect(result.hits.count + result.failures.count == 100)
            #expect(result.hits.count <= 10)
            await cache.shutDown()
            await server.stop()
        }

        @Test("A reply too many ends the connection, not the next call")
        func tooMuch() async throws {
            let server = try await ScriptedServer { lines in
                .send(lines.opaques.map { "VA 1 \($0)\r\na\r\nVA 1 \($0)\r\nb\r\n" }.joined())
            }
            let cache = CacheFixture.client(for: [server.path])

            for _ in 0..<20 {
                do throws(CacheError) {
                    let value = try await cache.value(for: "k", as: String.self)
                    #expect(value == "a")
                } catch {
                    #expect(error.code == .protocolViolation || error.code == .connectionLost)
                }
            }
            await cache.shutDown()
            await server.stop()
        }

        @Test("An error reply is that call's, and the connection goes on")
        func errors() async throws {
            let server = try await ScriptedServer { lines in
                .send(
                    lines.contains("ms bad")
                        ? "SERVER_ERROR out of memory storing object\r\n" : "HD \(lines.opaques[0])\r\n")
            }
            let cache = CacheFixture.client(for: [server.path]) { $0.connectionsPerServer = 1 }

            let error = await #expect(throws: CacheError.self) { try await cache.setValue("x", for: "bad") }
            #expect(error?.code == .outOfMemory)
            try await cache.setValue("x", for: "good")
            await cache.shutDown()
            await server.stop()
        }

        @Test(
            "A greeting that is none makes the server count as down",
            arguments: [
                "HTTP/1.1 400 Bad Request\r\n\r\n", "ERROR\r\nERROR\r\n", "220 mail ready\r\n", "VERSION 1\r\nVA 1\r\n",
            ])
        func greeting(text: String) async throws {
            let server = try await ScriptedServer(greets: false) { _ in .send(text) }
            let cache = CacheFixture.client(for: [server.path]) { $0.connectTimeout = .milliseconds(500) }

            let error = await #expect(throws: CacheError.self) { try await cache.value(for: "k", as: String.self) }

            #expect(error?.code == .serverDown)
            await cache.shutDown()
            await server.stop()
        }

        @Test("A server that takes connections and says nothing counts as down after the connect timeout")
        func silence() async throws {
            let server = try await ScriptedServer(greets: false) { _ in .nothing }
            let cache = CacheFixture.client(for: [server.path]) { $0.connectTimeout = .milliseconds(100) }

            let error = await #expect(throws: CacheError.self) { try await cache.value(for: "k", as: String.self) }

            #expect(error?.code == .serverDown)
            await cache.shutDown()
            await server.stop()
        }

        @Test("Random bytes behind every reply never do more than end connections")
        func randomBytes() async throws {
            let seed = NIOLockedValueBox(SplitMix(seed: 7))
            let server = try await ScriptedServer { lines in
                var text = lines.opaques.map { "VA 2 \($0)\r\nok\r\n" }.joined()
                seed.withLockedValue { random in
                    guard random.next() % 3 == 0 else { return }
                    let count = Int(random.next() % 40)
                    let letters = Array("VA HD EN O1 0123456789 \r\n abck")
                    text += String((0..<count).map { _ in letters[Int(random.next() % UInt64(letters.count))] })
                }
                return .send(text)
            }
            let cache = CacheFixture.client(for: [server.path]) { $0.operationTimeout = .milliseconds(200) }

            for round in 0..<60 {
                let result = await cache.values(for: (0..<20).map { CacheKey("k\(round).\($0)") }, as: String.self)
                #expect(result.hits.values.allSatisfy { $0 == "ok" })
                #expect(result.hits.count + result.misses.count + result.failures.count == 20)
            }
            await cache.shutDown()
            await server.stop()
        }
    }
}
