import MartletStore
import StoreTesting
import Testing

/// memcached's segments (ListedSegments.swift, ItemLists.swift, Juggling.swift), rule by rule.
@Suite("memcached's segments")
struct ListedSegmentsTests {
    private static let value = [UInt8](repeating: 1, count: 66_560)
    /// Class 31: 12 chunks a page.
    private static let chunksPerPage = 12

    private func fixture(
        megabytes: Int = 3, _ change: (inout StoreSettings) -> Void = { _ in }
    ) throws -> StoreFixture {
        var settings = StoreSettings()
        settings.memoryLimitBytes = megabytes << 20
        settings.itemBytesMax = megabytes << 19
        settings.isMemcachedMode = true
        settings.eviction = .segmented
        settings.growthFactor = 1.25
        settings.chunkBytesMin = 48
        change(&settings)
        return try StoreFixture(settings)
    }

    private func store(_ numbers: Range<Int>, _ fixture: StoreFixture, expiry: UInt32 = 0) {
        for number in numbers {
            let outcome = fixture.store("key\(number)", Self.value, StoreRequest(mode: .set, expiry: expiry))
            #expect(outcome.result == .stored && outcome.slabClass == 31)
        }
    }

    private func row(_ fixture: StoreFixture) -> StoreStatistics.SlabClass {
        fixture.store.statistics().classes.first { $0.id == 31 } ?? StoreStatistics.SlabClass()
    }

    private func has(_ number: Int, _ fixture: StoreFixture) -> Bool {
        fixture.value("key\(number)", bump: false) != nil
    }

    @Test("evicts exactly one for one, the oldest first")
    func oldestFirst() throws {
        let fixture = try fixture()
        store(0..<40, fixture)
        #expect(row(fixture).evicted == 4)
        store(40..<80, fixture)

        #expect(row(fixture).evicted == 44)
        #expect(row(fixture).evictedUnfetched == 44)
        #expect((0..<44).allSatisfy { !has($0, fixture) } && (44..<80).allSatisfy { has($0, fixture) })
        fixture.store._checkInvariants()
    }

    @Test("without pressure HOT keeps its share and its age, the rest becomes COLD")
    func upkeep() throws {
        let fixture = try fixture()
        store(0..<30, fixture)
        #expect(row(fixture).hotCount == 30)

        _ = fixture.maintain()

        #expect(row(fixture).hotCount == 6 && row(fixture).coldCount == 24, "a fifth")
        #expect(row(fixture).movesToCold == 24)
        // COLD's tail is 10 s old; a fifth of that is what HOT's may be.
        fixture.session.setNow(110)
        _ = fixture.maintain()
        #expect(row(fixture).hotCount == 0 && row(fixture).coldAgeSeconds == 10)
        fixture.store._checkInvariants()
    }

    @Test("a COLD item fetched twice becomes WARM in the next pass and outlives a flood")
    func coldToWarm() throws {
        let fixture = try fixture()
        store(0..<30, fixture)
        _ = fixture.maintain()
        #expect(fixture.value("key3") != nil)
        _ = fixture.maintain()
        #expect(row(fixture).warmCount == 0, "once is not enough")

        #expect(fixture.value("key3") != nil)
        _ = fixture.maintain()

        #expect(row(fixture).warmCount == 1 && row(fixture).movesToWarm == 1)
        for number in stride(from: 100, to: 180, by: 4) {
            store(number..<number + 4, fixture)
            _ = fixture.maintain()
        }
        #expect(has(3, fixture) && !has(4, fixture))
        fixture.store._checkInvariants()
    }

