import MartletClient
import NIOConcurrencyHelpers
import NIOCore
import Testing

extension ClientTests {
    /// Servers whose replies are well formed, or nearly, and cannot be true: too early, too slow, too many, or of a
    /// kind that the request cannot have.
    @Suite("Servers that answer what cannot be")
    struct HostileReplyTests {
        /// Answers every request with `reply`, in which `#` stands for the request's own number.
        private static func server(_ reply: String) async throws -> ScriptedServer {
            try await ScriptedServer { lines in
                .send(lines.opaques.map { opaque in reply.replacing("#", with: opaque) }.joined())
            }
        }

        /// `timeout`: short only where a reply has no end, and the call's deadline is what ends it.
        private static func run(
            _ reply: String, timeout: Duration = .seconds(60), _ body: (CacheClient) async throws -> Void
        ) async throws {
            let server = try await server(reply)
            let cache = CacheFixture.client(for: [server.path]) { $0.operationTimeout = timeout }
            try await body(cache)
            await cache.shutDown()
            await server.stop()
        }

        @Test(
            "A retrieval's reply with impossible numbers, or without its value, is a violation",
            arguments: [
                "HD #\r\n", "HD # f0 c1\r\n", "VA +1 #\r\na\r\n", "VA 0x1 #\r\na\r\n", "VA 1e0 #\r\na\r\n",
                "VA 18446744073709551616 #\r\n", "VA 9223372036854775807 #\r\n", "VA 1 # O2\r\na\r\n",
                "VA 1 #00000000000000000001\r\na\r\n", "VA 1 O4294967297\r\na\r\n", "VA 1 O-1\r\na\r\n",
                "VA 1 # f4294967296\r\na\r\n", "VA 1 # f-1\r\na\r\n", "VA 1 # c18446744073709551616\r\na\r\n",
                "VA 1 #\r\nab\r\n", "VA 1 #\na\n\n", "NS #\r\n", "EX #\r\n", "NF #\r\n",
                "ts=1.1 gid=1 type=item_get key=k status=found\r\nVA 1 #\r\na\r\n", "OK\r\nVA 1 #\r\na\r\n",
            ])
        func retrieval(reply: String) async throws {
            try await Self.run(reply, timeout: .seconds(2)) { cache in
                let error = await #expect(throws: CacheError.self) { try await cache.value(for: "k", as: String.self) }
                #expect(
                    error?.code == .protocolViolation || error?.code == .timeout,
                    "\(error.map(String.init(describing:)) ?? "")")
            }
        }

        @Test("A store that has no condition is made, or there is an error", arguments: ["NS", "EX", "NF", "EN", "MN"])
        func store(status: String) async throws {
            try await Self.run("\(status) #\r\n") { cache in
                let error = await #expect(throws: CacheError.self) { try await cache.setValue("v", for: "k") }
                #expect(error?.code == .protocolViolation)
                #expect(await cache.setValues(["a": "v", "b": "v"]).count == 2)
            }
        }

        @Test("A removal that has no condition cannot meet another version", arguments: ["NS", "EX", "EN"])
        func removal(status: String) async throws {
            try await Self.run("\(status) #\r\n") { cache in
                let error = await #expect(throws: CacheError.self) { try await cache.removeValue(for: "k") }
                #expect(error?.code == .protocolViolation)
            }
        }

        @Test(
            "A count that is no number of 64 bits is a violation",
            arguments: ["", "-1", "+1", " 1", "1 2", "1a", "18446744073709551616", "\u{0}", "٣"])
        func count(text: String) async throws {
            try await Self.run("VA \(text.utf8.count) #\r\n\(text)\r\n") { cache in
                let error = await #expect(throws: CacheError.self) { try await cache.incrementCounter("n") }
                #expect(error?.code == .protocolViolation)
            }
            try await Self.run("HD #\r\n") { cache in
                await #expect(throws: CacheError.self) { try await cache.incrementCounter("n") }
            }
        }

        @Test("A reply that comes before its request is nobody's")
        func early() async throws {
            let server = try await ScriptedServer(greets: false) { lines in
                guard lines.contains("mn\r\n") else { return .send("VA 4 \(lines.opaques[0])\r\ntrue\r\n") }
                let early = (1...20).map { "VA 5 O\($0)\r\nearly\r\n" }.joined()
                return .send("VERSION 1.6.45\r\nEN\r\nMN\r\n" + early)
            }
            let cache = CacheFixture.client(for: [server.path])

            for _ in 0..<5 {
                let value = try? await cache.value(for: "k", as: String.self)
                #expect(value == nil)
            }
            await cache.shutDown()
            await server.stop()
        }

