import Glibc

/// The address range that holds every item, and the tables beside it, in one reservation of address space.
///
///     base
///      | arena: page 0 | page 1 | ...        reserved larger than the limit, so that the limit can be raised
///      | table rows                          64 B buckets
///      | overflow buckets
///      | ghost rows                          16 B per bucket
///      | ring blocks
///      | Page facts                          64 B per page
///      | pages of class 1 | of class 2 | ... page index lists, 4 B per page each
///
/// The reservation is NORESERVE: memory is taken from the system when it is first touched, and what may be touched is
/// the page pool's business (PagePool.swift).
struct Arena: BitwiseCopyable {
    let base: UnsafeMutableRawPointer
    /// `base` minus one unit: what a handle is added to.
    let origin: UnsafeMutableRawPointer
    let handleShift: Int
    let pageShift: Int
    let pageCountMax: Int

    init(base: UnsafeMutableRawPointer, geometry: SlabGeometry, pageCountMax: Int) {
        self.base = base
        origin = base - (1 << geometry.handleShift)
        handleShift = geometry.handleShift
        pageShift = geometry.pageShift
        self.pageCountMax = pageCountMax
    }

    @inline(__always)
    func address(_ handle: Handle) -> UnsafeMutableRawPointer {
        origin + (Int(handle.raw) &<< handleShift)
    }

    @inline(__always)
    func item(_ handle: Handle) -> ItemPointer {
        ItemPointer(raw: address(handle))
    }

    @inline(__always)
    func pageIndex(_ handle: Handle) -> Int {
        (Int(handle.raw) &- 1) &>> (pageShift &- handleShift)
    }

    @inline(__always)
    func pageIndex(ofAddress address: UnsafeMutableRawPointer) -> Int {
        (address - base) &>> pageShift
    }

    @inline(__always)
    func handle(page: Int, offset: Int) -> Handle {
        Handle(raw: UInt32(truncatingIfNeeded: (((page &<< pageShift) &+ offset) &>> handleShift) &+ 1))
    }

    func pageAddress(_ page: Int) -> UnsafeMutableRawPointer {
        base + (page << pageShift)
    }
}

/// Sizes of the areas of one reservation.
struct ArenaLayout {
    static let hugePageBytes = 2 << 20
    let arenaBytes: Int
    let tableBytes: Int
    let overflowBytes: Int
    let ghostBytes: Int
    let ringBytes: Int
    let pageFactBytes: Int
    let classPageBytes: Int
    let rowCount: Int

    /// Areas for an arena of `arenaBytes`, with `stripeCount` stripes, sized for the smallest chunks.
    init(arenaBytes: Int, geometry: SlabGeometry, stripeCount: Int) {
        let pageCount = arenaBytes >> geometry.pageShift
        let itemCountMax = arenaBytes / Int(geometry.chunkBytes[1])
        rowCount = itemCountMax * 2 / (15 * stripeCount) + 2
        self.arenaBytes = Self.rounded(arenaBytes)
        tableBytes = Self.rounded(rowCount * stripeCount * Bucket.bytes)
        overflowBytes = tableBytes
        ghostBytes = Self.rounded(rowCount * stripeCount * GhostRow.bytes)
        ringBytes = Self.rounded(itemCountMax * 4 + (geometry.classCount + 1) * 2 * RingBlock.bytes)
        pageFactBytes = Self.rounded(pageCount * Page.bytes)
        classPageBytes = Self.rounded((geometry.classCount + 1) * pageCount * 4)
    }

    private static func rounded(_ bytes: Int) -> Int {
        (bytes + hugePageBytes - 1) & ~(hugePageBytes - 1)
    }

    var bytes: Int {
        arenaBytes + tableBytes + overflowBytes + ghostBytes + ringBytes + pageFactBytes + classPageBytes
    }
}

/// Address space from the system, aligned to huge pages.
struct AddressRange: BitwiseCopyable {
    let start: UnsafeMutableRawPointer
    let mappedStart: UnsafeMutableRawPointer
    let mappedBytes: Int

    /// Reserves `bytes`, or returns nil where the system refuses.
    static func reserve(bytes: Int) -> AddressRange? {
        let mappedBytes = bytes + ArenaLayout.hugePageBytes
        let flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE
        guard let mapped = mmap(nil, mappedBytes, PROT_READ | PROT_WRITE, flags, -1, 0), mapped != MAP_FAILED else {
            return nil
        }
        let mask = UInt(ArenaLayout.hugePageBytes - 1)
        let aligned = UnsafeMutableRawPointer(bitPattern: (UInt(bitPattern: mapped) + mask) & ~mask)!
        // Values are secrets: they do not belong in core files.
        madvise(mapped, mappedBytes, MADV_DONTDUMP)
        // The system would make huge pages of what lies beside what is used, and of what was given back to it.
        madvise(mapped, mappedBytes, MADV_NOHUGEPAGE)
        return AddressRange(start: aligned, mappedStart: mapped, mappedBytes: mappedBytes)
    }

    func release() {
        munmap(mappedStart, mappedBytes)
    }

    /// Asks for huge pages in a part of the range; the system may refuse, which costs speed only.
    static func adviseHuge(_ start: UnsafeMutableRawPointer, bytes: Int) {
        let whole = bytes & ~(ArenaLayout.hugePageBytes - 1)
        if whole > 0 { madvise(start, whole, MADV_HUGEPAGE) }
    }

    /// Makes one huge page of memory that nobody has touched, if the system has one to give now.
    ///
    /// The wish ends with the call. A part of the page that is given back later would otherwise be filled again by the
    /// system, which mends huge pages in the background: more memory than anybody asked for.
    static func takeHugePage(_ start: UnsafeMutableRawPointer) {
        guard madvise(start, ArenaLayout.hugePageBytes, MADV_HUGEPAGE) == 0 else { return }
        start.storeBytes(of: 0, as: UInt8.self)
        madvise(start, ArenaLayout.hugePageBytes, MADV_NOHUGEPAGE)
    }

    /// MADV_POPULATE_WRITE, since Linux 5.14.
    private static var populateWrite: Int32 { 23 }

    /// Has the system make the memory of a part of the range, which others may be writing to. Older systems do nothing.
    static func populate(_ start: UnsafeMutableRawPointer, bytes: Int) {
        madvise(start, bytes, populateWrite)
    }

    /// What the system gives memory in.
    static let systemPageBytes = Int(sysconf(Int32(_SC_PAGESIZE)))
    /// MADV_DONTNEED_LOCKED, since Linux 5.18.
    private static var dontNeedLocked: Int32 { 24 }

    /// Gives a part of the range back to the system; it reads as zero afterwards.
    static func discard(_ start: UnsafeMutableRawPointer, bytes: Int) {
        // Memory locked by `-k` is only given back when asked for so; older systems keep it.
        if madvise(start, bytes, MADV_DONTNEED) != 0 { madvise(start, bytes, dontNeedLocked) }
    }
}
