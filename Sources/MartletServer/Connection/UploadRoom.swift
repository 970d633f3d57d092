import Synchronization

/// Who may go on receiving a large value when unfinished ones hold all they may.
///
/// 1. While unfinished values hold less than their share of the memory (`ItemReservation`), everybody goes on.
/// 2. Beyond it, who wants more is parked: not read, while its client is held back by its own socket. What it holds
///    stays.
/// 3. One of them goes first and may have memory beyond the share, up to two items' size: so a value is completed, and
///    gives its part of the share back, as long as that one's client sends.
/// 4. While anybody is parked, uploads whose clients send nothing for `Limits.stalledSecondsMin` are closed, once a
///    second: they hold what the parked wait for. So are those that leave replies unread for as long.
/// 5. While anybody is parked, an upload that is not parked itself, though its client may have replies to take first,
///    must come fast enough to be whole in `Limits.uploadSecondsMax`; nobody has to send more than
///    `Limits.uploadBytesPerSecondMax`. Who falls short of that over `Limits.uploadLooks` seconds is closed
///    (`UploadPace`), whoever goes first like the others; each second, the slowest ones of each worker. While nobody is
///    parked an upload may take as long as it likes.
/// 6. The parked try again when a value has ended, whichever worker's, and when the second changes; after
///    `Limits.roomlessSecondsMax` without a byte their machine refuses.
///
/// So a burst of uploads larger than the share is served one after the other, and uploads that stall or drip cost the
/// others some seconds, fewer than they wait. Any thread; two shared atomics, written only beyond the share.
package struct UploadRoom: ~Copyable {
    /// Address of the connection that goes first, 0 for none.
    private let first = Atomic<UInt>(0)
    private let parked = Atomic<Int>(0)

    package init() {}

    /// Connections parked, of all workers.
    package var parkedCount: Int { parked.load(ordering: .relaxed) }

    /// Returns whether they are the first ones, or the last.
    borrowing func addParked(_ count: Int) -> Bool {
        let (before, after) = parked.add(count, ordering: .relaxed)
        return before == 0 || after == 0
    }

    @inline(__always)
    func isFirst(_ connection: UnsafeRawPointer) -> Bool {
        first.load(ordering: .relaxed) == UInt(bitPattern: connection)
    }

    /// Puts `connection` first if nobody is. Returns whether it has become so.
    borrowing func goFirst(_ connection: UnsafeRawPointer) -> Bool {
        first.compareExchange(expected: 0, desired: UInt(bitPattern: connection), ordering: .relaxed).exchanged
    }

    /// Gives the place up, if `connection` has it.
    borrowing func leaveFirst(_ connection: UnsafeRawPointer) {
        _ = first.compareExchange(expected: UInt(bitPattern: connection), desired: 0, ordering: .relaxed)
    }
}
