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
///      40    4 toldCount        items that the table was last told of (HashTable+Growth.swift)
///      44    4 spare
///      48    8 flushCheck       proves, in a memory file, that flushedThrough is what was last written there
///      56    . spare
package struct Stripe: ~Copyable {
    package let lock = FutexLock()
    package let bucketCount = Atomic<UInt32>(1)
    package var itemCount: UInt32 = 0
    package var freeOverflow: UInt32 = 0
    package var sequence: UInt64
    package var flushedThrough: UInt64 = 0
    package let step: UInt64
    package var toldCount: UInt32 = 0
    package var flushCheck: UInt64

    package static let bytes = 64

    /// Stripe `index` of `count`, whose tokens are all above `floor`.
    package init(index: Int, count: Int, floor: UInt64) {
        step = UInt64(count)
        sequence = floor / step &* step &+ UInt64(index)
        flushCheck = Self.flushCheck(0, index)
    }

    static func flushCheck(_ flushedThrough: UInt64, _ index: Int) -> UInt64 {
        KeyHash.fold(flushedThrough ^ 0x9e37_79b9_7f4a_7c15, UInt64(index) ^ 0xd6e8_feb8_6659_fd93)
    }
}

extension UnsafeMutablePointer where Pointee == Stripe {
    @inline(__always)
    private var futex: UnsafeMutablePointer<FutexLock> {
        UnsafeMutableRawPointer(self).assumingMemoryBound(to: FutexLock.self)
    }

    @inline(__always)
    package func lock() {
        futex.lock()
    }

    @inline(__always)
    package func unlock() {
        futex.unlock()
    }

    /// The next token: increasing per key, because a key never changes its stripe, and different from every other
    /// stripe's, because each issues only numbers with its own remainder. No counter is shared.
    @inline(__always)
    package func issueTokenLocked() -> UInt64 {
        let token = pointee.sequence &+ pointee.step
        pointee.sequence = token
        return token
    }

    /// Everything with a token up to this is gone.
    package func flushLocked(through token: UInt64) {
        pointee.flushedThrough = token
        pointee.flushCheck = Stripe.flushCheck(token, Int(truncatingIfNeeded: pointee.sequence % pointee.step))
    }

    /// Keeps issued tokens above an explicit one, so that no later token can equal one that a client holds.
    package func raiseSequenceLocked(to token: UInt64) {
        guard token < 1 << 63, token > pointee.sequence else { return }
        pointee.sequence =
            pointee.sequence &+ (token &- pointee.sequence) / pointee.step &* pointee.step &+ pointee.step
    }
}
