import MartletStore
import StoreTesting
import Testing

/// The ladder from a class without a free chunk to a chunk, and who has to go.
@Suite("Eviction")
struct EvictorTests {
    @Test("every size gets its chunk after the memory is full of another")
    func everyClass() throws {
        let fixture = try StoreFixture(megabytes: 2, itemBytesMax: 512 << 10)
        for number in 0..<40_000 { _ = fixture.store("fill-\(number)", [UInt8](repeating: 1, count: 60)) }
        let lengths = Array(stride(from: 0, to: 500_000, by: 7_001)) + Array(stride(from: 0, to: 5000, by: 53))
        for length in lengths {
            let value = [UInt8](repeating: UInt8(truncatingIfNeeded: length), count: length)

            #expect(fixture.store("k-\(length)", value).result == .stored, "\(length) bytes")

            #expect(fixture.value("k-\(length)") == value)
        }
        fixture.store._checkInvariants()
    }

    @Test("without eviction stores are refused, and nothing that was stored goes")
    func withoutEviction() throws {
        var settings = StoreSettings()
        settings.memoryLimitBytes = 2 << 20
        settings.itemBytesMax = 64 << 10
        settings.eviction = .none
        let fixture = try StoreFixture(settings)
        let value = [UInt8](repeating: 1, count: 900)
        var stored = 0
        while fixture.store("key-\(stored)", value).result == .stored { stored += 1 }

        #expect(stored > 1400)
        #expect(fixture.store("other", value).result == .noMemory)
        #expect(fixture.storeInPieces("large", [UInt8](repeating: 1, count: 60_000)).result == .noMemory)
        #expect(fixture.store("key-5", [UInt8](repeating: 2, count: 900)).result == .stored, "in place")
        for number in 0..<stored { #expect(fixture.value("key-\(number)")?.count == 900) }
        #expect(fixture.delete("key-7") == .done)
        #expect(fixture.store("other", value).result == .stored)
        #expect(fixture.store.statistics().classes.allSatisfy { $0.evicted == 0 })
        #expect(fixture.store.statistics().classes.contains { $0.outOfMemory > 0 })
        fixture.store._checkInvariants()
    }

    @Test("without eviction what has expired makes room, and a lower limit costs no item")
    func withoutEvictionButExpiry() throws {
        var settings = StoreSettings()
        settings.memoryLimitBytes = 8 << 20
        settings.eviction = .none
        let fixture = try StoreFixture(settings)
        let value = [UInt8](repeating: 1, count: 900)
        let mortal = StoreRequest(mode: .set, expiry: 150)
        var stored = 0
        while fixture.store("key-\(stored)", value, stored % 2 == 0 ? mortal : StoreRequest(mode: .set)).result
            == .stored
        {
            stored += 1
        }

        #expect(fixture.store.setMemoryLimit(bytes: 4 << 20))
        _ = fixture.maintain()
        #expect(fixture.store.itemCount == stored)
        fixture.session.setNow(150)
        for number in 0..<stored / 4 { #expect(fixture.store("new-\(number)", value).result == .stored) }

        for number in stride(from: 1, to: stored, by: 2) { #expect(fixture.value("key-\(number)")?.count == 900) }
        #expect(fixture.store.statistics().classes.allSatisfy { $0.evicted == 0 })
        fixture.store._checkInvariants()
    }

    @Test("a class without pages uses larger chunks when nothing else is left")
    func largerChunks() throws {
        var settings = StoreSettings()
        settings.memoryLimitBytes = 2 << 20
        settings.eviction = .none
        let fixture = try StoreFixture(settings)
        var stored = 0
        while fixture.store("key-\(stored)", [UInt8](repeating: 1, count: 3000)).result == .stored { stored += 1 }
        for number in 0..<10 { #expect(fixture.delete("key-\(number)") == .done) }

        let outcome = fixture.store("small", "x")

        #expect(outcome.result == .stored)
        #expect(outcome.slabClass > 20)
        #expect(fixture.text("small") == "x")
        #expect(fixture.store("small", "y").slabClass == outcome.slabClass || fixture.text("small") == "y")
        fixture.store._checkInvariants()
    }

    @Test("a lease on every page neither keeps stores out nor empties the cache")
    func leaseOnEveryPage() throws {
        let fixture = try StoreFixture(megabytes: 4, itemBytesMax: 256 << 10)
        let old = [UInt8](repeating: 1, count: 5000)
        var number = 0
        while fixture.store.statistics().classes.allSatisfy({ $0.evicted == 0 }) {
            _ = fixture.store("old-\(number)", old)
            number += 1
        }
        // 13 chunks of a page, handed out one after the other.
        let leases = stride(from: 6, to: number, by: 13).compactMap { fixture.heldLease("old-\($0)") }
        #expect(leases.count >= number / 13)

        for number in 0..<3000 {
            let length = [10, 100, 300, 1000, 3000, 4500, 5100][number % 7] + number % 10
            let outcome = fixture.store("new-\(number)", [UInt8](repeating: 2, count: length))
            #expect(outcome.result == .stored, "\(length) bytes")
        }

        #expect(fixture.store.statistics().itemBytes > 2 << 20)
        #expect(leases.allSatisfy { $0.lease.bytes == old })
        fixture.store._checkInvariants(expectedLeases: leases.count)
    }

    @Test("a large value goes into short pieces when leases leave no large chunk")
    func shortPieces() throws {
        let fixture = try StoreFixture(megabytes: 4, itemBytesMax: 256 << 10)
        for number in 0..<1000 { _ = fixture.store("old-\(number)", [UInt8](repeating: 1, count: 9000)) }
        // More than one for each page of seven chunks.
        let leases = stride(from: 999, to: 0, by: -4).compactMap { fixture.heldLease("old-\($0)") }
        #expect(leases.count > 60)
        let value = (0..<200_000).map { UInt8(truncatingIfNeeded: $0 / 3) }

        #expect(fixture.store("large", value).result == .stored)

        #expect(fixture.value("large") == value)
        #expect((fixture.lease("large")?.spanCount ?? 0) > 15)
        #expect(fixture.store.statistics().classes.allSatisfy { $0.outOfMemory == 0 })
        fixture.store._checkInvariants(expectedLeases: leases.count)
    }

    @Test("what is read often outlives a flood of what is read never")
    func scanResistance() throws {
        let fixture = try StoreFixture(megabytes: 2)
        let value = [UInt8](repeating: 1, count: 100)
        for number in 0..<3000 { _ = fixture.store("hot-\(number)", value) }
        for flood in 0..<60_000 {
            _ = fixture.store("flood-\(flood)", value)
            let key = "hot-\(flood % 3000)"
            if fixture.value(key) == nil { _ = fixture.store(key, value) }
        }

        let kept = (0..<3000).filter { fixture.value("hot-\($0)", bump: false) != nil }.count
        #expect(kept > 2900)
        fixture.store._checkInvariants()
    }

    @Test("a key that comes back soon after its eviction enters WARM")
    func ghosts() throws {
        let fixture = try StoreFixture(megabytes: 1)
        let value = [UInt8](repeating: 1, count: 100)
        for number in 0..<20_000 { _ = fixture.store("key-\(number)", value) }
        func warm() -> Int { fixture.store.statistics().classes.reduce(0) { $0 + $1.warmCount } }
        func ghostHits() -> Int { fixture.store.statistics().classes.reduce(0) { $0 + $1.ghostHits } }
        let gone = (0..<20_000).reversed().filter { fixture.value("key-\($0)", bump: false) == nil }.prefix(200)
        let (before, hitsBefore) = (warm(), ghostHits())

        for number in gone { _ = fixture.store("key-\(number)", value) }

        #expect(warm() >= before + 150)
        #expect(ghostHits() >= hitsBefore + 150)
        fixture.store._checkInvariants()
    }

    @Test("an expired item that the hand meets is reclaimed, not evicted")
    func expiredFirst() throws {
        let fixture = try StoreFixture(megabytes: 2)
        let value = [UInt8](repeating: 1, count: 1000)
        for number in 0..<1200 {
            let isMortal = number % 2 == 0
            _ = fixture.store("key-\(number)", value, StoreRequest(mode: .set, expiry: isMortal ? 150 : 0))
        }
        fixture.session.setNow(150)
        for number in 0..<1000 { _ = fixture.store("new-\(number)", value) }

        let statistics = fixture.store.statistics().classes
        #expect(statistics.reduce(0) { $0 + $1.reclaimed } > 50)
        #expect(statistics.reduce(0) { $0 + $1.evictedWithExpiry } == 0)
        fixture.store._checkInvariants()
    }

    @Test("a class keeps its full eviction rate after a hundred fills")
    func noSlowLeak() throws {
        let fixture = try StoreFixture(megabytes: 1)
        var random = SplitMix(seed: 8)
        var counts: [Int] = []
        for _ in 0..<20 {
            for _ in 0..<6000 {
                _ = fixture.store("key-\(random.below(50_000))", [UInt8](repeating: 1, count: 60 + random.below(300)))
                if random.below(4) == 0 { _ = fixture.delete("key-\(random.below(50_000))") }
            }
            counts.append(fixture.store.itemCount)
            fixture.store._checkInvariants()
        }
        #expect(counts.dropFirst(2).allSatisfy { $0 > counts[1] * 9 / 10 }, "\(counts)")
    }
}