        @Test("A miss too many shifts no value under another key's name")
        func extraMiss() async throws {
            let server = try await ScriptedServer { lines in
                // Every request's value is its own number, and before every third there is a miss that nobody asked
                // for.
                .send(
                    lines.opaques.enumerated().map { place, opaque in
                        (place % 3 == 2 ? "EN\r\n" : "") + "VA \(opaque.utf8.count) \(opaque)\r\n\(opaque)\r\n"
                    }.joined())
            }
            let cache = CacheFixture.client(for: [server.path]) { $0.connectionsPerServer = 1 }

            for round in 0..<20 {
                let keys = (0..<10).map { CacheKey("k\(round).\($0)") }
                let result = await cache.values(for: keys, as: String.self)
                // Of one call the requests are numbered in a row: what was found must be, too.
                let numbers = keys.enumerated().compactMap { place, key in
                    result.hits[key].flatMap { Int($0.dropFirst()) }.map { $0 - place }
                }
                #expect(Set(numbers).count <= 1, "\(result.hits)")
                #expect(result.hits.count <= 2)
                #expect(result.hits.count + result.misses.count + result.failures.count == 10)
            }
            await cache.shutDown()
            await server.stop()
        }

        @Test("Replies that come byte by byte are replies")
        func slowly() async throws {
            let server = try await ScriptedServer { lines in
                .sendInPieces(lines.opaques.map { "VA \($0.utf8.count + 2) \($0)\r\n\($0)\r\n\r\n" }.joined())
            }
            let cache = CacheFixture.client(for: [server.path])

            let result = await cache.values(for: (0..<30).map { CacheKey("k\($0)") }, as: String.self)

            #expect(result.hits.count == 30)
            #expect(result.hits.values.allSatisfy { $0.hasSuffix("\r\n") })
            await cache.shutDown()
            await server.stop()
        }

        @Test("A flood of replies that nobody asked for ends the connection, and the next one serves")
        func flood() async throws {
            let connections = NIOLockedValueBox(0)
            let server = try await ScriptedServer(greets: false) { lines in
                if lines.contains("mn\r\n") {
                    connections.withLockedValue { $0 += 1 }
                    return .send("VERSION 1.6.45\r\nEN\r\nMN\r\n")
                }
                let reply = "VA 1 \(lines.opaques[0])\r\na\r\n"
                guard connections.withLockedValue({ $0 }) == 1 else { return .send(reply) }
                return .send(reply + String(repeating: "EN\r\n", count: 500_000))
            }
            let cache = CacheFixture.client(for: [server.path]) { $0.connectionsPerServer = 1 }

            let isServed = await eventually {
                let value = try? await cache.value(for: "k", as: String.self)
                #expect(value == nil || value == "a")
                return value == "a" && connections.withLockedValue { $0 } > 1
            }

            #expect(isServed)
            await cache.shutDown()
            await server.stop()
        }

        @Test("A server that hangs up behind every reply costs no reply")
        func hangsUp() async throws {
            let server = try await ScriptedServer { .sendAndClose("VA 1 \($0.opaques[0])\r\na\r\n") }
            let cache = CacheFixture.client(for: [server.path]) { $0.connectionsPerServer = 1 }

            for _ in 0..<20 {
                do throws(CacheError) {
                    let value = try await cache.value(for: "k", as: String.self)
                    #expect(value == "a")
                } catch {
                    // Asked over the old connection twice.
                    #expect(error.code == .connectionLost)
                }
            }
            await cache.shutDown()
            await server.stop()
        }

        @Test("Statistics end at their last line, not at a value that ends like it")
        func statistics() async throws {
            let server = try await ScriptedServer(greets: false) { lines in
                lines.hasPrefix("stats") ? .sendInPieces("STAT a END\r\nSTAT bEND 1\r\nSTAT c 2\r\nEND\r\n") : .close
            }
            let cache = CacheFixture.client(for: [server.path])

            let statistics = try await cache.statistics()[server.path]?.get()

            #expect(statistics == ["a": "END", "bEND": "1", "c": "2"])
            await cache.shutDown()
            await server.stop()
        }
    }
}
