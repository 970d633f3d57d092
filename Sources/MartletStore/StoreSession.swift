import Synchronization

/// One worker's door into the store. A cheap handle; everything through it happens on the calling thread, and one
/// session is used by one thread.
///
/// Operations stand in the order a request meets them: StoreSession+Find, +Store, +Extend, +Arithmetic, +Remove; what
/// comes before them, in +Batch.
public struct StoreSession: BitwiseCopyable {
    // Two words, so that a session is passed in registers.
    let state: SessionPointer
    let core: StorePointer

    /// Values up to this length, in bytes, are copied under the stripe lock; longer ones live in large items and can be
    /// leased.
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

    /// The hash of a key of 1...250 bytes.
    package func hash(_ bytes: UnsafeRawPointer, _ count: Int) -> UInt64 {
        core.pointee.keyHash(bytes, count)
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

/// Why an item that is still there counts as absent.
enum Death: UInt8, BitwiseCopyable {
    case expired, flushed
}
