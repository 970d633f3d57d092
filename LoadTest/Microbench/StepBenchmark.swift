import MartletProtocol

/// The steps of a request, each on its own: nanoseconds of thread CPU, and allocations, which are gated exactly.
enum StepBenchmark {
    /// False when a step allocated anything, or when the counter does not see what it must.
    static func run() throws -> Bool {
        let gate = AllocationGate()
        var isRight = gate.provesItself()
        print("steps of a request, 20 B keys, 100 B values")
        let get = Line("get key-of-twenty-bytes\r\n")
        let set = Line("set key-of-twenty-bytes 0 0 100\r\n")
        let operations = StoreBenchmark.operations
        isRight = gate.step("parse get", operations) { get.parse(operations) } && isRight
        isRight = gate.step("parse set", operations) { set.parse(operations) } && isRight
        let store = try StoreBenchmark(keyCount: 10_000, memoryBytes: 64 << 20)
        store.fill()
        isRight = gate.step("hash", operations) { store.hashes(operations) } && isRight
        isRight = gate.step("find", operations) { store.gets(prefetched: false) } && isRight
        isRight = gate.step("set", operations) { store.sets(length: StoreBenchmark.valueBytes) } && isRight
        let full = try StoreBenchmark(keyCount: 500_000, memoryBytes: 16 << 20)
        full.fill()
        isRight = gate.step("set and evict", 500_000) { full.fill() } && isRight
        // Once: it is over when it is done.
        let empty = try StoreBenchmark(keyCount: 500_000, memoryBytes: 256 << 20)
        isRight = gate.step("set and grow", 500_000, rounds: 1) { empty.fill() } && isRight
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
}
