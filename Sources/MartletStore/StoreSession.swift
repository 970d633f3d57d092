import CShims
import Synchronization

/// One worker's door into the store. A cheap handle; everything through it happens on the calling thread, and one
/// session is used by one thread.
///
/// Operations stand in the order a request meets them: StoreSession+Find, +Store, +Extend, +Arithmetic, +Remove.
public struct StoreSession: BitwiseCopyable {
    let state: SessionPointer
    let core: StorePointer
    /// Copied here so that hashing is inlined into the caller.
    public let keyHash: KeyHash

    /// Values up to this length, in bytes, are copied under the stripe lock; longer ones live in large items and can be leased.
    @inlinable public static var copiedValueBytesMax: Int { 4096 }

    /// Tells the server second, once per wake-up of the worker, and carries out a delayed flush that has come due:
    /// before the worker's batch, so that no answer of the batch shows what was flushed.
    package func setNow(_ second: UInt32) {
        state.pointee.now = second
        let due = core.pointee.pendingFlush.load(ordering: .relaxed)
        if due != 0, second >= due { runPendingFlush(due) }
    }

    package var now: UInt32 { state.pointee.now }

    /// Lets the reservations that this session fills from now on hold two items' size more than unfinished values may:
    /// for one session of the store at a time, so that one value can be completed.
    package func setGoesFirst(_ goesFirst: Bool) { state.pointee.goesFirst = goesFirst }

    /// Bytes of large values being received, over all sessions.
    package var reservedBytes: Int {
        var sum = 0
        core.forEachSession { sum += $0.pointee.counters.reservedBytes.load(ordering: .relaxed) }
        return sum
    }

    @inlinable
    public func hash(_ bytes: UnsafeRawPointer, _ count: Int) -> UInt64 {
        keyHash(bytes, count)
    }

    // MARK: Batches

    /// First stage of a batch: brings the stripe of a key.
    package func prefetchStripe(_ hash: UInt64) {
        cshims_prefetch_write(core.pointee.table.stripe(hash))
    }

    /// Second stage: brings the bucket, which the stripe tells. Gives what the third stage wants.
    package func prefetchBucket(_ hash: UInt64) -> BucketHint {
        let bucket = core.pointee.table.home(hash)
        cshims_prefetch(bucket.raw)
        return BucketHint(bucket: bucket.raw)
    }

    /// Third stage: brings the items that the bucket's tags name. What is read here without the lock is only a hint.
    package func prefetchItem(_ hash: UInt64, in hint: BucketHint) {
        let bucket = Bucket(raw: hint.bucket)
        var matches = bucket.matches(HashTable.tag(hash))
        while matches != 0 {
            let index = matches.trailingZeroBitCount
            let handle = Handle(raw: cshims_load_hint(bucket.raw + (20 &+ 4 &* index)))
            if !handle.isNone {
                let address = core.pointee.arena.address(handle)
                cshims_prefetch_write(address)
                cshims_prefetch(address + 64)
            }
            matches &= matches &- 1
        }
    }

    // MARK: Flush

    /// Everything stored before this call is gone, everything stored after it lives: an exact cut per stripe, no clock.
    package func flushAll() {
        let table = core.pointee.table
        for index in 0..<table.stripeCount {
            let stripe = table.stripe(at: index)
            stripe.lock()
            stripe.flushLocked(through: stripe.pointee.sequence)
            stripe.unlock()
            core.passHook()
        }
        core.pointee.sweepsEverything.store(true, ordering: .relaxed)
    }

    /// The same when the clock reaches `second`; replaces an earlier request that is still pending.
    package func flushAll(at second: UInt32) {
        if second <= now {
            setPendingFlush(0)
            flushAll()
        } else {
            setPendingFlush(second)
        }
    }

    /// What is to happen once this process has died happens in the next.
    private func setPendingFlush(_ second: UInt32) {
        core.pointee.pendingFlush.store(second, ordering: .relaxed)
        core.pointee.backing?.pointee.live?.note(pendingFlush: second)
    }

    @inline(never)
    private func runPendingFlush(_ due: UInt32) {
        if core.pointee.pendingFlush.compareExchange(expected: due, desired: 0, ordering: .relaxed).exchanged {
            flushAll()
            if core.pointee.pendingFlush.load(ordering: .relaxed) == 0 {
                core.pointee.backing?.pointee.live?.note(pendingFlush: 0)
            }
        }
    }
}

/// Where a key's bucket was a moment ago.
public struct BucketHint: BitwiseCopyable {
    fileprivate let bucket: UnsafeMutableRawPointer
}

/// Why an item that is still there counts as absent.
enum Death: UInt8, BitwiseCopyable {
    case expired, flushed
}
