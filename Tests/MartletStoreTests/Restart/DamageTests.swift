import Glibc
import MartletStore
import StoreTesting
import Testing

/// What may have become of the files since they were written. None of it may end in a crash or in a wrong answer.
@Suite("Damage of a memory file")
struct DamageTests {
    /// What is done to FILE and FILE.meta.
    enum Damage: CaseIterable {
        case bitOfFile, bitsOfFile, zeroesInFile, pagesSwapped, fileCut, fileEmpty, fileLonger, fileForeign, fileOlder
        case bitOfMeta, metaCut, metaEmpty, metaLonger, metaForeign, metaOfAnother, metaOfOtherLayout
    }

    private static let itemCount = 2000

    private static func value(_ number: Int, _ version: Int) -> [UInt8] {
        let size = [3, 40, 200, 1500, 6000][number % 5]
        return Array("\(number)/\(version)/".utf8) + [UInt8](repeating: UInt8(number & 0xff), count: size)
    }

    /// A file as a planned stop leaves it, with every key in one version.
    private static func make(_ folder: RestartFolder, version: Int) throws -> (file: [UInt8], meta: [UInt8]) {
        let store = try FiledStore(folder.file, RestartFolder.settings(megabytes: 8))
        for number in 0..<itemCount { _ = store.store("k\(number)", value(number, version)) }
        for number in stride(from: 0, to: itemCount, by: 9) { _ = store.delete("k\(number)") }
        try store.handOn()
        return (folder.bytes(folder.file), folder.bytes(folder.meta))
    }

    /// Whether every answer is right or a miss; how many there are.
    private static func check(_ store: FiledStore, version: Int, _ what: String) -> Int {
        var found = 0
        for number in 0..<itemCount {
            guard let found1 = store.value("k\(number)", bump: false) else { continue }
            found += 1
            #expect(found1 == value(number, version) && number % 9 != 0, "\(what): k\(number)")
        }
        return found
    }

