import MartletStore
import StoreTesting
import Testing

/// memcached's page moves (Automove.swift, ListedMove.swift), rule by rule.
@Suite("memcached's page moves")
struct AutomoveTests {
    private func fixture(megabytes: Int, window: Int = 3, level: Int = 1) throws -> StoreFixture {
        var settings = StoreSettings()
        settings.memoryLimitBytes = megabytes << 20
        settings.isMemcachedMode = true
        settings.eviction = .segmented
        settings.growthFactor = 1.25
        settings.chunkBytesMin = 48
        let fixture = try StoreFixture(settings)
        fixture.store.setAutomove(level: level, ratio: 0.8, windowSeconds: window)
        return fixture
    }

    private func store(_ prefix: String, _ numbers: Range<Int>, length: Int, _ fixture: StoreFixture) {
        for number in numbers {
            #expect(fixture.store("\(prefix)\(number)", Self.value(number, length)).result == .stored)
        }
    }

    private static func value(_ number: Int, _ length: Int) -> [UInt8] {
        [UInt8](repeating: UInt8(truncatingIfNeeded: number), count: length)
    }

    private func pages(_ slabClass: Int, _ fixture: StoreFixture) -> Int {
        fixture.store.statistics().classes.first { $0.id == slabClass }?.pageCount ?? 0
    }

    /// A second later, after a pass or more.
    private func advance(_ fixture: StoreFixture) {
        fixture.session.setNow(fixture.session.now + 1)
        #expect(fixture.maintain())
    }

    @Test("a class with free pages gives them to the pool once its window is quiet, down to two and a half pages")
    func toPool() throws {
        let fixture = try fixture(megabytes: 12)
        store("old", 0..<140, length: 66_560, fixture)
        #expect(pages(31, fixture) == 12)
        for number in 0..<140 { #expect(fixture.delete("old\(number)") == .done) }
        for _ in 0..<2 { advance(fixture) }
        #expect(fixture.store.statistics().pooledPages == 0, "the window is not over")
        for _ in 0..<5 { advance(fixture) }

        #expect(pages(31, fixture) == 2 && fixture.store.statistics().pooledPages == 10)
        #expect(fixture.store.statistics().pagedBytes == 12 << 20)
        fixture.store._checkInvariants()
    }

    @Test("the oldest class gives a page a second to the youngest that evicts")
    func byAge() throws {
        let fixture = try fixture(megabytes: 8)
        store("old", 0..<96, length: 66_560, fixture)
        #expect(pages(31, fixture) == 8)
        var number = 0
        for second in 0..<20 {
            store("young", number..<number + 120, length: 20_000, fixture)
            number += 120
            let before = fixture.store.statistics().pagesMoved
            advance(fixture)
            let moved = fixture.store.statistics().pagesMoved - before
            #expect(moved <= 1, "second \(second)")
        }

        #expect(pages(31, fixture) == 2, "a giver keeps two")
        #expect(pages(25, fixture) == 7)
        fixture.store._checkInvariants()
    }

    @Test("nothing moves at level 0, nor without need")
    func neverByItself() throws {
        for level in [0, 1] {
            let fixture = try fixture(megabytes: 4, level: level)
            store("old", 0..<48, length: 66_560, fixture)
            if level == 0 { store("young", 0..<500, length: 20_000, fixture) }
            for _ in 0..<20 { advance(fixture) }

            #expect(fixture.store.statistics().pagesMoved == 0)
        }
    }

    @Test("at level 2 every eviction asks for a page")
    func onEviction() throws {
        let fixture = try fixture(megabytes: 4, level: 2)
        store("old", 0..<48, length: 66_560, fixture)
        store("young", 0..<49, length: 20_000, fixture)
        #expect(fixture.maintain())

        #expect(fixture.store.statistics().pagesMoved == 1 && pages(31, fixture) == 3)
    }

    @Test("a page moves with everything that lives in it, values, tokens and all")
    func rescue() throws {
        let fixture = try fixture(megabytes: 8)
        store("key", 0..<60, length: 70_000, fixture)
        store("chain", 0..<2, length: 1_040_000, fixture)
        let tokens = (0..<60).map { fixture.token("key\($0)") }
        for number in 20..<60 { #expect(fixture.delete("key\(number)") == .done) }

        #expect(fixture.store.reassign(from: 31, to: 5, session: fixture.session) == .started)
        #expect(fixture.maintain())
        #expect(fixture.store.reassign(from: 39, to: 0, session: fixture.session) == .started)
        #expect(fixture.maintain())

        #expect(fixture.store.statistics().pagesMoved == 2)
        for number in 0..<20 {
            #expect(fixture.value("key\(number)") == Self.value(number, 70_000))
            #expect(fixture.token("key\(number)") == tokens[number])
        }
        for number in 0..<2 { #expect(fixture.value("chain\(number)") == Self.value(number, 1_040_000)) }
        fixture.store._checkInvariants()
    }

    @Test("what is pinned or leased keeps its page on its way until it is let go")
    func busy() throws {
        let fixture = try fixture(megabytes: 8)
        store("key", 0..<40, length: 9000, fixture)
        store("other", 0..<200, length: 9000, fixture)
        fixture.withKey("key7") { #expect(fixture.session.setPinned($0, true)) }
        #expect(fixture.store.reassign(from: 22, to: 0, session: fixture.session) == .started)
        for _ in 0..<100 { _ = fixture.store.maintain(now: fixture.session.now) }

        #expect(fixture.store.statistics().isMovingPage && fixture.store.hasWaitingMove)
        #expect(fixture.store.statistics().lastBusyStatus == "locked")
        #expect(fixture.store.statistics().itemsFoundBusy > 50)
        #expect(fixture.store.reassign(from: 22, to: 0, session: fixture.session) == .busy)
        fixture.withKey("key7") { #expect(fixture.session.setPinned($0, false)) }
        for _ in 0..<10 { _ = fixture.store.maintain(now: fixture.session.now) }
        #expect(!fixture.store.statistics().isMovingPage && fixture.value("key7") == Self.value(7, 9000))

        fixture.withKey("other50") { #expect(fixture.session.setReferenced($0, true)) }
        for _ in 0..<4 {
            _ = fixture.store.reassign(from: 22, to: 0, session: fixture.session)
            for _ in 0..<20 { _ = fixture.store.maintain(now: fixture.session.now) }
        }
        #expect(fixture.value("other50") == Self.value(50, 9000))
    }

    @Test("classes and pool answer as memcached's do")
    func answers() throws {
        let fixture = try fixture(megabytes: 8)
        store("key", 0..<12, length: 70_000, fixture)

        func reassign(_ giver: Int?, _ taker: Int) -> ReassignOutcome {
            fixture.store.reassign(from: giver, to: taker, session: fixture.session)
        }
        #expect(reassign(31, 60) == .badClass && reassign(-5, 31) == .badClass && reassign(nil, 31) == .badClass)
        #expect(reassign(31, 31) == .sameClass)
        #expect(reassign(31, 0) == .noSpare && reassign(2, 1) == .noSpare && reassign(0, 31) == .noSpare)
    }
}
