import MartletStore
import StoreTesting
import Testing

/// How expired items go: found by their pages' due seconds, without a walk through the whole cache. The clock is moved
/// by hand.
@Suite("Expiry")
struct ExpiryTests {
    /// Items of one slab class, mortal or not.
    private func fill(_ fixture: StoreFixture, _ name: String, _ count: Int, expiry: UInt32 = 0) {
        for number in 0..<count {
            let key = "\(name)-\(number)"
            let value = [UInt8](repeating: 1, count: 80 - key.utf8.count - (expiry == 0 ? 0 : 4))
            _ = fixture.store(key, value, StoreRequest(mode: .set, expiry: expiry))
        }
    }

    private func checkedItems(_ fixture: StoreFixture) -> Int {
        fixture.store.statistics().classes.reduce(0) { $0 + $1.crawlerItemsChecked }
    }

    @Test("a hundred thousand short lives are gone, and their pages free, in the second in which they end")
    func allAtOnce() throws {
        let fixture = try StoreFixture(megabytes: 32)
        fill(fixture, "short", 100_000, expiry: 102)
        #expect(fixture.maintain(now: 101))
        #expect(fixture.store.itemCount == 100_000)

        #expect(fixture.maintain(now: 102))

        #expect(fixture.store.itemCount == 0)
        #expect(fixture.store.statistics().pooledPages > 120)
        fixture.store._checkInvariants()
    }

