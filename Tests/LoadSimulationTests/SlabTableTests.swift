import LoadSimulation
import MartletStore
import Testing

@Suite("Simulation: slab classes")
struct SlabTableTests {
    @Test("Martlet's classes are those of the store", arguments: [1.02, 1.05, 1.25, 2.0])
    func martlet(factor: Double) {
        var settings = StoreSettings()
        settings.growthFactor = factor
        let geometry = SlabGeometry(settings: settings, arenaBytesMax: 1 << 30)
        defer { geometry.deallocate() }

        let table = SlabTable.martlet(pageBytes: geometry.pageBytes, growthFactor: factor, chunkBytesMin: 48)

        #expect(table.classCount == geometry.classCount)
        for slabClass in 1...geometry.classCount {
            #expect(table.chunkBytes[slabClass] == Int(geometry.chunkBytes[slabClass]))
        }
        for bytes in [1, 48, 49, 100, 1000, 1001, 20_000, geometry.chunkBytesMax] {
            #expect(table.slabClass(for: bytes) == geometry.slabClass(for: bytes))
        }
    }

    @Test("memcached's classes are those that memcached -vv prints")
    func memcached() {
        let table = SlabTable.memcached()

        #expect(Array(table.chunkBytes[1...8]) == [96, 120, 152, 192, 240, 304, 384, 480])
        #expect(table.classCount == 39)
        #expect(table.chunkBytesMax == 524_288)
        #expect(table.chunksPerPage(1) == 10_922)
    }
}
