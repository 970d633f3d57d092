/// In-process benchmarks of the store. Times are recorded, never gated.
@main
struct Microbench {
    static func main() throws {
        for (keyCount, memoryBytes) in [(10_000, 64 << 20), (1_000_000, 64 << 20), (2_000_000, 1 << 30)] {
            print("\(keyCount) keys, 100 B values")
            let benchmark = try StoreBenchmark(keyCount: keyCount, memoryBytes: memoryBytes)
            benchmark.run()
        }
    }
}