    @Test func `two hundred of them, none harmful`() throws {
        let folder = try RestartFolder()
        let other = try RestartFolder()
        let intact = try Self.make(folder, version: 1)
        let stranger = try Self.make(other, version: 2)
        let whole = Self.itemCount - (Self.itemCount + 8) / 9
        var empty = 0
        for seed in 0..<208 {
            var random = SplitMix(seed: UInt64(seed))
            let damage = Damage.allCases[seed % Damage.allCases.count]
            var (file, meta) = intact
            Self.apply(damage, &file, &meta, stranger, &random)
            try folder.write(file, to: folder.file)
            try folder.write(meta, to: folder.meta)

            let store = try FiledStore(folder.file, RestartFolder.settings(megabytes: 8))
            let found = Self.check(store, version: 1, "seed \(seed), \(damage)")
            #expect(found == 0 || found == whole, "seed \(seed), \(damage)")
            #expect((store.taken ?? 0) == found)
            #expect(access(folder.meta, F_OK) != 0)
            if found == 0 {
                empty += 1
                #expect(store.remark?.hasSuffix("; starting with an empty cache") == true, "\(damage)")
            }
            #expect(store.store("k1", "new").result == .stored)
            #expect(store.text("k1") == "new")
            store.store._checkInvariants()
        }
        // The rest hit bytes that nobody uses.
        #expect(empty > 150)
        try folder.write(intact.file, to: folder.file)
        try folder.write(intact.meta, to: folder.meta)
        #expect(
            Self.check(try FiledStore(folder.file, RestartFolder.settings(megabytes: 8)), version: 1, "intact") == whole
        )
    }

    private static func apply(
        _ damage: Damage, _ file: inout [UInt8], _ meta: inout [UInt8], _ stranger: (file: [UInt8], meta: [UInt8]),
        _ random: inout SplitMix
    ) {
        let usedBytes = 60 * 65_536
        let page = 65_536
        switch damage {
        case .bitOfFile: file[random.below(usedBytes)] ^= 1 << UInt8(random.below(8))
        case .bitsOfFile:
            for _ in 0..<1000 { file[random.below(file.count)] = UInt8(truncatingIfNeeded: random.next()) }
        case .zeroesInFile:
            let start = random.below(usedBytes / 4096) * 4096
            for index in start..<start + 4096 { file[index] = 0 }
        case .pagesSwapped:
            let (left, right) = (random.below(30) * page, (30 + random.below(30)) * page)
            for index in 0..<page { file.swapAt(left + index, right + index) }
        case .fileCut: file.removeLast(file.count - random.below(usedBytes))
        case .fileEmpty: file = []
        case .fileLonger: file += [UInt8](repeating: 1, count: 1 + random.below(page))
        case .fileForeign: for index in file.indices { file[index] = UInt8(truncatingIfNeeded: index &* seed(random)) }
        case .fileOlder: file = stranger.file
        case .bitOfMeta: meta[random.below(meta.count)] ^= 1 << UInt8(random.below(8))
        case .metaCut: meta.removeLast(1 + random.below(meta.count - 1))
        case .metaEmpty: meta = []
        case .metaLonger: meta += [UInt8](repeating: 0, count: 8 * (1 + random.below(4)))
        case .metaForeign: meta = (0..<meta.count).map { _ in UInt8(truncatingIfNeeded: random.next()) }
        case .metaOfAnother: meta = stranger.meta
        case .metaOfOtherLayout: meta[8 + random.below(8)] ^= 0x40
        }
    }

    private static func seed(_ random: SplitMix) -> Int {
        var random = random
        return 2 * random.below(1 << 20) + 1
    }

    @Test func `a small value longer than any that is copied is not taken up, also with sums that agree`() throws {
        let folder = try RestartFolder()
        var store = try FiledStore(folder.file, RestartFolder.settings(megabytes: 8))
        let longest = ItemPointer.copiedValueBytesMax
        _ = store.store("k", [UInt8](repeating: 1, count: longest))
        let start = try #require(
            store.withKey("k") { key -> UnsafeRawPointer? in
                guard let hold = store.session.holdValue(key) else { return nil }
                return hold.start
            })
        // Its header, at a multiple of eight, and its key stand in front of its value.
        let candidates = (2...6).map { words in
            UnsafeRawPointer(bitPattern: Int(bitPattern: start) / 8 * 8 - 8 * words)
                .map { ItemPointer(raw: UnsafeMutableRawPointer(mutating: $0)) }
        }
        let item = try #require(candidates.first { $0?.smallLength == longest && $0?.keyLength == 1 } ?? nil)
        item.smallLength = longest + 1
        try store.handOn()

        store = try FiledStore(folder.file, RestartFolder.settings(megabytes: 8))

        #expect(store.value("k", bump: false) == nil)
        store.store._checkInvariants()
    }

    @Test func `words that agree with their sum are still looked at`() throws {
        let folder = try RestartFolder()
        let intact = try Self.make(folder, version: 1)
        let words = intact.meta.withUnsafeBytes { Array($0.bindMemory(to: UInt64.self)) }
        let changes: [(inout SavedState) -> Void] = [
            { $0.pages[3].bump = 1 << 20 }, { $0.pages[3].slabClass = 251 }, { $0.pages[3].slabClass = 1 << 31 },
            { $0.stripes.removeLast() }, { $0.stripes = [] }, { $0.rowCount = .max }, { $0.rowCount = 0 },
            { $0.pages.removeLast(2) }, { $0.pages += Array(repeating: $0.pages[0], count: 100_000) },
            { $0.classes = [] }, { $0.classes += Array(repeating: $0.classes[0], count: 300) },
            { for index in $0.classes.indices { $0.classes[index].hotShare = .nan } },
            { for index in $0.stripes.indices { $0.stripes[index].sequence = .max } },
            { for index in $0.stripes.indices { $0.stripes[index].flushedThrough = .max } },
            { $0.second = .max }, { $0.pendingFlush = 1 }, { $0.secret = (0, 0) },
        ]
        for (number, change) in changes.enumerated() {
            var state = try SavedState(words: words)
            change(&state)
            let meta = state.words.withUnsafeBytes { Array($0) }
            try folder.write(intact.file, to: folder.file)
            try folder.write(meta, to: folder.meta)
            let store = try FiledStore(folder.file, RestartFolder.settings(megabytes: 8))

            _ = Self.check(store, version: 1, "change \(number)")
            #expect(store.store("k1", "new").result == .stored)
            store.store._checkInvariants()
        }
    }
}
