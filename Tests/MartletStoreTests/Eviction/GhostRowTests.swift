import MartletStore
import Testing

@Suite("A row of ghosts")
struct GhostRowTests {
    private let raw: UnsafeMutableRawPointer
    private let row: GhostRow

    init() {
        raw = .allocate(byteCount: 2 * GhostRow.bytes, alignment: 16)
        raw.initializeMemory(as: UInt8.self, repeating: 0, count: 2 * GhostRow.bytes)
        row = GhostRow(raw: raw)
    }

    /// A hash whose fingerprint is `number`.
    private func hash(_ number: UInt64) -> UInt64 { number << 49 | 0x1234 }

    @Test("remembers the last eight, newest first, and from where they went")
    func remembers() {
        defer { raw.deallocate() }
        for number: UInt64 in 1...10 { row.remember(hash(number), number % 2 == 0 ? .fromHot : .fromCold) }

        #expect(GhostRow.bytes == 16 && GhostRow.laneCount == 8)
        #expect(raw.load(as: UInt16.self) == 10)
        #expect(raw.load(fromByteOffset: 2, as: UInt16.self) == 0x8009)
        #expect(row.take(hash(1)) == nil && row.take(hash(2)) == nil)
        for number: UInt64 in 3...10 {
            #expect(row.take(hash(number)) == (number % 2 == 0 ? .fromHot : .fromCold))
            #expect(row.take(hash(number)) == nil, "a ghost is used up")
        }
    }

    @Test("finds older ghosts behind ones that are used up")
    func holes() {
        defer { raw.deallocate() }
        for number: UInt64 in 1...8 { row.remember(hash(number), .fromHot) }
        for number: UInt64 in 5...8 { #expect(row.take(hash(number)) == .fromHot) }
        #expect(row.take(hash(1)) == .fromHot)
        row.remember(hash(9), .fromCold)
        #expect(row.take(hash(9)) == .fromCold)
        #expect(row.take(hash(2)) == .fromHot)
    }

    @Test("a fingerprint of nought is none")
    func nought() {
        defer { raw.deallocate() }
        #expect(row.take(hash(0)) == nil)
        row.remember(hash(0), .fromHot)
        #expect(row.take(hash(0)) == .fromHot)
        #expect(row.take(hash(0)) == nil)
    }

    @Test("is copied when its bucket splits")
    func copies() {
        defer { raw.deallocate() }
        let other = GhostRow(raw: raw + GhostRow.bytes)
        for number: UInt64 in 1...8 { row.remember(hash(number), .fromCold) }
        other.copy(from: row)
        for number: UInt64 in 1...8 {
            #expect(other.take(hash(number)) == .fromCold)
            #expect(row.take(hash(number)) == .fromCold)
        }
    }

    @Test("takes in another's by turns when buckets merge, newest first, what both know once")
    func merges() {
        defer { raw.deallocate() }
        let other = GhostRow(raw: raw + GhostRow.bytes)
        row.remember(hash(1), .fromCold)
        other.copy(from: row)
        for number: UInt64 in 2...6 { row.remember(hash(number), .fromHot) }
        for number: UInt64 in 11...16 { other.remember(hash(number), .fromCold) }
        #expect(row.take(hash(6)) == .fromHot)

        row.merge(other)

        // 16, 5, 15, 4, 14, 3, 13, 2: of 6 nothing is left, for 1, 11 and 12 there is no room.
        for number: UInt64 in 2...5 { #expect(row.take(hash(number)) == .fromHot) }
        for number: UInt64 in 13...16 { #expect(row.take(hash(number)) == .fromCold) }
        for number: UInt64 in [1, 6, 11, 12] { #expect(row.take(hash(number)) == nil) }
        #expect(other.raw.load(as: UInt64.self) == 0 && (other.raw + 8).load(as: UInt64.self) == 0)
    }
}
