import Glibc
import Synchronization

/// MartletStore: all cache memory and its rules.
///
/// Goals: a store is never refused while anything can be evicted; memory stays within its limit, tables included; a get
/// takes one lock and copies once; a value, its flags and its token belong together in every answer.
/// Non-goals: sockets, wire formats, wall clocks, persistence beyond a restart. Nothing here interprets a value.
///
/// Threads: each worker has a `StoreSession`; the store itself has no thread. Stripe locks guard buckets and linked
/// items, class locks guard chunks and segments, the pool lock guards pages; no thread ever holds two. What is learnt
/// under one and acted on under another is a hint (handle, hash) that is checked again in the bucket.
///
///     request -> StoreSession -> stripe: bucket -> item
///                    | no free chunk
///                    v
///                Evictor -> class: free chunk, hand, ring -> stripe: unlink -> class: chunk
///                    | no page
///                    v
///                PagePool, PageMover                       Crawler: pages with something due
///
/// Reading order: Handle, Arena, SlabGeometry, Page, SlabClass; AccessWord, ItemState, ItemPointer, LargeItem; Bucket,
/// Stripe, HashTable; StoreSession+Find, +Store; Hand, Evictor; DueSeconds, Crawler, MoverSums, PageMover,
/// PageMove, Relocation; for what outlives the process MemoryFile, SavedState, Revival, ItemSeal.
///
/// The store is a value around one pointer. It lives until `destroy()`.
package struct CacheStore: @unchecked Sendable {
    // Sendable: what the pointer leads to is constant, atomic or guarded by the locks named there.
    let core: StorePointer

    /// Makes an empty store.
    ///
    /// `secret`: 128 random bits that key the hash. `now`: the current server second, at least 2. `workerCount` decides
    /// how many pages are kept in reserve for classes that have none. `file`: where the items are kept, in place of
    /// memory of the process; what it holds is taken up by `takeUp` (Restart/CacheStore+Restart.swift), and then the
    /// secret is its.
    package init(
        settings: StoreSettings, secret: (UInt64, UInt64), now: UInt32, workerCount: Int = 4, file: MemoryFile? = nil
    ) throws(StoreCreationError) {
        try Self.check(settings)
        let stripeBits = Self.stripeBits(settings.memoryLimitBytes)
        let (geometry, layout, range) = try Self.reserve(settings, stripeCount: 1 << stripeBits)
        let backing = try Self.map(file, settings, geometry, range, layout, stripeCount: 1 << stripeBits)
        let pageCountMax = layout.arenaBytes >> geometry.pageShift
        let arena = Arena(base: range.start, geometry: geometry, pageCountMax: pageCountMax)

        let rows = range.start + layout.arenaBytes
        let overflow = rows + layout.tableBytes
        let ghosts = overflow + layout.overflowBytes
        let rings = ghosts + layout.ghostBytes
        let pageFacts = rings + layout.ringBytes
        let classPages = pageFacts + layout.pageFactBytes

        let keyHash = KeyHash(secret: secret)
        let live = backing?.pointee.live
        let stripes =
            live?.stripes ?? UnsafeMutableRawPointer.allocate(byteCount: Stripe.bytes << stripeBits, alignment: 64)
        let words = UnsafeMutablePointer<HashTable.Words>.allocate(capacity: 1)
        let rowCountMax = UInt32(min(layout.rowCount, 1 << 28))
        words.initialize(to: HashTable.Words(rowCeiling: rowCountMax))
        let table = HashTable(
            arena: arena, keyHash: keyHash, stripes: stripes, stripeBits: UInt64(stripeBits),
            stripeMask: 1 << UInt64(stripeBits) - 1, rows: rows,
            rowCountMax: rowCountMax, ghosts: ghosts, overflow: overflow,
            overflowCountMax: UInt32(min(layout.overflowBytes / Bucket.bytes, 1 << 31)), words: words)
        Self.makeStripes(table, floor: settings.firstSequence, file?.saved)

        let pages = PageTable(start: live?.pageFacts ?? pageFacts)
        let classes = Self.makeClasses(geometry, classPages, pageCountMax, settings.eviction)
        let pool = UnsafeMutablePointer<PagePool>.allocate(capacity: 1)
        pool.initialize(
            to: PagePool(
                limitBytes: settings.memoryLimitBytes,
                reserveCount: settings.isMemcachedMode ? 0 : max(1, workerCount / 4)))
        let blockWords = UnsafeMutablePointer<RingBlockPool.Words>.allocate(capacity: 1)
        blockWords.initialize(to: RingBlockPool.Words())
        let mover = UnsafeMutablePointer<PageMover>.allocate(capacity: 1)
        mover.initialize(to: PageMover())
        let pins = UnsafeMutablePointer<ItemPins>.allocate(capacity: 1)
        pins.initialize(to: ItemPins())
        let sessions = UnsafeMutablePointer<SessionPointer?>.allocate(capacity: StoreCore.sessionCountMax)
        sessions.initialize(repeating: nil, count: StoreCore.sessionCountMax)

        core = .allocate(capacity: 1)
        core.initialize(
            to: StoreCore(
                settings: settings, geometry: geometry, arena: arena, pages: pages, table: table, keyHash: keyHash,
                classes: classes, pool: pool,
                ringBlocks: RingBlockPool(
                    start: rings, blockCountMax: UInt32(layout.ringBytes / RingBlock.bytes), words: blockWords),
                mover: mover, pins: pins, range: range, secret: secret, backing: backing, sessions: sessions,
                latestSecond: Atomic(now), automove: Automove.make(classCount: geometry.classCount),
                tuning: StoreTuning(settings)))
        if core.pointee.hasHugeTable { AddressRange.adviseHuge(rows, bytes: layout.tableBytes) }
        // The maintainer's own session is the first.
        _ = makeSession(now: now)
    }

    /// Frees everything. No session, hold, lease or reservation may be used any more.
    package func destroy() {
        core.forEachSession { session in
            session.pointee.deallocate()
            session.deinitialize(count: 1)
            session.deallocate()
        }
        let range = core.pointee.range
        let backing = core.pointee.backing
        if backing?.pointee.live == nil { core.pointee.table.stripes.deallocate() }
        core.pointee.table.words.deallocate()
        core.pointee.classes.deallocate()
        core.pointee.pool.deallocate()
        core.pointee.ringBlocks.words.deallocate()
        core.pointee.mover.pointee.deallocate()
        core.pointee.mover.deallocate()
        core.pointee.automove.deinitialize(count: 1)
        core.pointee.automove.deallocate()
        core.pointee.maintainerBell.destroy()
        core.pointee.memoryBell.destroy()
        core.pointee.pins.deinitialize(count: 1)
        core.pointee.pins.deallocate()
        core.pointee.sessions.deallocate()
        core.pointee.geometry.deallocate()
        core.deinitialize(count: 1)
        core.deallocate()
        range.release()
        backing?.pointee.close()
        backing?.deallocate()
    }

    /// A door for one more thread. Sessions live as long as the store; at most 256.
    package func makeSession() -> StoreSession {
        makeSession(now: core.pointee.latestSecond.load(ordering: .relaxed))
    }

    private func makeSession(now: UInt32) -> StoreSession {
        let index = core.pointee.sessionCount.load(ordering: .relaxed)
        precondition(index < StoreCore.sessionCountMax, "more than 256 sessions")
        let state = OwnLines.allocate(SessionState.self)
        state.initialize(to: SessionState(store: core, now: now))
        core.pointee.sessions[index] = state
        core.pointee.sessionCount.store(index + 1, ordering: .releasing)
        return StoreSession(state: state, core: core)
    }

    var maintainer: StoreSession {
        StoreSession(state: core.pointee.sessions[0]!, core: core)
    }
}

