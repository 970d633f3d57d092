import MartletStore
import StoreTesting
import Testing

/// Stale and win marks, and what an access leaves in an item: the same whether an item changes in place or is built
/// anew.
@Suite("Marks of an item")
struct MarksTests {
    private struct Seen: Equatable {
        var isStale = false
        var isWinSent = false
        var expiry: UInt32 = 0
        var wasFetched = false
        var lastAccess: UInt32 = 100
    }

    private func seen(_ fixture: StoreFixture, _ key: String, newExpiry: UInt32? = nil) -> Seen? {
        fixture.hold(key, bump: false, newExpiry: newExpiry) {
            Seen(
                isStale: $0.isStale, isWinSent: $0.isWinSent, expiry: $0.expiry, wasFetched: $0.wasFetched,
                lastAccess: $0.lastAccess)
        }
    }

    private func giveWin(_ fixture: StoreFixture, _ key: String) {
        fixture.withKey(key) { key in
            guard var hold = fixture.session.hold(key, bump: false) else { return }
            hold.setWinSent()
        }
    }

    @Test(
        "a vivified item is won before anybody else can see it, and lives under the first hold even if already expired")
    func vivifiedIsWon() throws {
        let fixture = try StoreFixture()

        let first = fixture.withKey("k") { key -> [Bool] in
            guard let hold = fixture.session.vivify(key, expiry: 1, explicitToken: nil) else { return [] }
            return [hold.isVivified, hold.isWinSent, hold.valueLength == 0, hold.expiry == 1]
        }

        #expect(first == [true, true, true, true])
        #expect(fixture.value("k") == nil)
        let second = fixture.withKey("k") { key -> [Bool] in
            guard let hold = fixture.session.vivify(key, expiry: 0, explicitToken: 99) else { return [] }
            return [hold.isVivified, hold.isWinSent, hold.token == 99]
        }
        #expect(second == [true, true, true])
        let third = fixture.withKey("k") { key -> [Bool] in
            guard let hold = fixture.session.vivify(key, expiry: 0, explicitToken: nil) else { return [] }
            return [hold.isVivified, hold.isWinSent, hold.token == 99]
        }
        #expect(third == [false, true, true])
        fixture.store._checkInvariants()
    }

    #if DEBUG
    @Test("nobody sees a vivified item without its win mark")
    func vivifiedWithoutWin() throws {
        let fixture = try StoreFixture()
        let other = fixture.store.makeSession()
        other.setNow(100)
        var seen: [Bool] = []
        var isNested = false
        fixture.withKey("k") { key in
            fixture.store._setHook {
                if isNested { return }
                isNested = true
                if let hold = other.hold(key) { seen.append(hold.isWinSent) }
                isNested = false
            }
            _ = fixture.session.vivify(key, expiry: 0, explicitToken: nil) == nil
            fixture.store._setHook(nil)
        }

        #expect(!seen.contains(false))
        #expect(seen.last == true)
    }
    #endif

    @Test(
        "a store with an older token keeps expiry and win mark, and is stale",
        arguments: ["in place", "another class", "large", "in pieces"])
    func staleStore(_ way: String) throws {
        let fixture = try StoreFixture()
        let old = fixture.store("k", "value", StoreRequest(mode: .set, expiry: 500)).token
        _ = fixture.invalidate("k", InvalidateRequest(marksStale: true, dropsValue: false))
        giveWin(fixture, "k")
        let request = StoreRequest(mode: .set, expiry: 300, compareToken: .exactly(old), storesStaleWhenOlder: true)
        let value = [UInt8](repeating: 9, count: way == "in place" ? 5 : way == "large" ? 50_000 : 500)

        let outcome =
            way == "in pieces" ? fixture.storeInPieces("k", value, request) : fixture.store("k", value, request)

        #expect(outcome.result == .stored)
        #expect(fixture.value("k", bump: false) == value)
        #expect(seen(fixture, "k") == Seen(isStale: true, isWinSent: true, expiry: 500))
        #expect(fixture.store("k", value).result == .stored)
        #expect(seen(fixture, "k") == Seen())
        fixture.store._checkInvariants()
    }

    @Test("a stale store keeps an expiry that came while it was being written")
    func staleStoreWithoutExpiry() throws {
        let fixture = try StoreFixture()
        let old = fixture.store("k", "value").token
        _ = fixture.invalidate("k", InvalidateRequest(marksStale: true, dropsValue: false, newExpiry: 700))
        let request = StoreRequest(mode: .set, compareToken: .exactly(old), storesStaleWhenOlder: true)

        #expect(fixture.store("k", [UInt8](repeating: 9, count: 500), request).result == .stored)

        #expect(seen(fixture, "k") == Seen(isStale: true, expiry: 700))
    }

    @Test("an append never stores stale: an older token is refused")
    func staleAppend() throws {
        let fixture = try StoreFixture()
        let old = fixture.store("k", "value").token
        _ = fixture.store("k", "newer")

        let outcome = fixture.store(
            "k", "x", StoreRequest(mode: .append, compareToken: .exactly(old), storesStaleWhenOlder: true))

        #expect(outcome.result == .exists)
        #expect(fixture.text("k") == "newer")
    }

    @Test(
        "a counter keeps its stale and win marks, whether its length changes or not", arguments: [1, 9_999_999_999_999])
    func staleCounter(_ delta: UInt64) throws {
        let fixture = try StoreFixture()
        _ = fixture.store("k", "1")
        _ = fixture.invalidate("k", InvalidateRequest(marksStale: true, dropsValue: false))
        giveWin(fixture, "k")

        #expect(fixture.add("k", delta).result == .changed)

        #expect(seen(fixture, "k") == Seen(isStale: true, isWinSent: true))
    }

    @Test("a touch that has to rebuild the item keeps token, last access and the fetched mark")
    func touchWithoutExpiryWord() throws {
        // Of all lengths some fill their chunk to the last byte, so that no expiry word finds room.
        for length in 1...64 {
            let fixture = try StoreFixture(megabytes: 1)
            let value = [UInt8](repeating: 1, count: length)
            let token = fixture.store("k", value).token
            #expect(fixture.value("k") == value)
            fixture.session.setNow(150)

            let before = seen(fixture, "k", newExpiry: 900)

            #expect(before == Seen(expiry: 900, wasFetched: true), "length \(length)")
            #expect(fixture.token("k") == token)
            #expect(fixture.value("k") == value)
            fixture.store._checkInvariants()
        }
    }

    @Test("a refused add counts as an access, but nobody has fetched the item")
    func refusedAdd() throws {
        let fixture = try StoreFixture()
        _ = fixture.store("k", "value")
        fixture.session.setNow(120)

        #expect(fixture.store("k", "other", StoreRequest(mode: .add)).result == .notStored)

        #expect(seen(fixture, "k") == Seen(lastAccess: 120))
    }
}
