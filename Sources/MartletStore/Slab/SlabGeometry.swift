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
/// 3. The smallest chunk is 48 bytes: a 20-byte key with a 10-byte value. Smaller classes would each strand a page or two
///    for items that hardly anybody stores.
/// 4. The largest chunk is half a page; what does not fit becomes a chain (see LargeItem.swift).
package struct SlabGeometry: BitwiseCopyable {
    package let pageBytes: Int
    package let pageShift: Int
    /// log2 of the bytes that one step of a handle stands for.
    package let handleShift: Int
    package let classCount: Int
    /// Chunk size by class, index 1...classCount.
    package let chunkBytes: UnsafeMutablePointer<UInt32>
    /// Smallest class by (size + 7) / 8.
    package let classBySize: UnsafeMutablePointer<UInt8>
    package let chunkBytesMax: Int

    package static let classCountMax = 250
    /// Rule 3.
    static let chunkBytesMin = 48

    /// Tables for an arena of at most `arenaBytesMax`. Owns them until `deallocate()`.
    package init(settings: StoreSettings, arenaBytesMax: Int) {
        pageShift = settings.memoryLimitBytes <= 1 << 30 ? 16 : 18
        pageBytes = 1 << pageShift
        var shift = 3
        while arenaBytesMax >> shift >= (1 << 32) - 1 { shift += 1 }
        handleShift = shift
        let alignment = 1 << shift
        let largest = pageBytes / 2
        chunkBytes = .allocate(capacity: Self.classCountMax + 1)
        chunkBytes.initialize(repeating: 0, count: Self.classCountMax + 1)

        var count = 0
        let least = max(Self.chunkBytesMin, ItemPointer.headerBytes + min(settings.chunkBytesMin, largest))
        var size = min(Self.aligned(least, to: alignment), largest)
        while true {
            let perPage = pageBytes / size
            let widened = min((pageBytes / perPage) & ~(alignment - 1), largest)
            count += 1
            chunkBytes[count] = UInt32(widened)
            if widened >= largest { break }
            let grown = Self.aligned(Int(min(Double(widened) * settings.growthFactor, Double(largest))), to: alignment)
            size = count + 1 == Self.classCountMax ? largest : min(max(widened + alignment, grown), largest)
        }

        classBySize = .allocate(capacity: largest / 8 + 1)
        var slabClass = 1
        for eighth in 0...largest / 8 {
            while Int(chunkBytes[slabClass]) < eighth * 8 { slabClass += 1 }
            classBySize[eighth] = UInt8(slabClass)
        }
        classCount = count
        chunkBytesMax = largest
    }

    package func deallocate() {
        chunkBytes.deallocate()
        classBySize.deallocate()
    }

    private static func aligned(_ bytes: Int, to alignment: Int) -> Int {
        (bytes + alignment - 1) & ~(alignment - 1)
    }

    /// The smallest class whose chunk holds `bytes`; `bytes` is at most `chunkBytesMax`.
    @inline(__always)
    package func slabClass(for bytes: Int) -> Int {
        Int(classBySize[(bytes &+ 7) >> 3])
    }

    package func chunksPerPage(_ slabClass: Int) -> Int {
        pageBytes / Int(chunkBytes[slabClass])
    }
}
