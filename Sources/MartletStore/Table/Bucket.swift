import CShims

/// One bucket, a cache line.
///
///     off size field
///       0   20 tags      10 x u16, the top 16 bits of the hash
///      20   40 handles   10 x u32, 0 for an empty slot
///      60    4 overflow  index + 1 of the next bucket of the chain
///
/// The slots of a chain are filled without holes: removal moves the chain's last slot into the hole. No tombstones.
package struct Bucket: BitwiseCopyable {
    package let raw: UnsafeMutableRawPointer

    @inline(__always)
    package init(raw: UnsafeMutableRawPointer) {
        self.raw = raw
    }

    package static var bytes: Int { 64 }
    package static var slotCount: Int { 10 }

    @inline(__always)
    package func matches(_ tag: UInt16) -> UInt32 {
        cshims_match_tags(raw, tag)
    }

    @inline(__always)
    package func handle(_ slot: Int) -> Handle {
        Handle(raw: handleAddress(slot).load(as: UInt32.self))
    }

    @inline(__always)
    func handleAddress(_ slot: Int) -> UnsafeMutableRawPointer { raw + (20 &+ 4 &* slot) }

    @inline(__always)
    package func tag(_ slot: Int) -> UInt16 {
        (raw + 2 &* slot).load(as: UInt16.self)
    }

    @inline(__always)
    package func set(_ slot: Int, tag: UInt16, handle: Handle) {
        (raw + 2 &* slot).storeBytes(of: tag, as: UInt16.self)
        handleAddress(slot).storeBytes(of: handle.raw, as: UInt32.self)
    }

    package var overflow: UInt32 {
        @inline(__always) get { overflowAddress.load(as: UInt32.self) }
        nonmutating set { overflowAddress.storeBytes(of: newValue, as: UInt32.self) }
    }

    @inline(__always)
    var overflowAddress: UnsafeMutableRawPointer { raw + 60 }

    /// Number of filled slots; they are the first ones.
    package var filledCount: Int {
        var count = Self.slotCount
        while count > 0, handle(count - 1).isNone { count -= 1 }
        return count
    }

    package func clear() {
        raw.initializeMemory(as: UInt64.self, repeating: 0, count: 8)
    }
}

/// A filled slot of a chain.
package struct Slot: BitwiseCopyable {
    package let bucket: Bucket
    package let index: Int

    @inline(__always)
    package var handle: Handle { bucket.handle(index) }
}
