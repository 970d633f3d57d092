/// How memcached cuts up its memory, and what it counts: for `-o memcached_mode`.
///
/// 1. Pages have 1 MiB. The first class has room for memcached's item header and `-n` bytes; each next size is the one
///    before times the growth factor, truncated, then rounded up to 8; the last is the largest chunk, half a page
///    unless `slab_chunk_max` says otherwise, and follows as soon as one more step would nearly reach it. At most 63
///    classes.
/// 2. An item counts as memcached's would: header, token (unless `-C`), key and its end mark, client flags if there are
///    any, value and its line end. So it is put in the class that memcached would put it in, though this store's item
///    is shorter.
/// 3. What that leaves at the end of a chunk, at least 8 bytes, holds the links of the lists (ItemLists.swift).
/// 4. Items over the largest chunk are chains; the first chunk holds header and key as well. memcached puts these in a
///    small chunk of their own, of the class that fits them.
extension SlabGeometry {
    static let memcachedPageShift = 20
    package static let memcachedPageBytes = 1 << memcachedPageShift
    package static let memcachedGrowthFactor = 1.25
    /// Default of `-n`.
    package static let memcachedSpaceBytesMin = 48
    package static let memcachedClassCountMax = 63
    static let memcachedHeaderBytes = 48
    static let memcachedTokenBytes = 8
    /// Behind key and value.
    static let memcachedEndBytes = 1 + 2
    static let memcachedFlagsBytes = 4
    /// Header of a chunk of a chain.
    static let memcachedPartOverheadBytes = 48
    /// Two handles.
    static let linkBytes = 8

    /// Rule 1.
    static func memcachedSizes(_ settings: StoreSettings, alignment: Int) -> [Int] {
        let largest = settings.slabChunkBytesMax ?? memcachedPageBytes / 2
        if !settings.slabSizes.isEmpty { return givenSizes(settings.slabSizes, largest: largest, alignment: alignment) }
        var sizes: [Int] = []
        var size = memcachedHeaderBytes + settings.chunkBytesMin
        while sizes.count < memcachedClassCountMax - 1, Double(size) < Double(largest) / settings.growthFactor {
            size = max(aligned(size, to: alignment), (sizes.last ?? 0) + alignment)
            if size >= largest { break }
            sizes.append(size)
            size = Int(Double(size) * settings.growthFactor)
        }
        return sizes + [largest]
    }

    /// The arena, `bytes` or less: as long as the limit allows it, so small that chunk sizes need only be multiples
    /// of 8.
    static func memcachedArenaBytes(_ bytes: Int, _ settings: StoreSettings) -> Int {
        let fineBytesMax = (32 << 30) - memcachedPageBytes
        let needed = settings.memoryLimitBytes + memcachedClassCountMax * memcachedPageBytes
        return needed <= fineBytesMax ? Swift.min(bytes, fineBytesMax) : Swift.max(bytes, needed)
    }

    /// Rule 2, but for the client flags.
    static func memcachedOverheadBytes(_ settings: StoreSettings) -> Int {
        memcachedHeaderBytes + memcachedEndBytes + (settings.issuesTokens ? memcachedTokenBytes : 0)
    }

    /// The chunk that an item of `bytes` needs whose accounted size is `accounted`: with `-C` what is accounted may
    /// leave no room for the links.
    @inline(__always)
    func listedBytes(_ bytes: Int, accounted: Int) -> Int { Swift.max(accounted, bytes + Self.linkBytes) }
}

extension UnsafeMutablePointer where Pointee == StoreCore {
    /// What an item counts: its own size, or what memcached's would be.
    @inline(__always)
    func itemBytes(_ item: ItemPointer, _ state: ItemState) -> Int {
        if _slowPath(pointee.geometry.keepsLists) { return accountedBytes(item, state) }
        return item.size(state)
    }

    @inline(never)
    private func accountedBytes(_ item: ItemPointer, _ state: ItemState) -> Int {
        item.keyLength + item.valueLength(state) + pointee.geometry.itemOverheadBytes
            + (item.clientFlags(state) != 0 ? SlabGeometry.memcachedFlagsBytes : 0)
    }
}
