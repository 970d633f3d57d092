import MartletStore
import StoreTesting
import Testing

/// One suite for all policies: what holds for each of them, and what each is for.
@Suite("Eviction policies")
struct PolicyTests {
    static let evicting = EvictionPolicy.allCases.filter(\.evicts)

    private func fixture(_ policy: EvictionPolicy, megabytes: Int = 2) throws -> StoreFixture {
        var settings = StoreSettings()
        settings.memoryLimitBytes = megabytes << 20
        settings.itemBytesMax = 256 << 10
        settings.eviction = policy
        return try StoreFixture(settings)
    }

    /// With keys of one length, items are of one class with and without expiry.
    private static let value = [UInt8](repeating: 1, count: 88)

    private static func key(_ prefix: String, _ number: Int) -> String { "\(prefix)-\(100_000 + number)" }

    /// Stores `prefix-0`, `prefix-1`, ... until the first item is evicted. Returns how many.
    private func fill(
        _ fixture: StoreFixture, _ prefix: String = "item", expiry: (Int) -> UInt32 = { _ in 0 }
    ) -> Int {
        var count = 0
        while fixture.store.itemCount == count {
            for _ in 0..<16 {
                let request = StoreRequest(mode: .set, expiry: expiry(count))
                #expect(fixture.store(Self.key(prefix, count), Self.value, request).result == .stored)
                count += 1
            }
        }
        return count
    }

