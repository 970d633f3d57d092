import Foundation
import MartletClient
import Testing

extension ClientTests {
    /// Versions of replicated values, and what they make of clocks that differ.
    @Suite("Hybrid clocks")
    struct HybridClockTests {
        /// Moved by hand, on one thread.
        private final class Time: @unchecked Sendable {
            // One test, one task.
            var now: UInt64 = 1_000_000
        }

        @Test("A hybrid clock only goes forward, follows what it sees, and not what cannot be")
        func forward() {
            let time = Time()
            let clock = HybridClock { time.now }
            let first = clock.next()
            #expect(first >> 12 == 1_000_000)
            time.now = 999_000
            #expect(clock.next() >> 12 == 1_000_001)
            #expect(clock.observe(1_000_500 << 12))
            #expect(clock.next() >> 12 == 1_000_501)
            #expect(!clock.observe(UInt64.max))
            #expect(!clock.observe((time.now + HybridClock.skewMax + 1) << 12))
            #expect(clock.next() >> 12 == 1_000_502)
            time.now = 2_000_000
            #expect(clock.next() >> 12 == 2_000_000)
        }

        @Test("Two clocks hardly ever make one version, also at the same time and behind what both have seen")
        func ties() {
            let time = Time()
            let clocks = (0..<2).map { _ in HybridClock { time.now } }
            var ties = 0
            for _ in 0..<4096 {
                time.now += 10
                if clocks[0].next() == clocks[1].next() { ties += 1 }
                for clock in clocks { clock.observe((time.now + 5) << 12) }
                if clocks[0].next() == clocks[1].next() { ties += 1 }
            }
            // Two are to be expected.
            #expect(ties < 30)
        }

        @Test("What a client whose clock is behind stores and removes now takes effect")
        func behind() async throws {
            try await CacheFixture.run(servers: 3) { fixture in
                let zones = fixture.servers.map { CacheFixture.client(for: [$0.path ?? ""]) }
                let cache = ReplicatedCache(zones: zones, writes: .all)
                let past = UInt64((Date().timeIntervalSince1970 - 5) * 1_000_000)
                let slow = ReplicatedCache(zones: zones, writes: .all, clock: HybridClock { past })

                let first = try await cache.setValue("first", for: "k")
                let second = try await slow.setValue("second", for: "k")
                #expect(second.token > first.token)
                #expect(try await cache.item(for: "k", as: String.self)?.version == second)
                #expect(try await cache.value(for: "k") == "second")

                let another = ReplicatedCache(zones: zones, writes: .all, clock: HybridClock { past })
                try await another.removeValue(for: "k")
                #expect(try await cache.value(for: "k", as: String.self) == nil)
                for zone in zones { await zone.shutDown() }
            }
        }

        @Test("Who stores an older version is told the newer one that stays")
        func superseded() async throws {
            try await CacheFixture.run { fixture in
                let cache = ReplicatedCache(zones: [fixture.cache], writes: .all)

                let version = try await cache.setValue("new", for: "k", version: CacheVersion(token: 20))
                #expect(version.token == 20)
                let there = try await cache.setValue("old", for: "k", version: CacheVersion(token: 10))
                #expect(there.token == 20)
                #expect(try await cache.value(for: "k") == "new")
            }
        }

        @Test("Behind what is hours ahead nothing of now can be stored, and nobody is told that it was")
        func farAhead() async throws {
            try await CacheFixture.run { fixture in
                let cache = ReplicatedCache(zones: [fixture.cache], writes: .all)
                let future = UInt64((Date().timeIntervalSince1970 + 7200) * 1_000_000) << 12
                try await cache.setValue("future", for: "k", version: CacheVersion(token: future))

                let stored = await #expect(throws: CacheError.self) { try await cache.setValue("now", for: "k") }
                #expect(stored?.code == .refused)
                let removed = await #expect(throws: CacheError.self) { try await cache.removeValue(for: "k") }
                #expect(removed?.code == .refused)
                #expect(try await cache.value(for: "k") == "future")
            }
        }
    }
}
