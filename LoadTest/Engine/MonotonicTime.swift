import Glibc

/// The clocks of a run, in nanoseconds.
package enum MonotonicTime {
    /// Since some fixed moment; never goes back.
    package static func now() -> UInt64 { read(CLOCK_MONOTONIC) }

    /// CPU time of the calling thread.
    package static func threadCPU() -> UInt64 { read(CLOCK_THREAD_CPUTIME_ID) }

    /// CPU time of this process, all threads.
    package static func processCPU() -> UInt64 { read(CLOCK_PROCESS_CPUTIME_ID) }

    /// Seconds since 1970.
    package static func wallSeconds() -> Double { Double(read(CLOCK_REALTIME)) / 1e9 }

    private static func read(_ clock: clockid_t) -> UInt64 {
        var time = timespec()
        clock_gettime(clock, &time)
        return UInt64(truncatingIfNeeded: time.tv_sec) &* 1_000_000_000 &+ UInt64(truncatingIfNeeded: time.tv_nsec)
    }
}