    private func add(_ count: Int, _ prefix: String, _ fixture: StoreFixture) {
        for number in 0..<count { #expect(fixture.store(Self.key(prefix, number), Self.value).result == .stored) }
    }

    private func living(_ numbers: some Sequence<Int>, _ fixture: StoreFixture, _ prefix: String = "item") -> Int {
        numbers.count { fixture.value(Self.key(prefix, $0), bump: false) != nil }
    }

    // MARK: All of them

    @Test("is spelt as it is read", arguments: EvictionPolicy.allCases)
    func names(policy: EvictionPolicy) {
        #expect(EvictionPolicy(name: policy.name) == policy)
        #expect(EvictionPolicy(name: "clock") == nil)
    }

    @Test("keeps every value whole, refuses none and holds its invariants", arguments: evicting)
    func wholeness(policy: EvictionPolicy) throws {
        let fixture = try fixture(policy, megabytes: 4)
        var random = SplitMix(seed: UInt64(policy.rawValue) + 1)
        var lengths: [Int: Int] = [:]
        for step in 0..<12_000 {
            let number = random.below(4000)
            let key = "key-\(number)"
            switch random.below(8) {
            case 0:
                #expect(fixture.delete(key) != .exists)
                lengths[number] = nil
            case 1...3:
                if let value = fixture.value(key) {
                    #expect(value.count == lengths[number] && value.allSatisfy { $0 == UInt8(number & 255) })
                }
            default:
                let length = random.below(40) == 0 ? random.below(60_000) : random.below(900)
                let expiry = random.below(4) == 0 ? fixture.session.now + UInt32(1 + random.below(20)) : 0
                let value = [UInt8](repeating: UInt8(number & 255), count: length)
                #expect(fixture.store(key, value, StoreRequest(mode: .set, expiry: expiry)).result == .stored)
                lengths[number] = length
            }
            if step % 500 == 499 {
                fixture.session.setNow(fixture.session.now + 1)
                _ = fixture.store.maintain(now: fixture.session.now)
                fixture.store._checkInvariants()
            }
        }
        #expect(fixture.store.statistics().classes.contains { $0.evicted > 0 })
    }

    @Test("takes what has expired before anything that lives", arguments: evicting)
    func expiredFirst(policy: EvictionPolicy) throws {
        let fixture = try fixture(policy)
        let due = fixture.session.now + 10
        let count = fill(fixture) { $0 % 2 == 0 ? due : 0 }
        let before = living(stride(from: 1, to: count, by: 2), fixture)
        fixture.session.setNow(due + 1)

        add(count / 3, "new", fixture)

        #expect(living(stride(from: 1, to: count, by: 2), fixture) == before)
        #expect(living(0..<count / 3, fixture, "new") == count / 3)
    }

    @Test("frees a chunk for each store and no more", arguments: evicting)
    func oneForOne(policy: EvictionPolicy) throws {
        let fixture = try fixture(policy)
        let count = fill(fixture)
        add(count, "warm", fixture)
        let items = fixture.store.itemCount

        add(2000, "new", fixture)

        #expect(abs(fixture.store.itemCount - items) <= items / 50)
    }

    // MARK: What each is for

    @Test("fifo: the items stored first go first, however often they are read")
    func firstIn() throws {
        let fixture = try fixture(.fifo)
        let count = fill(fixture)
        for _ in 0..<3 { _ = (0..<count).map { fixture.value(Self.key("item", $0)) } }
        add(1000, "new", fixture)

        let lost = count - living(0..<count, fixture)
        #expect(lost >= 1000)
        #expect(living(lost..<count, fixture) == count - lost, "those that are left are the last")
        #expect(living(0..<1000, fixture, "new") == 1000)
    }

    @Test("lru: what was read lately stays")
    func leastRecentlyUsed() throws {
        let fixture = try fixture(.lru)
        let count = fill(fixture)
        fixture.session.setNow(fixture.session.now + 10)
        let read = (0..<count).filter { $0 % 2 == 0 && fixture.value(Self.key("item", $0)) != nil }
        fixture.session.setNow(fixture.session.now + 10)
        add(count / 4, "new", fixture)

        #expect(living(read, fixture) >= read.count * 99 / 100)
    }

    @Test("lfu: what was read more often stays, even if longer ago")
    func leastFrequentlyUsed() throws {
        let fixture = try fixture(.lfu)
        let count = fill(fixture)
        let often = (0..<count).filter { $0 % 2 == 0 && fixture.value(Self.key("item", $0)) != nil }
        for number in often { _ = fixture.value(Self.key("item", number)) }
        fixture.session.setNow(fixture.session.now + 10)
        for number in stride(from: 1, to: count, by: 2) { _ = fixture.value(Self.key("item", number)) }
        add(count / 4, "new", fixture)

        #expect(living(often, fixture) >= often.count * 99 / 100)
    }

    @Test("ttl: what lives on longest stays")
    func soonestToExpire() throws {
        let fixture = try fixture(.ttl)
        let now = fixture.session.now
        let count = fill(fixture) { now + ($0 % 2 == 0 ? 1000 : 100_000) }
        let long = (0..<count).filter { $0 % 2 == 1 && fixture.value(Self.key("item", $0)) != nil }
        add(count / 4, "new", fixture)

        #expect(living(long, fixture) >= long.count * 99 / 100)
    }

    @Test("random: old and new, read and unread go alike")
    func anyItem() throws {
        let fixture = try fixture(.random)
        let count = fill(fixture)
        for number in 0..<count / 2 { _ = fixture.value(Self.key("item", number)) }
        add(count / 2, "new", fixture)

        let first = living(0..<count / 2, fixture)
        let second = living(count / 2..<count, fixture)
        #expect(abs(first - second) < count / 20, "\(first) and \(second) of \(count / 2)")
        #expect(living(0..<count / 2, fixture, "new") < count / 2, "new ones go as well")
    }

    @Test("what is read twice outlives a scan of ten times the memory", arguments: [EvictionPolicy.segmented])
    func scan(policy: EvictionPolicy) throws {
        let fixture = try fixture(policy)
        let count = fill(fixture)
        let often = (0..<count / 4).filter { fixture.value(Self.key("item", $0)) != nil }
        for _ in 0..<3 { for number in often { _ = fixture.value(Self.key("item", number)) } }
        for number in 0..<10 * count {
            #expect(fixture.store(Self.key("scan", number), Self.value).result == .stored)
            // Again now and then, as a cache's favourites are.
            if number % 40 == 0 { _ = often.map { fixture.value(Self.key("item", $0)) } }
        }

        #expect(living(often, fixture) >= often.count * 9 / 10)
        fixture.store._checkInvariants()
    }

    @Test("segmented: HOT and WARM keep to their shares")
    func shares() throws {
        let fixture = try fixture(.segmented)
        let count = fill(fixture)
        for round in 0..<4 {
            add(count / 2, "round-\(round)", fixture)
            for number in 0..<count / 2 { for _ in 0..<2 { _ = fixture.value(Self.key("round-\(round)", number)) } }
        }

        let row = try #require(fixture.store.statistics().classes.max { $0.itemCount < $1.itemCount })
        #expect(row.hotCount <= row.itemCount * 21 / 100)
        #expect(row.warmCount <= row.itemCount * 45 / 100)
        #expect(row.movesToWarm > 0 && row.movesToCold > 0)
    }

    @Test("items with a short life are TEMP and do not rise", arguments: [EvictionPolicy.martlet, .segmented])
    func temporary(policy: EvictionPolicy) throws {
        var settings = StoreSettings()
        settings.memoryLimitBytes = 2 << 20
        settings.eviction = policy
        settings.temporarySeconds = 30
        let fixture = try StoreFixture(settings)
        let now = fixture.session.now
        _ = fill(fixture) { now + ($0 % 4 == 0 ? 20 : 1000) }
        for number in 0..<2000 { _ = fixture.value(Self.key("item", number)) }
        add(3000, "new", fixture)

        let statistics = fixture.store.statistics()
        #expect(statistics.classes.contains { $0.tempCount > 0 })
        fixture.store._checkInvariants()
        fixture.session.setNow(now + 21)
        while fixture.store.maintain(now: now + 21) {}
        #expect(fixture.store.statistics().classes.allSatisfy { $0.tempCount == 0 })
    }
}
