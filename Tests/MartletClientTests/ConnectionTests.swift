import MartletClient
import NIOConcurrencyHelpers
import Testing

extension ClientTests {
    /// One connection of several that is not taken, or does not last.
    @Suite("Connections that are not to be had")
    struct ConnectionTests {
        /// Takes so many connections, and sends the others away; it keeps nothing.
        private final class Narrow: Sendable {
            private let state = NIOLockedValueBox((connections: 0, stores: 0, isSilent: false))
            private let connectionsMax: Int

            init(connectionsMax: Int) { self.connectionsMax = connectionsMax }

            var connections: Int { state.withLockedValue { $0.connections } }
            var stores: Int { state.withLockedValue { $0.stores } }

            func fallSilent() { state.withLockedValue { $0.isSilent = true } }

            func server() async throws -> ScriptedServer { try await ScriptedServer(greets: false) { self.answer($0) } }

            private func answer(_ text: String) -> ScriptedServer.Answer {
                state.withLockedValue { state in
                    if text.hasPrefix("version") {
                        state.connections += 1
                        guard state.connections <= connectionsMax else {
                            return .sendAndClose("ERROR Too many open connections\r\n")
                        }
                        return .send("VERSION 1.6.45\r\nEN\r\nMN\r\n")
                    }
                    if state.isSilent { return .nothing }
                    var answers = ""
                    for line in text.split(separator: "\r\n") where line.hasPrefix("m") {
                        state.stores += line.hasPrefix("ms ") ? 1 : 0
                        answers += line.hasPrefix("ms ") ? "HD \(String(line).opaques[0])\r\n" : "EN\r\n"
                    }
                    return .send(answers)
                }
            }
        }

        private static func settings(_ configuration: inout CacheConfiguration) {
            configuration.connectionsPerServer = 1
            configuration.smallValueBytesMax = 4
            configuration.probeDelay = .seconds(3600)
            configuration.probeDelayMax = .seconds(3600)
        }

        @Test("A server that takes no connection more is in use over those that it has")
        func oneTooMany() async throws {
            let narrow = Narrow(connectionsMax: 1)
            let server = try await narrow.server()
            let cache = CacheFixture.client(for: [server.path], Self.settings)
            #expect(try await cache.value(for: "k", as: String.self) == nil)

            // Each would have the connection for large values.
            #expect(await cache.setValues(["a": "larger", "b": "larger"]).isEmpty)
            for _ in 0..<3 { try await cache.setValue("larger", for: "k") }

            #expect(try await cache.value(for: "k", as: String.self) == nil)
            #expect(cache.serverStates.map(\.isDown) == [false])
            #expect(cache.serverStates.map(\.pendingInvalidations) == [0])
            #expect(narrow.stores == 5)
            // Not one for each.
            #expect(narrow.connections == 2)
            await cache.shutDown()
            await server.stop()
        }

        @Test("A server that takes no connection more, and does not answer over those that it has, is down")
        func silentOthers() async throws {
            for limit in CacheFixture.limits {
                let narrow = Narrow(connectionsMax: 1)
                let server = try await narrow.server()
                // The question whether it is there may take as long as both together.
                let cache = CacheFixture.client(for: [server.path]) {
                    Self.settings(&$0)
                    $0.operationTimeout = .milliseconds(200)
                    $0.connectTimeout = limit
                    $0.timeoutsUntilDown = 1000
                }
                var events = cache.events.makeAsyncIterator()
                let error = await Self.failure(of: cache.timeout(.seconds(60)))
                if error == nil {
                    narrow.fallSilent()

                    await #expect(throws: CacheError.self) { try await cache.setValue("larger", for: "k") }

                    if case .serverDown = await events.next() {} else { Issue.record("not down") }
                }
                await cache.timeout(.zero).shutDown()
                await server.stop()
                guard let error else { return }
                // The greeting was late.
                #expect(error.code == .serverDown)
            }
            Issue.record("no connection was made in time")
        }

        /// What is wrong with looking for nothing.
        private static func failure(of cache: CacheClient) async -> CacheError? {
            do throws(CacheError) {
                let value = try await cache.value(for: "k", as: String.self)
                #expect(value == nil)
                return nil
            } catch {
                return error
            }
        }

        @Test(
            "A server that greets well and then breaks every connection is down, and not asked again and again",
            arguments: [ScriptedServer.Answer.close, .sendAndClose("HELLO\r\n")])
        func breaking(answer: ScriptedServer.Answer) async throws {
            let connections = NIOLockedValueBox(0)
            let server = try await ScriptedServer(greets: false) { text in
                guard text.hasPrefix("version") else { return answer }
                connections.withLockedValue { $0 += 1 }
                return .send("VERSION 1.6.45\r\nEN\r\nMN\r\n")
            }
            let cache = CacheFixture.client(for: [server.path], Self.settings)

            var codes: [CacheError.Code] = []
            for _ in 0..<50 {
                do throws(CacheError) {
                    try await cache.setValue("v", for: "k")
                } catch {
                    codes.append(error.code)
                }
            }

            #expect(codes.count == 50)
            #expect(codes.dropFirst(3).allSatisfy { $0 == .serverDown })
            #expect(cache.serverStates.map(\.isDown) == [true])
            #expect(connections.withLockedValue { $0 } == 3)
            await cache.shutDown()
            await server.stop()
        }

        @Test("One that has answered before it breaks is made anew at once")
        func breakingLater() async throws {
            let server = try await ScriptedServer { .sendAndClose("HD \($0.opaques[0])\r\n") }
            let cache = CacheFixture.client(for: [server.path], Self.settings)

            for _ in 0..<20 {
                do throws(CacheError) {
                    try await cache.setValue("v", for: "k")
                } catch {
                    // Sent before the end was heard of.
                    #expect(error.code == .connectionLost)
                }
            }

            #expect(cache.serverStates.map(\.isDown) == [false])
            await cache.shutDown()
            await server.stop()
        }
    }
}
