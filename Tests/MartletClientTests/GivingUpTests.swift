import MartletClient
import NIOCore
import NIOPosix
import Testing

extension ClientTests {
    /// Calls that end before their answer: the answers of others stay theirs.
    @Suite("Deadlines and cancellation")
    struct GivingUpTests {
        @Test("A late answer is dropped, and the connection and its other calls go on")
        func lateAnswer() async throws {
            let door = Door()
            let server = try await DelayingServer { line in
                if line.contains(" slow ") { await door.pass() }
            }
            let cache = CacheFixture.client(for: [server.path]) {
                $0.connectionsPerServer = 1
                $0.timeoutsUntilDown = 1000
            }

            let error = await #expect(throws: CacheError.self) {
                try await cache.timeout(.milliseconds(50)).value(for: "slow", as: String.self)
            }
            #expect(error?.code == .timeout)
            async let next = cache.value(for: "next", as: String.self)
            await door.open()

            #expect(try await next == "next")
            #expect(await server.connectionCount == 1)
            await cache.shutDown()
            await server.stop()
        }

        @Test("A cancelled call ends at once, and the connection and its other calls go on")
        func cancellation() async throws {
            let door = Door()
            let server = try await DelayingServer { line in
                if line.contains(" slow ") { await door.pass() }
            }
            let cache = CacheFixture.client(for: [server.path]) { $0.connectionsPerServer = 1 }

            let call = Task { try await cache.value(for: "slow", as: String.self) }
            #expect(await eventually { await door.arrivals == 1 })
            call.cancel()
            let error = await #expect(throws: CacheError.self) { try await call.value }
            #expect(error?.code == .cancelled)
            async let next = cache.value(for: "next", as: String.self)
            await door.open()

            #expect(try await next == "next")
            #expect(await server.connectionCount == 1)
            await cache.shutDown()
            await server.stop()
        }

        @Test("A call in a task that is cancelled already does not wait")
        func cancelledBefore() async throws {
            let server = try await DelayingServer { _ in await Door().pass() }
            let cache = CacheFixture.client(for: [server.path])

            let call = Task {
                withUnsafeCurrentTask { $0?.cancel() }
                return try await cache.value(for: "k", as: String.self)
            }

            let error = await #expect(throws: CacheError.self) { try await call.value }
            #expect(error?.code == .cancelled)
            await cache.shutDown()
            await server.stop()
        }

        /// The call, its end and the connection's turn follow each other on one event loop, in this order.
        @Test("A call that is given up before anything is sent is not sent")
        func givenUpInTime() async throws {
            let asked = AskedLines()
            let server = try await DelayingServer { await asked.note($0) }
            let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
            let loop = group.next()
            var configuration = CacheConfiguration()
            configuration.connectionsPerServer = 1
            configuration.operationTimeout = .seconds(60)
            configuration.connectTimeout = .seconds(60)
            let cache = CacheClient(
                servers: [CacheServer(unixSocket: server.path)], configuration: configuration, eventLoopGroup: group)
            _ = try await cache.value(for: "before", as: String.self)

            let call = try await loop.submit {
                let call = Task(executorPreference: LoopExecutor(loop)) {
                    try await cache.value(for: "given-up", as: String.self)
                }
                loop.execute { call.cancel() }
                return call
            }.get()

            let error = await #expect(throws: CacheError.self) { try await call.value }
            #expect(error?.code == .cancelled)
            _ = try await cache.value(for: "after", as: String.self)
            let lines = await asked.lines
            #expect(lines.contains { $0.contains("after") } && !lines.contains { $0.contains("given-up") }, "\(lines)")
            await cache.shutDown()
            await server.stop()
            try await group.shutdownGracefully()
        }

        private actor AskedLines {
            private(set) var lines: [String] = []

            func note(_ line: String) { lines.append(line) }
        }

        /// Runs a task's steps among those of an event loop.
        private final class LoopExecutor: TaskExecutor {
            private let loop: any EventLoop

            init(_ loop: any EventLoop) { self.loop = loop }

            func enqueue(_ job: consuming ExecutorJob) {
                let job = UnownedJob(job)
                loop.execute { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
            }
        }

