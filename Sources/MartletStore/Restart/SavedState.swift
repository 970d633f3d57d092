/// What a store leaves to the next one beside its pages: the contents of FILE.meta.
///
/// A row of 64-bit words, little-endian:
///
///     magic | layout id | fixed words: settings, secret, time, counts
///     stripes    2 each: last token, token up to which everything is flushed
///     pages      2 each: class and chunks handed out; sum of these chunks
///     classes    2 each: whether it has had to evict; how large HOT should be
///     sum of all the words before, keyed with the secret among them
///
/// Nothing of it is believed before the last word agrees, and no number of it is used without a look at its range.
package struct SavedState: Equatable, Sendable {
    package struct Stripe: Equatable, Sendable {
        package var sequence: UInt64
        package var flushedThrough: UInt64
    }

    package struct Page: Equatable, Sendable {
        /// 0 for a page that nobody has.
        package var slabClass: Int
        /// Chunks handed out at least once.
        package var bump: Int
        package var sum: UInt64 = 0
    }

    package struct SlabClass: Equatable, Sendable {
        package var isPressed: Bool
        package var hotShare: Double
    }

    package var settings: SavedSettings
    package var secret: (UInt64, UInt64) {
        get { (secretLow, secretHigh) }
        set { (secretLow, secretHigh) = newValue }
    }
    private var secretLow: UInt64 = 0
    private var secretHigh: UInt64 = 0
    /// Server second of the stop, and wall milliseconds at which server second 0 began.
    package var second: UInt32 = 0
    package var zeroMilliseconds: Int64 = 0
    /// Server second of a flush that is still to come, 0 for none.
    package var pendingFlush: UInt32 = 0
    /// Buckets that each stripe had, on average.
    package var rowCount: UInt32 = 1
    /// `StoreCore.tablePower`; 0 where it is not known. In the upper half of the word that `rowCount` has the lower one
    /// of.
    package var tablePower: UInt32 = 0
    package var stripes: [Stripe] = []
    package var pages: [Page] = []
    package var classes: [SlabClass] = []

    package init(settings: SavedSettings) { self.settings = settings }

    /// No stripe has issued a token beyond this: explicit ones raise it to no more than 2^63.
    static let sequenceMax: UInt64 = 1 << 63 + 1 << 40
    static let magic: UInt64 = 0x0000_5445_4c54_524d  // "MRTLET"
    private static let fixedCount = SavedSettings.wordCount + 9

    package var words: [UInt64] {
        var words = [Self.magic, RestartLayout.id]
        words += settings.words
        words += [
            secretLow, secretHigh, UInt64(second), UInt64(bitPattern: zeroMilliseconds), UInt64(pendingFlush),
            UInt64(rowCount) | UInt64(tablePower) << 32, UInt64(stripes.count), UInt64(pages.count),
            UInt64(classes.count),
        ]
        for stripe in stripes { words += [stripe.sequence, stripe.flushedThrough] }
        for page in pages { words += [UInt64(page.slabClass) | UInt64(page.bump) << 32, page.sum] }
        for slabClass in classes { words += [slabClass.isPressed ? 1 : 0, slabClass.hotShare.bitPattern] }
        words.append(MemorySum(secret: secret)(words, seed: Self.magic))
        return words
    }

    /// Reads `words`; throws the reason why they are of no use, as half a sentence.
    package init(words: [UInt64]) throws(Unusable) {
        let fixedEnd = 2 + Self.fixedCount
        guard words.count > fixedEnd, words[0] == Self.magic else { throw Unusable("is damaged or something else") }
        guard words[1] == RestartLayout.id else { throw Unusable("was written by a program with another layout") }
        let fixed = Array(words[2 + SavedSettings.wordCount..<fixedEnd])
        settings = SavedSettings(words: Array(words[2..<2 + SavedSettings.wordCount]))
        (secretLow, secretHigh) = (fixed[0], fixed[1])
        guard MemorySum(secret: (fixed[0], fixed[1]))(words.dropLast(), seed: Self.magic) == words.last else {
            throw Unusable("is damaged")
        }
        let counts = fixed[6...8]
        guard counts.allSatisfy({ $0 <= 1 << 32 }),
            UInt64(words.count) == UInt64(fixedEnd) + 2 * counts.reduce(0, +) + 1,
            fixed[2] <= UInt64(UInt32.max), fixed[4] <= UInt64(UInt32.max), fixed[5] >> 32 <= 64
        else { throw Unusable("is damaged") }
        second = UInt32(fixed[2])
        zeroMilliseconds = Int64(bitPattern: fixed[3])
        pendingFlush = UInt32(fixed[4])
        rowCount = UInt32(truncatingIfNeeded: fixed[5])
        tablePower = UInt32(fixed[5] >> 32)

        var pairs = words[fixedEnd...].dropLast().makeIterator()
        func pair() -> (UInt64, UInt64) { (pairs.next() ?? 0, pairs.next() ?? 0) }
        for _ in 0..<counts[6] {
            let (sequence, flushed) = pair()
            stripes.append(Stripe(sequence: sequence, flushedThrough: flushed))
        }
        for _ in 0..<counts[7] {
            let (facts, sum) = pair()
            pages.append(Page(slabClass: Int(facts & 0xffff_ffff), bump: Int(facts >> 32), sum: sum))
        }
        for _ in 0..<counts[8] {
            let (isPressed, share) = pair()
            classes.append(SlabClass(isPressed: isPressed != 0, hotShare: Double(bitPattern: share)))
        }
    }

    /// Why what was left cannot be taken up.
    package struct Unusable: Error, Equatable {
        package let reason: String

        init(_ reason: String) { self.reason = reason }
    }
}

