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

    /// Whether a page is on its way, or asked for.
    package var _hasMoves: Bool { core.pointee.mover.hasWork }

    /// Locks the calling thread holds; always 0 in release builds.
    package static var _heldLockCount: Int { LockCheck.heldCount }
}

extension StoreSession {
    /// A slice of a page's move, as a worker carries it out where the maintainer is late.
    package func _advanceMove() -> Bool { core.advanceMove(state) }
}
