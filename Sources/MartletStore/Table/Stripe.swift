import Synchronization

/// One lock stripe of the table: an independent linear-hash table with its lock, 64 bytes so that no two share a line.
///
///     off size field
///       0    4 lock
///       4    4 bucketCount      written under the lock, read without it for prefetching
///       8    4 itemCount
///      12    4 freeOverflow     chain of overflow buckets given back (index + 1)
///      16    8 sequence         last token issued
///      24    8 flushedThrough   every item with a sequence up to this is gone (`flush_all`)
///      32    . spare
struct Stripe: ~Copyable {
    let lock = FutexLock()
    let bucketCount = Atomic<UInt32>(1)
    var itemCount: UInt32 = 0
    var freeOverflow: UInt32 = 0
    var sequence: UInt64
    var flushedThrough: UInt64 = 0

    static let bytes = 64

    init(sequence: UInt64) {
        self.sequence = sequence
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

    /// The next token. Unique and increasing per key, because a key never changes its stripe.
    @inline(__always)
    func issueTokenLocked() -> UInt64 {
        let token = pointee.sequence &+ 1
        pointee.sequence = token
        return token
    }

    /// Keeps issued tokens above an explicit one, so that no later token can equal one that a client holds.
    func raiseSequenceLocked(to token: UInt64) {
        if token < 1 << 63, token > pointee.sequence { pointee.sequence = token }
    }
}
