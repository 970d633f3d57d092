/// Page size and class table: every fact about how memory is cut up that depends on settings.
///
///     page 64 KiB (256 KiB above -m 1024)
///     class  1      2      3    ...   13     14     15   ...   N
///     chunk  48     56     64         144    152    160        page / 2
///            8-byte steps while 5 % is less than 8 bytes, then times the growth factor
///
/// Rules:
/// 1. Each size is a multiple of the chunk alignment, and larger than the one before.
/// 2. Each size is widened to use its page whole: with n = page / size chunks in a page, size becomes page / n.
/// 3. The smallest chunk is 48 bytes: a 20-byte key with a 10-byte value. Smaller classes would each strand a page or
///    two for items that hardly anybody stores.
/// 4. The largest chunk is half a page; what does not fit becomes a chain (see LargeItem.swift).
/// 5. Chunk sizes given one by one (`slab_sizes`) stand as they are, rounded up to the alignment, and the largest
///    follows; those under the smallest chunk, which could hold no item, are left out. A largest one that is given
///    (`slab_chunk_max`) holds where it is below half a page.
///
/// With `-o memcached_mode` all of it is memcached's: SlabGeometry+Memcached.swift.
package struct SlabGeometry: BitwiseCopyable {
    package let pageBytes: Int
    package let pageShift: Int
    /// log2 of the bytes that one step of a handle stands for.
    package let handleShift: Int
    package let classCount: Int
    /// What a chunk of a class holds, index 1...classCount: its size, but for the seal at its end where there are
    /// seals.
    package let chunkBytes: UnsafeMutablePointer<UInt32>
    /// Smallest class by (size + 7) / 8.
    package let classBySize: UnsafeMutablePointer<UInt8>
    package let chunkBytesMax: Int
    /// Values up to this length make small items: what is copied under the stripe lock, and fits the largest chunk.
    package let smallValueBytesMax: Int
    /// What an item has besides key and value when it is held against the item limit.
    package let itemOverheadBytes: Int
    /// What a part has besides its piece when its chunk is chosen.
    package let partOverheadBytes: Int
    /// Whether each class keeps its items in lists, linked through the last bytes of their chunks (ItemLists.swift).
    package let keepsLists: Bool
    /// What a chunk has beside what it holds.
    package let sealBytes: Int

    package static let classCountMax = 250
    /// Rule 3.
    static let chunkBytesMin = 48
    /// Header with all optional words of a small item, and the longest key.
    private static let smallOverheadBytesMax = 32 + ItemKey.bytesMax

    /// Tables for an arena of at most `arenaBytesMax`. Owns them until `deallocate()`.
    package init(settings: StoreSettings, arenaBytesMax: Int) {
        keepsLists = settings.isMemcachedMode
        var shift = 3
        while arenaBytesMax >> shift >= (1 << 32) - 1 { shift += 1 }
        handleShift = shift
        let alignment = 1 << shift
        let sizes: [Int]
        if settings.isMemcachedMode {
            pageShift = Self.memcachedPageShift
            sizes = Self.memcachedSizes(settings, alignment: alignment)
            itemOverheadBytes = Self.memcachedOverheadBytes(settings)
            partOverheadBytes = Self.memcachedPartOverheadBytes
        } else {
            pageShift = settings.memoryLimitBytes <= 1 << 30 ? 16 : 18
            sizes = Self.ownSizes(settings, pageBytes: 1 << pageShift, alignment: alignment)
            itemOverheadBytes = ItemPointer.headerBytes
            partOverheadBytes = PartPointer.headerBytes
        }
        pageBytes = 1 << pageShift
        let largest = sizes.last!
        chunkBytes = .allocate(capacity: Self.classCountMax + 1)
        chunkBytes.initialize(repeating: 0, count: Self.classCountMax + 1)
        for (index, size) in sizes.enumerated() { chunkBytes[index + 1] = UInt32(size) }

        sealBytes = settings.sealsItems ? ItemSeal.bytes : 0
        for slabClass in 1...sizes.count { chunkBytes[slabClass] -= UInt32(sealBytes) }
        chunkBytesMax = largest - sealBytes
        classBySize = .allocate(capacity: largest / 8 + 1)
        var slabClass = 1
        for eighth in 0...chunkBytesMax / 8 {
            while Int(chunkBytes[slabClass]) < eighth * 8 { slabClass += 1 }
            classBySize[eighth] = UInt8(slabClass)
        }
        classCount = sizes.count
        let overhead = Self.smallOverheadBytesMax + (settings.isMemcachedMode ? itemOverheadBytes : 0)
        smallValueBytesMax = min(StoreSession.copiedValueBytesMax, chunkBytesMax - overhead)
    }

    /// Rules 1 to 5.
    private static func ownSizes(_ settings: StoreSettings, pageBytes: Int, alignment: Int) -> [Int] {
        let largest = min(pageBytes / 2, aligned(settings.slabChunkBytesMax ?? pageBytes, to: alignment))
        if !settings.slabSizes.isEmpty { return givenSizes(settings.slabSizes, largest: largest, alignment: alignment) }
        var sizes: [Int] = []
        let least = max(chunkBytesMin, ItemPointer.headerBytes + min(settings.chunkBytesMin, largest))
        var size = min(aligned(least, to: alignment), largest)
        while true {
            let perPage = pageBytes / size
            let widened = min((pageBytes / perPage) & ~(alignment - 1), largest)
            sizes.append(widened)
            if widened >= largest { return sizes }
            let grown = aligned(Int(min(Double(widened) * settings.growthFactor, Double(largest))), to: alignment)
            size = sizes.count + 1 == classCountMax ? largest : min(max(widened + alignment, grown), largest)
        }
    }

    /// Rule 5.
    static func givenSizes(_ given: [Int], largest: Int, alignment: Int) -> [Int] {
        var sizes: [Int] = []
        for size in given.map({ aligned($0, to: alignment) })
        where size >= chunkBytesMin && size > (sizes.last ?? 0) && size < largest {
            sizes.append(size)
        }
        return sizes + [largest]
    }

    package func deallocate() {
        chunkBytes.deallocate()
        classBySize.deallocate()
    }

    static func aligned(_ bytes: Int, to alignment: Int) -> Int {
        (bytes + alignment - 1) & ~(alignment - 1)
    }

    /// The smallest class whose chunk holds `bytes`; `bytes` is at most `chunkBytesMax`.
    @inline(__always)
    package func slabClass(for bytes: Int) -> Int {
        Int(classBySize[(bytes &+ 7) >> 3])
    }

    package func chunksPerPage(_ slabClass: Int) -> Int {
        pageBytes / (Int(chunkBytes[slabClass]) + sealBytes)
    }
}
