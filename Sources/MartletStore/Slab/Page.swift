import Synchronization

/// Facts about one page, 64 bytes, beside the arena.
///
///     size field           guarded by
///        4 bump            class lock   chunks handed out at least once; chunks from here on were never touched
///        4 used            class lock   chunks that are reserved, linked or detached
///        4 freeHead        class lock   first free chunk (handle), linked through the chunk's first word
///        4 previousOpen    class lock   list of the class's pages with a free or fresh chunk (page index + 1)
///        4 nextOpen        class lock
///        4 position        class lock   index in the class's page list
///        1 isOpen          class lock   whether it is in the list of open pages
///        4 nextDue         atomic       server second at which a scan for expired items pays (DueSeconds.swift)
///        4 firstDue        atomic       server second before which nothing in the page expires
///        8 earlyCounts     atomic       stores that expire before nextDue, by the length of their lives
///        2 owner           atomic       class, and whether the page is leaving it (PageOwner); 0 in the pool
///
/// `used` falls when a chunk is freed, not when it is unlinked: a page whose `used` is 0 holds nothing anybody can
/// reach. Who drains a page counts as one of `used` meanwhile: the page cannot become empty before the walk through it
/// has ended.
package struct Page: ~Copyable {
    package var bump: UInt32 = 0
    package var used: UInt32 = 0
    package var freeHead: UInt32 = 0
    package var previousOpen: UInt32 = 0
    package var nextOpen: UInt32 = 0
    package var position: UInt32 = 0
    package var isOpen: Bool = false
    package let nextDue = Atomic<UInt32>(UInt32.max)
    package let firstDue = Atomic<UInt32>(UInt32.max)
    package let earlyCounts = Atomic<UInt64>(0)
    package let owner = Atomic<UInt16>(0)

    package static let bytes = 64
}

/// Whose a page is, in one word, so that one look tells: a page may pass from class to class between two.
///
///     bit 0..7  slab class, 0 for none (new, or in the pool)
///         8     draining: somebody is emptying it; in no list, its chunks are not handed out meanwhile
///
/// It changes only under the lock of the class that it names before or after; so who holds the lock and finds his class
/// here may rely on the other facts. The class number alone is fixed while any chunk of the page is in use.
package struct PageOwner: BitwiseCopyable, Equatable {
    package let raw: UInt16

    @inline(__always)
    package init(raw: UInt16) {
        self.raw = raw
    }

    @inline(__always)
    package init(_ slabClass: Int, isDraining: Bool = false) {
        raw = UInt16(truncatingIfNeeded: slabClass) | (isDraining ? 0x100 : 0)
    }

    package static var none: PageOwner { PageOwner(raw: 0) }

    @inline(__always)
    package var slabClass: Int { Int(raw & 0xff) }

    package var isDraining: Bool { raw & 0x100 != 0 }
}

/// The page facts as an array with a fixed stride.
package struct PageTable: BitwiseCopyable {
    package let start: UnsafeMutableRawPointer

    @inline(__always)
    subscript(index: Int) -> UnsafeMutablePointer<Page> {
        (start + index &* Page.bytes).assumingMemoryBound(to: Page.self)
    }

    /// The class of the page; valid for whoever holds a chunk of it.
    @inline(__always)
    package func slabClass(_ index: Int) -> Int {
        owner(index).slabClass
    }

    @inline(__always)
    package func owner(_ index: Int) -> PageOwner {
        PageOwner(raw: self[index].pointee.owner.load(ordering: .relaxed))
    }

    package func setOwner(_ index: Int, _ owner: PageOwner) {
        self[index].pointee.owner.store(owner.raw, ordering: .relaxed)
    }
}
