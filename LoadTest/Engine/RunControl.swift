import Glibc
import Synchronization

/// What the threads of a pass share: the wish to end early, and the news that all have ended. In raw memory.
struct RunControl: ~Copyable {
    /// Set to end the pass at once, by a thread that failed.
    let stops = Atomic<Bool>(false)
    /// Set when the user wants the end: nothing more becomes due, and what has no answer by then is counted.
    let isInterrupted = Atomic<Bool>(false)
    /// Asked by the thread that waits.
    private let wantsEnd: () -> Bool
    private let running = Atomic<Int>(0)
    /// A pipe, into which the last thread writes.
    private let readEnd: Int32
    private let writeEnd: Int32

    /// A signal that comes just before the poll does not end it; it is heeded so much later at most.
    private static let pollMillisecondsMax: UInt64 = 100

    init(wantsEnd: @escaping () -> Bool) throws(LoadError) {
        self.wantsEnd = wantsEnd
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else {
            throw .circumstances("The system gives no pipe: \(String(cString: strerror(errno))).")
        }
        (readEnd, writeEnd) = (ends[0], ends[1])
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    }

    deinit {
        close(readEnd)
        close(writeEnd)
    }

    /// A thread is about to be started.
    borrowing func begin() { running.add(1, ordering: .relaxed) }

    /// A thread has ended, or was not started after all.
    borrowing func end() {
        guard running.subtract(1, ordering: .acquiringAndReleasing).newValue == 0 else { return }
        var byte: UInt8 = 1
        _ = write(writeEnd, &byte, 1)
    }

    /// Waits until `deadline`; false when all threads have ended before.
    borrowing func wait(until deadline: UInt64) -> Bool {
        while true {
            if wantsEnd() { isInterrupted.store(true, ordering: .relaxed) }
            let now = MonotonicTime.now()
            guard now < deadline else { return true }
            var watched = pollfd(fd: readEnd, events: Int16(POLLIN), revents: 0)
            // Rounded up: never too early, which would be a turn for nothing.
            let milliseconds = min((deadline - now) / 1_000_000 + 1, Self.pollMillisecondsMax)
            if poll(&watched, 1, Int32(milliseconds)) > 0 { return false }
        }
    }
}
