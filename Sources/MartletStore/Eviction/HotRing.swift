import Synchronization

/// A run of HOT ring places: 1 KiB, since each class has one that is being filled and one being emptied.
///
///     off size field
///       0    4 next block (number, 0 for none)
///       4 1020 handles
package struct RingBlock: BitwiseCopyable {
    package let raw: UnsafeMutableRawPointer

    package static var bytes: Int { 1024 }
    package static var handleCount: Int { 255 }

    /// Atomic, because a thread that lost the race for a free block may still look at it.
    package var next: UInt32 {
        get { link.pointee.load(ordering: .relaxed) }
        nonmutating set { link.pointee.store(newValue, ordering: .relaxed) }
    }

    private var link: UnsafeMutablePointer<Atomic<UInt32>> {
        raw.assumingMemoryBound(to: Atomic<UInt32>.self)
    }

    package func handle(_ index: Int) -> Handle {
        Handle(raw: (raw + (4 + 4 * index)).load(as: UInt32.self))
    }

    package func set(_ index: Int, _ handle: Handle) {
        (raw + (4 + 4 * index)).storeBytes(of: handle.raw, as: UInt32.self)
    }
}

/// The blocks of all rings. A lock-free stack (Treiber, with a counter against ABA), because a block is taken under a
/// class lock and no thread may hold two locks.
package struct RingBlockPool: BitwiseCopyable {
    package let start: UnsafeMutableRawPointer
    package let blockCountMax: UInt32
    package let words: UnsafeMutablePointer<Words>

    package struct Words: ~Copyable {
        /// counter << 32 | number of the first free block
        let head = Atomic<UInt64>(0)
        let bump = Atomic<UInt32>(0)

        package init() {}
    }

    package init(start: UnsafeMutableRawPointer, blockCountMax: UInt32, words: UnsafeMutablePointer<Words>) {
        self.start = start
        self.blockCountMax = blockCountMax
        self.words = words
    }

    @inline(__always)
    package func block(_ number: UInt32) -> RingBlock {
        RingBlock(raw: start + Int(number &- 1) &* RingBlock.bytes)
    }

    /// Blocks handed out at least once: what the rings have of memory.
    package var touchedBytes: Int { Int(words.pointee.bump.load(ordering: .relaxed)) * RingBlock.bytes }

    /// A block, or 0 if none is left. Its `next` is undefined.
    package func take() -> UInt32 {
        var head = words.pointee.head.load(ordering: .acquiring)
        while true {
            let number = UInt32(truncatingIfNeeded: head)
            if number == 0 { break }
            // Safe: a stale block still lies in the mapping; a wrong `next` is refused by the counter.
            let desired = ((head &>> 32) &+ 1) &<< 32 | UInt64(block(number).next)
            let (exchanged, original) = words.pointee.head.compareExchange(
                expected: head, desired: desired, ordering: .acquiringAndReleasing)
            if exchanged { return number }
            head = original
        }
        let number = words.pointee.bump.wrappingAdd(1, ordering: .relaxed).newValue
        if number <= blockCountMax { return number }
        words.pointee.bump.wrappingSubtract(1, ordering: .relaxed)
        return 0
    }

    package func giveBack(_ number: UInt32) {
        var head = words.pointee.head.load(ordering: .relaxed)
        while true {
            block(number).next = UInt32(truncatingIfNeeded: head)
            let desired = ((head &>> 32) &+ 1) &<< 32 | UInt64(number)
            let (exchanged, original) = words.pointee.head.compareExchange(
                expected: head, desired: desired, ordering: .acquiringAndReleasing)
            if exchanged { return }
            head = original
        }
    }
}

/// The HOT ring of one class: a queue of handles in blocks. Guarded by the class lock.
///
/// Every linked HOT item has a place in it (invariant 7). A place may outlive its item: it counts only if the chunk is
/// linked and HOT when it comes out, and bears the stamp of the place's block. Blocks are stamped 0, 1, 2, 3, 0, ...:
/// where short-lived or deleted items follow each other in the same chunks, most of the places left behind would
/// otherwise look as if they counted, and the ring would grow with every store.
package struct HotRing: BitwiseCopyable {
    /// What comes out of the ring.
    package struct Place: BitwiseCopyable {
        package let handle: Handle
        package let stamp: UInt32
    }

    private var first: UInt32 = 0
    private var last: UInt32 = 0
    private var firstIndex = 0
    private var lastIndex = 0
    /// Of the block that is being emptied, and of the one being filled.
    private var firstStamp: UInt32 = 0
    package private(set) var lastStamp: UInt32 = 0
    package private(set) var count = 0

    package init() {}

    /// Returns false if there is no memory for another block. The item is to bear `lastStamp`.
    package mutating func push(_ handle: Handle, _ pool: RingBlockPool) -> Bool {
        if last == 0 || lastIndex == RingBlock.handleCount {
            let number = pool.take()
            if number == 0 { return false }
            pool.block(number).next = 0
            lastStamp = (lastStamp &+ 1) & 3
            if last == 0 {
                first = number
                firstStamp = lastStamp
                firstIndex = 0
            } else {
                pool.block(last).next = number
            }
            last = number
            lastIndex = 0
        }
        pool.block(last).set(lastIndex, handle)
        lastIndex += 1
        count += 1
        return true
    }

    package mutating func pop(_ pool: RingBlockPool) -> Place? {
        if count == 0 { return nil }
        let block = pool.block(first)
        let place = Place(handle: block.handle(firstIndex), stamp: firstStamp)
        firstIndex += 1
        count -= 1
        if count == 0 {
            pool.giveBack(first)
            first = 0
            last = 0
            lastIndex = 0
            firstIndex = 0
        } else if firstIndex == RingBlock.handleCount {
            let next = block.next
            pool.giveBack(first)
            first = next
            firstIndex = 0
            firstStamp = (firstStamp &+ 1) & 3
        }
        return place
    }

    /// Calls `body` with every place in the ring, oldest first. For invariant checks.
    package func forEach(_ pool: RingBlockPool, _ body: (Place) -> Void) {
        var stamp = firstStamp
        var number = first
        var index = firstIndex
        for _ in 0..<count {
            body(Place(handle: pool.block(number).handle(index), stamp: stamp))
            index += 1
            if index == RingBlock.handleCount {
                number = pool.block(number).next
                index = 0
                stamp = (stamp &+ 1) & 3
            }
        }
    }
}
