import MartletStore
import StoreTesting
import Testing

/// `-I` measures header, key and value, however they arrive.
@Suite("The item limit")
struct ItemLimitTests {
    private let fixture: StoreFixture
    /// Value length of the largest item with a key of one byte.
    private let most = 1024 - ItemPointer.headerBytes - 1

    init() throws {
        fixture = try StoreFixture(megabytes: 1, itemBytesMax: 1024)
    }

    @Test("is the same for a value in one piece and in many", arguments: [UInt32(0), 7])
    func sameForPieces(_ flags: UInt32) {
        let request = StoreRequest(mode: .set, clientFlags: flags, expiry: 500, explicitToken: 77)
        for length in [most, most + 1] {
            let value = [UInt8](repeating: 1, count: length)
            let expected: StoreOutcome.Result = length == most ? .stored : .tooLarge

            #expect(fixture.store("w", value, request).result == expected)
            #expect(fixture.storeInPieces("p", value, request, pieceBytes: 10).result == expected)
        }
    }

    @Test("holds for appends and for what an append creates")
    func appends() {
        _ = fixture.store("a", [UInt8](repeating: 1, count: most - 1))
        #expect(fixture.store("a", "x", StoreRequest(mode: .append)).result == .stored)
        #expect(fixture.store("a", "x", StoreRequest(mode: .append)).result == .tooLarge)
        #expect(fixture.value("a")?.count == most)

        let value = [UInt8](repeating: 1, count: most + 1)
        #expect(fixture.store("v", value, StoreRequest(mode: .append, vivifyExpiry: 0)).result == .tooLarge)
        #expect(fixture.value("v") == nil)
        #expect(fixture.store("v", value.dropLast(), StoreRequest(mode: .append, vivifyExpiry: 0)).result == .stored)
    }

    @Test("refuses the longest length there is without trapping", arguments: [Int.max, 1 << 40, -1])
    func absurdLengths(_ length: Int) {
        let refused = fixture.withKey("k") { key in
            if case .tooLarge = fixture.session.reserve(key, valueLength: length) { return true }
            return false
        }

        #expect(refused)
    }
}

extension StoreFixture {
    func store(_ key: String, _ value: ArraySlice<UInt8>, _ request: StoreRequest) -> StoreOutcome {
        store(key, Array(value), request)
    }
}
