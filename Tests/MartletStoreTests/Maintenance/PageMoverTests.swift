import MartletStore
import StoreTesting
import Testing

/// Pages that move: nothing is lost that was hit, nothing changes for whoever uses an item, and memory goes to the
/// sizes that want it.
@Suite("The page mover")
struct PageMoverTests {
    private func value(_ number: Int, _ length: Int) -> [UInt8] {
        (0..<length).map { UInt8(truncatingIfNeeded: number &* 31 &+ $0 &* 7) }
    }

    /// Moves a page and waits for the end.
    private func move(_ fixture: StoreFixture, from giver: Int, to taker: Int) -> ReassignOutcome {
        let outcome = fixture.store.reassign(from: giver, to: taker, session: fixture.session)
        if outcome == .started { while fixture.store.movePages() {} }
        return outcome
    }

    private func statistics(_ fixture: StoreFixture, ofClass id: Int) -> StoreStatistics.SlabClass? {
        fixture.store.statistics().classes.first { $0.id == id }
    }

    // MARK: Relocation

    @Test("takes along what was hit, unchanged in every respect", arguments: [30, 600, 4000, 5000, 30_000])
    func relocation(length: Int) throws {
        let fixture = try StoreFixture(megabytes: 8)
        // Half of them are hit, so that there is room in the class for those of a page that goes.
        let count = length > 10_000 ? 140 : 3_000_000 / (length + 60) + 200
        for number in 0..<count {
            var request = StoreRequest(mode: .set, clientFlags: UInt32(number % 3), expiry: number % 2 == 0 ? 5000 : 0)
            if number % 5 == 0 { request.explicitToken = 1 << 40 + UInt64(number) }
            #expect(fixture.store("key-\(number)", value(number, length), request).result == .stored)
        }
        let hit = (0..<count).filter { ($0 &* 0x9e37_79b1) >> 12 & 1 == 0 }
        let slabClass = try #require(fixture.store.statistics().classes.max { $0.pageCount < $1.pageCount }).id
        for number in hit { #expect(fixture.value("key-\(number)") != nil) }
        for number in hit where number % 7 == 0 {
            let request = InvalidateRequest(marksStale: true, dropsValue: false)
            #expect(fixture.invalidate("key-\(number)", request) == .done)
        }
        let before = hit.map { Fact(fixture, $0) }

        for _ in 0..<2 { #expect(move(fixture, from: slabClass, to: 1) == .started) }

        let statistics = fixture.store.statistics()
        #expect(statistics.itemsRelocated > 0 || length == 30_000)
        #expect(statistics.pagesMoved == 2)
        #expect(hit.map { Fact(fixture, $0) } == before)
        #expect(hit.allSatisfy { fixture.value("key-\($0)", bump: false) == value($0, length) })
        fixture.store._checkInvariants()
    }

    private struct Fact: Equatable {
        var flags: UInt32 = 0, token: UInt64 = 0, expiry: UInt32 = 0, isStale = false, wasFetched = false

        init(_ fixture: StoreFixture, _ number: Int) {
            let found: Fact? = fixture.hold("key-\(number)", bump: false) {
                var fact = Fact()
                (fact.flags, fact.token, fact.expiry) = ($0.clientFlags, $0.token, $0.expiry)
                (fact.isStale, fact.wasFetched) = ($0.isStale, $0.wasFetched)
                return fact
            }
            self = found ?? Fact()
        }

        private init() {}
    }

    @Test("takes along heads and parts of large items")
    func chains() throws {
        let fixture = try StoreFixture(megabytes: 16)
        for number in 0..<48 { _ = fixture.store("key-\(number)", value(number, 150_000 + 1000 * number)) }
        let hit = (0..<48).filter { $0 % 2 == 0 }
        for _ in 0..<3 {
            for number in hit { #expect(fixture.value("key-\(number)") != nil) }
        }
        let largest = fixture.store.slabClassMax

        for _ in 0..<20 { #expect(move(fixture, from: largest, to: 1) == .started) }

        let statistics = fixture.store.statistics()
        #expect(statistics.itemsRelocated > 0 && statistics.partsRelocated > 0)
        #expect(hit.allSatisfy { fixture.value("key-\($0)") == value($0, 150_000 + 1000 * $0) })
        fixture.store._checkInvariants()
        for number in 0..<48 { _ = fixture.delete("key-\(number)") }
        #expect(fixture.store.itemCount == 0)
        fixture.store._checkInvariants()
    }

    @Test("lets go what nobody has hit if all memory is taken, and remembers it as evicted")
    func cold() throws {
        let fixture = try StoreFixture(megabytes: 8)
        var slabClass = 0
        for number in 0..<3000 { slabClass = fixture.store("key-\(number)", value(number, 1000)).slabClass }
        var filler = 0
        while fixture.store.statistics().classes.allSatisfy({ $0.evicted == 0 }) {
            _ = fixture.store("filler-\(filler)", value(filler, 10_000))
            filler += 1
        }
        let before = fixture.store.itemCount

        #expect(move(fixture, from: slabClass, to: 1) == .started)

        let lost = fixture.store.statistics().itemsLostInMoves
        #expect(lost > 40)
        #expect(fixture.store.itemCount == before - lost)
        fixture.store._checkInvariants()
    }

    @Test("loses nothing while memory is free, though all of the class is in use", arguments: [2200, 6000, 150_000])
    func freeMemory(length: Int) throws {
        let fixture = try StoreFixture(megabytes: 16)
        var slabClass = 0
        var count = 0
        while count < 2000 {
            let stored = fixture.store("key-\(count)", value(count, length)).slabClass
            count += 1
            slabClass = length > 100_000 ? fixture.store.slabClassMax : stored
            let home = try #require(statistics(fixture, ofClass: slabClass))
            if home.freeChunks == 0, home.pageCount > 2 { break }
        }

        #expect(move(fixture, from: slabClass, to: 1) == .started)
        #expect(move(fixture, from: slabClass, to: 0) == .started)

        let after = fixture.store.statistics()
        #expect(after.pagesMoved == 2 && after.itemsLostInMoves == 0)
        #expect((0..<count).allSatisfy { fixture.value("key-\($0)") == value($0, length) })
        fixture.store._checkInvariants()
    }

    // MARK: Leases and reservations

    @Test("waits for a lease, then leaves the item to it")
    func leased() throws {
        let fixture = try StoreFixture(megabytes: 8)
        let length = 20_000
        var slabClass = 0
        for number in 0..<60 { slabClass = fixture.store("key-\(number)", value(number, length)).slabClass }
        do {
            var leases: [HeldLease] = []
            #expect(fixture.store.reassign(from: slabClass, to: 1, session: fixture.session) == .started)
            // The page has left its class, and nothing of it has been looked at.
            for number in 0..<60 { leases.append(try #require(fixture.heldLease("key-\(number)"))) }
            while fixture.store.movePages() {}
            #expect(fixture.store.statistics().isMovingPage)
            #expect(fixture.store.itemCount == 60)
            fixture.store._checkInvariants(expectedLeases: 60)

            #expect(fixture.maintain(now: 101))
            #expect(fixture.store.statistics().isMovingPage)
            #expect(fixture.store.itemCount == 60)
            #expect(fixture.maintain(now: 102))

            #expect(!fixture.store.statistics().isMovingPage)
            #expect(fixture.store.itemCount < 60)
            for number in 0..<60 { #expect(leases[number].lease.bytes == value(number, length)) }
            fixture.store._checkInvariants(expectedLeases: 60)
        }
        fixture.store._checkInvariants()
    }

    @Test("a lease that ends in time costs nothing")
    func leasedForAMoment() throws {
        let fixture = try StoreFixture(megabytes: 8)
        var slabClass = 0
        for number in 0..<60 { slabClass = fixture.store("key-\(number)", value(number, 20_000)).slabClass }
        do {
            #expect(fixture.store.reassign(from: slabClass, to: 1, session: fixture.session) == .started)
            let leases = (0..<30).map { fixture.heldLease("key-\($0)") }
            while fixture.store.movePages() {}
            #expect(leases.count == 30)
        }
        #expect(fixture.maintain(now: 101))

        #expect(!fixture.store.statistics().isMovingPage)
        #expect(fixture.store.statistics().pagesMoved == 1)
        for number in 0..<30 { #expect(fixture.value("key-\(number)") == value(number, 20_000)) }
        fixture.store._checkInvariants()
    }

    @Test("says why no page moves")
    func refusals() throws {
        let fixture = try StoreFixture(megabytes: 8)
        let slabClass = fixture.store("key", value(1, 100)).slabClass
        func ask(_ giver: Int?, _ taker: Int) -> ReassignOutcome {
            fixture.store.reassign(from: giver, to: taker, session: fixture.session)
        }

        #expect(ask(slabClass, 1) == .noSpare)
        #expect(ask(nil, 1) == .noSpare)
        #expect(ask(slabClass, slabClass) == .sameClass)
        #expect(ask(0, 1) == .badClass && ask(999, 1) == .badClass && ask(1, 999) == .badClass)
        for number in 0..<2000 { _ = fixture.store("key-\(number)", value(1, 100)) }
        // Else the class would take a page of the pool for those of the page that goes.
        for number in stride(from: 0, to: 2000, by: 2) { _ = fixture.delete("key-\(number)") }
        let pooled = fixture.store.statistics().pooledPages
        #expect(ask(nil, 0) == .started)
        #expect(ask(slabClass, 1) == .busy)
        while fixture.store.movePages() {}
        #expect(fixture.store.statistics().pooledPages == pooled + 1)
        fixture.store._checkInvariants()
    }

    // MARK: Where pages go

    /// Zipf-like reads that store what they miss; returns the misses.
    private func work(
        _ fixture: StoreFixture, _ prefix: String, keys: Int, reads: Int, length: Int, seed: UInt64, helped: Bool = true
    ) -> Int {
        var random = SplitMix(seed: seed)
        var misses = 0
        let bytes = value(1, length)
        for _ in 0..<reads {
            // The cube of an even number between 0 and 1: few keys often, many seldom.
            let draw = Double(random.below(1 << 30)) / Double(1 << 30)
            let key = "\(prefix)-\(Int(draw * draw * draw * Double(keys)))"
            if fixture.hold(key, { _ in true }) != nil { continue }
            misses += 1
            let result = fixture.store(key, bytes).result
            if result != .stored { Issue.record("a store of \(length) bytes was refused: \(result)") }
            if helped { _ = fixture.store.movePages() }
        }
        return misses
    }

    @Test("after a fill with small values larger ones soon have their share", arguments: [true, false])
    func shift(withMaintainer: Bool) throws {
        let fresh = try StoreFixture(megabytes: 8)
        let filled = try StoreFixture(megabytes: 8)
        let misses = work(fresh, "new", keys: 40_000, reads: 400_000, length: 900, seed: 1, helped: withMaintainer)
        _ = work(filled, "old", keys: 200_000, reads: 200_000, length: 100, seed: 2, helped: withMaintainer)

        let after = work(filled, "new", keys: 40_000, reads: 400_000, length: 900, seed: 1, helped: withMaintainer)

        // Most of the difference is the table: it has grown for the small items, and 9 % of so small a limit go with
        // it.
        #expect(Double(after) < 1.12 * Double(misses), "\(after) misses, \(misses) in a fresh store")
        filled.store._checkInvariants()
    }

    @Test("a class that gets pages instead of evicting keeps its probation short")
    func probation() throws {
        let fixture = try StoreFixture(megabytes: 8)
        _ = work(fixture, "old", keys: 200_000, reads: 200_000, length: 100, seed: 2)

        for step in 0..<300 {
            _ = work(fixture, "new", keys: 40_000, reads: 25, length: 900, seed: UInt64(100 + step))
            let classes = fixture.store.statistics().classes.filter { $0.chunkBytes > 900 }
            let home = try #require(classes.max { $0.itemCount < $1.itemCount })
            guard home.itemCount > 3000 else { continue }
            #expect(home.hotCount * 2 < home.itemCount, "\(home.hotCount) of \(home.itemCount) items are HOT")
            return
        }
        Issue.record("no class got pages")
    }

    @Test("sizes may change again and again: no store is refused, and the new size soon holds its share")
    func shifts() throws {
        let fixture = try StoreFixture(megabytes: 16)
        for (round, length) in [100, 10_000, 400_000, 100].enumerated() {
            let reads = length == 100 ? 500_000 : length == 10_000 ? 60_000 : 6000
            _ = work(
                fixture, "round\(round)", keys: 64_000_000 / (length + 60), reads: reads, length: length,
                seed: UInt64(round))

            let statistics = fixture.store.statistics()
            if length == 400_000 {
                // Each takes six pages, which are in the pool between its eviction and the next store.
                let items = statistics.classes.reduce(0) { $1.chunkBytes == 32_768 ? $1.itemCount : $0 }
                #expect(items >= 26, "\(items) large values, of 37 that there is room for")
            } else {
                let ofRound = statistics.classes.filter { abs($0.chunkBytes - length - 60) < length / 2 }
                let share =
                    ofRound.reduce(0.0) { $0 + Double($1.pageCount * statistics.pageBytes) }
                    / Double(statistics.pagedBytes)
                #expect(share > 0.8, "\(length) bytes: \(share) of all pages")
            }
            fixture.store._checkInvariants()
        }
    }

    @Test("what stands empty in one class is another's at once, and nothing that lives is lost for it")
    func emptyPages() throws {
        let fixture = try StoreFixture(megabytes: 16)
        let (large, small) = ([UInt8](repeating: 1, count: 11_000), [UInt8](repeating: 2, count: 6000))
        for number in 0..<2000 { _ = fixture.store("large-\(number)", large) }
        for number in stride(from: 0, to: 2000, by: 2) { _ = fixture.delete("large-\(number)") }
        let kept = (0..<2000).count { fixture.value("large-\($0)") != nil }

        for number in 0..<2000 {
            _ = fixture.store("small-\(number)", small)
            _ = fixture.store.movePages()
        }

        #expect((0..<2000).count { fixture.value("large-\($0)") != nil } == kept)
        // Half of the memory, ten to a page, without what was evicted before the pages came.
        #expect((0..<2000).count { fixture.value("small-\($0)") != nil } > 800)
        fixture.store._checkInvariants()
    }

    @Test("a limit that falls costs what is coldest, and not what is read")
    func fallingLimit() throws {
        let fixture = try StoreFixture(megabytes: 32)
        for number in 0..<16_000 { _ = fixture.store("key-\(number)", value(1, 1000)) }
        for number in 0..<4000 { #expect(fixture.value("key-\(number * 4)") != nil) }

        #expect(fixture.store.setMemoryLimit(bytes: 12 << 20))
        #expect(fixture.maintain())

        let kept = (0..<4000).count { fixture.value("key-\($0 * 4)", bump: false) != nil }
        #expect(kept > 3500, "\(kept) of 4000")
        #expect(fixture.store._residentBytes < 15 << 20)
        fixture.store._checkInvariants()
    }
}
