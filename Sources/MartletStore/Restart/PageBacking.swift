import CShims
import Glibc
import Synchronization

/// What the file system has given for the pages of an arena that is mapped from a file.
///
/// 1. A page is touched only when it is *backed*: its bytes of the file are allocated, so that no later shortage of
///    space can end in a signal. At start that is done for all pages that the limit allows beside the table there will
///    be; if it fails, so does the start. A limit that rises later only has to find room in the file system: its pages
///    are backed one by one as they are taken, so that nobody waits for all of them.
/// 2. A page that goes back to the system is no longer backed: its bytes are cut out of the file. So are, by the
///    maintainer, pages that were never taken and that the limit no longer has room for, because tables have grown:
///    file and tables together stay within `-m`.
/// 3. Whoever takes a page that is not backed asks the file system anew, and may be refused: then there is no page.
///
/// Whoever owns a page calls for it; nothing here takes a lock.
struct PageBacking: ~Copyable {
    private let file: Unmanaged<MemoryFile>
    private let descriptor: Int32
    private let headBytes: Int
    private let base: UnsafeMutableRawPointer
    private let pageBytes: Int
    /// 1 for a page that is backed.
    private let states: UnsafeMutablePointer<Atomic<UInt8>>
    private let pageCountMax: Int
    private let backedCount = Atomic<Int>(0)
    /// Pages from here on are not backed, or taken. Changed under the pool's lock.
    private let untakenEnd: Atomic<Int>
    /// A few system calls under a lock.
    static let trimmedPagesPerPass = 16
    /// What the next process finds if this one dies; nil without seals.
    let live: LiveHead?

    var path: String { file.takeUnretainedValue().path }
    /// The file itself. Only where nothing depends on speed.
    var owner: MemoryFile { file.takeUnretainedValue() }

    /// Maps the arena of `range` from the file, empty or as `file.saved` has it. Keeps `file` until `close`.
    init(
        _ file: MemoryFile, _ settings: StoreSettings, _ geometry: SlabGeometry, base: UnsafeMutableRawPointer,
        arenaBytes: Int, stripeCount: Int
    ) throws(StoreCreationError) {
        let pageCountMax = arenaBytes >> geometry.pageShift
        let headBytes = settings.sealsItems ? LiveHead.bytes(stripeCount: stripeCount, pageCount: pageCountMax) : 0
        file.compare(geometry, stripeCount: stripeCount, pageCountMax: pageCountMax)
        file.forgetPagesBeyondEnd(headBytes: headBytes, pageShift: geometry.pageShift)
        let allowedCount = Self.allowedCount(file.saved, settings, geometry, pageCountMax, stripeCount: stripeCount)
        let backedBytes = headBytes + allowedCount << geometry.pageShift
        let refusal = try Self.takeRoom(file, backedBytes: backedBytes, headBytes: headBytes, geometry)
        guard refusal == 0 else {
            // Nothing has been changed: once there is room, everything is there.
            if let saved = file.saved, !file.isLive { _ = file.write(saved) }
            throw MemoryFile.failure("cannot get \(backedBytes >> 20) megabytes for \(file.path)", refusal)
        }
        guard
            let mapped = mmap(
                base, arenaBytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, file.descriptor, off_t(headBytes)),
            mapped != MAP_FAILED
        else { throw MemoryFile.failure("cannot map \(file.path)", errno) }
        madvise(base, arenaBytes, MADV_DONTDUMP)
        live = try settings.sealsItems ? LiveHead(file.descriptor, stripeCount: stripeCount, headBytes: headBytes) : nil

        self.file = Unmanaged.passRetained(file)
        descriptor = file.descriptor
        self.headBytes = headBytes
        self.base = base
        pageBytes = geometry.pageBytes
        self.pageCountMax = pageCountMax
        states = .allocate(capacity: pageCountMax)
        for page in 0..<pageCountMax { (states + page).initialize(to: Atomic(page < allowedCount ? 1 : 0)) }
        backedCount.store(allowedCount, ordering: .relaxed)
        untakenEnd = Atomic(allowedCount)
    }

    /// Rule 1. Returns why the file system refuses, or 0.
    ///
    /// tmpfs fills memory that it has given and that nobody has touched with zeroes when it is asked for it a second
    /// time: seconds for gigabytes. So a file without holes is not asked for again, and of one with holes what lies
    /// behind the pages in use goes back first: to be given anew costs a tenth. Of a larger limit that a command had
    /// set, only the pages in use stay.
    private static func takeRoom(
        _ file: MemoryFile, backedBytes: Int, headBytes: Int, _ geometry: SlabGeometry
    ) throws(StoreCreationError) -> Int32 {
        var lengths = [0]
        var wholeBytes = 0
        if let saved = file.saved {
            let usedCount = (saved.pages.lastIndex { $0.slabClass != 0 } ?? -1) + 1
            let usedBytes = headBytes + usedCount << geometry.pageShift
            wholeBytes = file.wholeBytes
            lengths = [max(usedBytes, min(wholeBytes, backedBytes)), max(usedBytes, backedBytes)]
        }
        for length in lengths where ftruncate(file.descriptor, off_t(length)) != 0 {
            throw MemoryFile.failure("cannot resize \(file.path)", errno)
        }
        if wholeBytes >= backedBytes { return 0 }
        return posix_fallocate(file.descriptor, off_t(wholeBytes), off_t(backedBytes - wholeBytes))
    }