        @Test("Of many keys those that are there by the deadline are had, the others failures")
        func partial() async throws {
            let (fast, slow) = (
                try await DelayingServer { _ in }, try await DelayingServer { _ in await Door().pass() }
            )
            let cache = CacheFixture.client(for: [fast.path, slow.path])
            let keys = (0..<100).map { CacheKey("k\($0)") }
            let there = keys.filter { cache.ring.server(for: $0.description) == 0 }

            var hits: [CacheKey: String] = [:]
            for limit in CacheFixture.limits where hits.count < there.count {
                let result = await cache.timeout(limit).values(for: keys, as: String.self)
                hits = result.hits
                #expect(result.misses.isEmpty && result.failures.count == keys.count - hits.count)
                #expect(result.failures.values.allSatisfy { $0.code == .timeout })
            }

            #expect(hits == Dictionary(uniqueKeysWithValues: there.map { ($0, $0.description) }))
            await cache.shutDown()
            await fast.stop()
            await slow.stop()
        }

        @Test("More calls than may wait are refused at once")
        func overload() async throws {
            let server = try await DelayingServer { _ in await Door().pass() }
            let cache = CacheFixture.client(for: [server.path]) {
                $0.connectionsPerServer = 1
                $0.inFlightMax = 4
                $0.waitingCallsMax = 8
                $0.operationTimeout = .milliseconds(500)
            }

            let result = await cache.values(for: (0..<100).map { CacheKey("k\($0)") }, as: String.self)

            let codes = result.failures.values.map(\.code)
            #expect(codes.count { $0 == .overloaded } >= 100 - 4 - 8)
            #expect(codes.count { $0 == .timeout } >= 8)
            #expect(codes.count == 100)
            await cache.shutDown()
            await server.stop()
        }

        @Test("Under random cancellations and deadlines every answer is its own call's, and none is lost")
        func storm() async throws {
            try await CacheFixture.run(servers: 2, { $0.timeoutsUntilDown = .max }) { fixture in
                let cache = fixture.cache
                let all = Dictionary(uniqueKeysWithValues: (0..<500).map { (CacheKey("k\($0)"), "v\($0)") })
                #expect(await cache.setValues(all).isEmpty)

                let (answers, failures) = await withTaskGroup(of: (Int, Int).self) { group in
                    for worker in 0..<40 {
                        group.addTask { await Self.storming(cache, SplitMix(seed: UInt64(worker))) }
                    }
                    return await group.reduce(into: (0, 0)) { sum, part in
                        sum.0 += part.0
                        sum.1 += part.1
                    }
                }

                #expect(answers + failures == 40 * 200)
                #expect(answers > 1000)
                // And afterwards all is as before.
                #expect(await cache.values(for: all.keys, as: String.self).hits == all)
            }
        }

        /// Two hundred calls, some cancelled, some with hardly any time. Counts answers and calls given up.
        private static func storming(_ cache: CacheClient, _ generator: SplitMix) async -> (Int, Int) {
            var random = generator
            var (answers, failures) = (0, 0)
            for _ in 0..<200 {
                let number = Int(random.next() % 500)
                let isHurried = random.next() % 4 == 0
                let view = isHurried ? cache.timeout(.microseconds(Int64(random.next() % 500))) : cache
                let call = Task { try await view.value(for: CacheKey("k\(number)"), as: String.self) }
                if random.next() % 4 == 0 {
                    if random.next() % 2 == 0 { await Task.yield() }
                    call.cancel()
                }
                do {
                    let value = try await call.value
                    #expect(value == "v\(number)")
                    answers += 1
                } catch let error as CacheError {
                    #expect(error.code == .cancelled || error.code == .timeout, "\(error)")
                    failures += 1
                } catch {
                    Issue.record(error)
                }
            }
            return (answers, failures)
        }

        @Test("Calls that are in too great a hurry say nothing of the server")
        func hurry() async throws {
            let door = Door()
            let server = try await DelayingServer { line in
                if line.contains(" slow ") { await door.pass() }
            }
            let cache = CacheFixture.client(for: [server.path]) {
                $0.operationTimeout = .seconds(60)
                $0.timeoutsUntilDown = 3
                $0.probeDelay = .seconds(3600)
                $0.probeDelayMax = .seconds(3600)
            }
            for _ in 0..<20 {
                let error = await #expect(throws: CacheError.self) {
                    try await cache.timeout(.milliseconds(1)).value(for: "slow", as: String.self)
                }
                #expect(error?.code == .timeout)
            }
            await door.open()
            #expect(try await cache.value(for: "next") == "next")
            await cache.shutDown()
            await server.stop()
        }

