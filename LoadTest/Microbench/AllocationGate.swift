import CShims

/// What a piece of work costs: nanoseconds of thread CPU, which are printed, and allocations, which are gated exactly
/// where the counter is loaded.
struct AllocationGate {
    private static let rounds = 5
    private let counts: AllocationCounts?

    /// The calling thread is the one that is counted.
    init() {
        // The counter counts threads of this name, as the server's workers have it.
        cshims_name_thread("worker-bench")
        counts = AllocationCounts()
    }

    /// One allocation each time must be seen as one, or nothing that is said of the others is worth anything.
    func provesItself() -> Bool {
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

    /// False when `body`, which carries out that many operations, has allocated in any of the rounds.
    func step(_ name: String, _ operations: Int, rounds: Int = Self.rounds, _ body: () -> Void) -> Bool {
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
