import MartletStore
import StoreTesting
import Testing

@Suite("The futex lock")
struct FutexLockTests {
    /// A lock and what it guards.
    private final class Guarded: @unchecked Sendable {
        // Sendable: the count is only touched under the lock.
        let lock = UnsafeMutablePointer<FutexLock>.allocate(capacity: 1)
        var count = 0
        var isInside = false

        init() {
            lock.initialize(to: FutexLock())
        }

        deinit {
            lock.deallocate()
        }
    }

    @Test("lets one thread in at a time and loses no wake-up", arguments: [2, 4, 8])
    func exclusion(_ threadCount: Int) {
        let guarded = Guarded()
        onThreads(threadCount) { _ in
            for round in 0..<20_000 {
                guarded.lock.lock()
                precondition(!guarded.isInside, "two threads hold the lock")
                guarded.isInside = true
                guarded.count = guarded.count + 1
                // Long enough now and then for the others to go to sleep.
                if round % 1000 == 0 { for _ in 0..<20_000 { guarded.count = guarded.count + 0 } }
                guarded.isInside = false
                guarded.lock.unlock()
            }
        }

        #expect(guarded.count == threadCount * 20_000)
    }

    #if DEBUG
    @Test("debug builds count what a thread holds")
    func heldCount() {
        let guarded = Guarded()
        #expect(CacheStore._heldLockCount == 0)
        guarded.lock.lock()
        let held = CacheStore._heldLockCount
        guarded.lock.unlock()
        #expect(held == 1)
        #expect(CacheStore._heldLockCount == 0)
    }
    #endif
}
