import Glibc

/// In-process benchmarks: of the steps of a request, of how a client finds the server of a key, of the store, of whole
/// requests, of several workers at once, of what martlet-load does for each request, or of reading a trace. Times are
/// printed, never gated; allocations are gated where the counter of `./martlet allocations` is loaded. `kinds` and
/// `count` are for `./martlet instructions`.
///
///     martlet-microbench [steps | ring | store | growth | requests | scaling [WORKERS] | workload | trace FILE]
///     martlet-microbench kinds
///     martlet-microbench count KIND ROUNDS
@main
struct Microbench {
    static func main() throws {
        let words = CommandLine.arguments.dropFirst()
        switch words.first {
        case nil:
            _ = try StepBenchmark.run()
            try store()
            try RequestBenchmark().report()
        case "steps": if try !StepBenchmark.run() { exit(1) }
        case "ring": if !RingBenchmark().run() { exit(1) }
        case "store": try store()
        case "growth": try GrowthBenchmark().run()
        case "requests": try RequestBenchmark().report()
        case "scaling":
            let workers = words.dropFirst().first.flatMap { Int($0) } ?? 2
            try RequestBenchmark(workerCount: max(1, min(workers, 256))).reportScaling()
        case "kinds": for kind in RequestKind.all { print(kind.name) }
        case "count": try count(words.dropFirst())
        case "workload": try WorkloadBenchmark().run()
        case "trace" where words.count == 2: try WorkloadBenchmark().read(trace: words[words.startIndex + 1])
        default: usage()
        }
    }

    private static func usage() {
        print(
            "usage: martlet-microbench [steps | ring | store | growth | requests | scaling [WORKERS] | workload | trace FILE]"
        )
        exit(64)
    }

    /// Prints how many requests it carried out beyond those that it begins with.
    private static func count(_ words: ArraySlice<String>) throws {
        guard words.count == 2, let kind = RequestKind.all.first(where: { $0.name == words.first }),
            let rounds = words.last.flatMap({ Int($0) }), rounds >= 0
        else { return usage() }
        print(try RequestBenchmark([kind]).carryOut(rounds: rounds))
    }

    private static func store() throws {
        for (keyCount, memoryBytes) in [(10_000, 64 << 20), (1_000_000, 64 << 20), (2_000_000, 1 << 30)] {
            print("\(keyCount) keys, 100 B values")
            let benchmark = try StoreBenchmark(keyCount: keyCount, memoryBytes: memoryBytes)
            benchmark.run()
        }
    }
}
