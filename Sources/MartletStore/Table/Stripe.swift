import Synchronization

/// One lock stripe of the table: an independent linear-hash table with its lock, 64 bytes so that no two share a line.
///
///     off size field
///       0    4 lock
///       4    4 bucketCount      written under the lock, read without it for prefetching
///       8    4 itemCount
///      12    4 freeOverflow     chain of overflow buckets given back (index + 1)
///      16    8 sequence         last token issued; its remainder by `step` is the stripe's index
///      24    8 flushedThrough   every item with a sequence up to this is gone (`flush_all`)
///      32    8 step             number of stripes
///      40    . spare
struct Stripe: ~Copyable {
    let lock = FutexLock()
    let bucketCount = Atomic<UInt32>(1)
    var itemCount: UInt32 = 0
    var freeOverflow: UInt32 = 0
    var sequence: UInt64
    var flushedThrough: UInt64 = 0
    let step: UInt64

    static let bytes = 64

    /// Stripe `index` of `count`, whose tokens are all above `floor`.
    init(index: Int, count: Int, floor: UInt64) {
        step = UInt64(count)
        sequence = floor / step &* step &+ UInt64(index)
    }
}

extension UnsafeMutablePointer where Pointee == Stripe {
    @inline(__always)
    private var futex: UnsafeMutablePointer<FutexLock> {
        UnsafeMutableRawPointer(self).assumingMemoryBound(to: FutexLock.self)
    }

    @inline(__always)
    func lock() {
        futex.lock()
    }

    @inline(__always)
    func unlock() {
        futex.unlock()
    }

    /// The next token: increasing per key, because a key never changes its stripe, and different from every other
    /// stripe's, because each issues only numbers with its own remainder. No counter is shared.
    @inline(__always)
    func issueTokenLocked() -> UInt64 {
        let token = pointee.sequence &+ pointee.step
        pointee.sequence = token
        return token
    }

    /// Keeps issued tokens above an explicit one, so that no later token can equal one that a client holds.
    func raiseSequenceLocked(to token: UInt64) {
        guard token < 1 << 63, token > pointee.sequence else { return }
        pointee.sequence =
            pointee.sequence &+ (token &- pointee.sequence) / pointee.step &* pointee.step &+ pointee.step
    }
}
