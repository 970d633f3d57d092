import MartletStore
import StoreTesting
import Testing

/// Changes that an item's chunk has no room for, at every length around the edges of chunks.
@Suite("Rebuilt items")
struct RebuildTests {
    static let lengths = Array(0...40) + [100, 1000, 4095, 4096, 4097, 40_000]

    @Test("an explicit token finds room on items made without one", arguments: lengths)
    func explicitTokens(_ length: Int) throws {
        let fixture = try StoreFixture()
        let value = [UInt8](repeating: 0x31, count: length)
        let isNumber = (1...20).contains(length)
        _ = fixture.store("k", value, StoreRequest(mode: .set, clientFlags: 7, expiry: 300))

        let marked = fixture.invalidate(
            "k", InvalidateRequest(explicitToken: 1_000_001, marksStale: true, dropsValue: false))
        #expect(marked == .done && fixture.token("k") == 1_000_001)
        #expect(fixture.value("k") == value)
        let appended = fixture.store("k", "", StoreRequest(mode: .append, explicitToken: 1_000_002))
        #expect(appended.result == .stored && fixture.token("k") == 1_000_002)
        let changed = fixture.withKey("k") {
            fixture.session.arithmetic($0, ArithmeticRequest(delta: 0, isDecrement: false, explicitToken: 1_000_003))
        }
        #expect(changed.result == (isNumber ? .changed : .nonNumeric))
        #expect(fixture.token("k") == (isNumber ? 1_000_003 : 1_000_002))
        #expect(fixture.value("k") == value)
        #expect(fixture.hold("k") { [$0.clientFlags, $0.expiry] } == [7, 300])
        let plain = fixture.store("k", value).token
        #expect(plain > 1_000_003)
        fixture.store._checkInvariants()
    }

    @Test("a touch gives every item another expiry and leaves all else", arguments: lengths)
    func touches(_ length: Int) throws {
        let fixture = try StoreFixture()
        let value = [UInt8](repeating: 0x31, count: length)
        for explicit in [nil, 5] as [UInt64?] {
            let request = StoreRequest(mode: .set, clientFlags: explicit == nil ? 0 : 9, explicitToken: explicit)
            _ = fixture.store("k", "a", StoreRequest(mode: .set))
            _ = fixture.delete("k")
            let token = fixture.store("k", value, request).token
            for expiry: UInt32 in [0, 500, 0, 200] {
                #expect(fixture.touch("k", expiry))
                #expect(fixture.hold("k") { $0.expiry } == expiry)
                #expect(fixture.token("k") == token && fixture.value("k") == value)
                fixture.store._checkInvariants()
            }
        }
        fixture.session.setNow(200)
        #expect(fixture.value("k") == nil)
        #expect(fixture.store.statistics().foundExpired == 1)
    }

    @Test("an emptied item keeps its expiry and loses value and flags", arguments: lengths)
    func emptied(_ length: Int) throws {
        let fixture = try StoreFixture()
        let value = [UInt8](repeating: 0x31, count: length)
        let token = fixture.store("k", value, StoreRequest(mode: .set, clientFlags: 7, expiry: 300)).token

        let request = InvalidateRequest(
            compareToken: .exactly(token), marksStale: true, dropsValue: true, newExpiry: nil)
        #expect(fixture.invalidate("k", request) == .done)
        #expect(fixture.invalidate("k", request) == .exists)

        #expect(fixture.value("k") == [])
        #expect(fixture.hold("k") { [$0.clientFlags, $0.expiry, $0.isStale ? 1 : 0] } == [0, 300, 1])
        #expect(fixture.token("k")! > token)
        let flagged = InvalidateRequest(marksStale: false, dropsValue: true, clientFlags: 9, newExpiry: nil)
        #expect(fixture.invalidate("k", flagged) == .done)
        #expect(fixture.hold("k") { $0.clientFlags } == 9)
        _ = fixture.store("k", value, StoreRequest(mode: .set))
        #expect(fixture.invalidate("k", flagged) == .done, "also where there is no word for flags")
        #expect(fixture.hold("k") { $0.clientFlags } == 9 && fixture.value("k") == [])
        fixture.store._checkInvariants()
    }

    @Test("values grow through all layouts by appends and prepends, each with a new token")
    func growing() throws {
        let fixture = try StoreFixture()
        var expected: [UInt8] = []
        var token = fixture.store("k", "", StoreRequest(mode: .set, expiry: 500)).token
        var step = 1
        while expected.count < 150_000 {
            let piece = [UInt8](repeating: UInt8(truncatingIfNeeded: step), count: step * step / 3)
            let isAppend = step % 3 != 0
            let outcome = fixture.store("k", piece, StoreRequest(mode: isAppend ? .append : .prepend))
            expected = isAppend ? expected + piece : piece + expected
            #expect(outcome.result == .stored && outcome.token > token && outcome.valueLength == expected.count)
            token = outcome.token
            #expect(fixture.value("k") == expected)
            step += 1
        }
        #expect(fixture.hold("k") { $0.expiry } == 500)
        fixture.store._checkInvariants()
    }
}
