import Glibc
import Synchronization

/// The server's time: a coarse second counter that never runs backwards, and the wall time belonging to it.
///
/// 1. Server seconds start at `firstSecond`: 0 means "never" to the store and 1 "already expired". A server that takes
///    up the cache of another goes on counting where that would be by now (`goOn`).
/// 2. `tick` brings the counter up to the monotonic clock; the main loop calls it once a second. Workers read it once
///    per turn. Nothing else moves it but `advance`, for tests and `debugtime`.
/// 3. Wall time is captured once, at start, and only converts: a step of the system's clock moves no expiry. It is read
///    again only for the next server (`wallMillisecondsAtZero`): what passes between two servers no other clock tells.
/// 4. Server seconds begin where the wall clock's did at the start, so that `wall` is never ahead of it: who stores
///    until an absolute time that is still to come by their own clock finds the item until then.
/// 5. The counter stops at `lastSecond`, 68 years from the start, so that sums of a second and what servers wait for
///    stay in range. Only by hand does it come there.
///
/// `second` may be read by any thread; `tick` and `advance` by any thread too (they are atomic), though one suffices.
package struct ServerClock: ~Copyable {
    package static let firstSecond: UInt32 = 2
    package static let lastSecond: UInt32 = .max / 2 - 1

    private let current: Atomic<UInt32>
    /// Seconds added by hand, `lastSecond` at most.
    private let shift: Atomic<Int64>
    /// Where the wall clock's second of the start began, in nanoseconds of the monotonic clock.
    private let startNanoseconds: Int64
    private var startSecond = Self.firstSecond
    /// Wall time, in seconds since 1970, at server second 0.
    package private(set) var wallOffset: Int64
    private let isManual: Bool
    /// Whether time stands still, for test suites.
    private let isPaused = Atomic<Bool>(false)

    /// A clock that follows the system's monotonic one.
    package init() {
        // In this order: what passes between the two makes the seconds begin late, never early.
        let wall = Self.nanoseconds(of: CLOCK_REALTIME)
        self.init(wallNanoseconds: wall, monotonicNanoseconds: Self.nanoseconds(of: CLOCK_MONOTONIC))
    }

    /// A clock that was made at those readings of the system's and follows the monotonic one.
    package init(wallNanoseconds: Int64, monotonicNanoseconds: Int64) {
        let (wall, part) = wallNanoseconds.quotientAndRemainder(dividingBy: Self.nanosecondsPerSecond)
        self.init(startNanoseconds: monotonicNanoseconds - part, wall: wall, isManual: false)
    }

    /// A clock that only `advance` moves; `wall` is the wall time at its first second.
    package init(manualWithWall wall: Int64) {
        self.init(startNanoseconds: 0, wall: wall, isManual: true)
    }

    private init(startNanoseconds: Int64, wall: Int64, isManual: Bool) {
        current = Atomic(Self.firstSecond)
        shift = Atomic(0)
        self.startNanoseconds = startNanoseconds
        wallOffset = wall - Int64(Self.firstSecond)
        self.isManual = isManual
    }

    /// The current server second.
    package var second: UInt32 { current.load(ordering: .relaxed) }

    /// The wall time belonging to the current second.
    package var wall: Int64 { wall(of: second) }

    package borrowing func wall(of second: UInt32) -> Int64 { wallOffset + Int64(second) }

    /// Seconds since the start.
    package var uptime: UInt32 { second - startSecond }

    // MARK: From one server to the next

    /// Wall time, in milliseconds, at which server second 0 began, as the clocks are now.
    ///
    /// Server seconds begin with the wall clock's: so, with that not set anew meanwhile, the next server counts the
    /// very same seconds.
    package var wallMillisecondsAtZero: Int64 {
        let counted = Int64(startSecond) + shift.load(ordering: .relaxed)
        if isManual { return wallOffset * 1000 }
        let passed = Self.nanoseconds(of: CLOCK_MONOTONIC) - startNanoseconds
        return (Self.nanoseconds(of: CLOCK_REALTIME) - passed) / 1_000_000 - counted * 1000
    }

    /// Goes on where a clock is by now whose second 0 began at `zero` (`wallMillisecondsAtZero`), and that had come to
    /// `second`. Returns false, with nothing changed, if that would be before then, or far beyond. Only at the start.
    package mutating func goOn(from zero: Int64, at second: UInt32) -> Bool {
        let (elapsed, isOverflown) = wallMillisecondsAtZero.subtractingReportingOverflow(zero)
        guard !isOverflown, elapsed.magnitude < 1 << 50 else { return false }
        let wanted = Int64(self.second) + (elapsed + 500) / 1000
        guard wanted >= Int64(second), wanted <= Int64(Self.lastSecond) else { return false }
        wallOffset += Int64(self.second) - wanted
        startSecond = UInt32(wanted)
        current.store(startSecond, ordering: .relaxed)
        return true
    }

    /// Catches up with the system's clock.
    package borrowing func tick() {
        if !isPaused.load(ordering: .relaxed) { catchUp() }
    }

    /// Lets time stand still, or go on from where it would be. A clock that stands can still be moved by hand.
    package borrowing func setPaused(_ isPaused: Bool) {
        self.isPaused.store(isPaused, ordering: .relaxed)
        tick()
    }

    private borrowing func catchUp() { catchUp(atNanoseconds: isManual ? 0 : Self.nanoseconds(of: CLOCK_MONOTONIC)) }

    /// Brings the counter to where it is at that reading of the monotonic clock.
    package borrowing func catchUp(atNanoseconds monotonic: Int64) {
        let elapsed = (monotonic - startNanoseconds) / Self.nanosecondsPerSecond
        let wanted = Int64(startSecond) + elapsed + shift.load(ordering: .relaxed)
        raise(to: wanted)
    }

    /// Moves the clock forward by hand.
    package borrowing func advance(seconds: UInt32) {
        var found = shift.load(ordering: .relaxed)
        while true {
            let (isDone, original) = shift.weakCompareExchange(
                expected: found, desired: Swift.min(found + Int64(seconds), Int64(Self.lastSecond)),
                ordering: .relaxed)
            if isDone { break }
            found = original
        }
        if isPaused.load(ordering: .relaxed) { raise(to: Int64(second) + Int64(seconds)) }
        tick()
    }

    /// Two tickers at once must not set the clock back.
    private borrowing func raise(to second: Int64) {
        let wanted = Swift.min(UInt32(clamping: second), Self.lastSecond)
        var found = current.load(ordering: .relaxed)
        while found < wanted {
            let (exchanged, original) = current.weakCompareExchange(
                expected: found, desired: wanted, ordering: .relaxed)
            if exchanged { return }
            found = original
        }
    }

    private static let nanosecondsPerSecond: Int64 = 1_000_000_000

    private static func nanoseconds(of clock: clockid_t) -> Int64 {
        var time = timespec()
        clock_gettime(clock, &time)
        return Int64(time.tv_sec) * nanosecondsPerSecond + Int64(time.tv_nsec)
    }
}
