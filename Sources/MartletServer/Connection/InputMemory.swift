/// A worker's spare memory for unfinished input, so that a pipeline that waits for its next turn costs no allocation.
///
///     size   64 B, 128 B, ... 128 KiB; longer pieces come from the system and go back to it
///     spare  at most 8 pieces of a size (2 from 8 KiB on), linked through their first word
///
/// Used by its worker's thread alone.
package struct InputMemory: ~Copyable {
    private var spares: InlineArray<12, UnsafeMutableRawPointer?> = .init(repeating: nil)
    private var counts: InlineArray<12, Int> = .init(repeating: 0)

    package static var bytesMin: Int { 64 }
    private static var sizeCount: Int { 12 }
    private static func spareCountMax(_ size: Int) -> Int { size < 7 ? 8 : 2 }

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
    private static func size(_ bytes: Int) -> Int {
        let units = max(1, (bytes + bytesMin - 1) / bytesMin)
        return Int.bitWidth - (units - 1).leadingZeroBitCount
    }

    /// Memory for at least `bytes`, and how much it is.
    mutating func take(_ bytes: Int) -> UnsafeMutableRawBufferPointer {
        let size = Self.size(bytes)
        guard size < Self.sizeCount else { return Self.fresh(bytes) }
        guard let memory = spares[size] else { return Self.fresh(Self.bytesMin << size) }
        spares[size] = memory.load(as: UnsafeMutableRawPointer?.self)
        counts[size] -= 1
        return UnsafeMutableRawBufferPointer(start: memory, count: Self.bytesMin << size)
    }

    /// Takes back what `take` gave; `bytes` is how much that was.
    mutating func giveBack(_ memory: UnsafeMutableRawPointer, _ bytes: Int) {
        let size = Self.size(bytes)
        guard size < Self.sizeCount, counts[size] < Self.spareCountMax(size) else { return Self.release(memory) }
        memory.storeBytes(of: spares[size], as: UnsafeMutableRawPointer?.self)
        spares[size] = memory
        counts[size] += 1
    }

    @inline(never)
    private static func fresh(_ bytes: Int) -> UnsafeMutableRawBufferPointer {
        .allocate(byteCount: bytes, alignment: 16)
    }

    @inline(never)
    private static func release(_ memory: UnsafeMutableRawPointer) {
        memory.deallocate()
    }
}
