import CShims
import Synchronization

/// What one thread sleeps at until another has something for it to do. Rung while nobody sleeps, it ends the next sleep
/// at once.
struct Bell: ~Copyable {
    /// 1 when it has rung, 2 while somebody sleeps. The first word, so that its address is the bell's.
    fileprivate let state = Atomic<UInt32>(0)
}

extension UnsafeMutablePointer where Pointee == Bell {
    static func make() -> Self {
        let bell = Self.allocate(capacity: 1)
        bell.initialize(to: Bell())
        return bell
    }

    func destroy() {
        deinitialize(count: 1)
        deallocate()
    }

    /// Wakes who sleeps. Any thread; without a system call if nobody sleeps.
    func wake() {
        if pointee.state.exchange(1, ordering: .releasing) == 2 { cshims_futex_wake(self, 1) }
    }

    /// Sleeps until it rings, at most so long; it may also end for nothing. One thread at a time.
    func wait(milliseconds: Int? = nil) {
        if pointee.state.compareExchange(expected: 0, desired: 2, ordering: .acquiring).exchanged {
            if let milliseconds {
                cshims_futex_wait_for(self, 2, Int64(milliseconds))
            } else {
                cshims_futex_wait(self, 2)
            }
        }
        _ = pointee.state.exchange(0, ordering: .acquiringAndReleasing)
    }
}
