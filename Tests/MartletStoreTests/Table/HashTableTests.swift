import MartletStore
import StoreTesting
import Testing

/// The table through the store, one stripe at a time: keys are chosen by their hash.
@Suite("The hash table")
struct HashTableTests {
    /// The first `count` numbered keys of one stripe.
    private func keys(_ count: Int, ofStripe stripe: Int, _ fixture: StoreFixture) -> [[UInt8]] {
        var found: [[UInt8]] = []
        var number = 0
        while found.count < count {
            let key = Array("key-\(number)".utf8)
            if fixture.withKey(key, { fixture.store._stripeIndex($0.hash) }) == stripe { found.append(key) }
            number += 1
        }
        return found
    }

    private func set(_ fixture: StoreFixture, _ key: [UInt8], _ value: [UInt8]) -> Bool {
        fixture.withKey(key) { key in
            value.withUnsafeBytes { fixture.session.store(key, $0, StoreRequest(mode: .set)).result == .stored }
        }
    }

    private func value(_ fixture: StoreFixture, _ key: [UInt8]) -> [UInt8]? {
        fixture.withKey(key) { fixture.session.hold($0)?.bytes }
    }

    /// The other stripes are empty and wish for nothing: the stripe grows only because it is twice as full as it should
    /// be.
    @Test("grows a stripe from one bucket to many, a bucket at a time, and finds every key")
    func growth() throws {
        let fixture = try StoreFixture()
        let keys = keys(600, ofStripe: 5, fixture)
        for (number, key) in keys.enumerated() {
            #expect(set(fixture, key, [UInt8(truncatingIfNeeded: number)]))
            let buckets = fixture.store._bucketCount(ofStripe: 5)
            #expect(buckets == number / 15 + 1, "after \(number + 1) items")
            if number % 29 == 0 { fixture.store._checkInvariants() }
        }
        fixture.store._checkInvariants()
        for (number, key) in keys.enumerated() { #expect(value(fixture, key) == [UInt8(truncatingIfNeeded: number)]) }
        #expect(fixture.store._bucketCount(ofStripe: 4) == 1)
    }

    @Test("brings the items of a batch from the first two buckets of their chains")
    func batches() throws {
        let fixture = try StoreFixture()
        let keys = keys(16, ofStripe: 5, fixture)
        for key in keys.dropLast() { #expect(set(fixture, key, [1])) }
        #expect(fixture.store._bucketCount(ofStripe: 5) == 1)

        let hashes = keys.map { fixture.withKey($0) { $0.hash } }
        hashes.withUnsafeBytes { bytes in
            let session = fixture.session
            let start = bytes.baseAddress.unsafelyUnwrapped
            session.prefetchBuckets(hashes: start, stride: 8, count: keys.count, at: 7)
            var prefetched = session.prefetchHeads(hashes: start, stride: 8, count: keys.count, at: 7)
            #expect(prefetched.itemCount == 10, "a bucket's slots")
            #expect(prefetched.overflowCount == 6, "the others, and the key that is not there")

            session.prefetchOverflow(&prefetched, at: 7)
            #expect(prefetched.itemCount == 15)
            #expect(prefetched.overflowCount == 0)
            session.prefetchRests(prefetched, at: 7)
        }
    }

    @Test("gives all stripes as many buckets as they need on average, one for 7.5 items")
    func evenGrowth() throws {
        let fixture = try StoreFixture()
        let stripeCount = 1024
        for number in 0..<60_000 { #expect(set(fixture, Array("key-\(number)".utf8), [1])) }

        // About 58.6 items in each stripe, 7.8 buckets' worth.
        let counts = (0..<stripeCount).map { fixture.store._bucketCount(ofStripe: $0) }
        #expect(counts.max() == 8)
        #expect(counts.count { $0 < 7 } == 0, "a stripe splits when something is stored in it")
        #expect(counts.reduce(0, +) > 8 * stripeCount - 100)
        fixture.store._checkInvariants()
    }

    @Test("loses nothing when deletes fall between splits")
    func deletesBetweenSplits() throws {
        let fixture = try StoreFixture()
        let keys = keys(400, ofStripe: 9, fixture)
        var random = SplitMix(seed: 4)
        var living: [Int: UInt8] = [:]
        for step in 0..<4000 {
            let number = random.below(min(keys.count, 20 + step / 8))
            if random.below(3) == 0 {
                let result = fixture.withKey(keys[number]) { fixture.session.delete($0).result }
                #expect((result == .done) == (living.removeValue(forKey: number) != nil))
            } else {
                living[number] = UInt8(truncatingIfNeeded: step)
                #expect(set(fixture, keys[number], [UInt8(truncatingIfNeeded: step)]))
            }
            if step % 50 == 0 { fixture.store._checkInvariants() }
        }
        for number in 0..<keys.count { #expect(value(fixture, keys[number]) == living[number].map { [$0] }) }
        fixture.store._checkInvariants()
    }

    @Test("keeps keys of one hash apart in a chain that no split shortens")
    func collisions() throws {
        let fixture = try StoreFixture()
        let count = 300
        for number in 0..<count {
            #expect(set(fixture, StoreFixture.collidingKey(number), [UInt8(truncatingIfNeeded: number)]))
        }
        fixture.store._checkInvariants()
        let overflowBuckets = fixture.store._overflowBucketCount
        #expect(overflowBuckets >= count / 10 - 1)

        for number in 0..<count {
            #expect(value(fixture, StoreFixture.collidingKey(number)) == [UInt8(truncatingIfNeeded: number)])
        }
        #expect(value(fixture, StoreFixture.collidingKey(count)) == nil)
        // Away from the middle, so that slots move from the end of the chain into holes.
        for number in stride(from: 0, to: count, by: 2) {
            #expect(fixture.withKey(StoreFixture.collidingKey(number)) { fixture.session.delete($0).result } == .done)
            if number % 20 == 0 { fixture.store._checkInvariants() }
        }
        for number in 0..<count {
            let expected = number % 2 == 0 ? nil : [UInt8(truncatingIfNeeded: number)]
            #expect(value(fixture, StoreFixture.collidingKey(number)) == expected)
        }
        for number in 0..<count { #expect(set(fixture, StoreFixture.collidingKey(number), [1])) }
        fixture.store._checkInvariants()
        #expect(fixture.store._overflowBucketCount == overflowBuckets, "overflow buckets given back are taken again")
    }

    @Test("splits chains of overflow buckets whole, between keys that collide and keys that do not")
    func mixedSplits() throws {
        let fixture = try StoreFixture()
        let stripe = fixture.withKey(StoreFixture.collidingKey(0)) { fixture.store._stripeIndex($0.hash) }
        let others = keys(200, ofStripe: stripe, fixture)
        for number in 0..<200 {
            #expect(set(fixture, StoreFixture.collidingKey(number), [1]))
            #expect(set(fixture, others[number], [2]))
            if number % 3 == 0 {
                #expect(fixture.withKey(others[number / 2]) { fixture.session.delete($0).result } != .exists)
            }
            fixture.store._checkInvariants()
        }
        for number in 0..<200 { #expect(value(fixture, StoreFixture.collidingKey(number)) == [1]) }
    }

    @Test("grows under four threads, each with keys of its own in the same stripes")
    func growthUnderThreads() throws {
        let fixture = try StoreFixture()
        onThreads(fixture.clients(4)) { client, thread in
            for number in 0..<5000 {
                _ = client.store("\(thread)-\(number)", withUnsafeBytes(of: number) { Array($0) })
                if number % 5 == 4 { _ = client.delete("\(thread)-\(number - 2)") }
            }
        }

        fixture.store._checkInvariants()
        #expect(fixture.store.itemCount == 16_000)
        for thread in 0..<4 {
            for number in 0..<5000 where number % 5 != 2 {
                #expect(fixture.value("\(thread)-\(number)") == withUnsafeBytes(of: number) { Array($0) })
            }
        }
    }

    /// The average number of buckets of a stripe.
    private func buckets(_ fixture: StoreFixture) -> Double {
        Double((0..<1024).reduce(0) { $0 + fixture.store._bucketCount(ofStripe: $1) }) / 1024
    }

    @Test("shrinks when most items have gone, gives the memory back, and grows again", arguments: 1...3)
    func shrinking(_ seed: UInt64) throws {
        var random = SplitMix(seed: seed)
        let fixture = try StoreFixture(megabytes: 64)
        let count = 120_000
        for number in 0..<count { #expect(set(fixture, Array("key-\(number)".utf8), [1])) }
        #expect(buckets(fixture) > 15)
        let full = fixture.store.statistics().tableBytes

        var living = Set(0..<count)
        for number in 0..<count where random.below(8) != 0 {
            #expect(fixture.delete("key-\(number)") == .done)
            living.remove(number)
        }
        while fixture.store.maintain(now: fixture.session.now) {}
        fixture.store._checkInvariants()
        // About 14.6 items in each stripe, two buckets' worth and a quarter more.
        #expect((2...4).contains(buckets(fixture)))
        #expect(fixture.store.statistics().tableBytes < full - 11 * 1024 * 80)
        for number in 0..<count {
            #expect(value(fixture, Array("key-\(number)".utf8)) == (living.contains(number) ? [1] : nil))
        }

        for number in 0..<count { #expect(set(fixture, Array("key-\(number)".utf8), [2])) }
        fixture.store._checkInvariants()
        #expect(buckets(fixture) > 15)
        for number in 0..<count { #expect(value(fixture, Array("key-\(number)".utf8)) == [2]) }
    }

    @Test("has the next huge page made before the rows come to it, once, where there is memory for it")
    func aheadOfGrowth() throws {
        let fixture = try StoreFixture(megabytes: 1024)
        func tableBytes() -> Int { fixture.store.statistics().tableBytes }
        // Of 4,096 stripes a huge page has eight rows; the rows come to the second half of the first.
        let stripeCount = 4096
        for number in 0..<160_000 { #expect(set(fixture, Array("key-\(number)".utf8), [1])) }
        let buckets = (0..<stripeCount).reduce(0) { $0 + fixture.store._bucketCount(ofStripe: $1) }
        #expect((4 * stripeCount..<8 * stripeCount).contains(buckets))
        let before = tableBytes()

        _ = fixture.store.maintain(now: fixture.session.now)
        let ahead = tableBytes()
        #expect(ahead - before == (16 * stripeCount - buckets) * 80)

        fixture.store.makeMemory()
        _ = fixture.store.maintain(now: fixture.session.now)
        #expect(tableBytes() == ahead)
    }

    @Test("leaves its shrinking when more items come than it shrinks for")
    func shrinkingAbandoned() throws {
        let fixture = try StoreFixture(megabytes: 64)
        let count = 200_000
        for number in 0..<count { #expect(set(fixture, Array("key-\(number)".utf8), [1])) }
        for number in 10_000..<count { #expect(fixture.delete("key-\(number)") == .done) }
        let before = buckets(fixture)
        #expect(fixture.store.maintain(now: fixture.session.now), "one pass does not merge them all")
        #expect(buckets(fixture) < before)
        fixture.store._checkInvariants()

        for number in 0..<count { #expect(set(fixture, Array("key-\(number)".utf8), [3])) }
        while fixture.store.maintain(now: fixture.session.now) {}
        for number in count..<count + 40_000 { #expect(set(fixture, Array("key-\(number)".utf8), [3])) }
        fixture.store._checkInvariants()
        #expect(buckets(fixture) > 30, "nothing keeps the table from growing")
        for number in 0..<count + 40_000 { #expect(value(fixture, Array("key-\(number)".utf8)) == [3]) }
    }

    @Test("shrinks and grows under threads that store and delete, and a walk")
    func shrinkingUnderThreads() throws {
        let fixture = try StoreFixture(megabytes: 64)
        let store = fixture.store
        let now = fixture.session.now
        onThreads(fixture.clients(4)) { client, thread in
            if thread == 0 {
                var walk = TableWalk()
                for _ in 0..<300 {
                    _ = store.maintain(now: now)
                    for _ in 0..<100 where !store.step(&walk, now: now, { _ in }) { walk = TableWalk() }
                }
                return
            }
            for round in 0..<3 {
                for number in 0..<40_000 { _ = client.store("\(thread)-\(number)", [UInt8(round)]) }
                for number in 1000..<40_000 { _ = client.delete("\(thread)-\(number)") }
            }
        }
        while fixture.store.maintain(now: now) {}
        fixture.store._checkInvariants()
        #expect(buckets(fixture) < 6, "3000 items are left of 120,000")
        for thread in 1..<4 {
            for number in 0..<40_000 { #expect(fixture.value("\(thread)-\(number)") == (number < 1000 ? [2] : nil)) }
        }
    }
}
