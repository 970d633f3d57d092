/// The first word of an item: everything that a hit may change, so that a hit writes at most this one word.
///
///     bit  0..23  lastAccess   server second, modulo 2^24 (194 days); for display only, no rule rests on it
///         24..25  frequency    hits since the hand last came by, saturating at 3
///         26..27  segment      hot, cold, warm, temp
///             28  fetched      read since it was stored
///             29  part         this chunk is a part of a large item (see LargeItem.swift)
///         30..31  stamp        of a HOT item: which of four successive blocks its place in the ring is in (HotRing.swift)
///
/// In a free chunk the same word is the handle of the next free chunk.
package struct AccessWord: BitwiseCopyable, Equatable {
    package var raw: UInt32

    package static var frequencyMax: UInt32 { 3 }
    package static var secondMask: UInt32 { 0xff_ffff }
    package static var segmentMask: UInt32 { 3 << 26 }
    package static var coldBits: UInt32 { UInt32(Segment.cold.rawValue) << 26 }
    package static var fetchedBit: UInt32 { 1 << 28 }
    package static var partBit: UInt32 { 1 << 29 }
    package static var stampMask: UInt32 { 3 << 30 }

    @inline(__always)
    package init(raw: UInt32) {
        self.raw = raw
    }

    @inline(__always)
    package init(segment: Segment, second: UInt32, stamp: UInt32 = 0) {
        raw = (second & Self.secondMask) | UInt32(segment.rawValue) << 26 | stamp << 30
    }

    @inline(__always)
    package var frequency: UInt32 { (raw >> 24) & 3 }

    @inline(__always)
    package var segment: Segment { Segment(rawValue: UInt8(truncatingIfNeeded: raw >> 26) & 3).unsafelyUnwrapped }

    package var stamp: UInt32 { raw >> 30 }
    package var isFetched: Bool { raw & Self.fetchedBit != 0 }
    package var isPart: Bool { raw & Self.partBit != 0 }

    /// The second of the last access, assuming it lies less than 2^24 seconds before `now`.
    package func lastAccess(now: UInt32) -> UInt32 {
        now &- ((now &- raw) & Self.secondMask)
    }

    /// The word after a hit at `now`.
    @inline(__always)
    package func hit(now: UInt32) -> AccessWord {
        let counted = raw & (3 << 24) == 3 << 24 ? raw : raw &+ 1 << 24
        return AccessWord(raw: (counted & ~Self.secondMask) | (now & Self.secondMask) | Self.fetchedBit)
    }

    package func with(stamp: UInt32) -> AccessWord {
        AccessWord(raw: raw & ~Self.stampMask | stamp << 30)
    }

    package func with(segment: Segment, frequency: UInt32) -> AccessWord {
        AccessWord(raw: (raw & ~(15 << 24)) | UInt32(segment.rawValue) << 26 | frequency << 24)
    }
}

/// Where an item stands in its class's segmented LRU (see Eviction/Hand.swift).
package enum Segment: UInt8, BitwiseCopyable {
    case hot, cold, warm, temp
}
