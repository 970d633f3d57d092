import NIOConcurrencyHelpers

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// Versions for replicated values: later ones are greater, of one clock always, of several as far as the machines'
/// clocks agree, and always where one has seen what the other wrote.
///
///     bits   63                        12 11            0
///           +----------------------------+---------------+
///           | microseconds since 1970    | drawn by lot  |      until the year 2112
///           +----------------------------+---------------+
///
/// Rules (Kulkarni and others, "Logical physical clocks", 2014):
/// 1. A version is greater than every one made or seen before, whatever the clock says meanwhile: if need be it is of
///    the microsecond behind the last one's.
/// 2. A version from further ahead than `skewMax` is not followed: one wrong clock must not carry all others along.
/// 3. Two versions of one microsecond, made by two clocks, are drawn apart: of two that were equal each copy would keep
///    the one that came first, and nobody would see that they differ.
package final class HybridClock: Sendable {
    /// The farthest that a version may be ahead of this machine's clock to be followed, in microseconds: an hour.
    package static let skewMax: UInt64 = 3_600_000_000
    private static let lotBits: UInt64 = 12
    private static let lots: UInt64 = 1 << lotBits

    private let last = NIOLockedValueBox<UInt64>(0)
    private let microseconds: @Sendable () -> UInt64

    /// `microseconds` since 1970, from any thread.
    package init(
        microseconds: @escaping @Sendable () -> UInt64 = { UInt64(Date().timeIntervalSince1970 * 1_000_000) }
    ) {
        self.microseconds = microseconds
    }

    /// Rules 1 and 3.
    package func next() -> UInt64 {
        let (now, lot) = (microseconds(), UInt64.random(in: 0..<Self.lots))
        return last.withLockedValue { last in
            last = max(now, last >> Self.lotBits + 1) << Self.lotBits | lot
            return last
        }
    }

    /// Takes note of a version that somebody else made; false if it is not followed, by rule 2.
    @discardableResult
    package func observe(_ version: UInt64) -> Bool {
        guard version >> Self.lotBits <= microseconds() + Self.skewMax else { return false }
        last.withLockedValue { $0 = max($0, version) }
        return true
    }
}
