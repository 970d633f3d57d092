import MartletStore
import StoreTesting
import Testing

/// What may go on while a value is being sent from where it lies.
@Suite("Leases")
struct ItemLeaseTests {
    private static func value(_ length: Int, _ seed: Int = 0) -> [UInt8] {
        (0..<length).map { UInt8(truncatingIfNeeded: ($0 + seed) &* 31 &+ $0 >> 8) }
    }

    @Test("only values over 4096 bytes can be leased")
    func bound() throws {
        let fixture = try StoreFixture()
        for length in [0, 4095, 4096, 4097, 5000] {
            _ = fixture.store("k", Self.value(length))
            #expect(fixture.hold("k") { $0.isLeasable } == (length > 4096))
        }
    }

    @Test("pieces make up the value from any offset", arguments: [4097, 32_000, 32_768, 65_500, 200_001])
    func spans(_ length: Int) throws {
        let fixture = try StoreFixture()
        let value = Self.value(length)
        _ = fixture.store("k", value)
        guard let lease = fixture.lease("k") else { return }

        #expect(lease.valueLength == length)
        #expect((0..<lease.spanCount).flatMap { Array(lease.span($0)) } == value)
        for offset in [0, 1, 4096, length / 2, length - 1, length] {
            var seen: [UInt8] = []
            lease.forEachSpan(from: offset) {
                seen.append(contentsOf: $0)
                return true
            }
            #expect(seen == value[offset...].map { $0 })
        }
    }

    enum Change: CaseIterable, Sendable {
        case overwrite, overwriteSmall, delete, append, invalidate, drop, flush, expire, evict
    }

    @Test(
        "keep the value whatever happens to its item, and give its memory back at the end", arguments: Change.allCases)
    func keepsValue(_ change: Change) throws {
        let fixture = try StoreFixture(megabytes: 2, itemBytesMax: 256 << 10)
        let value = Self.value(100_000)
        let before = fixture.store.statistics().itemBytes
        _ = fixture.store("k", value, StoreRequest(mode: .set, expiry: 200))
        do {
            guard let lease = fixture.lease("k") else { return }
            switch change {
            case .overwrite: #expect(fixture.store("k", Self.value(100_000, 5)).result == .stored)
            case .overwriteSmall: #expect(fixture.store("k", "small").result == .stored)
            case .delete: #expect(fixture.delete("k") == .done)
            case .append: #expect(fixture.store("k", "tail", StoreRequest(mode: .append)).result == .stored)
            case .invalidate:
                let request = InvalidateRequest(marksStale: true, dropsValue: false)
                #expect(fixture.invalidate("k", request) == .done)
            case .drop:
                let request = InvalidateRequest(marksStale: false, dropsValue: true)
                #expect(fixture.invalidate("k", request) == .done)
                #expect(fixture.value("k") == [])
            case .flush:
                fixture.session.flushAll()
                #expect(fixture.maintain())
            case .expire:
                fixture.session.setNow(200)
                #expect(fixture.value("k") == nil)
            case .evict:
                let others = [90, 9000, 90_000].map { Self.value($0) }
                for number in 0..<900 { _ = fixture.store("other-\(number)", others[number % 3]) }
            }
            #expect(lease.bytes == value)
            fixture.store._checkInvariants(expectedLeases: 1)
        }
        fixture.store._checkInvariants()
        fixture.session.setNow(100)
        fixture.session.flushAll()
        #expect(fixture.maintain())
        fixture.store._checkInvariants()
        #expect(fixture.store.itemCount == 0)
        #expect(fixture.store.statistics().itemBytes == before)
    }

    @Test("many on one item, ending on other threads")
    func otherThreads() throws {
        let fixture = try StoreFixture()
        let value = Self.value(50_000)
        _ = fixture.store("k", value)
        onThreads(fixture.clients(4)) { client, thread in
            for round in 0..<50 {
                guard let lease = client.lease("k") else { continue }
                if round % 10 == thread { _ = client.store("k", value) }
                precondition(lease.bytes == value, "a leased value stays what it is")
            }
        }
        #expect(fixture.value("k") == value)
        fixture.store._checkInvariants()
    }
}
