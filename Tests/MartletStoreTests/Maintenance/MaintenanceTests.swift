import MartletStore
import StoreTesting
import Testing

/// What the maintainer does in its passes: pages beyond the limit, pooled pages, expired items.
@Suite("The maintainer")
struct MaintenanceTests {
    @Test("comes to an end although hundreds of pooled pages were once due")
    func pooledPagesWithADueSecond() throws {
        let fixture = try StoreFixture(megabytes: 64)
        for number in 0..<1000 {
            _ = fixture.store(
                "key-\(number)", [UInt8](repeating: 1, count: 30_000), StoreRequest(mode: .set, expiry: 200))
        }
        for number in 0..<1000 { #expect(fixture.delete("key-\(number)") == .done) }
        #expect(fixture.store.statistics().pooledPages > 256)

        fixture.session.flushAll()

        #expect(fixture.maintain(now: 101))
        #expect(fixture.maintain(now: 300))
        #expect(!fixture.store.maintain(now: 301))
    }

    @Test("returns the memory of pages pooled before the limit fell")
    func pooledPagesBeyondTheLimit() throws {
        let fixture = try StoreFixture(megabytes: 32)
        for number in 0..<800 { _ = fixture.store("key-\(number)", [UInt8](repeating: 1, count: 30_000)) }
        for number in 0..<800 { _ = fixture.delete("key-\(number)") }
        #expect(fixture.store.statistics().pagedBytes > 20 << 20)

        #expect(fixture.store.setMemoryLimit(bytes: 8 << 20))
        #expect(fixture.maintain())

        #expect(fixture.store.statistics().pagedBytes <= 8 << 20)
        #expect(fixture.store._residentBytes < 10 << 20)
        fixture.store._checkInvariants()
        for number in 0..<800 {
            #expect(fixture.store("key-\(number)", [UInt8](repeating: 1, count: 30_000)).result == .stored)
        }
        fixture.store._checkInvariants()
    }

    @Test("leaves a page to the value that is being written into it")
    func writtenWhileTheLimitFalls() throws {
        let fixture = try StoreFixture(megabytes: 16)
        let value = [UInt8](repeating: 7, count: 1000)
        let outcome = fixture.withKey("late") { key in
            guard case .reserved(var reservation) = fixture.session.reserve(key, valueLength: value.count) else {
                return StoreOutcome(.noMemory)
            }
            #expect(fillReservation(&reservation, value))
            for number in 0..<12_000 { _ = fixture.store("key-\(number)", value) }
            #expect(fixture.store.setMemoryLimit(bytes: 2 << 20))
            #expect(fixture.maintain())
            fixture.store._checkInvariants(expectedReservations: 1)
            return fixture.session.commit(reservation, StoreRequest(mode: .set))
        }

        #expect(outcome.result == .stored)
        #expect(fixture.value("late") == value)
        #expect(fixture.store.statistics().pagedBytes <= 2 << 20)
        fixture.store._checkInvariants()
    }

    @Test("meets a limit below what is leased as soon as the leases end, and stores go on meanwhile")
    func leasedBeyondTheLimit() throws {
        let fixture = try StoreFixture(megabytes: 16, itemBytesMax: 512 << 10)
        let value = (0..<200_000).map { UInt8(truncatingIfNeeded: $0 / 7) }
        for number in 0..<60 { _ = fixture.store("leased-\(number)", value) }
        do {
            let leases = (0..<60).compactMap { fixture.heldLease("leased-\($0)") }
            #expect(leases.count > 40)
            #expect(fixture.store.setMemoryLimit(bytes: 2 << 20))
            #expect(fixture.maintain())
            #expect(fixture.store.statistics().pagedBytes > 8 << 20)
            #expect(fixture.store("small", "x").result == .stored)
            fixture.store._checkInvariants(expectedLeases: leases.count)
            #expect(leases.allSatisfy { $0.lease.bytes == value })
        }
        #expect(fixture.maintain())

        #expect(fixture.store.statistics().pagedBytes <= 2 << 20)
        fixture.store._checkInvariants()
    }

    @Test("lowers and raises the limit without losing a page")
    func limitUpAndDown() throws {
        let fixture = try StoreFixture(megabytes: 16)
        var random = SplitMix(seed: 11)
        for round in 0..<12 {
            let megabytes = [2, 16, 4, 64, 3, 8][round % 6]
            #expect(fixture.store.setMemoryLimit(bytes: megabytes << 20))
            #expect(fixture.maintain())
            for _ in 0..<2000 {
                let size = [20, 200, 2000, 20_000][random.below(4)]
                let key = "key-\(random.below(5000))"
                #expect(fixture.store(key, [UInt8](repeating: 1, count: size)).result == .stored)
            }
            #expect(fixture.maintain())
            #expect(fixture.store.statistics().pagedBytes <= megabytes << 20)
            fixture.store._checkInvariants()
        }
    }

    @Test("refuses a limit that the settings or the address space rule out")
    func limitBounds() throws {
        let fixture = try StoreFixture(megabytes: 8, itemBytesMax: 2 << 20)

        #expect(!fixture.store.setMemoryLimit(bytes: 1 << 20 - 1))
        #expect(!fixture.store.setMemoryLimit(bytes: 4 << 20 - 1))
        #expect(!fixture.store.setMemoryLimit(bytes: 1 << 50))
        #expect(fixture.store.setMemoryLimit(bytes: 4 << 20))
        #expect(fixture.store.statistics().memoryLimitBytes == 4 << 20)
    }

    @Test("a limit below what the table alone has leaves room for stores")
    func tableOverTheLimit() throws {
        let fixture = try StoreFixture(megabytes: 32, itemBytesMax: 2048)
        for number in 0..<400_000 { _ = fixture.store("\(number)", "") }
        #expect(fixture.store.statistics().tableBytes > 2 << 20)

        #expect(fixture.store.setMemoryLimit(bytes: 1 << 20))
        #expect(fixture.maintain())

        #expect(fixture.store.statistics().pagedBytes <= 1 << 20)
        for number in 0..<1000 {
            #expect(fixture.store("\(number)", [UInt8](repeating: 1, count: 1000)).result == .stored)
        }
        fixture.store._checkInvariants()
    }

    #if DEBUG
    @Test("a page that others empty under the drain is not walked as another class's")
    func emptiedWhileWalked() throws {
        let fixture = try StoreFixture(megabytes: 4)
        let other = fixture.store.makeSession()
        other.setNow(100)
        for number in 0..<3000 { _ = fixture.store("key-\(number)", [UInt8](repeating: 1, count: 1000)) }
        // State bytes that read as linked, key lengths that reach far, handles of nothing.
        let misleading = [UInt8](repeating: 0, count: 64).enumerated().map { $0.offset % 8 == 7 ? 2 : $0.element }
        var passes = 0
        fixture.store._setHook {
            passes += 1
            guard passes == 12 else { return }
            for number in 0..<3000 {
                fixture.withKey("key-\(number)") { _ = other.delete($0) }
            }
            for number in 0..<20_000 {
                fixture.withKey("new-\(number)") { key in
                    misleading.withUnsafeBytes { _ = other.store(key, $0, StoreRequest(mode: .set)) }
                }
            }
        }

        #expect(fixture.store.setMemoryLimit(bytes: 2 << 20))
        #expect(fixture.maintain())

        fixture.store._setHook(nil)
        #expect(passes > 12)
        fixture.store._checkInvariants()
        for number in 0..<20_000 {
            if let value = fixture.value("new-\(number)") { #expect(value == misleading) }
        }
    }
    #endif
}
