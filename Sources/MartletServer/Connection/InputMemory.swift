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

    private let syscalls: Syscalls

    init(_ syscalls: Syscalls) { self.syscalls = syscalls }

    deinit {
        for size in 0..<Self.sizeCount {
            var next = spares[size]
            while let memory = next {
                next = memory.load(as: UnsafeMutableRawPointer?.self)
                Syscalls.free(memory)
            }
        }
    }

    /// Index of the smallest size that holds `bytes`; `sizeCount` or more if none does.
    fileprivate static func size(_ bytes: Int) -> Int {
        let units = max(1, (bytes + bytesMin - 1) / bytesMin)
        return Int.bitWidth - (units - 1).leadingZeroBitCount
    }

    @inline(never)
    fileprivate func fresh(_ bytes: Int) -> UnsafeMutableRawBufferPointer? {
        syscalls.allocate(bytes).map { UnsafeMutableRawBufferPointer(start: $0, count: bytes) }
    }

    @inline(never)
    fileprivate static func release(_ memory: UnsafeMutableRawPointer) {
        Syscalls.free(memory)
    }
}

extension UnsafeMutablePointer where Pointee == InputMemory {
    /// Memory for at least `bytes`, and how much it is; nil when the system gives none.
    func take(_ bytes: Int) -> UnsafeMutableRawBufferPointer? {
        let size = InputMemory.size(bytes)
        guard size < InputMemory.sizeCount else { return pointee.fresh(bytes) }
        guard let memory = pointee.spares[size] else { return pointee.fresh(InputMemory.bytesMin << size) }
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
