/// Times as clients send them, turned into the server seconds that the store keeps.
///
/// 1. 0 means never.
/// 2. A negative time has passed already.
/// 3. Up to thirty days, a time counts from now.
/// 4. Anything larger is a unix time. One that lies before the server's start has passed already.
package struct WireTime: BitwiseCopyable {
    /// The store's second that has always passed.
    package static let past: UInt32 = 1
    /// The longest time that counts from now, in seconds.
    package static let relativeSecondsMax: Int32 = 60 * 60 * 24 * 30

    /// Unix time at server second 0.
    let wallOffset: Int64

    package init(wallOffset: Int64) { self.wallOffset = wallOffset }

    /// The server second at which `exptime`, sent at `now`, has come; 0 for never.
    @inline(__always)
    package func second(_ exptime: Int32, now: UInt32) -> UInt32 {
        exptime == 0 ? 0 : secondOfGiven(exptime, now: now)
    }

    private func secondOfGiven(_ exptime: Int32, now: UInt32) -> UInt32 {
        if exptime < 0 { return Self.past }
        if exptime <= Self.relativeSecondsMax { return UInt32(clamping: Int64(now) + Int64(exptime)) }
        let second = Int64(exptime) - wallOffset
        return second <= Int64(ServerClock.firstSecond) ? Self.past : UInt32(clamping: second)
    }
}
