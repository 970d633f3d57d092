import Glibc

/// The counters of a running program, read from the file it shares with us: four 64-bit numbers.
final class AllocationCounts {
    struct Values: Equatable {
        var allocations: UInt64
        var frees: UInt64
        var retains: UInt64
        var releases: UInt64

        static func - (left: Values, right: Values) -> Values {
            Values(
                allocations: left.allocations - right.allocations, frees: left.frees - right.frees,
                retains: left.retains - right.retains, releases: left.releases - right.releases)
        }
    }

    private let memory: UnsafeMutableRawPointer
    private static let bytes = 4096

    /// Makes the file anew.
    init?(path: String) {
        let descriptor = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        guard ftruncate(descriptor, off_t(Self.bytes)) == 0 else { return nil }
        let mapped = mmap(nil, Self.bytes, PROT_READ, MAP_SHARED, descriptor, 0)
        guard let mapped, mapped != MAP_FAILED else { return nil }
        memory = mapped
    }

    deinit { munmap(memory, Self.bytes) }

    /// The counts at this moment. The program must be at rest: nothing orders the reads.
    var now: Values {
        let words = memory.assumingMemoryBound(to: UInt64.self)
        return Values(allocations: words[0], frees: words[1], retains: words[2], releases: words[3])
    }
}
