import CShims
import Synchronization

/// A four-byte lock: 0 free, 1 held, 2 held with sleepers. About 12 ns for an uncontended lock and unlock.
///
/// No thread ever holds two (rule R1): debug builds count the calling thread's held locks and trap on a second.
/// It lives in raw memory and is used through its address.
package struct FutexLock: ~Copyable {
    fileprivate let word = Atomic<UInt32>(0)

    package init() {}
}

extension UnsafeMutablePointer where Pointee == FutexLock {
    @inline(__always)
    package func lock() {
        LockCheck.willLock()
        if !pointee.word.compareExchange(expected: 0, desired: 1, ordering: .acquiring).exchanged {
            lockSlow()
        }
    }

    @inline(__always)
    package func unlock() {
        LockCheck.willUnlock()
        if pointee.word.exchange(0, ordering: .releasing) == 2 {
            cshims_futex_wake(self, 1)
        }
    }

    @inline(never)
    private func lockSlow() {
        for _ in 0..<100 {
            if pointee.word.load(ordering: .relaxed) == 0,
                pointee.word.compareExchange(expected: 0, desired: 1, ordering: .acquiring).exchanged
            {
                return
            }
            cshims_pause()
        }
        let start = cshims_lock_wait_begin()
        while pointee.word.exchange(2, ordering: .acquiring) != 0 {
            cshims_futex_wait(self, 2)
        }
        cshims_lock_wait_end(start)
    }
}

/// Waits for locks that were held for longer than a short spin, of all threads of the process since its start.
package enum LockWaits {
    package static var count: Int { Int(truncatingIfNeeded: cshims_lock_wait_count()) }
    package static var nanoseconds: Int { Int(truncatingIfNeeded: cshims_lock_wait_nanoseconds()) }
}

/// Debug check of rule R1.
package enum LockCheck {
    @inline(__always)
    package static func willLock() {
        #if DEBUG
        precondition(cshims_held_locks(1) == 1, "a second lock was taken while one is held")
        #endif
    }

    @inline(__always)
    package static func willUnlock() {
        #if DEBUG
        precondition(cshims_held_locks(-1) == 0, "a lock was released that is not held")
        #endif
    }

    /// Number of locks the calling thread holds; debug builds only, otherwise 0.
    package static var heldCount: Int {
        #if DEBUG
        Int(cshims_held_locks(0))
        #else
        0
        #endif
    }
}