// MARK: - Setting up

extension CacheStore {
    private static func check(_ settings: StoreSettings) throws(StoreCreationError) {
        if settings.memoryLimitBytes < 1 << 20 { throw .invalid("the memory limit must be at least 1 megabyte") }
        if settings.memoryLimitBytes > 256 << 30 { throw .invalid("the memory limit must be at most 256 gigabytes") }
        if !(settings.growthFactor > 1) { throw .invalid("the growth factor must be greater than 1") }
        if settings.itemBytesMax < 1024 { throw .invalid("the item size limit must be at least 1 kilobyte") }
        if settings.itemBytesMax > settings.memoryLimitBytes / 2 {
            throw .invalid("the item size limit must be at most half of the memory limit")
        }
        if settings.isMemcachedMode, settings.eviction != .segmented, settings.eviction.evicts {
            throw .invalid("memcached's mode has memcached's eviction")
        }
        if let largest = settings.slabChunkBytesMax, largest < 1024 {
            throw .invalid("the largest chunk must be at least 1 kilobyte")
        }
        if settings.itemBytesMax > 1 << 30 { throw .invalid("the item size limit must be at most 1 gigabyte") }
    }

    /// More stripes than threads could ever want, few enough that an empty store is small.
    private static func stripeBits(_ limitBytes: Int) -> Int {
        limitBytes < 256 << 20 ? 10 : limitBytes <= 16 << 30 ? 12 : 14
    }

