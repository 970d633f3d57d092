#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// A life as the wire has it.
///
/// Rules:
/// 1. Whole seconds, rounded up: nothing lives shorter than it was given, and 0 would mean for ever.
/// 2. Beyond 30 days the protocol takes a number for a point in time, so that is what is sent.
/// 3. A point in time beyond 2038 does not fit; what is to live that long lives for ever.
enum TimeToLive {
    static let relativeSecondsMax: Int64 = 30 * 24 * 60 * 60

    /// 30,000 years. What is said to be longer is taken for this: then it can be reckoned with, and waited for, and does
    /// not end the program.
    static let longest = Duration.seconds(1 << 40)

    /// nil, a life for ever, is 0.
    static func exptime(_ life: Duration?) -> Int32 {
        guard let life else { return 0 }
        let seconds = seconds(life)
        if seconds <= relativeSecondsMax { return Int32(truncatingIfNeeded: seconds) }
        let now = Int64(Date().timeIntervalSince1970)
        return Int32(exactly: now + seconds) ?? 0
    }

    /// What a server says is left of a life, for a copy: -1 is for ever.
    static func exptime(secondsLeft: Int64) -> Int32 { secondsLeft < 0 ? 0 : exptime(.seconds(secondsLeft)) }

    /// Rule 1; at least 1.
    static func seconds(_ life: Duration) -> Int64 {
        let (seconds, rest) = min(max(life, .zero), longest).components
        return max(rest > 0 ? seconds + 1 : seconds, 1)
    }
}
