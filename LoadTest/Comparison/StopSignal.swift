import CShims
import Glibc
import LoadEngine
import Synchronization

/// SIGINT, SIGTERM and SIGHUP as news: a signal writes into a pipe, every wait of a comparison watches it, and what was
/// started is stopped on the way out.
///
/// Threads: `listen` once, before anything is started; everything else from any thread.
package enum StopSignal {
    /// The pipe's ends, -1 before `listen`; the signal that came, 0 if none.
    private static let readEnd = Atomic<Int32>(-1)
    private static let writeEnd = Atomic<Int32>(-1)
    private static let signalNumber = Atomic<Int32>(0)

    package static func listen() {
        guard readEnd.load(ordering: .relaxed) < 0 else { return }
        var ends: [Int32] = [-1, -1]
        guard cshims_pipe(&ends) == 0 else { return }
        writeEnd.store(ends[1], ordering: .relaxed)
        readEnd.store(ends[0], ordering: .relaxed)
        var action = sigaction()
        action.__sigaction_handler.sa_handler = { number in StopSignal.happened(number) }
        let numbers = [SIGINT, SIGTERM, SIGHUP]
        for number in numbers { sigaction(number, &action, nil) }
        Interruption.release(numbers)
    }

    /// In the signal's own context: an atomic and one write.
    private static func happened(_ number: Int32) {
        let before = errno
        signalNumber.store(number, ordering: .relaxed)
        var byte: UInt8 = 1
        _ = write(writeEnd.load(ordering: .relaxed), &byte, 1)
        errno = before
    }

    /// Becomes readable, and stays so, once a signal came; -1 where nobody listens.
    static var descriptor: Int32 { readEnd.load(ordering: .relaxed) }

    /// Throws once a signal came.
    package static func check() throws(ComparisonError) {
        let number = signalNumber.load(ordering: .relaxed)
        if number != 0 { throw ComparisonError(.interrupted(number), "stopped by signal \(number)") }
    }

    /// Waits until `descriptor` is readable (or closed) or the time is up, at most; false when the time is up. Throws
    /// when a signal came. Without a descriptor it is a wait only.
    @discardableResult
    static func wait(_ descriptor: Int32 = -1, seconds: Double) throws(ComparisonError) -> Bool {
        let deadline = Clock.seconds() + seconds
        while true {
            try check()
            let left = deadline - Clock.seconds()
            guard left > 0 else { return false }
            var watched = [
                pollfd(fd: self.descriptor, events: Int16(POLLIN), revents: 0),
                pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0),
            ]
            // Rounded up: never too early, which would be a turn for nothing.
            _ = poll(&watched, 2, Int32(min(left * 1000 + 1, 3_600_000)))
            try check()
            if descriptor >= 0, watched[1].revents != 0 { return true }
        }
    }
}

/// Monotonic time, in seconds from some moment.
enum Clock {
    static func seconds() -> Double {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }

    /// Seconds since 1970.
    static func wallSeconds() -> Double {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }
}
