import Glibc
import MartletStore
import StoreTesting
import Testing

/// A planned stop and the start that follows, without a server.
@Suite("A planned restart")
struct RestartTests {
    static let sizes = [0, 1, 30, 100, 1000, 4096, 4097, 20_000, 32_700, 70_000, 300_000]

    /// A cache with everything in it that an item can be.
    private func fill(_ store: FiledStore) -> [String] {
        var keys: [String] = []
        for (number, size) in Self.sizes.enumerated() {
            for (variant, expiry) in [0, 500, 90_000].enumerated() {
                let key = "key-\(size)-\(variant)"
                let value = (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ number &+ variant) }
                let request = StoreRequest(
                    mode: .set, clientFlags: UInt32(number), expiry: UInt32(expiry),
                    explicitToken: variant == 1 ? 1 << 40 + UInt64(number) : nil)
                #expect(store.store(key, value, request).result == .stored)
                keys.append(key)
            }
        }
        for number in 0..<500 {
            _ = store.store("n\(number)", "\(number)")
            _ = store.add("n\(number)", 7)
            keys.append("n\(number)")
        }
        #expect(store.touch("key-100-0", 700))
        #expect(store.touch("key-70000-1", 800))
        _ = store.store("key-1000-0", [1, 2, 3], StoreRequest(mode: .append))
        _ = store.invalidate("key-1-0", InvalidateRequest(marksStale: true, dropsValue: false))
        for key in ["key-30-1", "key-300000-2", "n4"] { #expect(store.delete(key) == .done) }
        return keys
    }

    @Test(arguments: [false, true])
    func `everything a client can see is there again, twice over`(seals: Bool) throws {
        let folder = try RestartFolder()
        var store = try FiledStore(folder.file, RestartFolder.settings(seals: seals))
        #expect(store.taken == nil)
        let keys = fill(store)
        let before = keys.map(store.seen)
        #expect(before.count(where: { $0 == nil }) == 3)

        for round in 1...2 {
            try store.handOn(now: UInt32(100 + 10 * (round - 1)))
            store = try FiledStore(folder.file, RestartFolder.settings(seals: seals), now: UInt32(100 + 10 * round))

            #expect(store.taken == keys.count - 3)
            #expect(keys.map(store.seen) == before)
            #expect(store.store.statistics().itemCount == keys.count - 3)
            store.store._checkInvariants()
        }
    }

    @Test func `what is stored afterwards has tokens above all that came before`() throws {
        let folder = try RestartFolder()
        var store = try FiledStore(folder.file, RestartFolder.settings())
        for _ in 0..<50 { _ = store.store("a", "1") }
        let before = try #require(store.token("a"))
        _ = store.delete("a")
        try store.handOn()
        store = try FiledStore(folder.file, RestartFolder.settings())

        #expect(store.text("a") == nil)
        #expect(store.store("a", "2").token > before)
        store.store._checkInvariants()
    }

    @Test func `time spent between two stores counts`() throws {
        let folder = try RestartFolder()
        var store = try FiledStore(folder.file, RestartFolder.settings(), now: 100)
        _ = store.store("short", "1", StoreRequest(mode: .set, expiry: 105))
        _ = store.store("long", "1", StoreRequest(mode: .set, expiry: 200))
        try store.handOn(now: 101)
        store = try FiledStore(folder.file, RestartFolder.settings(), now: 105)

        #expect(store.taken == 1)
        #expect(store.text("short") == nil)
        #expect(store.seen("long")?.expiry == 200)
        store.store._checkInvariants()
        store.session.setNow(200)
        #expect(store.text("long") == nil)
    }

    @Test func `what expires is found in the background as before`() throws {
        let folder = try RestartFolder()
        var store = try FiledStore(folder.file, RestartFolder.settings(), now: 100)
        for number in 0..<1000 { _ = store.store("k\(number)", "1", StoreRequest(mode: .set, expiry: 150)) }
        try store.handOn(now: 100)
        store = try FiledStore(folder.file, RestartFolder.settings(), now: 110)

        #expect(store.taken == 1000)
        while store.store.maintain(now: 151) {}
        #expect(store.store.statistics().itemCount == 0)
        store.store._checkInvariants()
    }

    @Test func `what was flushed stays away, and a flush still to come comes`() throws {
        let folder = try RestartFolder()
        var store = try FiledStore(folder.file, RestartFolder.settings(), now: 100)
        _ = store.store("old", "1")
        store.session.flushAll()
        _ = store.store("new", "1")
        store.session.flushAll(at: 120)
        try store.handOn(now: 101)
        store = try FiledStore(folder.file, RestartFolder.settings(), now: 102)

        #expect(store.taken == 1)
        #expect(store.text("old") == nil)
        #expect(store.text("new") == "1")
        store.session.setNow(120)
        #expect(store.text("new") == nil)
    }

