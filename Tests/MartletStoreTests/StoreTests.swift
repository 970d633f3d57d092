import MartletStore
import StoreTesting
import Testing

@Suite("A store with one session")
struct StoreTests {
    @Test("gives back what was stored, of every size")
    func roundTrip() throws {
        let fixture = try StoreFixture()
        for size in [0, 1, 7, 100, 4095, 4096, 4097, 32_000, 32_768, 65_536, 300_001, 1_000_000] {
            let value = (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) }

            #expect(fixture.store("key-\(size)", value).result == .stored)

            #expect(fixture.value("key-\(size)") == value)
        }
        fixture.store._checkInvariants()
    }

    @Test("refuses what is over the item limit and keeps what was there")
    func tooLarge() throws {
        let fixture = try StoreFixture()
        _ = fixture.store("key", "old")

        #expect(fixture.store("key", [UInt8](repeating: 1, count: 1 << 20)).result == .tooLarge)

        #expect(fixture.text("key") == "old")
    }

    @Test("adds, replaces, appends and prepends by memcached's rules")
    func modes() throws {
        let fixture = try StoreFixture()
        #expect(fixture.store("k", "x", StoreRequest(mode: .replace)).result == .notStored)
        #expect(fixture.store("k", "x", StoreRequest(mode: .append)).result == .notStored)
        #expect(fixture.store("k", "b", StoreRequest(mode: .add)).result == .stored)
        #expect(fixture.store("k", "c", StoreRequest(mode: .add)).result == .notStored)
        #expect(fixture.store("k", "c", StoreRequest(mode: .append)).result == .stored)
        #expect(fixture.store("k", "a", StoreRequest(mode: .prepend)).result == .stored)
        #expect(fixture.text("k") == "abc")
        let long = String(repeating: "z", count: 10_000)
        #expect(fixture.store("k", long, StoreRequest(mode: .append)).result == .stored)
        #expect(fixture.store("k", "0", StoreRequest(mode: .prepend)).result == .stored)
        #expect(fixture.text("k") == "0abc" + long)
        fixture.store._checkInvariants()
    }

    @Test("compares and issues tokens")
    func tokens() throws {
        let fixture = try StoreFixture()
        let first = fixture.store("k", "1").token
        #expect(fixture.token("k") == first)
        #expect(fixture.store("k", "2", StoreRequest(mode: .set, compareToken: .exactly(first &+ 9))).result == .exists)
        #expect(fixture.store("x", "2", StoreRequest(mode: .set, compareToken: .exactly(1))).result == .notFound)
        let second = fixture.store("k", "2", StoreRequest(mode: .set, compareToken: .exactly(first)))
        #expect(second.result == .stored)
        #expect(second.token > first)
        let explicit = fixture.store("k", "3", StoreRequest(mode: .set, explicitToken: 77_777))
        #expect(explicit.token == 77_777)
        #expect(fixture.token("k") == 77_777)
        #expect(fixture.store("k", "4").token > 77_777)
        fixture.store._checkInvariants()
    }

    @Test("compares the token of no item in vain, whatever token an item was given", arguments: [1, .max as UInt64])
    func noItemsToken(_ token: UInt64) throws {
        let fixture = try StoreFixture()
        _ = fixture.store("k", "1", StoreRequest(mode: .set, explicitToken: token))
        #expect(fixture.token("k") == token)

        for mode in [StoreMode.set, .replace, .append, .prepend] {
            let request = StoreRequest(mode: mode, compareToken: .noItem, storesStaleWhenOlder: true)
            #expect(fixture.store("k", "2", request).result == .exists)
        }
        #expect(fixture.store("x", "2", StoreRequest(mode: .set, compareToken: .noItem)).result == .notFound)
        let emptied = InvalidateRequest(compareToken: .noItem, marksStale: true, dropsValue: true)
        #expect(fixture.invalidate("k", emptied) == .exists)
        #expect(fixture.add("k", 1, compareToken: .noItem).result == .exists)
        #expect(fixture.delete("k", compareToken: .noItem) == .exists)

        #expect(fixture.text("k") == "1")
        #expect(fixture.delete("k", compareToken: .exactly(token)) == .done)
    }

    @Test("no two keys get the same token")
    func tokensDiffer() throws {
        let fixture = try StoreFixture()
        var seen = Set<UInt64>()
        for number in 0..<20_000 {
            #expect(seen.insert(fixture.store("key-\(number % 5000)", "v").token).inserted)
        }
    }

    @Test("counts up with wrap, down to nought, and pads")
    func arithmetic() throws {
        let fixture = try StoreFixture()
        _ = fixture.store("n", "10")
        #expect(fixture.add("n", 1, isDecrement: true).value == 9)
        #expect(fixture.text("n") == "9 ")
        #expect(fixture.add("n", 1).value == 10)
        #expect(fixture.add("n", .max).value == 9)
        #expect(fixture.add("n", 100, isDecrement: true).value == 0)
        #expect(fixture.add("n", 18_446_744_073_709_551_615).value == 18_446_744_073_709_551_615)
        #expect(fixture.text("n") == "18446744073709551615")
        _ = fixture.store("t", "text")
        #expect(fixture.add("t", 1).result == .nonNumeric)
        #expect(fixture.add("absent", 1).result == .notFound)
        fixture.store._checkInvariants()
    }

    @Test("forgets what has expired, on access and by the crawler")
    func expiry() throws {
        let fixture = try StoreFixture(now: 100)
        for number in 0..<1000 { _ = fixture.store("s\(number)", "v", StoreRequest(mode: .set, expiry: 110)) }
        for number in 0..<1000 { _ = fixture.store("l\(number)", "v") }
        fixture.session.setNow(109)
        #expect(fixture.text("s1") == "v")
        fixture.session.setNow(110)
        #expect(fixture.text("s1") == nil)
        #expect(fixture.store.statistics().foundExpired == 1)

        while fixture.store.maintain(now: 110) {}

        #expect(fixture.store.itemCount == 1000)
        #expect(fixture.text("l999") == "v")
        fixture.store._checkInvariants()
    }

    @Test("flushes exactly what was stored before, at once or later")
    func flush() throws {
        let fixture = try StoreFixture(now: 100)
        _ = fixture.store("before", "v")
        fixture.session.flushAll()
        _ = fixture.store("after", "v")
        #expect(fixture.text("before") == nil)
        #expect(fixture.store.statistics().foundFlushed == 1)
        #expect(fixture.text("after") == "v")
        fixture.session.flushAll(at: 105)
        fixture.session.setNow(104)
        #expect(fixture.text("after") == "v")
        fixture.session.setNow(105)
        #expect(fixture.text("after") == nil)
        while fixture.store.maintain(now: 105) {}
        #expect(fixture.store.itemCount == 0)
        fixture.store._checkInvariants()
    }

    @Test("never refuses a store while something can go, at every size")
    func neverRefuses() throws {
        var settings = StoreSettings()
        settings.memoryLimitBytes = 4 << 20
        settings.itemBytesMax = 1 << 20
        let fixture = try StoreFixture(settings)
        var random = SplitMix(seed: 7)
        for number in 0..<20_000 {
            let size = [10, 100, 1000, 5000, 40_000, 500_000][Int(random.next() % 6)] + Int(random.next() % 100)

            let outcome = fixture.store(
                "key-\(number)", [UInt8](repeating: UInt8(truncatingIfNeeded: number), count: size))

            #expect(outcome.result == .stored, "store \(number) of \(size) bytes")
            if outcome.result != .stored { break }
            if number % 2000 == 0 { fixture.store._checkInvariants() }
        }
        fixture.store._checkInvariants()
    }

    @Test("a class whose ring holds only stale places still finds something to evict")
    func staleRing() throws {
        var settings = StoreSettings()
        settings.memoryLimitBytes = 4 << 20
        let fixture = try StoreFixture(settings)
        var random = SplitMix(seed: 3)
        for number in 0..<100_000 {
            // The same keys now in one class, now in another; no maintainer helps.
            let size = 100 + (number & 1) * 40
            let outcome = fixture.store("key-\(random.next() % 60_000)", [UInt8](repeating: 1, count: size))
            #expect(outcome.result == .stored, "store \(number)")
            if outcome.result != .stored { break }
        }
        fixture.store._checkInvariants()
    }

    @Test("keeps a leased value unchanged while its item is replaced")
    func leases() throws {
        let fixture = try StoreFixture()
        let old = [UInt8](repeating: 7, count: 100_000)
        _ = fixture.store("k", old)
        let lease: ItemLease? = fixture.withKey("k") { key in
            guard let hold = fixture.session.hold(key) else { return nil }
            return hold.lease()
        }
        guard let lease else { return }
        _ = fixture.store("k", [UInt8](repeating: 8, count: 100_000))
        #expect(fixture.delete("k") == .done)

        var seen: [UInt8] = []
        lease.forEachSpan(from: 0) {
            seen.append(contentsOf: $0)
            return true
        }

        #expect(seen == old)
        #expect(lease.spanCount > 1)
    }
}
