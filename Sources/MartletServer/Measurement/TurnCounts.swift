import Glibc
import MartletStore
import Synchronization

/// What a worker's meter has measured. Written by the worker, read by any thread.
package struct TurnCounts: ~Copyable {
    /// One for each `CommandKind`.
    let latencies: UnsafeMutablePointer<LatencyCounts>
    /// Keys and slow turns, on their way to the admin thread.
    let ring: EventRing
    package let busyNanoseconds = SingleWriterCounter()
    package let rounds = SingleWriterCounter()
    package let turns = SingleWriterCounter()
    /// Of the round under way, 0 between rounds: for whoever asks whether the worker still moves.
    package let roundStart = Atomic<UInt64>(0)
    /// Each of so many turns is looked into. The admin thread's to say.
    let stride = Atomic<Int>(1)

    init() {
        latencies = OwnLines.allocate(LatencyCounts.self, count: CommandKind.count)
        for index in 0..<CommandKind.count { (latencies + index).initialize(to: LatencyCounts()) }
        ring = EventRing(capacity: Limits.meterRingBytes)
    }

    deinit {
        latencies.deinitialize(count: CommandKind.count)
        latencies.deallocate()
    }

    package borrowing func add(to totals: inout [LatencyTotals]) {
        for index in 0..<CommandKind.count { latencies[index].add(to: &totals[index]) }
    }

    /// Nanoseconds of the monotonic clock.
    package static var now: UInt64 { now(CLOCK_MONOTONIC) }

    static func now(_ clock: clockid_t) -> UInt64 {
        var time = timespec()
        clock_gettime(clock, &time)
        return UInt64(truncatingIfNeeded: time.tv_sec) &* 1_000_000_000 &+ UInt64(truncatingIfNeeded: time.tv_nsec)
    }
}

extension UnsafeMutablePointer where Pointee == TurnCounts {
    /// nil unless somebody may ask.
    static func make(_ settings: ServerSettings) -> Self? {
        guard settings.adminAddress != nil else { return nil }
        let counts = OwnLines.allocate(TurnCounts.self)
        counts.initialize(to: TurnCounts())
        return counts
    }

    func destroy() {
        deinitialize(count: 1)
        deallocate()
    }
}

extension UnsafeMutablePointer where Pointee == TurnMeter {
    static func make(_ counts: UnsafeMutablePointer<TurnCounts>?, _ settings: ServerSettings) -> Self? {
        guard let counts else { return nil }
        let meter = OwnLines.allocate(TurnMeter.self)
        meter.initialize(to: TurnMeter(counts: counts, settings: settings))
        return meter
    }

    func destroy() {
        deinitialize(count: 1)
        deallocate()
    }
}
