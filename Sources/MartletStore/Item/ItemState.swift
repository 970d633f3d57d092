/// The state byte of an item: who owns the chunk, and which optional words the item has.
///
///     bit 0..1  phase        free, reserved, linked, detached
///         2     hasExpiry    +4 bytes
///         3     hasFlags     +4 bytes
///         4     hasSequence  +8 bytes: the token is an explicit one, the issued sequence stands beside it
///         5     isLarge      +16 bytes
///         6     isStale      marked by `md I`
///         7     isWinSent    somebody was told to recache
///
/// Phases: free -(class lock)-> reserved -(stripe lock)-> linked -(stripe lock)-> detached -(class lock)-> free.
/// A reserved or detached chunk belongs to one thread, or to the last lease. Bits 2...5 are fixed from reserved to
/// free. Public, and inlinable where answers need it, for the reason given at `ItemHold`.
public struct ItemState: BitwiseCopyable, Equatable {
    public var raw: UInt8

    package enum Phase: UInt8, BitwiseCopyable {
        case free, reserved, linked, detached
    }

    @inlinable public static var hasExpiry: UInt8 { 4 }
    @inlinable public static var hasFlags: UInt8 { 8 }
    @inlinable public static var hasSequence: UInt8 { 16 }
    @inlinable public static var isLarge: UInt8 { 32 }
    @inlinable public static var isStale: UInt8 { 64 }
    @inlinable public static var isWinSent: UInt8 { 128 }
    package static var shapeMask: UInt8 { 60 }
    package static var marksMask: UInt8 { isStale | isWinSent }

    @inlinable @inline(__always)
    public init(raw: UInt8) {
        self.raw = raw
    }

    @inline(__always)
    package var phase: Phase { Phase(rawValue: raw & 3).unsafelyUnwrapped }

    @inline(__always)
    package func with(phase: Phase) -> ItemState {
        ItemState(raw: (raw & ~3) | phase.rawValue)
    }

    @inlinable @inline(__always)
    public func has(_ bit: UInt8) -> Bool {
        raw & bit != 0
    }

    /// Offset of the large words, which is also where the key starts in an item that is not large.
    @inlinable @inline(__always)
    public var largeOffset: Int {
        let bits = Int(raw)
        return ItemPointer.headerBytes &+ (bits & 4) &+ (bits &>> 1 & 12)
    }

    /// Offset of the key: the header and the optional words before it.
    @inlinable @inline(__always)
    public var keyOffset: Int {
        // From the second on, each of these bits stands at twice the size of its word.
        let bits = Int(raw)
        return ItemPointer.headerBytes &+ (bits & 4) &+ (bits &>> 1 & 28)
    }

    @inlinable @inline(__always)
    public var flagsOffset: Int {
        ItemPointer.headerBytes &+ (Int(raw) & 4)
    }

    package var sequenceOffset: Int {
        flagsOffset &+ ((Int(raw) & 8) >> 1)
    }
}