    /// Address space: four times the limit or a gigabyte, so that the limit can be raised; halved down to the limit
    /// itself where the system refuses.
    private static func reserve(
        _ settings: StoreSettings, stripeCount: Int
    ) throws(StoreCreationError) -> (SlabGeometry, ArenaLayout, AddressRange) {
        var bytes = min(max(settings.memoryLimitBytes * 4, 1 << 30), max(settings.memoryLimitBytes, 256 << 30))
        if settings.isMemcachedMode { bytes = SlabGeometry.memcachedArenaBytes(bytes, settings) }
        bytes = min(bytes, settings.arenaBytesMax)
        while true {
            let geometry = SlabGeometry(settings: settings, arenaBytesMax: bytes)
            let layout = ArenaLayout(arenaBytes: bytes, geometry: geometry, stripeCount: stripeCount)
            if let range = AddressRange.reserve(bytes: layout.bytes) { return (geometry, layout, range) }
            geometry.deallocate()
            if bytes <= settings.memoryLimitBytes { throw .memoryRefused(bytes: layout.bytes) }
            bytes = max(bytes / 2, settings.memoryLimitBytes)
        }
    }

    /// Maps the arena from `file`; without one it is memory already. On failure the range is given back.
    private static func map(
        _ file: MemoryFile?, _ settings: StoreSettings, _ geometry: SlabGeometry, _ range: AddressRange,
        _ layout: ArenaLayout, stripeCount: Int
    ) throws(StoreCreationError) -> UnsafeMutablePointer<PageBacking>? {
        guard let file else { return nil }
        do throws(StoreCreationError) {
            let made = try PageBacking(
                file, settings, geometry, base: range.start, arenaBytes: layout.arenaBytes, stripeCount: stripeCount)
            let backing = UnsafeMutablePointer<PageBacking>.allocate(capacity: 1)
            backing.initialize(to: made)
            return backing
        } catch {
            geometry.deallocate()
            range.release()
            throw error
        }
    }

    /// Stripes whose tokens go on where those of the saved ones ended.
    private static func makeStripes(_ table: HashTable, floor: UInt64, _ saved: SavedState?) {
        for index in 0..<table.stripeCount {
            let old = saved?.stripes[index]
            let stripe = table.stripe(at: index)
            stripe.initialize(to: Stripe(index: index, count: table.stripeCount, floor: max(floor, old?.sequence ?? 0)))
            if let old, old.flushedThrough != 0 {
                stripe.flushLocked(through: min(old.flushedThrough, stripe.pointee.sequence))
            }
        }
    }

    private static func makeClasses(
        _ geometry: SlabGeometry, _ pageLists: UnsafeMutableRawPointer, _ pageCountMax: Int,
        _ eviction: EvictionPolicy
    ) -> UnsafeMutableRawPointer {
        precondition(
            MemoryLayout<SlabClass>.size <= SlabClass.ringOffset
                && SlabClass.ringOffset + MemoryLayout<HotRing>.size <= SlabClass.statisticsOffset
                && SlabClass.statisticsOffset + MemoryLayout<SlabClassStatistics>.size <= SlabClass.sumsOffset
                && SlabClass.sumsOffset + MemoryLayout<MoverSums>.size <= SlabClass.listsOffset
                && SlabClass.listsOffset + MemoryLayout<ItemLists>.size <= SlabClass.strideBytes,
            "a slab class, its ring, its statistics, its sums or its lists have outgrown their room")
        let classes = UnsafeMutableRawPointer.allocate(
            byteCount: (geometry.classCount + 1) * SlabClass.strideBytes, alignment: 64)
        for index in 0...geometry.classCount {
            let list = (pageLists + index * pageCountMax * 4).assumingMemoryBound(to: UInt32.self)
            let chunkBytes = index == 0 ? geometry.pageBytes : Int(geometry.chunkBytes[index]) + geometry.sealBytes
            let start = classes + index * SlabClass.strideBytes
            start.bindMemory(to: SlabClass.self, capacity: 1).initialize(
                to: SlabClass(
                    index: index, chunkBytes: chunkBytes, chunksPerPage: geometry.pageBytes / chunkBytes,
                    pageList: list, queuesEverything: eviction.queuesEverything || geometry.keepsLists,
                    keepsLists: geometry.keepsLists))
            (start + SlabClass.ringOffset).bindMemory(to: HotRing.self, capacity: 1).initialize(to: HotRing())
            (start + SlabClass.statisticsOffset).bindMemory(to: SlabClassStatistics.self, capacity: 1).initialize(
                to: SlabClassStatistics())
            (start + SlabClass.sumsOffset).bindMemory(to: MoverSums.self, capacity: 1).initialize(to: MoverSums())
            (start + SlabClass.listsOffset).bindMemory(to: ItemLists.self, capacity: 1).initialize(to: ItemLists())
        }
        return classes
    }
}