extension MemorySum {
    fileprivate func callAsFunction(_ words: ArraySlice<UInt64>, seed: UInt64) -> UInt64 {
        self(Array(words), seed: seed)
    }
}

/// The settings that the bytes of a memory file depend on.
package struct SavedSettings: Equatable, Sendable {
    var memoryLimitBytes: UInt64
    var itemBytesMax: UInt64
    var growthFactor: UInt64
    var chunkBytesMin: UInt64
    var eviction: UInt64
    var sealsItems: UInt64
    /// With `memcached_mode` 1 and what else its accounting and lists depend on; 0 without.
    var mode: UInt64
    /// A sum of page size, chunk sizes and what a handle stands for; 0 before the store has them.
    var geometry: UInt64 = 0

    static let wordCount = 8

    init(_ settings: StoreSettings) {
        memoryLimitBytes = UInt64(settings.memoryLimitBytes)
        itemBytesMax = UInt64(settings.itemBytesMax)
        growthFactor = settings.growthFactor.bitPattern
        chunkBytesMin = UInt64(settings.chunkBytesMin)
        eviction = UInt64(settings.eviction.rawValue)
        sealsItems = settings.sealsItems ? 1 : 0
        mode = settings.isMemcachedMode ? 1 | (settings.issuesTokens ? 2 : 0) | (settings.isSegmented ? 4 : 0) : 0
    }

    init(words: [UInt64]) {
        memoryLimitBytes = words[0]
        itemBytesMax = words[1]
        growthFactor = words[2]
        chunkBytesMin = words[3]
        eviction = words[4]
        sealsItems = words[5]
        mode = words[6]
        geometry = words[7]
    }

    var words: [UInt64] {
        [memoryLimitBytes, itemBytesMax, growthFactor, chunkBytesMin, eviction, sealsItems, mode, geometry]
    }

    /// What of `other` is not the same, as an operator calls it; the geometry, which follows from the rest, last. Nil
    /// if everything is.
    func difference(from other: SavedSettings) -> String? {
        let names = [
            "-m", "-I", "-f", "-n", "--eviction or -M", "-o restart_checksums",
            "-o memcached_mode, or with it -C or the segments", "the sizes of pages and chunks",
        ]
        return zip(names, zip(words, other.words)).first { $0.1.0 != $0.1.1 }?.0
    }
}

extension SlabGeometry {
    /// The sum that `SavedSettings.geometry` holds.
    var digest: UInt64 {
        let sizes = (1...classCount).map { UInt64(chunkBytes[$0]) }
        let shape = [UInt64(pageShift), UInt64(handleShift), UInt64(classCount)]
        return MemorySum(secret: (1, 2))(shape + sizes, seed: 0)
    }
}
