/// The value of a large item, kept unchanged where it lies while the item may be replaced, deleted or evicted. The last
/// lease of an item that is gone frees it.
///
/// Taken under the stripe lock (`ItemHold.lease`), released by its end on any thread that holds no lock of the store.
///
/// Public, with an inlinable end, for the reason given at `ItemHold`.
public struct ItemLease: ~Copyable, @unchecked Sendable {
    // Sendable: the leased value does not change, and the count is atomic.
    /// The store and the item's handle, as the inlinable end can name them.
    @usableFromInline let storeAddress: UnsafeMutableRawPointer
    @usableFromInline let rawHandle: UInt32

    private var store: StorePointer { storeAddress.assumingMemoryBound(to: StoreCore.self) }
    private var handle: Handle { Handle(raw: rawHandle) }

    init(store: StorePointer, handle: Handle) {
        storeAddress = UnsafeMutableRawPointer(store)
        rawHandle = handle.raw
    }

    @inlinable
    deinit { ItemLease.end(storeAddress, rawHandle) }

    @usableFromInline
    static func end(_ storeAddress: UnsafeMutableRawPointer, _ rawHandle: UInt32) {
        let store = storeAddress.assumingMemoryBound(to: StoreCore.self)
        let handle = Handle(raw: rawHandle)
        let item = store.pointee.arena.item(handle)
        if item.large(item.state).release() {
            store.freeItem(handle, .dropped, now: 0)
        }
    }

    private var large: LargeValue {
        let item = store.pointee.arena.item(handle)
        return LargeValue(item, item.state, store)
    }

    package var valueLength: Int { large.length }

    /// Number of pieces the value lies in.
    package var spanCount: Int {
        var count = 0
        large.forEachPiece(from: 0) { _ in
            count += 1
            return true
        }
        return count
    }

    /// Piece `index` of the value. Walks the pieces before it.
    package func span(_ index: Int) -> UnsafeRawBufferPointer {
        var result = UnsafeRawBufferPointer(start: nil, count: 0)
        var number = 0
        large.forEachPiece(from: 0) { piece in
            result = piece
            number += 1
            return number <= index
        }
        return result
    }

    /// Calls `body` with the pieces from byte `offset` on, in order, until it returns false.
    package func forEachSpan(from offset: Int, _ body: (UnsafeRawBufferPointer) -> Bool) {
        large.forEachPiece(from: offset, body)
    }
}

/// The value of a large item as its pieces: what stands behind the key, then the parts.
struct LargeValue: BitwiseCopyable {
    private let item: ItemPointer
    private let state: ItemState
    private let store: StorePointer

    init(_ item: ItemPointer, _ state: ItemState, _ store: StorePointer) {
        self.item = item
        self.state = state
        self.store = store
    }

    var length: Int { item.large(state).totalLength }

    func forEachPiece(from offset: Int, _ body: (UnsafeRawBufferPointer) -> Bool) {
        var skip = offset
        let inline = item.large(state).inlineBytes
        if skip < inline {
            let piece = UnsafeRawBufferPointer(start: item.value(state) + skip, count: inline - skip)
            if !body(piece) { return }
        }
        skip = max(0, skip - inline)
        var part = item.large(state).firstPart
        while !part.isNone {
            let pointer = PartPointer(raw: store.pointee.arena.address(part))
            if skip < pointer.length {
                let piece = UnsafeRawBufferPointer(start: pointer.piece + skip, count: pointer.length - skip)
                if !body(piece) { return }
                skip = 0
            } else {
                skip -= pointer.length
            }
            part = pointer.next
        }
    }

    func copy(to destination: UnsafeMutableRawPointer) {
        var position = destination
        forEachPiece(from: 0) { piece in
            position.copyMemory(from: piece.baseAddress!, byteCount: piece.count)
            position += piece.count
            return true
        }
    }
}