    @Test("an active HOT item becomes WARM, and WARM beyond its share COLD")
    func hotToWarm() throws {
        let fixture = try fixture()
        store(0..<30, fixture)
        for number in 0..<20 { for _ in 0..<2 { #expect(fixture.value("key\(number)") != nil) } }

        _ = fixture.maintain()

        #expect(row(fixture).warmCount == 12, "two fifths")
        #expect(row(fixture).movesToWarm == 20)
        // The last pulls let one fetch more than the first: they are older in WARM.
        #expect((row(fixture).hotCount, row(fixture).coldCount) == (6, 12))
        fixture.store._checkInvariants()
    }

    @Test("TEMP items stay until they expire, fetched or not")
    func temporary() throws {
        let fixture = try fixture(megabytes: 2) { $0.temporarySeconds = 61 }
        store(0..<1, fixture, expiry: 130)
        #expect(row(fixture).tempCount == 1 && row(fixture).hotCount == 0)
        store(1..<100, fixture, expiry: 3700)

        #expect(row(fixture).tempCount == 1 && has(0, fixture))
        fixture.session.setNow(130)
        _ = fixture.maintain()
        #expect(row(fixture).tempCount == 0 && row(fixture).reclaimed == 1)
        fixture.store._checkInvariants()
    }

    @Test("a value that arrives in pieces stands where it would have stood at once")
    func temporaryInPieces() throws {
        let fixture = try fixture(megabytes: 2) { $0.temporarySeconds = 61 }
        fixture.withKey("key0") { key in
            guard case .reserved(var reservation) = fixture.session.reserve(key, valueLength: 66_560, expiry: 130)
            else {
                Issue.record("there is room")
                return
            }
            #expect(fillReservation(&reservation, Self.value))
            let outcome = fixture.session.commit(reservation, StoreRequest(mode: .set, expiry: 130))
            #expect(outcome.result == .stored)
        }
        #expect(row(fixture).tempCount == 1)
    }

    @Test("what expired at a tail is reclaimed by the upkeep, without the crawler")
    func expiredAtTail() throws {
        let fixture = try fixture()
        fixture.store.setCrawls(false)
        store(0..<10, fixture, expiry: 105)
        fixture.session.setNow(106)

        _ = fixture.maintain()

        #expect(fixture.store.itemCount == 0)
        #expect(row(fixture).reclaimed == 10 && row(fixture).expiredUnfetched == 10)
    }

    @Test("flat: insertion order, but for what is fetched again after a minute")
    func flat() throws {
        let fixture = try fixture { ($0.isSegmented, $0.maintainsSegments) = (false, false) }
        store(0..<36, fixture)
        #expect(row(fixture).coldCount == 36)
        #expect(fixture.value("key0") != nil)
        fixture.session.setNow(161)
        #expect(fixture.value("key1") != nil)
        _ = fixture.maintain()

        store(36..<46, fixture)

        #expect(!has(0, fixture) && has(1, fixture) && !has(2, fixture) && !has(10, fixture) && has(11, fixture))
        fixture.store._checkInvariants()
    }

    @Test("flat at run time: what was HOT and WARM drains into COLD")
    func flatMode() throws {
        let fixture = try fixture()
        store(0..<30, fixture)
        for _ in 0..<2 { #expect(fixture.value("key29") != nil) }
        _ = fixture.maintain()
        fixture.store.setSegmented(false)

        _ = fixture.maintain()
        store(30..<31, fixture)

        #expect(row(fixture).coldCount == 31)
        fixture.store._checkInvariants()
    }

    @Test("a leased tail is passed over")
    func leasedTail() throws {
        let fixture = try fixture()
        store(0..<36, fixture)
        let lease = fixture.heldLease("key0")
        store(36..<46, fixture)

        #expect(lease?.lease.bytes == Self.value)
        #expect(has(0, fixture) && !has(1, fixture))
        fixture.store._checkInvariants(expectedLeases: 1)
    }

    @Test("fetches are counted by the segment they met")
    func fetches() throws {
        let fixture = try fixture()
        store(0..<10, fixture)
        for _ in 0..<3 { #expect(fixture.value("key1") != nil) }
        _ = fixture.maintain()
        #expect(fixture.value("key0") != nil)
        #expect(fixture.value("key1") != nil)

        #expect(row(fixture).fetches == [3, 1, 1, 0])
        fixture.store.resetStatistics()
        #expect(row(fixture).fetches == [0, 0, 0, 0])
    }
}
