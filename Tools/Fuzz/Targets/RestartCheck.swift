import MartletStore
import StoreTesting

/// What a server finds at `-e FILE` may have become anything. Whatever it takes up is right; what is not is not taken.
///
/// The first byte of an input says which files the rest changes, and whether the sums of what they say about themselves
/// (not those of items) are made to agree again: a sum is no reason to believe what cannot be.
///
///      1  a file that nobody closed (restart_checksums), else FILE and FILE.meta
///      2  sums agree
///      4  FILE.meta only, or the words at the front of a file that nobody closed
///      8  memcached_mode: pages of a megabyte, items in lists
///     16  else pages of 256 KiB, as above -m 1024
///
/// The rest is changes, five bytes each: what kind (2 bits) and where (30 bits), and what is there from now on.
enum RestartCheck {
    private static let itemCount = 200
    private static let changeBytes = 5
    private static let changesMax = 64
    private static let headWordsBytes = 2048

    static func check(_ input: [UInt8]) throws {
        guard let first = input.first, input.count > changeBytes else { return }
        let layout: Layout = first & 8 != 0 ? .memcached : first & 16 != 0 ? .largePages : .usual
        // With memcached_mode there is no restart_checksums.
        let isLive = first & 1 != 0 && layout != .memcached
        var (file, meta) = bases[layout.rawValue][isLive ? 1 : 0]
        for start in stride(
            from: 1, through: min(input.count, 1 + changeBytes * changesMax) - changeBytes, by: changeBytes)
        {
            let word = input[start..<start + 4].reduce(0) { $0 << 8 | Int($1) }
            let (kind, place, what) = (UInt8(word >> 30), word & (1 << 30 - 1), input[start + 4])
            if isLive {
                change(&file, kind, first & 4 != 0 ? place % headWordsBytes : place, what)
            } else if first & 4 != 0 || kind & 1 == 0 {
                change(&meta, kind, place, what)
            } else {
                change(&file, kind, place, what)
            }
        }
        if first & 2 != 0 { isLive ? sealHead(&file) : seal(&meta) }
        try open(file, isLive ? nil : meta, settings(layout, isLive))
    }

    /// How memory is cut up.
    private enum Layout: Int, CaseIterable { case usual, memcached, largePages }

    /// Kind 0 and 1: a byte. 2: a word that is small, or huge. 3: the end.
    private static func change(_ bytes: inout [UInt8], _ kind: UInt8, _ place: Int, _ what: UInt8) {
        guard !bytes.isEmpty else { return }
        switch kind {
        case 0, 1: bytes[place % bytes.count] ^= what
        case 2:
            let word = place % max(bytes.count / 8, 1) * 8
            guard word + 8 <= bytes.count else { return }
            let shift = UInt64(what & 63)
            let number: UInt64 = what < 128 ? UInt64(what) : what < 192 ? 1 << shift : .max >> shift
            for index in 0..<8 { bytes[word + index] = UInt8(truncatingIfNeeded: number >> UInt64(8 * index)) }
        default:
            if what & 1 == 0 {
                bytes.removeLast(min(bytes.count, 1 + place % (1 << 18)))
            } else {
                bytes += [UInt8](repeating: what, count: 8 * (1 + place % 64))
            }
        }
    }

    /// Right or not there, and a store that can be used, whatever the files say.
    private static func open(_ file: [UInt8], _ meta: [UInt8]?, _ settings: StoreSettings) throws {
        let folder = try RestartFolder()
        try folder.write(file, to: folder.file)
        if let meta { try folder.write(meta, to: folder.meta) }
        let store = try FiledStore(folder.file, settings, threadCount: 1)
        for number in 0..<itemCount {
            guard let found = store.value("k\(number)", bump: false) else { continue }
            try FuzzFinding.expect(found == value(number), "k\(number) is not what it was: \(found.prefix(20))")
            try FuzzFinding.expect(number % 9 != 0, "k\(number) was deleted, and is there")
        }
        try FuzzFinding.expect(store.store("k1", "new").result == .stored, "nothing can be stored")
        try FuzzFinding.expect(store.text("k1") == "new", "what was stored is not there")
        let broken = store.store._brokenInvariant(expectedReservations: 0, expectedLeases: 0)
        if let broken { throw FuzzFinding(broken) }
    }

