/// How a slab cache cuts up its memory: page size and chunk sizes by class, from 1.
///
///     Martlet     page 64 KiB    48  56  64 ... 8-byte steps, then times 1.05, each widened to use its page whole ... 32 KiB
///     memcached   page  1 MiB    96 120 152 ... times 1.25 (truncated), up to the next multiple of 8 ............... 512 KiB
package struct SlabTable: Sendable, Equatable {
    package let pageBytes: Int
    /// Of class 0, which there is not, the page.
    package let chunkBytes: [Int]
    private let classBySize: [UInt8]

    package static let classCountMax = 250
    static let alignment = 8

    package var classCount: Int { chunkBytes.count - 1 }
    package var chunkBytesMax: Int { chunkBytes[classCount] }

    /// As Martlet's `SlabGeometry` makes them.
    ///
    /// - Parameters:
    ///   - growthFactor: above 1.
    ///   - chunkBytesMin: of the smallest class.
    package static func martlet(pageBytes: Int, growthFactor: Double, chunkBytesMin: Int) -> SlabTable {
        let largest = pageBytes / 2
        var sizes: [Int] = []
        var size = min(aligned(chunkBytesMin), largest)
        while true {
            let widened = min((pageBytes / (pageBytes / size)) & ~(alignment - 1), largest)
            sizes.append(widened)
            if widened >= largest { break }
            let grown = aligned(Int(min(Double(widened) * growthFactor, Double(largest))))
            size = sizes.count + 1 == classCountMax ? largest : min(max(widened + alignment, grown), largest)
        }
        return SlabTable(pageBytes: pageBytes, sizes: sizes)
    }

    /// As memcached's `slabs_init` does with its default page and `-f`, `-n`.
    package static func memcached(growthFactor: Double = 1.25, leastForItem: Int = 48) -> SlabTable {
        let pageBytes = 1 << 20
        let largest = pageBytes / 2
        var sizes: [Int] = []
        var size = MemcachedItem.headerBytes + leastForItem
        while sizes.count < 62, Double(size) < Double(largest) / growthFactor {
            size = aligned(size)
            sizes.append(size)
            size = Int(Double(size) * growthFactor)
        }
        return SlabTable(pageBytes: pageBytes, sizes: sizes + [largest])
    }

    private init(pageBytes: Int, sizes: [Int]) {
        self.pageBytes = pageBytes
        chunkBytes = [pageBytes] + sizes
        var bySize: [UInt8] = []
        var slabClass = 1
        for eighth in 0...sizes[sizes.count - 1] / 8 {
            while chunkBytes[slabClass] < eighth * 8 { slabClass += 1 }
            bySize.append(UInt8(slabClass))
        }
        classBySize = bySize
    }

    private static func aligned(_ bytes: Int) -> Int { (bytes + alignment - 1) & ~(alignment - 1) }

    /// The smallest class whose chunks hold `bytes`; `bytes` is at most `chunkBytesMax`.
    package func slabClass(for bytes: Int) -> Int { Int(classBySize[(bytes &+ 7) >> 3]) }

    package func chunksPerPage(_ slabClass: Int) -> Int { pageBytes / chunkBytes[slabClass] }
}
