import Glibc

/// What the allocation counter (Tools/AllocationCounter), loaded in front of this program, has counted so far.
struct AllocationCounts {
    private let words: UnsafePointer<UInt64>

    /// nil when the counter is not loaded, or was not told where to count.
    init?() {
        guard let path = getenv("MARTLET_ALLOCATION_COUNTS") else { return nil }
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        guard let memory = mmap(nil, 4096, PROT_READ, MAP_SHARED, descriptor, 0), memory != MAP_FAILED else {
            return nil
        }
        // Safe: the counter writes 64-bit numbers there, allocations first, for as long as the program lives.
        words = UnsafePointer(memory.assumingMemoryBound(to: UInt64.self))
    }

    /// Allocations of the threads that are counted. The caller must be the only one.
    @inline(never)
    var allocations: Int { Int(words[0]) }
}
