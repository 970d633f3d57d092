import MartletClient
import Testing

extension ClientTests {
    /// Calls of several requests, which have the time of one.
    ///
    /// Method: the server answers the first request when three quarters of the call's time are over, and the second one
    /// never. What else waits for servers that are silent tells the time: one call for the three quarters, another one
    /// for a good half as long again as the call has. With a time for each request the call would outlast that, however
    /// long the times are; where only the machine stood still, it does not with longer ones. What is late by a
    /// fixed time is found where that is more than half of the longest.
    @Suite("One deadline for a call")
    struct DeadlineTests {
        private static func expectOneDeadline(
            _ answer: @escaping @Sendable (_ lines: String, _ door: Door) -> ScriptedServer.Answer,
            _ call: @escaping @Sendable (CacheClient) async throws -> Void
        ) async throws {
            for unit in [Duration.seconds(1), .seconds(5)] {
                if try await hasOneDeadline(unit, answer, call) { return }
            }
            Issue.record("the call took longer than its time")
        }

        /// Whether a call that may take `unit` ends when it should.
        private static func hasOneDeadline(
            _ unit: Duration, _ answer: @escaping @Sendable (_ lines: String, _ door: Door) -> ScriptedServer.Answer,
            _ call: @escaping @Sendable (CacheClient) async throws -> Void
        ) async throws -> Bool {
            let door = Door()
            let server = try await ScriptedServer { answer($0, door) }
            let silent = try await ScriptedServer { _ in .nothing }
            let cache = CacheFixture.client(for: [server.path]) {
                $0.splitting = ValueSplitting(bytesMax: 1000, partBytes: 1024)
            }
            let clocks = CacheFixture.client(for: [silent.path]) {
                $0.timeoutsUntilDown = 100
                $0.operationTimeout = .seconds(60)
            }
            let early = Task { try? await clocks.timeout(unit * 0.75).value(for: "early", as: String.self) }
            let late = Task {
                _ = try? await clocks.timeout(unit * 1.6).value(for: "late", as: String.self)
                return ContinuousClock.now
            }
            let calling = Task {
                let error = await #expect(throws: CacheError.self) { try await call(cache.timeout(unit)) }
                return (error?.code, ContinuousClock.now)
            }
            _ = await early.value
            await door.open()

            let (code, end) = await calling.value
            #expect(code == .timeout)
            let isInTime = await end < late.value
            // What has failed is to be removed there, where nobody answers.
            await cache.timeout(.zero).shutDown()
            await clocks.shutDown()
            await server.stop()
            await silent.stop()
            return isInTime
        }

        @Test("A change by what is there")
        func update() async throws {
            try await Self.expectOneDeadline { lines, door in
                guard lines.hasPrefix("mg ") else { return .nothing }
                return .sendBehind({ await door.pass() }, "VA 1 f0 c5 \(lines.opaques[0])\r\nv\r\n")
            } _: { cache in
                _ = try await cache.updateValue(for: "k", as: String.self) { $0 += "w" }
            }
        }

        @Test("A counter that has to be added")
        func counter() async throws {
            try await Self.expectOneDeadline { lines, door in
                guard lines.hasPrefix("ma ") else { return .nothing }
                return .sendBehind({ await door.pass() }, "NF \(lines.opaques[0])\r\n")
            } _: { cache in
                _ = try await cache.incrementCounter("k", initialValue: 1)
            }
        }

        @Test("A value in parts")
        func parts() async throws {
            try await Self.expectOneDeadline { lines, door in
                guard lines.hasPrefix("ms k:part:") else { return .nothing }
                let replies = lines.opaques.map { "HD \($0)\r\n" }.joined()
                return .sendBehind({ await door.pass() }, replies)
            } _: { cache in
                try await cache.setValue(String(repeating: "x", count: 1100), for: "k")
            }
        }
    }
}