    @Test(arguments: EvictionPolicy.allCases.filter(\.evicts))
    func `a full cache goes on evicting, whatever the policy`(_ policy: EvictionPolicy) throws {
        let folder = try RestartFolder()
        var settings = RestartFolder.settings(megabytes: 2)
        settings.itemBytesMax = 100_000
        settings.eviction = policy
        var store = try FiledStore(folder.file, settings)
        let value = [UInt8](repeating: 7, count: 500)
        for number in 0..<6000 { #expect(store.store("k\(number)", value).result == .stored) }
        for number in 5000..<5500 { _ = store.value("k\(number)") }
        let count = store.store.statistics().itemCount
        try store.handOn()
        store = try FiledStore(folder.file, settings)

        #expect(store.taken == count)
        store.store._checkInvariants()
        for number in 6000..<12_000 { #expect(store.store("k\(number)", value).result == .stored) }
        for number in 0..<20 {
            #expect(store.store("large\(number)", [UInt8](repeating: 1, count: 90_000)).result == .stored)
        }
        store.store._checkInvariants()
    }

    @Test func `the table has the size it had`() throws {
        let folder = try RestartFolder()
        var store = try FiledStore(folder.file, RestartFolder.settings(megabytes: 8))
        for number in 0..<30_000 { _ = store.store("k\(number)", "1") }
        let bytes = store.store.statistics().tableBytes
        try store.handOn()
        store = try FiledStore(folder.file, RestartFolder.settings(megabytes: 8))

        #expect(store.store.statistics().tableBytes <= bytes)
        #expect(store.store.statistics().tableBytes > bytes / 2)
        store.store._checkInvariants()
    }

    @Test func `the power of the table is memcached's, and that of its largest size`() throws {
        let folder = try RestartFolder()
        var store = try FiledStore(folder.file, RestartFolder.settings(megabytes: 32))
        #expect(store.store.statistics().tablePower == 16)
        for number in 0..<100_000 { _ = store.store("k\(number)", "1") }
        #expect(store.store.statistics().tablePower == 17)

        for number in 0..<100_000 { _ = store.delete("k\(number)") }
        while store.store.maintain(now: 100) {}
        #expect(store.store.statistics().tablePower == 17)
        try store.handOn()
        store = try FiledStore(folder.file, RestartFolder.settings(megabytes: 32))

        #expect(store.store.statistics().tablePower == 17)
    }

    @Test func `the number that stands for the layout changes only with the layout`() {
        // Whoever changes it changes what caches survive an upgrade: that belongs into the notes of the release.
        #expect(RestartLayout.id == 13_663_394_948_828_586_066)
    }

    // MARK: Not taken up

    @Test func `other settings start empty, and say which`() throws {
        let changes: [(String, (inout StoreSettings) -> Void)] = [
            ("-m", { $0.memoryLimitBytes = 5 << 20 }), ("-I", { $0.itemBytesMax = 2 << 20 }),
            ("-f", { $0.growthFactor = 1.25 }), ("-n", { $0.chunkBytesMin = 100 }),
            ("--eviction or -M", { $0.eviction = .lru }), ("-o restart_checksums", { $0.sealsItems = true }),
        ]
        for (name, change) in changes {
            let folder = try RestartFolder()
            var store = try FiledStore(folder.file, RestartFolder.settings())
            _ = store.store("a", "1")
            try store.handOn()
            var settings = RestartFolder.settings()
            change(&settings)
            store = try FiledStore(folder.file, settings)

            #expect(store.taken == nil)
            #expect(store.remark?.hasSuffix("different settings: \(name); starting with an empty cache") == true)
            #expect(store.text("a") == nil)
            #expect(store.store("a", "2").result == .stored)
            store.store._checkInvariants()
        }
    }

    @Test func `what was read once is not read again`() throws {
        let folder = try RestartFolder()
        var store: FiledStore? = try FiledStore(folder.file, RestartFolder.settings())
        _ = store?.store("a", "1")
        try store?.handOn()
        store = nil
        #expect(access(folder.meta, F_OK) == 0)
        store = try FiledStore(folder.file, RestartFolder.settings())
        #expect(access(folder.meta, F_OK) != 0)
        #expect(store?.taken == 1)
        store = nil
        store = try FiledStore(folder.file, RestartFolder.settings())

        #expect(store?.taken == nil)
        #expect(store?.text("a") == nil)
    }

    @Test func `a meta file without its file is an error, and stays`() throws {
        let folder = try RestartFolder()
        try folder.write([], to: folder.meta)

        #expect(throws: StoreCreationError.self) { try FiledStore(folder.file, RestartFolder.settings()) }
        #expect(access(folder.meta, F_OK) == 0)
        #expect(access(folder.file, F_OK) != 0)
    }

    @Test func `a file that another store uses, or that is none, is an error`() throws {
        let folder = try RestartFolder()
        let store = try FiledStore(folder.file, RestartFolder.settings())

        #expect(throws: StoreCreationError.self) { try FiledStore(folder.file, RestartFolder.settings()) }
        #expect(throws: StoreCreationError.self) { try FiledStore("/dev/null", RestartFolder.settings()) }
        #expect(throws: StoreCreationError.self) { try FiledStore(folder.path, RestartFolder.settings()) }
        #expect(throws: StoreCreationError.self) { try FiledStore("/no/such/folder", RestartFolder.settings()) }
        #expect(store.store("a", "1").result == .stored)
    }

    // MARK: Memory

    @Test func `the file has what the limit allows, and gives back what tables take`() throws {
        let folder = try RestartFolder()
        let store = try FiledStore(folder.file, RestartFolder.settings(megabytes: 8))
        #expect(allocatedBytes(folder.file) == 8 << 20)
        for number in 0..<200_000 { _ = store.store("k\(number)", "") }
        while store.store.maintain(now: 100) {}
        for _ in 0..<100 { _ = store.store.maintain(now: 100) }

        let statistics = store.store.statistics()
        #expect(statistics.tableBytes > 1 << 20)
        #expect(allocatedBytes(folder.file) + statistics.tableBytes <= 8 << 20 + 1 << 19)
        store.store._checkInvariants()
    }

    @Test func `a start takes nothing of the file system that the saved table leaves no room for`() throws {
        let folder = try RestartFolder()
        var store = try FiledStore(folder.file, RestartFolder.settings(megabytes: 8))
        for number in 0..<100_000 { _ = store.store("k\(number)", "") }
        for _ in 0..<200 { _ = store.store.maintain(now: 100) }
        let before = allocatedBytes(folder.file)
        #expect(before < 7 << 20)
        try store.handOn()
        store = try FiledStore(folder.file, RestartFolder.settings(megabytes: 8))

        // Overflow buckets and rings are not foreseen: a few pages.
        #expect(abs(allocatedBytes(folder.file) - before) <= 4 << 16)
        #expect(store.taken == 100_000)
        store.store._checkInvariants()
    }

    @Test(.enabled(if: access(RestartFolder.memory, W_OK) == 0), arguments: [false, true])
    func `a file in memory keeps what it was given, with holes and without`(hasHoles: Bool) throws {
        let folder = try RestartFolder(in: RestartFolder.memory)
        var store = try FiledStore(folder.file, RestartFolder.settings(megabytes: 16))
        let keys = fill(store)
        if hasHoles {
            for number in 0..<3000 { _ = store.store("k\(number)", [UInt8](repeating: 1, count: 3000)) }
            for number in 0..<3000 { _ = store.delete("k\(number)") }
            #expect(store.store.setMemoryLimit(bytes: 8 << 20))
            for _ in 0..<1000 { _ = store.store.maintain(now: 100) }
        }
        let before = keys.map(store.seen)
        for round in 1...3 {
            try store.handOn(now: UInt32(100 + 10 * (round - 1)))
            let allocated = allocatedBytes(folder.file)
            #expect(hasHoles && round == 1 ? allocated < 9 << 20 : allocated > 14 << 20)
            store = try FiledStore(folder.file, RestartFolder.settings(megabytes: 16), now: UInt32(100 + 10 * round))

            #expect(keys.map(store.seen) == before)
            #expect(abs(allocatedBytes(folder.file) - 16 << 20) < 2 << 20)
            for number in 0..<2000 { _ = store.store("r\(round)-\(number)", [UInt8](repeating: 2, count: 100)) }
            for number in 0..<2000 { _ = store.delete("r\(round)-\(number)") }
            store.store._checkInvariants()
        }
    }

    @Test func `a limit that rises and falls takes the file along`() throws {
        let folder = try RestartFolder()
        var store = try FiledStore(folder.file, RestartFolder.settings(megabytes: 4))
        let value = [UInt8](repeating: 7, count: 1000)
        #expect(store.store.setMemoryLimit(bytes: 16 << 20))
        // Room is taken as it is filled.
        #expect(allocatedBytes(folder.file) < 5 << 20)
        for number in 0..<10_000 { _ = store.store("k\(number)", value) }
        #expect(allocatedBytes(folder.file) > 10 << 20)
        let count = store.store.statistics().itemCount
        #expect(count == 10_000)
        try store.handOn()
        store = try FiledStore(folder.file, RestartFolder.settings(megabytes: 4))

        #expect(store.taken == count)
        store.store._checkInvariants()
        for _ in 0..<1000 where !store.store.maintain(now: 100) { break }
        for _ in 0..<100 { _ = store.store.maintain(now: 100) }
        #expect(store.store.statistics().itemCount < 4200)
        #expect(allocatedBytes(folder.file) <= 4 << 20)
        store.store._checkInvariants()
    }

    private func allocatedBytes(_ path: String) -> Int {
        var facts = stat()
        stat(path, &facts)
        return Int(facts.st_blocks) * 512
    }
}
