import MartletStore
import StoreTesting
import Testing

/// Values that arrive in pieces, or do not arrive after all.
@Suite("Reservations")
struct ItemReservationTests {
    private static func value(_ length: Int) -> [UInt8] {
        (0..<length).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ $0 >> 9) }
    }

    @Test(
        "hold the value as it came, in pieces of any size",
        arguments: [0, 1, 100, 4096, 4097, 30_000, 65_536, 300_000], [1 << 20, 4096, 777])
    func pieces(_ length: Int, _ pieceBytes: Int) throws {
        let fixture = try StoreFixture()
        let request = StoreRequest(mode: .set, clientFlags: 12, expiry: 400, explicitToken: 99)

        let outcome = fixture.storeInPieces("k", Self.value(length), request, pieceBytes: pieceBytes)

        #expect(outcome.result == .stored && outcome.token == 99 && outcome.valueLength == length)
        #expect(fixture.value("k") == Self.value(length))
        #expect(fixture.hold("k") { [$0.clientFlags, $0.expiry] } == [12, 400])
        #expect(fixture.session.reservedBytes == 0)
        fixture.store._checkInvariants()
    }

    @Test("give all memory back when they end early", arguments: [10, 4097, 40_000, 200_000])
    func aborted(_ length: Int) throws {
        let fixture = try StoreFixture()
        let value = Self.value(length)
        for filled in stride(from: 0, through: length, by: max(1, length / 9)) {
            fixture.withKey("k") { key in
                guard case .reserved(var reservation) = fixture.session.reserve(key, valueLength: length) else {
                    return
                }
                while length - reservation.remaining < filled {
                    let span = reservation.writableSpan()
                    let count = min(span.count, filled - (length - reservation.remaining))
                    span.copyBytes(from: value[..<count])
                    reservation.advance(count)
                }
                #expect(fixture.session.reservedBytes >= filled)
                #expect(fixture.session.reservedBytes <= length)
                #expect(fixture.store.statistics().reservedBytes == fixture.session.reservedBytes)
                fixture.store._checkInvariants(expectedReservations: 1)
            }
            #expect(fixture.session.reservedBytes == 0)
            #expect(fixture.value("k") == nil)
            fixture.store._checkInvariants()
        }
        #expect(fixture.store.statistics().classes.allSatisfy { $0.usedChunks == 0 })
    }

    @Test("run out of memory without a trap, and give back what they had")
    func outOfMemory() throws {
        let fixture = try StoreFixture(megabytes: 2, itemBytesMax: 1 << 20)
        let outcomes = fixture.withKey("a") { a in
            fixture.withKey("b") { b in
                guard case .reserved(var first) = fixture.session.reserve(a, valueLength: 1_000_000),
                    case .reserved(var second) = fixture.session.reserve(b, valueLength: 1_000_000)
                else { return [false] }
                let value = Self.value(1_000_000)
                let filled = fillReservation(&first, value)
                let alsoFilled = fillReservation(&second, value)
                if !filled { return [false] }
                let stored = fixture.session.commit(first, StoreRequest(mode: .set)).result == .stored
                return [filled, alsoFilled, stored]
            }
        }

        #expect(outcomes == [true, false, true])
        #expect(fixture.session.reservedBytes == 0)
        fixture.store._checkInvariants()
        #expect(fixture.storeInPieces("b", Self.value(1_000_000)).result == .stored)
        fixture.store._checkInvariants()
    }

    @Test("are judged when they are committed")
    func judgedLate() throws {
        let fixture = try StoreFixture()
        let results = fixture.withKey("k") { key in
            let modes: [StoreMode] = [.add, .replace, .append]
            return modes.map { mode -> StoreOutcome.Result in
                guard case .reserved(var reservation) = fixture.session.reserve(key, valueLength: 6000) else {
                    return .noMemory
                }
                _ = fillReservation(&reservation, Self.value(6000))
                if mode == .add { _ = fixture.store("k", "now there") } else { _ = fixture.delete("k") }
                return fixture.session.commit(reservation, StoreRequest(mode: mode))
                    .result
            }
        }

        #expect(results == [.notStored, .notStored, .notStored])
        fixture.store._checkInvariants()
    }

    @Test(
        "append and prepend to what is there",
        arguments: [(10, 10), (10, 5000), (5000, 10), (50_000, 50_000), (4000, 97)])
    func joined(_ oldLength: Int, _ newLength: Int) throws {
        let fixture = try StoreFixture()
        let old = [UInt8](repeating: 1, count: oldLength)
        let new = [UInt8](repeating: 2, count: newLength)
        _ = fixture.store("k", old, StoreRequest(mode: .set, clientFlags: 3, expiry: 300))

        let first = fixture.storeInPieces("k", new, StoreRequest(mode: .append))
        let second = fixture.storeInPieces("k", new, StoreRequest(mode: .prepend))

        #expect(first.result == .stored && first.valueLength == oldLength + newLength)
        #expect(second.result == .stored && second.token > first.token)
        #expect(fixture.value("k") == new + old + new)
        #expect(fixture.hold("k") { [$0.clientFlags, $0.expiry] } == [3, 300])
        #expect(fixture.session.reservedBytes == 0)
        fixture.store._checkInvariants()
    }

    @Test("unfinished values of others hold at most a quarter of the memory, and nobody's items go beyond that")
    func stalledUploads() throws {
        var settings = StoreSettings()
        settings.memoryLimitBytes = 16 << 20
        let fixture = try StoreFixture(settings)
        for number in 0..<80 { _ = fixture.store("kept-\(number)", [UInt8](repeating: 1, count: 100_000)) }
        var stalled: [StalledUpload] = []

        for number in 0..<60 {
            fixture.withKey("stalled-\(number)") { key in
                guard case .reserved(var reservation) = fixture.session.reserve(key, valueLength: 1_000_000) else {
                    return
                }
                for _ in 0..<15 {
                    let span = reservation.writableSpan()
                    reservation.advance(span.count)
                }
                stalled.append(StalledUpload(reservation))
            }
        }

        #expect(fixture.session.reservedBytes <= (16 << 20) / 4 + 60 * 32_768 + 1_000_000)
        #expect((0..<80).count { fixture.value("kept-\($0)") != nil } >= 60)
        #expect(fixture.store("small", "v").result == .stored)
        stalled = []
        #expect(fixture.session.reservedBytes == 0)
        #expect(fixture.store("large", [UInt8](repeating: 2, count: 900_000)).result == .stored)
        fixture.store._checkInvariants()
    }
}

/// A box for what cannot be copied.
private final class StalledUpload {
    private let reservation: ItemReservation

    init(_ reservation: consuming ItemReservation) {
        self.reservation = reservation
    }
}
