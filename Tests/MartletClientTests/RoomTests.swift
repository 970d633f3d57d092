import MartletClient
import NIOCore
import Testing

extension ClientTests {
    /// How much may wait for a server that takes nothing.
    @Suite("Room for what waits")
    struct RoomTests {
        private static func value(kibibytes: Int) -> String { String(repeating: "v", count: kibibytes << 10) }

        @Test("Values beyond the bytes that may wait are refused at once; a call that is given up makes room")
        func bytes() async throws {
            let door = Door()
            let server = try await DelayingServer { _ in await door.pass() }
            let cache = CacheFixture.client(for: [server.path]) {
                $0.connectionsPerServer = 1
                $0.inFlightMax = 1
                $0.waitingBytesMax = 100 << 10
                $0.operationTimeout = .seconds(60)
            }
            func store(_ key: CacheKey) -> Task<Bool, any Error> {
                Task { try await cache.addValue(Self.value(kibibytes: 60), for: key) }
            }
            func waits(_ count: Int) async -> Bool {
                await eventually { () async in cache.serverStates.map(\.pendingRequests) == [count] }
            }

            let sent = store("sent")
            #expect(await eventually { await door.arrivals == 1 })
            let waiting = store("waiting")
            #expect(await waits(2))
            let error = await #expect(throws: CacheError.self) { try await store("more").value }
            #expect(error?.code == .overloaded)
            // What has no value waits for nobody's.
            let small = Task { try await cache.value(for: "small", as: String.self) }
            #expect(await waits(3))

            waiting.cancel()
            await #expect(throws: CacheError.self) { try await waiting.value }
            #expect(await waits(2))
            let next = store("next")
            #expect(await waits(3))
            await door.open()

            #expect(try await !sent.value)
            #expect(try await small.value == "small")
            #expect(try await !next.value)
            await cache.shutDown()
            await server.stop()
        }

        @Test("A value larger than all that may wait is stored, if no other waits")
        func oneLargeValue() async throws {
            try await CacheFixture.run({ $0.waitingBytesMax = 10 << 10 }) { fixture in
                try await fixture.cache.setValue(Self.value(kibibytes: 500), for: "k")
                #expect(try await fixture.cache.value(for: "k") == Self.value(kibibytes: 500))
            }
        }

        @Test("A server that does not read is not sent more and more; when it reads again, all that waits arrives")
        func pausedServer() async throws {
            let server = try ServerProcess()
            let cache = CacheFixture.client(for: [server.path]) {
                $0.connectionsPerServer = 1
                $0.waitingBytesMax = 1 << 20
                $0.operationTimeout = .seconds(60)
            }
            #expect(await eventually { (try? await cache.setValue("v", for: "k")) != nil })
            server.pause()
            let refused = Count()
            // Six mebibytes: one may be sent, one may wait, and the sockets have some room.
            let stores = (0..<100).map { number in
                Task {
                    do {
                        try await cache.setValue(Self.value(kibibytes: 60), for: CacheKey("k\(number)"))
                        return true
                    } catch let error as CacheError where error.code == .overloaded {
                        await refused.add()
                        return false
                    }
                }
            }
            #expect(await eventually { await refused.value >= 20 })
            server.resume()

            for (number, store) in stores.enumerated() {
                let isStored = try await store.value
                let value = try await cache.value(for: CacheKey("k\(number)"), as: String.self)
                #expect(value == (isStored ? Self.value(kibibytes: 60) : nil))
            }
            #expect(await refused.value < 100)
            await cache.shutDown()
            server.kill()
        }
    }
}
