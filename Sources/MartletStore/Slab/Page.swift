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
///        1 state           class lock
///        1 isOpen          class lock   whether it is in that list
///        4 nextDue         atomic       server second at which a scan for expired items pays, UInt32.max never
///        1 slabClass       atomic       changes only while no chunk of the page is in use; 0 in the pool
///
/// `used` falls when a chunk is freed, not when it is unlinked: a page whose `used` is 0 holds nothing anybody can reach.
struct Page: ~Copyable {
    var bump: UInt32 = 0
    var used: UInt32 = 0
    var freeHead: UInt32 = 0
    var previousOpen: UInt32 = 0
    var nextOpen: UInt32 = 0
    var position: UInt32 = 0
    var state: State = .unowned
    var isOpen: Bool = false
    let nextDue = Atomic<UInt32>(UInt32.max)
    let slabClass = Atomic<UInt8>(0)

    static let bytes = 64

    enum State: UInt8, BitwiseCopyable {
        /// Never used.
        case unowned
        /// In its class's page list.
        case owned
        /// In no list: its chunks are not handed out again, the last one freed returns the page to the pool. Stays so in
        /// the pool, where `slabClass` is 0.
        case draining
    }
}

/// The page facts as an array with a fixed stride.
struct PageTable: BitwiseCopyable {
    let start: UnsafeMutableRawPointer

    @inline(__always)
    subscript(index: Int) -> UnsafeMutablePointer<Page> {
        (start + index &* Page.bytes).assumingMemoryBound(to: Page.self)
    }

    /// The class of the page; valid for whoever holds a chunk of it.
    @inline(__always)
    func slabClass(_ index: Int) -> Int {
        Int(self[index].pointee.slabClass.load(ordering: .relaxed))
    }

    /// Lowers the page's due second. Called after the item is visible, so that a scan that resets it cannot miss it.
    @inline(__always)
    func lowerDue(_ index: Int, to second: UInt32) {
        let page = self[index]
        var current = page.pointee.nextDue.load(ordering: .relaxed)
        while second < current {
            let (exchanged, original) = page.pointee.nextDue.weakCompareExchange(
                expected: current, desired: second, ordering: .relaxed)
            if exchanged { return }
            current = original
        }
    }
}
