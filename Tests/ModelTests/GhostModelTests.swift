import MartletStore
import StoreTesting
import Testing

/// A row of ghosts against a list. What ghosts do for keys that come back is told in EvictorTests, and that they stand
/// where they belong is an invariant of every step of a model run.
@Suite("Ghosts and their model")
struct GhostModelTests {
    @Test("a row says what a list of the last eight says", arguments: 1...20)
    func row(seed: Int) {
        let raw = UnsafeMutableRawPointer.allocate(byteCount: GhostRow.bytes, alignment: 16)
        defer { raw.deallocate() }
        raw.initializeMemory(as: UInt8.self, repeating: 0, count: GhostRow.bytes)
        let row = GhostRow(raw: raw)
        var list: [(fingerprint: UInt64, kind: GhostRow.Kind)?] = []
        var random = SplitMix(seed: UInt64(seed))

        for step in 0..<2000 {
            let number = UInt64(1 + random.below(12))
            let hash = number << 49 | UInt64(random.below(1 << 20))
            if random.below(2) == 0 {
                let kind: GhostRow.Kind = random.below(2) == 0 ? .fromHot : .fromCold
                row.remember(hash, kind)
                list.insert((number, kind), at: 0)
                if list.count > GhostRow.laneCount { list.removeLast() }
            } else {
                let place = list.firstIndex { $0?.fingerprint == number }
                let expected = place.flatMap { list[$0]?.kind }
                if let place { list[place] = nil }
                #expect(row.take(hash) == expected, "seed \(seed), step \(step)")
            }
        }
    }
}
