#if DEBUG
import Glibc
import MartletStore
import StoreTesting
import Testing

/// A process that dies leaves its file as it was at that moment. Here the file is copied at moments between any two
/// lock holds of running operations, and another store is made from the copy: each key must have what it had, and the
/// one that an operation is under way for what it had before or has afterwards. Nothing may be lost, for nothing is
/// evicted.
@Suite("An unplanned end, with restart_checksums")
struct UnplannedEndTests {
    private static let keyCount = 60

    private final class Run {
        let folder: RestartFolder
        let store: FiledStore
        var random: SplitMix
        /// The last version of each key that was acknowledged.
        var known: [String: FiledStore.Seen] = [:]
        /// Whose operation is under way.
        var current: String?
        var copies: [(bytes: [UInt8], known: [String: FiledStore.Seen], current: String?)] = []
        /// Every version that a key has ever had.
        var versions: [String: [FiledStore.Seen]] = [:]
        let settings: StoreSettings

        init(seed: UInt64) throws {
            folder = try RestartFolder()
            settings = RestartFolder.settings(megabytes: 6, seals: true)
            store = try FiledStore(folder.file, settings)
            random = SplitMix(seed: seed)
        }

        func maybeCopy() {
            guard current != nil, random.below(120) == 0, copies.count < 4 else { return }
            copies.append((folder.bytes(folder.file), known, current))
        }

        func note(_ key: String) {
            let seen = store.seen(key)
            known[key] = seen
            if let seen { versions[key, default: []].append(seen) }
        }

        func operate() {
            let key = "key\(random.below(UnplannedEndTests.keyCount))"
            current = key
            let size = [5, 60, 300, 5000, 40_000][random.below(5)]
            let value = [UInt8](repeating: UInt8(random.below(256)), count: size + random.below(8))
            let request = StoreRequest(
                mode: .set, clientFlags: UInt32(random.below(3)), expiry: random.below(3) == 0 ? 5000 : 0,
                explicitToken: random.below(8) == 0 ? random.next() >> 30 : nil)
            switch random.below(12) {
            case 0...4: _ = store.store(key, value, request)
            case 5: _ = store.storeInPieces(key, value, request)
            case 6: _ = store.store(key, [1, 2, 3], StoreRequest(mode: .append))
            case 7: _ = store.touch(key, UInt32(1000 + random.below(1000)))
            case 8: _ = store.invalidate(key, InvalidateRequest(marksStale: true, dropsValue: random.below(2) == 0))
            case 9: _ = store.delete(key)
            case 10:
                _ = store.store(key, "17", request)
                note(key)
                _ = store.add(key, random.next())
            default: _ = store.store.maintain(now: 100)
            }
            current = nil
            note(key)
        }
    }

    /// An operation under way: what was there before, something that came later, or nothing, and never a mixture.
    private static func check(
        _ found: FiledStore.Seen?, _ key: String, _ before: FiledStore.Seen?, _ run: Run
    ) {
        guard let found, found != before else { return }
        #expect(run.versions[key]?.contains(found) == true, "\(key)")
    }

    @Test(arguments: 1...8)
    func `leaves each item whole`(seed: Int) throws {
        let run = try Run(seed: UInt64(seed))
        run.store.store._setHook { [unowned run] in run.maybeCopy() }
        for _ in 0..<300 { run.operate() }
        run.store.store._setHook(nil)
        #expect(run.copies.count > 1)

        for (number, copy) in run.copies.enumerated() {
            try run.folder.write(copy.bytes, to: run.folder.path + "/copy")
            let next = try FiledStore(run.folder.path + "/copy", run.settings, now: 100)
            #expect(next.taken != nil)
            for key in (0..<Self.keyCount).map({ "key\($0)" }) where key != copy.current {
                #expect(next.seen(key) == copy.known[key], "seed \(seed), copy \(number), \(key)")
            }
            next.store._checkInvariants()
            if let current = copy.current { Self.check(next.seen(current), current, copy.known[current], run) }
            #expect(next.store("key1", "new").token > (copy.known["key1"]?.token ?? 0))
            next.store._checkInvariants()
        }
    }

    @Test func `damage costs the items it hits and nothing else is believed`() throws {
        let folder = try RestartFolder()
        let settings = RestartFolder.settings(megabytes: 6, seals: true)
        let store = try FiledStore(folder.file, settings)
        var known: [String: FiledStore.Seen] = [:]
        for number in 0..<500 {
            let key = "k\(number)"
            let size = [3, 100, 700, 6000][number % 4] * (number % 100 == 3 ? 9 : 1)
            _ = store.store(
                key, [UInt8](repeating: UInt8(number & 0xff), count: number % 4 == 3 && number % 40 != 3 ? 9 : size))
            known[key] = store.seen(key)
        }
        store.session.flushAll(at: 200)
        let intact = folder.bytes(folder.file)
        store.close()
        var taken: [Int] = []
        for seed in 0..<200 {
            var random = SplitMix(seed: UInt64(seed))
            var file = intact
            switch seed % 5 {
            case 0: file[random.below(file.count)] ^= 1 << UInt8(random.below(8))
            case 1: for _ in 0..<500 { file[random.below(file.count)] = UInt8(truncatingIfNeeded: random.next()) }
            case 2:
                let start = random.below(file.count / 4096) * 4096
                for index in start..<start + 4096 { file[index] = 0 }
            case 3: file.removeLast(random.below(file.count))
            default:
                // What a machine that crashed might leave: parts of the file as they were elsewhere.
                let (left, right) = (random.below(file.count / 4096) * 4096, random.below(file.count / 4096) * 4096)
                for index in 0..<4096 { file.swapAt(left + index, right + index) }
            }
            try folder.write(file, to: folder.file)
            let next = try FiledStore(folder.file, settings)

            var found = 0
            for (key, seen) in known {
                guard let now = next.seen(key) else { continue }
                found += 1
                #expect(now == seen, "seed \(seed), \(key)")
            }
            taken.append(found)
            #expect(next.taken ?? 0 == found, "seed \(seed)")
            next.store._checkInvariants()
            next.session.setNow(200)
        }
        #expect(taken.filter { $0 > 480 }.count > 60)
    }

    @Test func `without seals nothing is taken up`() throws {
        let folder = try RestartFolder()
        var store = try FiledStore(folder.file, RestartFolder.settings())
        _ = store.store("a", "1")
        store.close()
        store = try FiledStore(folder.file, RestartFolder.settings())
        #expect(store.taken == nil)
        #expect(store.remark?.hasPrefix("no ") == true)
        store.close()
        store = try FiledStore(folder.file, RestartFolder.settings(seals: true))
        #expect(store.taken == nil)
    }

    @Test func `what was flushed stays away, and a flush still to come comes`() throws {
        let folder = try RestartFolder()
        let settings = RestartFolder.settings(seals: true)
        var store = try FiledStore(folder.file, settings, now: 100)
        _ = store.store("old", "1")
        store.session.flushAll()
        _ = store.store("new", "1")
        store.session.flushAll(at: 120)
        store.close()
        store = try FiledStore(folder.file, settings, now: 102)

        #expect(store.text("old") == nil)
        #expect(store.text("new") == "1")
        store.session.setNow(120)
        #expect(store.text("new") == nil)
        _ = store.store("newer", "1")
        store.close()
        store = try FiledStore(folder.file, settings, now: 121)
        store.session.setNow(130)
        #expect(store.text("newer") == "1")
        #expect(store.text("new") == nil)
    }
}
#endif
