/// A worker's spare memory for unfinished input, so that a pipeline that waits for its next turn costs no allocation.
///
///     size   64 B, 128 B, ... 128 KiB; longer pieces come from the system and go back to it
///     spare  at most 8 pieces of a size (2 from 8 KiB on), linked through their first word
///
/// Used by its worker's thread alone.
package struct InputMemory: ~Copyable {
    fileprivate var spares: InlineArray<12, UnsafeMutableRawPointer?> = .init(repeating: nil)
    fileprivate var counts: InlineArray<12, Int> = .init(repeating: 0)

    package static var bytesMin: Int { 64 }
    fileprivate static var sizeCount: Int { 12 }
    fileprivate static func spareCountMax(_ size: Int) -> Int { size < 7 ? 8 : 2 }

    init() {}

    deinit {
        for size in 0..<Self.sizeCount {
            var next = spares[size]
            while let memory = next {
                next = memory.load(as: UnsafeMutableRawPointer?.self)
                memory.deallocate()
            }
        }
    }

    /// Index of the smallest size that holds `bytes`; `sizeCount` or more if none does.
    fileprivate static func size(_ bytes: Int) -> Int {
        let units = max(1, (bytes + bytesMin - 1) / bytesMin)
        return Int.bitWidth - (units - 1).leadingZeroBitCount
    }

    @inline(never)
    fileprivate static func fresh(_ bytes: Int) -> UnsafeMutableRawBufferPointer {
        .allocate(byteCount: bytes, alignment: 16)
    }

    @inline(never)
    fileprivate static func release(_ memory: UnsafeMutableRawPointer) {
        memory.deallocate()
    }
}

extension UnsafeMutablePointer where Pointee == InputMemory {
    /// Memory for at least `bytes`, and how much it is.
    func take(_ bytes: Int) -> UnsafeMutableRawBufferPointer {
        let size = InputMemory.size(bytes)
        guard size < InputMemory.sizeCount else { return InputMemory.fresh(bytes) }
        guard let memory = pointee.spares[size] else { return InputMemory.fresh(InputMemory.bytesMin << size) }
        pointee.spares[size] = memory.load(as: UnsafeMutableRawPointer?.self)
        pointee.counts[size] -= 1
        return UnsafeMutableRawBufferPointer(start: memory, count: InputMemory.bytesMin << size)
    }

    /// Takes back what `take` gave; `bytes` is how much that was.
    func giveBack(_ memory: UnsafeMutableRawPointer, _ bytes: Int) {
        let size = InputMemory.size(bytes)
        guard size < InputMemory.sizeCount, pointee.counts[size] < InputMemory.spareCountMax(size) else {
            return InputMemory.release(memory)
        }
        memory.storeBytes(of: pointee.spares[size], as: UnsafeMutableRawPointer?.self)
        pointee.spares[size] = memory
        pointee.counts[size] += 1
    }
}