        /// A run in which the server's answers over the other connection were late themselves proves nothing.
        @Test("Large values that are late over their own connection are no sign that the server is down")
        func lateLargeValues() async throws {
            for limit in CacheFixture.limits {
                if try await areLargeValuesLate(behind: limit) { return }
            }
            Issue.record("the machine stood still each time")
        }

        /// False if small values were late as well: then anything may come of it.
        private func areLargeValuesLate(behind limit: Duration) async throws -> Bool {
            let server = try await ScriptedServer { lines in
                switch lines.prefix(3) {
                case "mg ": .send(String(repeating: "EN\r\n", count: lines.split(whereSeparator: \.isNewline).count))
                case "md ": .send(lines.opaques.map { "HD \($0)\r\n" }.joined())
                default: .nothing
                }
            }
            let cache = CacheFixture.client(for: [server.path]) {
                $0.connectionsPerServer = 1
                $0.smallValueBytesMax = 4
                $0.operationTimeout = limit
                $0.timeoutsUntilDown = 3
                $0.probeDelay = .seconds(3600)
                $0.probeDelayMax = .seconds(3600)
            }
            #expect(try await cache.timeout(.seconds(60)).value(for: "k", as: String.self) == nil)
            let start = ContinuousClock.now
            // The longest time between two answers.
            let asking = Task {
                var (last, longest) = (start, Duration.zero)
                while !Task.isCancelled {
                    _ = try? await cache.value(for: "k", as: String.self)
                    let now = ContinuousClock.now
                    (last, longest) = (now, max(longest, now - last))
                }
                return longest
            }
            let codes = await withTaskGroup(of: CacheError.Code?.self) { group in
                for number in 0..<6 {
                    group.addTask {
                        let error = await #expect(throws: CacheError.self) {
                            try await cache.setValue("larger", for: CacheKey("large\(number)"))
                        }
                        return error?.code
                    }
                }
                return await group.reduce(into: []) { $0.append($1) }
            }
            asking.cancel()
            // What an answer proves may be as old as the one before it. Half of the limit is what counts as silence.
            let isProof = await asking.value < limit / 4
            if isProof {
                #expect(codes == Array(repeating: .timeout, count: 6))
                #expect(cache.serverStates.map(\.isDown) == [false])
                #expect(try await cache.timeout(.seconds(60)).value(for: "k", as: String.self) == nil)
            }
            await cache.timeout(.zero).shutDown()
            await server.stop()
            return isProof
        }

        @Test("However many calls are given up at once, each ends, and no other does")
        func manyCancellations() async throws {
            let door = Door()
            let server = try await DelayingServer { _ in await door.pass() }
            let cache = CacheFixture.client(for: [server.path]) {
                $0.connectionsPerServer = 1
                $0.waitingCallsMax = 20_000
                $0.operationTimeout = .seconds(60)
                $0.timeoutsUntilDown = .max
            }
            let calls = (0..<4000).map { number in
                Task { try await cache.value(for: CacheKey("k\(number)"), as: String.self) }
            }
            for call in calls.dropLast() { call.cancel() }
            for call in calls.dropLast() {
                let error = await #expect(throws: CacheError.self) { try await call.value }
                #expect(error?.code == .cancelled)
            }
            await door.open()
            #expect(try await calls.last?.value == "k3999")
            await cache.shutDown()
            await server.stop()
        }

        @Test("Batches of which a part came in time are no sign that the server is down")
        func partialBatches() async throws {
            let (count, doors) = (Count(), (0..<3).map { _ in Door() })
            // The last of each four is late.
            let server = try await DelayingServer { _ in
                let number = await count.add()
                if number % 4 == 0, number <= 12 { await doors[number / 4 - 1].pass() }
            }
            let cache = CacheFixture.client(for: [server.path]) {
                $0.connectionsPerServer = 1
                $0.timeoutsUntilDown = 3
                $0.probeDelay = .seconds(3600)
                $0.probeDelayMax = .seconds(3600)
            }
            for door in doors {
                let keys = (0..<4).map { CacheKey("k\($0)") }
                let result = await cache.timeout(.milliseconds(500)).values(for: keys, as: String.self)
                #expect(result.failures.values.allSatisfy { $0.code == .timeout })
                await door.open()
            }
            #expect(try await cache.value(for: "after") == "after")
            await cache.shutDown()
            await server.stop()
        }
    }
}
