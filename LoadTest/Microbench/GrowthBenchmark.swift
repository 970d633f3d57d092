import Glibc

/// How long a single store takes while an empty cache takes five million items: the table grows meanwhile, and all
/// memory is touched for the first time.
///
/// Each store is timed by itself, in CPU time of the thread: what else the machine does is left out, what the system
/// does for the thread (new memory, filled with zeroes) is not.
struct GrowthBenchmark: ~Copyable {
    private static let itemCount = 5_000_000
    private static let worstCount = 5

    private struct Stall {
        let nanoseconds: Int
        let item: Int
        /// Pages of the system touched for the first time.
        let faults: Int
    }

    func run() throws {
        for (memoryBytes, itemCount) in [(2 << 30, Self.itemCount), (256 << 20, Self.itemCount)] {
            let name = "\(itemCount) keys, \(StoreBenchmark.valueBytes) B values, -m \(memoryBytes >> 20)"
            try fill(name, memoryBytes, itemCount)
        }
    }

    private func fill(_ name: String, _ memoryBytes: Int, _ itemCount: Int) throws {
        let benchmark = try StoreBenchmark(keyCount: itemCount, memoryBytes: memoryBytes)
        let times = UnsafeMutablePointer<UInt32>.allocate(capacity: itemCount)
        times.initialize(repeating: 1, count: itemCount)
        defer { times.deallocate() }
        var worst: [Stall] = []
        var faults = Self.faults()
        var before = StoreBenchmark.threadNanoseconds()
        let start = before
        for index in 0..<itemCount {
            benchmark.set(index, length: StoreBenchmark.valueBytes)
            let now = StoreBenchmark.threadNanoseconds()
            times[index] = UInt32(clamping: now - before)
            before = now
            if times[index] > 20_000 {
                let faultsNow = Self.faults()
                worst.append(Stall(nanoseconds: Int(times[index]), item: index, faults: faultsNow - faults))
                faults = faultsNow
                before = StoreBenchmark.threadNanoseconds()
            }
        }
        print("\(name): \((before - start) / itemCount) ns a store, \(Self.faults()) faults")
        var sorted = UnsafeMutableBufferPointer(start: times, count: itemCount)
        sorted.sort()
        let places = [("p50", 0.5), ("p99", 0.99), ("p99.9", 0.999), ("p99.99", 0.9999), ("p99.999", 0.99999)]
        let shown = places.map { "\($0.0) \(Self.microseconds(Int(sorted[Int(Double(itemCount) * $0.1)])))" }
        print("  \(shown.joined(separator: ", "))")
        for stall in worst.sorted(by: { $0.nanoseconds > $1.nanoseconds }).prefix(Self.worstCount) {
            let time = Self.microseconds(stall.nanoseconds)
            print("  \(time) at item \(stall.item), \(stall.faults) faults since the last")
        }
    }

    private static func microseconds(_ nanoseconds: Int) -> String {
        "\(nanoseconds / 1000).\(nanoseconds / 100 % 10) us"
    }

    private static func faults() -> Int {
        var usage = rusage()
        // RUSAGE_THREAD, which the importer leaves out.
        getrusage(1, &usage)
        return usage.ru_minflt
    }
}
