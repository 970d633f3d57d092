import NIOConcurrencyHelpers

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// Versions for replicated values: later ones are greater, on one machine always, on several as far as their clocks
/// agree, and always where one has seen what the other wrote.
///
///     bits   63                        16 15            0
///           +----------------------------+---------------+
///           | milliseconds since 1970    | counter       |
///           +----------------------------+---------------+
///
/// Rules (Kulkarni and others, "Logical physical clocks", 2014):
/// 1. A version is greater than every one made or seen before, whatever the clock says meanwhile.
/// 2. A version from further ahead than `skewMax` is not followed: one wrong clock must not carry all others along.
package final class HybridClock: Sendable {
    /// The farthest that a version may be ahead of this machine's clock to be followed.
    static let skewMax: UInt64 = 3_600_000

    private let last = NIOLockedValueBox<UInt64>(0)
    private let milliseconds: @Sendable () -> UInt64

    package init(milliseconds: @escaping @Sendable () -> UInt64 = { UInt64(Date().timeIntervalSince1970 * 1000) }) {
        self.milliseconds = milliseconds
    }

    /// Rule 1.
    package func next() -> UInt64 {
        let now = milliseconds() << 16
        return last.withLockedValue { last in
            last = max(now, last + 1)
            return last
        }
    }

    /// Takes note of a version that somebody else made; rule 2.
    package func observe(_ version: UInt64) {
        let limit = (milliseconds() + Self.skewMax) << 16
        guard version <= limit else { return }
        last.withLockedValue { $0 = max($0, version) }
    }
}
