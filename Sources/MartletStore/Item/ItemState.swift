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
/// A reserved or detached chunk belongs to one thread, or to the last lease. Bits 2...5 are fixed from reserved to free.
package struct ItemState: BitwiseCopyable, Equatable {
    package var raw: UInt8

    package enum Phase: UInt8, BitwiseCopyable {
        case free, reserved, linked, detached
    }

    package static var hasExpiry: UInt8 { 4 }
    package static var hasFlags: UInt8 { 8 }
    package static var hasSequence: UInt8 { 16 }
    package static var isLarge: UInt8 { 32 }
    package static var isStale: UInt8 { 64 }
    package static var isWinSent: UInt8 { 128 }
    package static var shapeMask: UInt8 { 60 }
    package static var marksMask: UInt8 { isStale | isWinSent }

    @inline(__always)
    package init(raw: UInt8) {
        self.raw = raw
    }

    @inline(__always)
    package var phase: Phase { Phase(rawValue: raw & 3).unsafelyUnwrapped }

    @inline(__always)
    package func with(phase: Phase) -> ItemState {
        ItemState(raw: (raw & ~3) | phase.rawValue)
    }

    @inline(__always)
    package func has(_ bit: UInt8) -> Bool {
        raw & bit != 0
    }

    /// Offset of the large words, which is also where the key starts in an item that is not large.
    @inline(__always)
    package var largeOffset: Int {
        let bits = Int(raw)
        return ItemPointer.headerBytes &+ (bits & 4) &+ ((bits & 8) >> 1) &+ ((bits & 16) >> 1)
    }

    /// Offset of the key: the header and the optional words before it.
    @inline(__always)
    package var keyOffset: Int {
        largeOffset &+ ((Int(raw) & 32) >> 1)
    }

    @inline(__always)
    package var flagsOffset: Int {
        ItemPointer.headerBytes &+ (Int(raw) & 4)
    }

    package var sequenceOffset: Int {
        flagsOffset &+ ((Int(raw) & 8) >> 1)
    }
}