    // MARK: Files as they should be

    /// Of each layout: as a planned stop leaves it, and as nobody closed it.
    private static let bases = Layout.allCases.map { layout in
        (layout == .memcached ? [false] : [false, true]).map { make(layout, isLive: $0) }
    }

    private static func settings(_ layout: Layout, _ isLive: Bool) -> StoreSettings {
        switch layout {
        case .usual: return RestartFolder.settings(megabytes: 2, seals: isLive)
        case .memcached:
            var settings = RestartFolder.settings(megabytes: 12, seals: isLive)
            settings.isMemcachedMode = true
            settings.eviction = .segmented
            settings.growthFactor = 1.25
            settings.chunkBytesMin = SlabGeometry.memcachedSpaceBytesMin
            // A class gets its first page beyond the limit, too.
            settings.arenaBytesMax = 80 << 20
            return settings
        case .largePages:
            // The limit decides how large pages are; the arena, how large the file is.
            var settings = RestartFolder.settings(megabytes: 1025, seals: isLive)
            settings.arenaBytesMax = 8 << 20
            settings.growthFactor = 1.5
            return settings
        }
    }

    private static func value(_ number: Int) -> [UInt8] {
        // Some are chains of parts.
        let length = number % 40 == 4 ? 40_000 : [3, 40, 200, 1500, 900][number % 5]
        return Array("\(number)/".utf8) + [UInt8](repeating: UInt8(number & 0xff), count: length)
    }

    private static func make(_ layout: Layout, isLive: Bool) -> (file: [UInt8], meta: [UInt8]) {
        do {
            let folder = try RestartFolder()
            let store = try FiledStore(folder.file, settings(layout, isLive), threadCount: 1)
            for number in 0..<itemCount { _ = store.store("k\(number)", value(number)) }
            for number in stride(from: 0, to: itemCount, by: 9) { _ = store.delete("k\(number)") }
            precondition(store.value("k1", bump: false) == value(1), "there is something to damage")
            if isLive { return (folder.bytes(folder.file), []) }
            try store.handOn()
            return (folder.bytes(folder.file), folder.bytes(folder.meta))
        } catch {
            preconditionFailure("the files of a restart can be made: \(error)")
        }
    }

    // MARK: Sums

    /// Lets the last word be the sum of those before.
    private static func seal(_ meta: inout [UInt8]) {
        var words = Self.words(meta)
        guard words.count > secretIndex + 2 else { return }
        words[words.count - 1] = sum(words.dropLast(), seed: words[0], secretAt: secretIndex)
        meta = bytes(words) + meta.dropFirst(words.count * 8)
    }

    /// The same of the words at the front of a file that nobody closed: those saved, and those around them.
    private static func sealHead(_ file: inout [UInt8]) {
        guard file.count >= headWordsBytes else { return }
        var words = Self.words(Array(file.prefix(headWordsBytes)))
        let count = Int(truncatingIfNeeded: words[0])
        guard count > secretIndex + 2, count < 128 else { return }
        words[count] = sum(words[1..<count], seed: words[1], secretAt: secretIndex)
        words[count + 5] = sum(words[...(count + 4)], seed: 0x6c69_7665, secretAt: secretIndex + 1)
        file.replaceSubrange(..<headWordsBytes, with: bytes(words))
    }

    /// Where a saved state has its secret: behind magic, layout and settings.
    private static let secretIndex = 10

    private static func sum(_ words: ArraySlice<UInt64>, seed: UInt64, secretAt index: Int) -> UInt64 {
        let all = Array(words)
        return MemorySum(secret: (all[index], all[index + 1]))(all, seed: seed)
    }

    private static func words(_ bytes: [UInt8]) -> [UInt64] {
        stride(from: 0, through: bytes.count - 8, by: 8).map { start in
            (0..<8).reduce(0) { $0 | UInt64(bytes[start + $1]) << UInt64(8 * $1) }
        }
    }

    private static func bytes(_ words: [UInt64]) -> [UInt8] {
        words.flatMap { word in (0..<8).map { UInt8(truncatingIfNeeded: word >> UInt64(8 * $0)) } }
    }
}
