/// One chunk of a simulated page and what is in it: 32 bytes, whatever its size in the cache.
struct Chunk: BitwiseCopyable {
    enum Phase: UInt8, BitwiseCopyable {
        case free
        /// Taken, but its item is not complete.
        case reserved
        case item, part
    }
    enum Segment: UInt8, BitwiseCopyable { case hot, cold, warm }

    /// Of a part: its head's.
    var key: UInt32
    var valueBytes: UInt32
    /// Second of expiry; 0 is never.
    var expiry: UInt32
    /// Of the last access: a second, or a count of requests where the model wants finer time.
    var lastAccess: UInt32
    /// Neighbours in a list of items. Of a free chunk `next` is the next free one; of a part `previous` is its head.
    var previous: UInt32
    var next: UInt32
    /// The first part of an item too large for one chunk, or the part behind this one; 0 for none.
    var part: UInt32
    var phase: Phase
    var segment: Segment
    /// Hits, saturating.
    var frequency: UInt8
    var marks: UInt8

    /// Where a key's item is: a page and a chunk of it. 0 is nowhere, because pages count from 1.
    typealias Place = UInt32

    static let isFetched: UInt8 = 1
    static let isActive: UInt8 = 2
    /// Room for an expiry, needed or not.
    static let hasExpiry: UInt8 = 4
    static let isLarge: UInt8 = 8
    /// The item entered as the cache's rule for short lives says.
    static let isShortLived: UInt8 = 16
    /// Two bits: which of four successive blocks of the ring its place is in.
    static let stampShift: UInt8 = 6
}

extension UnsafeMutablePointer where Pointee == Chunk {
    @inline(__always)
    func has(_ mark: UInt8) -> Bool { pointee.marks & mark != 0 }

    @inline(__always)
    func mark(_ mark: UInt8) { pointee.marks |= mark }

    @inline(__always)
    func unmark(_ mark: UInt8) { pointee.marks &= ~mark }

    var stamp: UInt8 {
        get { pointee.marks >> Chunk.stampShift }
        nonmutating set { pointee.marks = pointee.marks & (1 << Chunk.stampShift - 1) | newValue << Chunk.stampShift }
    }

    @inline(__always)
    func hasExpired(_ second: UInt32) -> Bool { pointee.expiry != 0 && pointee.expiry <= second }
}
