import Glibc
import Synchronization

/// What tests look at from outside. Nothing here is used by the store or the server.
extension CacheStore {
    package var _geometry: SlabGeometry { core.pointee.geometry }

    /// All memory of the store but the stripes and the sessions, touched or not.
    package var _mapping: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: core.pointee.range.mappedStart, count: core.pointee.range.mappedBytes)
    }

    /// Where a slab class, its ring and its statistics begin and end.
    package static var _slabClassLayout: [Range<Int>] {
        [
            0..<MemoryLayout<SlabClass>.size,
            SlabClass.ringOffset..<SlabClass.ringOffset + MemoryLayout<HotRing>.size,
            SlabClass.statisticsOffset..<SlabClass.statisticsOffset + MemoryLayout<SlabClassStatistics>.size,
            SlabClass.sumsOffset..<SlabClass.sumsOffset + MemoryLayout<MoverSums>.size,
            SlabClass.listsOffset..<SlabClass.listsOffset + MemoryLayout<ItemLists>.size,
            SlabClass.strideBytes..<SlabClass.strideBytes,
        ]
    }

    /// How much of the mapping is in memory, as the system says.
    package var _residentBytes: Int {
        let pageBytes = Int(sysconf(Int32(_SC_PAGESIZE)))
        let mapping = UnsafeMutableRawBufferPointer(mutating: _mapping)
        return withUnsafeTemporaryAllocation(of: UInt8.self, capacity: mapping.count / pageBytes + 1) { pages in
            let result = mincore(mapping.baseAddress!, mapping.count, pages.baseAddress!)
            precondition(result == 0, "the system knows the mapping")
            return pages[..<(mapping.count / pageBytes)].reduce(0) { $0 + Int($1 & 1) } * pageBytes
        }
    }

    /// Number of the stripe that a hash falls into.
    package func _stripeIndex(_ hash: UInt64) -> Int {
        core.pointee.table.stripeIndex(hash)
    }

    package func _bucketCount(ofStripe index: Int) -> Int {
        Int(core.pointee.table.stripe(at: index).pointee.bucketCount.load(ordering: .relaxed))
    }

    /// Buckets that growth has added, less those that shrinking has merged.
    package var _addedBucketCount: Int { core.pointee.linkedBucketCount - core.pointee.table.stripeCount }

    /// Overflow buckets handed out at least once.
    package var _overflowBucketCount: Int {
        Int(core.pointee.table.words.pointee.overflowBump.load(ordering: .relaxed))
    }

    /// What a look-up of a hash goes through to the end of its chain: buckets, and items whose keys it compares.
    package func _stepCount(_ hash: UInt64) -> Int {
        let table = core.pointee.table
        var bucket = table.home(hash)
        var count = 0
        while true {
            count += 1
            for slot in 0..<bucket.filledCount where bucket.tag(slot) == HashTable.tag(hash) { count += 1 }
            if bucket.overflow == 0 { return count }
            bucket = table.overflowBucket(bucket.overflow)
        }
    }

    /// Where in a memory file with seals a chunk in use stands, with its seal.
    package func _fileRange(ofChunk handle: Handle) -> Range<Int> {
        let (arena, pages) = (core.pointee.arena, core.pointee.pages)
        let headBytes = LiveHead.bytes(stripeCount: core.pointee.table.stripeCount, pageCount: arena.pageCountMax)
        let start = headBytes + (arena.address(handle) - arena.base)
        return start..<start + core.pointee.slabClass(pages.slabClass(arena.pageIndex(handle))).pointee.chunkBytes
    }

    /// Whether a page is on its way, or asked for.
    package var _hasMoves: Bool { core.pointee.mover.hasWork }

    /// Locks the calling thread holds; always 0 in release builds.
    package static var _heldLockCount: Int { LockCheck.heldCount }
}

extension StoreSession {
    /// A slice of a page's move, as a worker carries it out where the maintainer is late.
    package func _advanceMove() -> Bool { core.advanceMove(state) }

    /// The chunks of a key's item: its head, then its parts in their order. None for a miss.
    package func _chunks(of key: ItemKey) -> [Handle] {
        let stripe = core.pointee.table.stripe(key.hash)
        stripe.lock()
        defer { stripe.unlock() }
        guard let slot = core.pointee.table.findLocked(key) else { return [] }
        let item = core.pointee.arena.item(slot.handle)
        var chunks = [slot.handle]
        var part = item.state.has(ItemState.isLarge) ? item.large(item.state).firstPart : .none
        while !part.isNone {
            chunks.append(part)
            part = PartPointer(raw: core.pointee.arena.address(part)).next
        }
        return chunks
    }

    /// Moves one of the chunks of a large item to another of its class, as a page that goes does. Whether it went well.
    package func _relocate(_ key: ItemKey, chunk index: Int) -> Bool {
        let chunks = _chunks(of: key)
        guard index < chunks.count else { return false }
        let (head, chunk) = (chunks[0], chunks[index])
        let home = core.pointee.slabClass(core.pointee.pages.slabClass(core.pointee.arena.pageIndex(chunk)))
        let lease = core.leaseForMove(head, key.hash, part: index == 0 ? nil : chunk, keepsUnread: true, state)
        guard case .ours = lease else { return false }
        defer { core.endLease(head, state) }
        return index == 0
            ? core.relocateLarge(chunk, key.hash, home, state)
            : core.relocatePart(chunk, head, key.hash, home, state)
    }
}
