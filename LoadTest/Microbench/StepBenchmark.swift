import CShims
import Glibc
import MartletProtocol

/// The steps of a request, each on its own: nanoseconds of thread CPU, and allocations, which are gated exactly.
enum StepBenchmark {
    private static let rounds = 5

    /// False when a step allocated anything else than it may, or when the counter does not see what it must.
    static func run() throws -> Bool {
        // The counter counts threads of this name, as the server's workers have it.
        cshims_name_thread("worker-bench")
        let counts = AllocationCounts()
        var isRight = try provesItself(counts)
        print("steps of a request, 20 B keys, 100 B values")
        let get = Line("get key-of-twenty-bytes\r\n")
        let set = Line("set key-of-twenty-bytes 0 0 100\r\n")
        let operations = StoreBenchmark.operations
        isRight = step("parse get", counts, operations) { get.parse(operations) } && isRight
        isRight = step("parse set", counts, operations) { set.parse(operations) } && isRight
        let store = try StoreBenchmark(keyCount: 10_000, memoryBytes: 64 << 20)
        store.fill()
        isRight = step("hash", counts, operations) { store.hashes(operations) } && isRight
        isRight = step("find", counts, operations) { store.gets(prefetched: false) } && isRight
        isRight = step("set", counts, operations) { store.sets(length: StoreBenchmark.valueBytes) } && isRight
        let full = try StoreBenchmark(keyCount: 500_000, memoryBytes: 16 << 20)
        full.fill()
        isRight = step("set and evict", counts, 500_000) { full.fill() } && isRight
        // Once: it is over when it is done.
        let empty = try StoreBenchmark(keyCount: 500_000, memoryBytes: 256 << 20)
        isRight = step("set and grow", counts, 500_000, rounds: 1) { empty.fill() } && isRight
        return isRight
    }

    /// A line in memory, parsed again and again.
    private struct Line: ~Copyable {
        let bytes: UnsafeMutableRawBufferPointer

        init(_ text: StaticString) {
            bytes = .allocate(byteCount: text.utf8CodeUnitCount, alignment: 64)
            bytes.copyMemory(from: UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
        }

        deinit { bytes.deallocate() }

        func parse(_ count: Int) {
            guard let start = bytes.baseAddress else { return }
            var request = Request()
            for _ in 0..<count {
                let outcome = RequestParser.parse(
                    UnsafeRawPointer(start), count: bytes.count, scannedCount: 0, into: &request)
                guard case .request = outcome else { preconditionFailure("The line is a request.") }
            }
        }
    }

    /// One allocation each time must be seen as one, or nothing that is said of the others is worth anything.
    private static func provesItself(_ counts: AllocationCounts?) throws -> Bool {
        guard let counts else { return true }
        let times = 1000
        let before = counts.allocations
        var sum = 0
        for index in 0..<times { sum &+= Box(index).number }
        let seen = counts.allocations - before
        print("\(times) deliberate allocations: \(seen) seen")
        guard seen == times, sum > 0 else {
            print("The counter does not see what it must.")
            return false
        }
        return true
    }

    /// Something that needs memory of its own.
    private final class Box {
        let number: Int

        @inline(never)
        init(_ number: Int) { self.number = number }
    }

    private static func step(
        _ name: String, _ counts: AllocationCounts?, _ operations: Int, rounds: Int = Self.rounds, _ body: () -> Void
    ) -> Bool {
        var least = Double.infinity
        var allocations = 0
        for _ in 0..<rounds {
            let before = counts?.allocations ?? 0
            let start = StoreBenchmark.threadNanoseconds()
            body()
            let spent = StoreBenchmark.threadNanoseconds() - start
            allocations += (counts?.allocations ?? 0) - before
            least = min(least, Double(spent) / Double(operations))
        }
        let words = counts == nil ? "" : ", \(allocations) allocations in \(operations * rounds)"
        print("  \(name): \(Int(least.rounded())) ns\(words)")
        return allocations == 0
    }
}
