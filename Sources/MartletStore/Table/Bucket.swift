import CShims

/// One bucket, a cache line.
///
///     off size field
///       0   20 tags      10 x u16, the top 16 bits of the hash
///      20   40 handles   10 x u32, 0 for an empty slot
///      60    4 overflow  index + 1 of the next bucket of the chain
///
/// The slots of a chain are filled without holes: removal moves the chain's last slot into the hole. No tombstones.
struct Bucket: BitwiseCopyable {
    let raw: UnsafeMutableRawPointer

    static var bytes: Int { 64 }
    static var slotCount: Int { 10 }

    @inline(__always)
    func matches(_ tag: UInt16) -> UInt32 {
        cshims_match_tags(raw, tag)
    }

    @inline(__always)
    func handle(_ slot: Int) -> Handle {
        Handle(raw: (raw + (20 &+ 4 &* slot)).load(as: UInt32.self))
    }

    @inline(__always)
    func tag(_ slot: Int) -> UInt16 {
        (raw + 2 &* slot).load(as: UInt16.self)
    }

    @inline(__always)
    func set(_ slot: Int, tag: UInt16, handle: Handle) {
        (raw + 2 &* slot).storeBytes(of: tag, as: UInt16.self)
        (raw + (20 &+ 4 &* slot)).storeBytes(of: handle.raw, as: UInt32.self)
    }

    var overflow: UInt32 {
        @inline(__always) get { (raw + 60).load(as: UInt32.self) }
        nonmutating set { (raw + 60).storeBytes(of: newValue, as: UInt32.self) }
    }

    /// Number of filled slots; they are the first ones.
    var filledCount: Int {
        var count = Self.slotCount
        while count > 0, handle(count - 1).isNone { count -= 1 }
        return count
    }

    func clear() {
        raw.initializeMemory(as: UInt64.self, repeating: 0, count: 8)
    }
}

/// A filled slot of a chain.
struct Slot: BitwiseCopyable {
    let bucket: Bucket
    let index: Int

    @inline(__always)
    var handle: Handle { bucket.handle(index) }
}
