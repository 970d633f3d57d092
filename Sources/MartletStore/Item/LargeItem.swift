import Synchronization

/// The four extra words of a large item.
///
///     off size field
///       0    4 total value length
///       4    4 leases: 1 for the link, 1 for each lease (atomic)
///       8    4 inline bytes: how much of the value stands behind the key
///      12    4 handle of the first part, 0 if the value is wholly inline (atomic for relocation hints)
///
/// A value of more than 4 KiB makes a large item. If it does not fit one chunk, its head takes a chunk of the largest
/// class and the rest of the value follows in parts, chained. Pieces are as long as the largest chunk allows; only
/// where none is to be had are they shorter.
package struct LargeWords: BitwiseCopyable {
    package let raw: UnsafeMutableRawPointer

    package init(raw: UnsafeMutableRawPointer) {
        self.raw = raw
    }

    package static var bytes: Int { 16 }
    /// The shortest piece that a value is cut into for want of larger chunks.
    static var pieceBytesMin: Int { 2048 }

    package var totalLength: Int {
        @inline(__always) get { Int(raw.load(as: UInt32.self)) }
        nonmutating set { raw.storeBytes(of: UInt32(truncatingIfNeeded: newValue), as: UInt32.self) }
    }

    package var leases: UnsafeMutablePointer<Atomic<UInt32>> {
        (raw + 4).assumingMemoryBound(to: Atomic<UInt32>.self)
    }

    package var inlineBytes: Int {
        get { Int((raw + 8).load(as: UInt32.self)) }
        nonmutating set { (raw + 8).storeBytes(of: UInt32(truncatingIfNeeded: newValue), as: UInt32.self) }
    }

    package var firstPart: Handle {
        get { Handle(raw: (raw + 12).load(as: UInt32.self)) }
        nonmutating set { (raw + 12).storeBytes(of: newValue.raw, as: UInt32.self) }
    }

    /// Takes one lease more. The caller holds the stripe lock of a linked item, so there is at least one.
    package func acquire() {
        leases.pointee.wrappingAdd(1, ordering: .relaxed)
    }

    /// Gives one back. Returns true if it was the last: the caller then owns the detached item and frees it.
    package func release() -> Bool {
        leases.pointee.wrappingSubtract(1, ordering: .acquiringAndReleasing).newValue == 0
    }
}

/// A part: a chunk that holds a piece of a large item's value.
///
///     off size field
///       0    4 access word with the part bit      atomic
///       4    3 spare
///       7    1 state byte, at the same place as an item's
///       8    4 handle of the head
///      12    4 handle of the next part, 0 for the last
///      16    4 handle of the previous part, 0 for the first
///      20    4 length of the piece
///      24    8 hash of the key
///      32    . the piece
///
/// Head handle and hash let the hand turn a part into a hint on its head without touching the head's key. They are
/// written before the part leaves reserved; the hash does not change, the head only when a move copies it, which waits
/// for whoever may still look at the old one (Relocation.swift). Parts are freed before their head.
package struct PartPointer: BitwiseCopyable {
    package let raw: UnsafeMutableRawPointer

    package init(raw: UnsafeMutableRawPointer) {
        self.raw = raw
    }

    package static var headerBytes: Int { 32 }

    package var item: ItemPointer { ItemPointer(raw: raw) }

    package var head: Handle {
        get { Handle(raw: atomicWord(8).pointee.load(ordering: .relaxed)) }
        nonmutating set { atomicWord(8).pointee.store(newValue.raw, ordering: .relaxed) }
    }

    /// Atomic, because the hand reads head and previous under the class lock while a move changes them under the
    /// stripe's.
    private func atomicWord(_ offset: Int) -> UnsafeMutablePointer<Atomic<UInt32>> {
        (raw + offset).assumingMemoryBound(to: Atomic<UInt32>.self)
    }

    package var next: Handle {
        get { Handle(raw: (raw + 12).load(as: UInt32.self)) }
        nonmutating set { (raw + 12).storeBytes(of: newValue.raw, as: UInt32.self) }
    }

    package var previous: Handle {
        get { Handle(raw: atomicWord(16).pointee.load(ordering: .relaxed)) }
        nonmutating set { atomicWord(16).pointee.store(newValue.raw, ordering: .relaxed) }
    }

    package var length: Int {
        get { Int((raw + 20).load(as: UInt32.self)) }
        nonmutating set { (raw + 20).storeBytes(of: UInt32(truncatingIfNeeded: newValue), as: UInt32.self) }
    }

    package var keyHash: UInt64 {
        get { (raw + 24).load(as: UInt64.self) }
        nonmutating set { (raw + 24).storeBytes(of: newValue, as: UInt64.self) }
    }

    package var piece: UnsafeMutableRawPointer { raw + Self.headerBytes }
}

extension UnsafeMutablePointer where Pointee == StoreCore {
    /// The class of the last part of a value of which `inline` of `total` bytes stand in the head, if every other part
    /// is as long as the largest chunk allows.
    func lastPartClass(total: Int, inline: Int) -> Int {
        let pieceMax = pointee.geometry.chunkBytesMax - pointee.geometry.partOverheadBytes
        let rest = (total - inline) % pieceMax
        return pointee.geometry.slabClass(for: (rest == 0 ? pieceMax : rest) + pointee.geometry.partOverheadBytes)
    }

    /// A reserved chunk for the next piece of a value of which `remaining` bytes are still to be placed, behind
    /// `before` bytes of header; and how many it takes. Nil if there is no memory.
    ///
    /// Leases and reservations can lie so that no large chunk can be made free though much smaller ones can: then half
    /// the length is tried, down to `LargeWords.pieceBytesMin`.
    func allocatePiece(
        of remaining: Int, behind before: Int, _ admission: Admission?, _ session: SessionPointer
    ) -> (handle: Handle, length: Int)? {
        let longest = Swift.min(remaining, pointee.geometry.chunkBytesMax - before)
        var length = longest
        while true {
            if let handle = allocate(pointee.geometry.slabClass(for: before + length), admission, session) {
                return (handle, length)
            }
            // memcached cuts no value shorter for want of memory.
            if length <= LargeWords.pieceBytesMin || pointee.geometry.keepsLists { break }
            length = Swift.max(length / 2, LargeWords.pieceBytesMin)
        }
        countOutOfMemory(pointee.geometry.slabClass(for: before + longest))
        return nil
    }
}
