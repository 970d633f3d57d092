import Glibc

/// In-process benchmarks: of the steps of a request, of the store, of what martlet-load does for each request, or of reading a
/// trace. Times are printed, never gated; allocations are gated where the counter of `./martlet allocations` is loaded.
///
///     martlet-microbench [steps | store | workload | trace FILE]
@main
struct Microbench {
    static func main() throws {
        let words = CommandLine.arguments.dropFirst()
        switch words.first {
        case nil:
            _ = try StepBenchmark.run()
            try store()
        case "steps": if try !StepBenchmark.run() { exit(1) }
        case "store": try store()
        case "workload": try WorkloadBenchmark().run()
        case "trace" where words.count == 2: try WorkloadBenchmark().read(trace: words[words.startIndex + 1])
        default: print("usage: martlet-microbench [steps | store | workload | trace FILE]")
        }
    }

    private static func store() throws {
        for (keyCount, memoryBytes) in [(10_000, 64 << 20), (1_000_000, 64 << 20), (2_000_000, 1 << 30)] {
            print("\(keyCount) keys, 100 B values")
            let benchmark = try StoreBenchmark(keyCount: keyCount, memoryBytes: memoryBytes)
            benchmark.run()
        }
    }
}
