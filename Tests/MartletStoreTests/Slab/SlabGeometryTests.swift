import MartletStore
import StoreTesting
import Testing

/// The four rules of SlabGeometry, for several settings and arenas.
@Suite("Slab geometry")
struct SlabGeometryTests {
    struct Case: CustomStringConvertible, Sendable {
        var megabytes = 64
        var factor = 1.05
        var chunkBytesMin = 0
        var arenaBytes = 1 << 30

        var description: String { "-m \(megabytes) -f \(factor) -n \(chunkBytesMin), arena of \(arenaBytes >> 20) MB" }

        var geometry: SlabGeometry {
            var settings = StoreSettings()
            settings.memoryLimitBytes = megabytes << 20
            settings.growthFactor = factor
            settings.chunkBytesMin = chunkBytesMin
            return SlabGeometry(settings: settings, arenaBytesMax: arenaBytes)
        }
    }

    static let cases = [
        Case(), Case(megabytes: 4096, arenaBytes: 16 << 30), Case(factor: 1.25), Case(factor: 1.01), Case(factor: 2),
        Case(factor: 1e300), Case(factor: .infinity), Case(chunkBytesMin: 48), Case(chunkBytesMin: 500),
        Case(chunkBytesMin: 1 << 40), Case(megabytes: 65_536, arenaBytes: 64 << 30),
        Case(megabytes: 200_000, factor: 1.02, arenaBytes: 256 << 30),
    ]

    @Test("every size maps to the smallest chunk that holds it", arguments: cases)
    func smallestFit(_ example: Case) {
        let geometry = example.geometry
        defer { geometry.deallocate() }
        let sizes = (1...geometry.classCount).map { Int(geometry.chunkBytes[$0]) }
        var expected = 1

        for size in 1...geometry.chunkBytesMax {
            while sizes[expected - 1] < size { expected += 1 }
            let found = geometry.slabClass(for: size)
            if found != expected { Issue.record("\(size) bytes map to class \(found), not \(expected)") }
        }
        #expect(sizes.last == geometry.chunkBytesMax)
    }

    @Test("Given sizes that could hold no item are left out, with seals and without", arguments: [false, true])
    func tinySizes(isSealed: Bool) {
        for isMemcachedMode in [false, true] {
            var settings = StoreSettings()
            settings.isMemcachedMode = isMemcachedMode
            settings.sealsItems = isSealed
            settings.slabSizes = [1, 8, 47, 100, 200]

            let geometry = SlabGeometry(settings: settings, arenaBytesMax: 128 << 20)
            defer { geometry.deallocate() }

            // 47 is rounded up to 48.
            let sizes = (1...3).map { Int(geometry.chunkBytes[$0]) + geometry.sealBytes }
            #expect(sizes == [48, 104, 200])
        }
    }

    @Test("chunks are aligned, grow, use their page whole and end at half a page", arguments: cases)
    func rules(_ example: Case) {
        let geometry = example.geometry
        defer { geometry.deallocate() }
        let alignment = 1 << geometry.handleShift
        let sizes = (1...geometry.classCount).map { Int(geometry.chunkBytes[$0]) }

        #expect(sizes.allSatisfy { $0 % alignment == 0 })
        #expect(zip(sizes, sizes.dropFirst()).allSatisfy { $0 < $1 })
        #expect(
            sizes.allSatisfy { geometry.pageBytes - geometry.pageBytes / $0 * $0 < geometry.pageBytes / $0 * alignment }
        )
        #expect(geometry.classCount <= SlabGeometry.classCountMax)
        #expect(geometry.chunkBytesMax == geometry.pageBytes / 2)
        #expect(sizes[0] >= max(48, min(ItemPointer.headerBytes + example.chunkBytesMin, geometry.chunkBytesMax)))
        for slabClass in 1...geometry.classCount {
            #expect(geometry.chunksPerPage(slabClass) == geometry.pageBytes / sizes[slabClass - 1])
        }
        for (small, large) in zip(sizes, sizes.dropFirst()) {
            // The next size before it was widened: at most the factor, or one step, above.
            let wanted = min(
                max(small + alignment, Int(min(Double(small) * example.factor, 1e9)) + alignment), sizes.last!)
            #expect(geometry.pageBytes / large >= geometry.pageBytes / wanted)
        }
    }

    @Test("the default sizes are these")
    func defaults() {
        let geometry = Case().geometry
        defer { geometry.deallocate() }

        #expect(geometry.pageBytes == 65_536)
        #expect(geometry.handleShift == 3)
        #expect((1...20).map { geometry.chunkBytes[$0] } == Self.firstSizes)
        #expect(geometry.classCount == 83)
    }

    static let firstSizes: [UInt32] = [
        48, 56, 64, 72, 80, 88, 96, 104, 112, 120, 128, 136, 144, 152, 160, 168, 176, 184, 200, 216,
    ]

    @Test("handles reach the end of every arena", arguments: [30, 34, 35, 36, 38])
    func handleShift(_ power: Int) {
        let geometry = Case(megabytes: 2048, arenaBytes: 1 << power).geometry
        defer { geometry.deallocate() }

        #expect((1 << power) >> geometry.handleShift < 1 << 32 - 1)
        #expect(geometry.handleShift == max(3, power - 31))
    }
}
