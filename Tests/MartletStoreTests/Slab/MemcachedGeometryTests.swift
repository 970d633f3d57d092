import MartletStore
import StoreTesting
import Testing

/// The rules of SlabGeometry+Memcached.swift. The sizes are those that memcached 1.6.45 prints with `-vv`.
@Suite("memcached's geometry")
struct MemcachedGeometryTests {
    private func settings(_ change: (inout StoreSettings) -> Void = { _ in }) -> StoreSettings {
        var settings = StoreSettings()
        settings.isMemcachedMode = true
        settings.eviction = .segmented
        settings.growthFactor = 1.25
        settings.chunkBytesMin = 48
        change(&settings)
        return settings
    }

    private func sizes(_ settings: StoreSettings, arenaBytes: Int = 1 << 30) -> [Int] {
        let geometry = SlabGeometry(settings: settings, arenaBytesMax: arenaBytes)
        defer { geometry.deallocate() }
        return (1...geometry.classCount).map { Int(geometry.chunkBytes[$0]) }
    }

    @Test("has memcached's 39 classes of 1 MiB pages")
    func usualClasses() {
        let expected = [
            96, 120, 152, 192, 240, 304, 384, 480, 600, 752, 944, 1184, 1480, 1856, 2320, 2904, 3632, 4544, 5680, 7104,
            8880, 11104, 13880, 17352, 21696, 27120, 33904, 42384, 52984, 66232, 82792, 103_496, 129_376, 161_720,
            202_152, 252_696, 315_872, 394_840, 524_288,
        ]

        #expect(sizes(settings()) == expected)
        #expect(sizes(settings(), arenaBytes: (32 << 30) - (1 << 20)).count == 39)
    }

    @Test("follows -f, -n, slab_chunk_max and slab_sizes")
    func givenClasses() {
        #expect(sizes(settings { $0.slabChunkBytesMax = 16 << 10 }).suffix(3) == [8880, 11104, 16384])
        #expect(sizes(settings { $0.slabChunkBytesMax = 16 << 10 }).count == 23)
        #expect(sizes(settings { $0.slabChunkBytesMax = 4 << 10 }).count == 17)
        #expect(sizes(settings { $0.slabChunkBytesMax = 1 << 20 }).last == 1 << 20)
        #expect(sizes(settings { $0.growthFactor = 2 }).prefix(4) == [96, 192, 384, 768])
        #expect(sizes(settings { $0.chunkBytesMin = 10 }).prefix(4) == [64, 80, 104, 136])
        #expect(sizes(settings { $0.growthFactor = 1.01 }).count == 63)
        #expect(sizes(settings { $0.slabSizes = [100, 204, 1000] }) == [104, 208, 1000, 524_288])
    }

    @Test("puts items in the class that memcached would put them in")
    func classOfItems() throws {
        let fixture = try StoreFixture(settings { $0.memoryLimitBytes = 64 << 20 })
        // What memcached counts: 59 bytes, key and value, and 4 for client flags.
        let cases: [(key: String, length: Int, flags: UInt32, slabClass: Int)] = [
            ("key1", 33, 0, 1), ("key1", 34, 0, 2), ("key1", 29, 1, 1),
            ("key1", 30, 1, 2), ("key1", 66_560, 0, 31), ("bfoo1", 70_000, 0, 31), ("sfoo1", 20_000, 0, 25),
            ("k", 3572, 0, 17), ("k", 3573, 0, 18), ("k", 4484, 0, 18), ("k", 4485, 0, 19), ("k", 600_000, 0, 39),
        ]
        for item in cases {
            let request = StoreRequest(mode: .set, clientFlags: item.flags)
            let value = [UInt8](repeating: 1, count: item.length)

            #expect(fixture.store(item.key, value, request).slabClass == item.slabClass, "\(item)")
            #expect(fixture.value(item.key) == value)
        }
        fixture.store._checkInvariants()
    }

    @Test("accounts what memcached accounts")
    func accounting() throws {
        let fixture = try StoreFixture(settings { $0.memoryLimitBytes = 8 << 20 })
        _ = fixture.store("key", "0123456789")
        #expect(fixture.store.statistics().itemBytes == 59 + 3 + 10)
        _ = fixture.store("key", "0123456789", StoreRequest(mode: .set, clientFlags: 7))
        #expect(fixture.store.statistics().itemBytes == 63 + 3 + 10)
        _ = fixture.store("key", "x", StoreRequest(mode: .append))
        #expect(fixture.store.statistics().itemBytes == 63 + 3 + 11)
        #expect(fixture.hold("key") { $0.itemSize } == 63 + 3 + 11)
        _ = fixture.store("large", [UInt8](repeating: 1, count: 100_000))
        #expect(fixture.store.statistics().itemBytes == 77 + 59 + 5 + 100_000)
        #expect(fixture.delete("key") == .done && fixture.delete("large") == .done)
        #expect(fixture.store.statistics().itemBytes == 0)
    }

    @Test("an item is too large when memcached's would be")
    func itemLimit() throws {
        let fixture = try StoreFixture(settings { $0.memoryLimitBytes = 8 << 20 })
        let most = (1 << 20) - 59 - 3
        #expect(fixture.store("key", [UInt8](repeating: 1, count: most)).result == .stored)
        #expect(fixture.store("key", [UInt8](repeating: 1, count: most + 1)).result == .tooLarge)
    }

    @Test("without tokens eight bytes less count, and links still have their place")
    func withoutTokens() throws {
        let fixture = try StoreFixture(
            settings {
                $0.memoryLimitBytes = 8 << 20
                $0.issuesTokens = false
            })
        for length in 0..<6000 {
            #expect(fixture.store("key-\(length)", [UInt8](repeating: 1, count: length)).result == .stored)
        }
        #expect(fixture.store("k", "").slabClass == 1)
        fixture.store._checkInvariants()
    }

    @Test("every class gets its first page beyond the limit, and no second")
    func firstPages() throws {
        let fixture = try StoreFixture(
            settings {
                $0.memoryLimitBytes = 2 << 20
                $0.eviction = .none
                $0.itemBytesMax = 1 << 20
            })
        var stored = 0
        while fixture.store("key-\(stored)", [UInt8](repeating: 1, count: 8192)).result == .stored { stored += 1 }
        // Class 21: 118 chunks a page.
        #expect(stored == 2 * 118)
        for length in [10, 100, 1000, 20_000, 200_000] {
            #expect(fixture.store("other-\(length)", [UInt8](repeating: 1, count: length)).result == .stored)
        }

        let statistics = fixture.store.statistics()
        #expect(statistics.pagedBytes == 7 << 20)
        #expect(statistics.classes.map(\.pageCount) == [1, 1, 1, 2, 1, 1])
        fixture.store._checkInvariants()
    }
}