    @Test("short lives among long ones go, and the long ones stay", arguments: [1, 4, 40])
    func neighbours(_ longPerShort: Int) throws {
        let fixture = try StoreFixture(megabytes: 64)
        for number in 0..<5000 {
            fill(fixture, "long-\(number)", longPerShort)
            fill(fixture, "short-\(number)", 1, expiry: 102)
        }
        let long = 5000 * longPerShort

        for second in UInt32(102)...104 { #expect(fixture.maintain(now: second)) }

        // Where fewer than a 16th of a page's items are short-lived, the budget still reaches all of these few pages.
        #expect(fixture.store.itemCount == long)
        fixture.store._checkInvariants()
    }

    @Test("a scan that was asked for at a later second than that of a pass is not over with the pass")
    func laterScan() throws {
        let fixture = try StoreFixture(megabytes: 4)
        fill(fixture, "ever", 100)
        fill(fixture, "short", 1, expiry: 110)
        #expect(fixture.maintain(now: 105))

        #expect(fixture.store.scanSoon(now: 110))
        #expect(fixture.maintain(now: 109))
        #expect(fixture.store.isScanning)
        #expect(fixture.maintain(now: 110))

        #expect(!fixture.store.isScanning)
        #expect(fixture.store.itemCount == 100)
        #expect(checkedItems(fixture) >= 101)
    }

    @Test("nobody looks at pages in which nothing is due")
    func nothingDue() throws {
        let fixture = try StoreFixture(megabytes: 64)
        fill(fixture, "ever", 100_000)
        fill(fixture, "hour", 100_000, expiry: 3700)

        for second in UInt32(101)...2000 { #expect(!fixture.store.maintain(now: second)) }

        #expect(checkedItems(fixture) == 0)
        #expect(fixture.maintain(now: 3700))
        #expect(fixture.store.itemCount == 100_000)
    }

    @Test("pages are looked through only when something in them is due")
    func mixedLives() throws {
        let fixture = try StoreFixture(megabytes: 64)
        var random = SplitMix(seed: 5)
        for number in 0..<200_000 {
            let expiry = 110 + UInt32(random.below(4000))
            fill(fixture, "key-\(number)", 1, expiry: expiry)
        }

        for second in UInt32(101)...1100 { #expect(fixture.maintain(now: second)) }

        let expired = fixture.store.statistics().classes.reduce(0) { $0 + $1.crawlerReclaimed }
        #expect(expired > 45_000)
        // Fifty items end each second, in as many pages of 682 chunks.
        #expect(checkedItems(fixture) < 682 * expired)
        fixture.store._checkInvariants()
    }

    @Test("a stream of short lives through a full cache costs the long-lived ones no more than its own room")
    func streamThroughFullCache() throws {
        let fixture = try StoreFixture(megabytes: 8)
        fill(fixture, "long", 150_000)
        for number in 0..<150_000 where fixture.value("long-\(number)") != nil { _ = fixture.value("long-\(number)") }
        let held = fixture.store.itemCount
        #expect(held < 150_000)

        var second: UInt32 = 100
        for round in 0..<40 {
            second += 1
            fixture.session.setNow(second)
            #expect(fixture.maintain(now: second))
            fill(fixture, "short-\(round)", 2000, expiry: second + 2)
        }
        second += 2
        fixture.session.setNow(second)
        #expect(fixture.maintain(now: second))

        // Never more than 4000 of the 80,000 lived at a time; a page or two go to the table.
        #expect(fixture.store.itemCount > held - 4000 - 1400)
        fixture.store._checkInvariants()
    }

    @Test(
        "items that follow each other in the same chunks leave no places behind in the rings", arguments: [true, false])
    func placesLeftBehind(_ isDeleted: Bool) throws {
        let fixture = try StoreFixture(megabytes: 8)
        fill(fixture, "long", 100_000)
        let before = fixture.store.statistics().tableBytes

        var second: UInt32 = 100
        for _ in 0..<200 {
            second += 1
            fixture.session.setNow(second)
            #expect(fixture.maintain(now: second))
            fill(fixture, "short", 2000, expiry: isDeleted ? 0 : second + 1)
            if isDeleted { for number in 0..<2000 { _ = fixture.delete("short-\(number)") } }
        }

        // A place has 4 bytes: 400,000 of them would be 1.6 MB.
        #expect(fixture.store.statistics().tableBytes < before + 200_000)
        fixture.store._checkInvariants()
    }

    @Test("a store in need takes what has expired, although no maintainer has come by")
    func withoutMaintainer() throws {
        let fixture = try StoreFixture(megabytes: 16)
        fill(fixture, "long", 60_000)
        fill(fixture, "short", 200_000, expiry: 102)
        let evicted = fixture.store.statistics().classes.reduce(0) { $0 + $1.evicted }
        let short = fixture.store.itemCount - (0..<60_000).count { fixture.value("long-\($0)") != nil }
        #expect(short > 50_000)

        fixture.session.setNow(102)
        fill(fixture, "new", short - 1000)

        let statistics = fixture.store.statistics().classes
        // Where a page holds both in long runs, 64 looks may find nothing.
        #expect(statistics.reduce(0) { $0 + $1.evicted } - evicted < short / 20)
        #expect(statistics.reduce(0) { $0 + $1.reclaimed } > short * 9 / 10)
        fixture.store._checkInvariants()
    }

    @Test("an item touched to live longer stays, one touched to live shorter goes")
    func touched() throws {
        let fixture = try StoreFixture(megabytes: 16)
        fill(fixture, "longer", 1000, expiry: 102)
        fill(fixture, "shorter", 1000, expiry: 5000)
        for number in 0..<1000 {
            _ = fixture.hold("longer-\(number)", newExpiry: 5000) { _ in }
            _ = fixture.hold("shorter-\(number)", newExpiry: 103) { _ in }
        }
        fixture.store._checkInvariants()

        #expect(fixture.maintain(now: 102))
        #expect(fixture.store.itemCount == 2000)
        #expect(fixture.maintain(now: 103))

        #expect(fixture.store.itemCount == 1000)
        fixture.session.setNow(103)
        #expect(fixture.value("longer-7") != nil)
        #expect(fixture.value("shorter-7") == nil)
        fixture.store._checkInvariants()
    }

    @Test("each second the store holds exactly what a dictionary says is alive", arguments: [1, 2, 3, 4] as [UInt64])
    func againstADictionary(_ seed: UInt64) throws {
        let fixture = try StoreFixture(megabytes: 64)
        var random = SplitMix(seed: seed)
        var expiries: [String: UInt32] = [:]
        var second: UInt32 = 100
        let lives: [UInt32] = [1, 2, 3, 5, 20, 60, 1000]
        for _ in 0..<60 {
            for _ in 0..<random.below(3000) {
                let key = "key-\(random.below(20_000))"
                let expiry = random.below(4) == 0 ? 0 : second + lives[random.below(lives.count)]
                switch random.below(8) {
                case 0:
                    _ = fixture.delete(key)
                    expiries[key] = nil
                case 1:
                    if fixture.hold(key, newExpiry: expiry, { _ in }) != nil { expiries[key] = expiry }
                default:
                    let value = [UInt8](repeating: 1, count: random.below(10) == 0 ? 9000 : random.below(300))
                    _ = fixture.store(key, value, StoreRequest(mode: .set, expiry: expiry))
                    expiries[key] = expiry
                }
            }
            second += 1
            fixture.session.setNow(second)
            expiries = expiries.filter { $0.value == 0 || $0.value > second }

            #expect(fixture.maintain(now: second))

            #expect(fixture.store.itemCount == expiries.count)
            fixture.store._checkInvariants()
        }
    }

    @Test("a page that changes its class takes no due second along")
    func changedClass() throws {
        let fixture = try StoreFixture(megabytes: 4)
        fill(fixture, "short", 60_000, expiry: 110)
        for number in 0..<3000 { _ = fixture.store("large-\(number)", [UInt8](repeating: 1, count: 2000)) }
        fixture.store._checkInvariants()

        for second in UInt32(110)...112 { #expect(fixture.maintain(now: second)) }

        #expect((0..<60_000).allSatisfy { fixture.value("short-\($0)") == nil })
        fixture.store._checkInvariants()
    }

    @Test("pages that come while the crawl is under way hide no other from it", arguments: [1, 2] as [UInt64])
    func pagesThatCome(_ seed: UInt64) throws {
        let fixture = try StoreFixture(megabytes: 64)
        // About a page in each pass.
        fixture.store.setCrawlPace(sleepMicroseconds: 1_000_000, itemsMax: 0)
        var random = SplitMix(seed: seed)
        var expiries: [UInt32] = []
        for second in UInt32(101)...140 {
            fixture.session.setNow(second)
            for batch in 0..<4 {
                _ = fixture.store.maintain(now: second)
                let expiry = second + 1 + UInt32(random.below(20))
                let count = random.below(2000)
                fill(fixture, "key-\(second)-\(batch)", count, expiry: expiry)
                expiries += [UInt32](repeating: expiry, count: count)
            }
            expiries.removeAll { $0 <= second }

            #expect(fixture.maintain(now: second))

            #expect(fixture.store.itemCount == expiries.count, "second \(second)")
        }
        fixture.store._checkInvariants()
    }
}
