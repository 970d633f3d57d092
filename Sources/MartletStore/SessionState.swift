import Synchronization

/// One session's memory: its clock reading, its counters, its scratch space. Written by one thread; the counters are
/// read by any.
struct SessionState: ~Copyable {
    let store: StorePointer
    /// The current server second.
    var now: UInt32
    /// `StoreSession.setGoesFirst`.
    var goesFirst = false
    /// Allocations that found no free chunk.
    var slowAllocations: UInt32 = 0
    let counters: SessionCounters
    /// With lists only (HitNotes.swift).
    let notes: UnsafeMutablePointer<HitNotes>?
    /// Whom to tell what the store does of its own accord.
    var listener: StoreListener?
    /// Room for one small value, while an item is rebuilt.
    let scratch: UnsafeMutableRawPointer
    /// Where the keys of batches are looked for ahead of time: their first buckets, then, from the front, the second
    /// ones of those that have not been found.
    let batchBuckets: UnsafeMutablePointer<Bucket>
    /// The tags that are looked for in second buckets.
    let batchTags: UnsafeMutablePointer<UInt16>
    /// The items that buckets have named.
    let batchItems: UnsafeMutablePointer<UnsafeMutableRawPointer>

    init(store: StorePointer, now: UInt32) {
        self.store = store
        self.now = now
        counters = SessionCounters(classCount: store.pointee.geometry.classCount)
        if store.pointee.geometry.keepsLists {
            let made = OwnLines.allocate(HitNotes.self)
            made.initialize(to: HitNotes(classCount: store.pointee.geometry.classCount))
            notes = made
        } else {
            notes = nil
        }
        scratch = .allocate(byteCount: ItemPointer.copiedValueBytesMax, alignment: 64)
        batchBuckets = OwnLines.allocate(Bucket.self, count: StoreSession.prefetchCountMax)
        batchTags = OwnLines.allocate(UInt16.self, count: StoreSession.prefetchCountMax)
        batchItems = OwnLines.allocate(UnsafeMutableRawPointer.self, count: StoreSession.prefetchCountMax)
    }

    func deallocate() {
        counters.requestedBytes.deallocate()
        counters.coldHits.deallocate()
        scratch.deallocate()
        batchBuckets.deallocate()
        batchTags.deallocate()
        batchItems.deallocate()
        if let notes {
            notes.pointee.deallocate()
            notes.deinitialize(count: 1)
            notes.deallocate()
        }
    }
}

typealias SessionPointer = UnsafeMutablePointer<SessionState>

/// Counters with one writer: relaxed loads and stores, no locked instruction. A reader sums those of all sessions; a
/// single one may be negative (one session stores, another deletes).
struct SessionCounters: ~Copyable {
    let itemsStored = Atomic<Int>(0)
    /// Items that a request other than a store looked for and found expired, or flushed.
    let foundExpired = Atomic<Int>(0)
    let foundFlushed = Atomic<Int>(0)
    let bucketsAdded = Atomic<Int>(0)
    /// Bytes of large values being received.
    let reservedBytes = Atomic<Int>(0)
    /// Bytes of linked items by class.
    let requestedBytes: UnsafeMutablePointer<Atomic<Int>>
    /// Hits on COLD items by class, for the page mover; at 0 all other hits.
    let coldHits: UnsafeMutablePointer<Atomic<Int>>

    init(classCount: Int) {
        requestedBytes = OwnLines.allocate(Atomic<Int>.self, count: classCount + 1)
        coldHits = OwnLines.allocate(Atomic<Int>.self, count: classCount + 1)
        for index in 0...classCount {
            (requestedBytes + index).initialize(to: Atomic(0))
            (coldHits + index).initialize(to: Atomic(0))
        }
    }
}

extension Atomic where Value == Int {
    /// Adds to a counter that only the calling thread writes.
    @inline(__always)
    borrowing func addAlone(_ change: Int) {
        store(load(ordering: .relaxed) &+ change, ordering: .relaxed)
    }
}
