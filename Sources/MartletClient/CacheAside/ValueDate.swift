import MartletRing
import NIOCore

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// When a value is due to be loaded anew, in front of the value itself: for servers that cannot say how much of its
/// life is left, nor choose one to load it.
///
///      0                      8               12                        (bytes, big-endian)
///     +----------------------+---------------+-----------
///     | due, ms since 1970   | its load took | the value
///     | 64 bits              | ms, 32 bits   |
///     +----------------------+---------------+-----------
///
/// Rules (Vattani and others, "Optimal probabilistic cache stampede prevention", 2015):
/// 1. Each reader throws a die: it loads anew at `now - took * ln(random) >= due`, while the others go on with what is
///    there. The earlier, the less likely; of many readers one or a few come out shortly before the end.
/// 2. A value past its due time that is still there is loaded anew by everybody's first in each process.
package struct ValueDate: Equatable, Sendable {
    static let bytes = 12

    let dueMilliseconds: UInt64
    let loadMilliseconds: UInt32

    /// Of a value that was loaded now, in `load`, and is due after `life`.
    package init(life: Duration, load: Duration) {
        dueMilliseconds = Self.now &+ Self.milliseconds(life)
        loadMilliseconds = UInt32(clamping: Self.milliseconds(load))
    }

    private static func milliseconds(_ duration: Duration) -> UInt64 {
        UInt64(min(max(duration, .zero), TimeToLive.longest) / .milliseconds(1))
    }

    /// Takes it off the front of what was read.
    package init?(taking buffer: inout ByteBuffer) {
        guard let due = buffer.readInteger(as: UInt64.self), let load = buffer.readInteger(as: UInt32.self) else {
            return nil
        }
        dueMilliseconds = due
        loadMilliseconds = load
    }

    package func write(into buffer: inout ByteBuffer) {
        buffer.writeInteger(dueMilliseconds)
        buffer.writeInteger(loadMilliseconds)
    }

    /// Rule 1, with a number in 0..<1.
    package func isDue(at now: UInt64, random: Double) -> Bool {
        // A load within a millisecond still has a chance to be earlier.
        let early = Double(max(loadMilliseconds, 1)) * -naturalLogarithm(max(random, 1e-12))
        return Double(now) + early >= Double(dueMilliseconds)
    }

    package static var now: UInt64 { UInt64(Date().timeIntervalSince1970 * 1000) }
}