    /// Rule 1. What a saved table's memory leaves no room for was cut out of the file in the process before, and would
    /// be again: taking it would make every start after a fill clear it for nothing.
    private static func allowedCount(
        _ saved: SavedState?, _ settings: StoreSettings, _ geometry: SlabGeometry, _ pageCountMax: Int, stripeCount: Int
    ) -> Int {
        let limit = settings.memoryLimitBytes
        let most = min(limit >> geometry.pageShift, pageCountMax)
        // memcached's limit counts pages only.
        guard let saved, !geometry.keepsLists else { return most }
        let tableBytes =
            Int(saved.rowCount) * stripeCount * settings.bucketBytes
            + PagePool.fixedBytes(
                geometry, stripeCount: stripeCount, pageCount: saved.pages.count, limitBytes: limit)
        let beside = max(limit / 2, limit - tableBytes) >> geometry.pageShift
        return min(most, max(beside, saved.pages.count))
    }

    func close() {
        live?.unmap()
        states.deallocate()
        file.release()
    }

    // MARK: Pages

    /// Rule 3. Returns whether the page is backed now.
    func back(_ page: Int) -> Bool {
        if states[page].load(ordering: .relaxed) == 1 { return true }
        guard posix_fallocate(descriptor, off_t(headBytes + page * pageBytes), off_t(pageBytes)) == 0 else {
            return false
        }
        if states[page].exchange(1, ordering: .relaxed) == 0 { backedCount.wrappingAdd(1, ordering: .relaxed) }
        return true
    }

    /// Rule 2, for a page that nobody uses. A file system that cannot cut it out keeps it.
    func release(_ page: Int) {
        guard states[page].load(ordering: .relaxed) == 1,
            madvise(base + page * pageBytes, pageBytes, MADV_REMOVE) == 0
        else { return }
        if states[page].exchange(0, ordering: .relaxed) == 1 { backedCount.wrappingSubtract(1, ordering: .relaxed) }
    }

    /// At a planned stop, with so many pages taken: leaves no hole behind the last page that is backed, so that the
    /// next start need not ask again. A file that cannot be cut is as good, only slower.
    func cutUntaken(takenCount: Int) {
        let end = max(takenCount, untakenEnd.load(ordering: .relaxed))
        _ = ftruncate(descriptor, off_t(headBytes + end * pageBytes))
    }

    /// Rule 1, for a limit that rises while the store is used: whether the file system has room for so many pages in
    /// all. Somebody else may take it meanwhile (rule 3).
    func hasRoom(for pageCount: Int) -> Bool {
        let missing = min(pageCount, pageCountMax) - backedCount.load(ordering: .relaxed)
        let free = cshims_free_bytes(descriptor)
        return missing <= 0 || free < 0 || missing <= Int(free) / pageBytes
    }

    /// Rule 2, for pages never taken, which are those from `firstUntaken` on; at most `countMax` of them. The pool's
    /// lock is held, so that nobody takes one meanwhile.
    func releaseUntakenLocked(from firstUntaken: Int, allowed: Int, countMax: Int) {
        for _ in 0..<countMax {
            let end = untakenEnd.load(ordering: .relaxed)
            if end <= firstUntaken || backedCount.load(ordering: .relaxed) <= allowed { return }
            untakenEnd.store(end - 1, ordering: .relaxed)
            release(end - 1)
        }
    }
}

extension UnsafeMutablePointer where Pointee == StoreCore {
    /// Whether a page just taken from the pool may be touched.
    func isBacked(_ page: Int) -> Bool { pointee.backing?.pointee.back(page) ?? true }

    /// Gives the memory of a page that is in no list back to the system.
    func returnMemory(of page: Int) {
        if let backing = pointee.backing {
            backing.pointee.release(page)
        } else {
            AddressRange.discard(pointee.arena.pageAddress(page), bytes: pointee.geometry.pageBytes)
        }
    }

    /// Rule 2, by the maintainer.
    func trimBacking() {
        guard let backing = pointee.backing else { return }
        let pool = pointee.pool
        pool.lock()
        let allowed = allowedPagesLocked()
        backing.pointee.releaseUntakenLocked(
            from: Swift.max(pool.pointee.bump, allowed), allowed: allowed, countMax: PageBacking.trimmedPagesPerPass)
        pool.unlock()
    }
}
