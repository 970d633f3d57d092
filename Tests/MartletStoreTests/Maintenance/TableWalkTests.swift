import MartletStore
import StoreTesting
import Testing

/// Goal: a walk meets what is there all the time exactly once, whatever happens between its steps.
@Suite("A walk through the table")
struct TableWalkTests {
    /// Steps through everything; `between` happens after every step. Returns how often each key was met.
    private func walk(_ fixture: StoreFixture, between: (Int) -> Void = { _ in }) -> [String: Int] {
        var walk = TableWalk()
        var met: [String: Int] = [:]
        var steps = 0
        while fixture.store.step(&walk, now: fixture.session.now, { met[Self.text($0.key), default: 0] += 1 }) {
            steps += 1
            between(steps)
        }
        return met
    }

    private static func text(_ key: UnsafeRawBufferPointer) -> String { String(decoding: key, as: UTF8.self) }

    @Test("meets every item once, and knows all about it")
    func facts() throws {
        let fixture = try StoreFixture(now: 100)
        for number in 0..<500 { _ = fixture.store("k\(number)", "value") }
        let stored = fixture.store("special", "12345", StoreRequest(mode: .set, clientFlags: 77, expiry: 900))
        fixture.session.setNow(120)
        #expect(fixture.text("special") == "12345")

        let met = walk(fixture)

        #expect(met.count == 501 && met.values.allSatisfy { $0 == 1 })
        var walk = TableWalk()
        var seen = 0
        while fixture.store.step(
            &walk, now: 120,
            { item in
                guard Self.text(item.key) == "special" else { return }
                seen += 1
                #expect(item.expiry == 900 && item.lastAccess == 120 && item.wasFetched)
                #expect(item.token == stored.token && item.clientFlags == 77)
                #expect(item.slabClass == stored.slabClass && item.itemSize > 12)
            })
        {}
        #expect(seen == 1)
        fixture.store._checkInvariants()
    }

    @Test("leaves out what has expired or been flushed")
    func dead() throws {
        let fixture = try StoreFixture(now: 100)
        _ = fixture.store("flushed", "v")
        fixture.session.flushAll()
        _ = fixture.store("expired", "v", StoreRequest(mode: .set, expiry: 110))
        _ = fixture.store("alive", "v", StoreRequest(mode: .set, expiry: 111))
        fixture.session.setNow(110)

        #expect(walk(fixture) == ["alive": 1])
        #expect(walk(try StoreFixture()).isEmpty)
    }

    @Test("is not led astray by stores, deletes and a table that grows many times over", arguments: 1...4)
    func growth(_ seed: UInt64) throws {
        var random = SplitMix(seed: seed)
        let fixture = try StoreFixture(megabytes: 64)
        for number in 0..<2000 { _ = fixture.store("stays\(number)", "v") }
        for number in 0..<500 { _ = fixture.store("goes\(number)", "v") }
        var added = 0

        let met = walk(fixture) { steps in
            // Most of the growth happens while the walk is in the first stripes.
            for _ in 0..<(steps < 400 ? 100 : 1) {
                _ = fixture.store("new\(added)", "v")
                added += 1
            }
            _ = fixture.delete("goes\(random.below(500))")
            _ = fixture.store("stays\(random.below(2000))", String(repeating: "w", count: random.below(300)))
        }

        #expect((0..<2000).allSatisfy { met["stays\($0)"] == 1 })
        #expect(met.values.allSatisfy { $0 == 1 })
        #expect(added > 20_000)
        fixture.store._checkInvariants()
    }

    @Test("meets everything once while the table shrinks, and grows again", arguments: 1...4)
    func shrinking(_ seed: UInt64) throws {
        var random = SplitMix(seed: seed)
        let fixture = try StoreFixture(megabytes: 64)
        for number in 0..<2000 { _ = fixture.store("stays\(number)", "v") }
        for number in 0..<60_000 { _ = fixture.store("goes\(number)", "v") }
        var gone = 0
        var added = 0

        let met = walk(fixture) { steps in
            // Down to a few buckets while the walk is in the first stripes; up again behind the middle.
            for _ in 0..<40 where gone < 60_000 {
                _ = fixture.delete("goes\(gone)")
                gone += 1
            }
            if steps % 7 == 0 { _ = fixture.store.maintain(now: fixture.session.now) }
            if steps > 3000 {
                for _ in 0..<random.below(60) {
                    _ = fixture.store("new\(added)", "v")
                    added += 1
                }
            }
        }

        #expect((0..<2000).allSatisfy { met["stays\($0)"] == 1 })
        #expect(met.values.allSatisfy { $0 == 1 })
        #expect(gone == 60_000)
        fixture.store._checkInvariants()
    }

    @Test("may be dropped at any step")
    func dropped() throws {
        let fixture = try StoreFixture()
        for number in 0..<100 { _ = fixture.store("k\(number)", "v") }
        var walk = TableWalk()
        for _ in 0..<10 { #expect(fixture.store.step(&walk, now: 100) { _ in }) }

        #expect(CacheStore._heldLockCount == 0)
        #expect(fixture.delete("k1") == .done)
        fixture.store._checkInvariants()
    }
}
