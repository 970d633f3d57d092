/// The items of a class in order of their use, one list for each segment: what memcached's rules are about. Only kept
/// with `-o memcached_mode`, where chunks have room for the links.
///
///     chunk | header | key | value | ... | next 4 | previous 4 |
///             handles of the next item towards the tail and of the one before towards the head, 0 for none
///
/// Rules:
/// 1. Every reserved or linked item is in the list of its segment; a part is in none. An item enters when its chunk is
///    taken, at the head, and leaves when the chunk is freed. Lists and links are guarded by the class lock.
/// 2. The access word means what memcached's flags mean: frequency 0 nobody has fetched it, 1 fetched (or no longer
///    active), 2 active: fetched again. Its second changes where memcached's does, not with every hit.
/// 3. A hit takes no class lock. What it asks for (a COLD item that became active, a flat list's item unread for a
///    minute) is noted, and carried out by the maintainer (HitNotes.swift).
struct ItemLists: BitwiseCopyable {
    /// By segment: first and last, as handles.
    var heads: InlineArray<4, UInt32> = .init(repeating: 0)
    var tails: InlineArray<4, UInt32> = .init(repeating: 0)

    /// Rule 2.
    static let activeFrequency: UInt32 = 2
}

/// The links of one item, at the end of its chunk.
struct ItemLinks: BitwiseCopyable {
    private let raw: UnsafeMutableRawPointer

    @inline(__always)
    init(_ item: ItemPointer, chunkBytes: Int) { raw = item.raw + (chunkBytes &- SlabGeometry.linkBytes) }

    var next: UInt32 {
        get { raw.load(as: UInt32.self) }
        nonmutating set { raw.storeBytes(of: newValue, as: UInt32.self) }
    }

    var previous: UInt32 {
        get { (raw + 4).load(as: UInt32.self) }
        nonmutating set { (raw + 4).storeBytes(of: newValue, as: UInt32.self) }
    }
}

extension AccessWord {
    /// Rule 2.
    var isActive: Bool { frequency >= ItemLists.activeFrequency }

    func with(second: UInt32) -> AccessWord {
        AccessWord(raw: raw & ~Self.secondMask | second & Self.secondMask)
    }
}

extension UnsafeMutablePointer where Pointee == SlabClass {
    var lists: UnsafeMutablePointer<ItemLists> {
        (UnsafeMutableRawPointer(self) + SlabClass.listsOffset).assumingMemoryBound(to: ItemLists.self)
    }

    private func links(_ handle: UInt32, _ store: StorePointer) -> ItemLinks {
        ItemLinks(store.pointee.arena.item(Handle(raw: handle)), chunkBytes: pointee.chunkBytes)
    }

    /// The item used least recently of a segment.
    func tailLocked(_ segment: Segment) -> Handle { Handle(raw: lists.pointee.tails[Int(segment.rawValue)]) }

    /// The one before, towards the head.
    func beforeLocked(_ handle: Handle, _ store: StorePointer) -> Handle {
        Handle(raw: links(handle.raw, store).previous)
    }

    /// Puts an item at the head of a list.
    func listLocked(_ handle: Handle, _ segment: Segment, _ store: StorePointer) {
        let index = Int(segment.rawValue)
        let own = links(handle.raw, store)
        let head = lists.pointee.heads[index]
        own.previous = 0
        own.next = head
        if head != 0 { links(head, store).previous = handle.raw } else { lists.pointee.tails[index] = handle.raw }
        lists.pointee.heads[index] = handle.raw
    }

    func unlistLocked(_ handle: Handle, _ segment: Segment, _ store: StorePointer) {
        let index = Int(segment.rawValue)
        let own = links(handle.raw, store)
        let (next, previous) = (own.next, own.previous)
        if previous != 0 { links(previous, store).next = next } else { lists.pointee.heads[index] = next }
        if next != 0 { links(next, store).previous = previous } else { lists.pointee.tails[index] = previous }
    }

    /// Moves an item to the head of another list, or of its own, with another frequency and, if given, another second.
    func relistLocked(
        _ handle: Handle, to segment: Segment, frequency: UInt32, second: UInt32? = nil, _ store: StorePointer
    ) {
        let item = store.pointee.arena.item(handle)
        var access = item.access
        let before = access.segment
        while true {
            var after = access.with(segment: segment, frequency: frequency)
            if let second { after = after.with(second: second) }
            if item.exchangeAccess(expected: access, desired: after) { break }
            access = item.access
        }
        unlistLocked(handle, before, store)
        listLocked(handle, segment, store)
        if before != segment {
            countLocked(before, -1)
            countLocked(segment, 1)
        }
    }

    /// Rule 1, for a chunk just taken as the future home of an item.
    @inline(never)
    func admitListedLocked(_ handle: Handle, _ wanted: Segment, _ store: StorePointer, now: UInt32) {
        let isSegmented = store.pointee.tuning.isSegmented.load(ordering: .relaxed)
        let segment: Segment = wanted == .temp ? .temp : isSegmented ? .hot : .cold
        countLocked(segment, 1)
        store.pointee.arena.item(handle).access = AccessWord(segment: segment, second: now)
        listLocked(handle, segment, store)
    }

    /// Rule 1, for an item that is about to be freed.
    @inline(never)
    func unlistLeavingLocked(_ item: ItemPointer, _ store: StorePointer) {
        let arena = store.pointee.arena
        let page = arena.pageIndex(ofAddress: item.raw)
        let handle = arena.handle(page: page, offset: item.raw - arena.pageAddress(page))
        unlistLocked(handle, item.access.segment, store)
    }

    /// Seconds since the tail of a segment was used; 0 if there is none.
    func tailAgeLocked(_ segment: Segment, _ store: StorePointer, now: UInt32) -> UInt32 {
        let tail = tailLocked(segment)
        if tail.isNone { return 0 }
        return now &- store.pointee.arena.item(tail).access.lastAccess(now: now)
    }
}

extension UnsafeMutablePointer where Pointee == StoreCore {
    /// For invariant checks: each list is linked both ways, holds items of its segment, and as many as are counted.
    func listsMatch(_ home: UnsafeMutablePointer<SlabClass>) -> Bool {
        let counts = [home.pointee.hotCount, home.pointee.coldCount, home.pointee.warmCount, home.pointee.tempCount]
        for (segment, count) in counts.enumerated() {
            var handle = home.lists.pointee.heads[segment]
            var previous: UInt32 = 0
            var found = 0
            while handle != 0 {
                let item = pointee.arena.item(Handle(raw: handle))
                let links = ItemLinks(item, chunkBytes: home.pointee.chunkBytes)
                guard links.previous == previous, Int(item.access.segment.rawValue) == segment, !item.access.isPart,
                    item.state.phase != .free, found <= count
                else { return false }
                found += 1
                previous = handle
                handle = links.next
            }
            if found != count || home.lists.pointee.tails[segment] != previous { return false }
        }
        return true
    }
}
