import Glibc
import LoadWorkload

/// What martlet-load does for each request apart from the loop itself: nanoseconds of thread CPU per operation, the
/// least of several rounds.
struct WorkloadBenchmark: ~Copyable {
    private static let operations = 1 << 20
    private let memory = UnsafeMutableRawPointer.allocate(byteCount: 1 << 20, alignment: 64)

    deinit { memory.deallocate() }

    func run() throws {
        try sources()
        keys()
        for count in [10, 100, 1000, 10_240] { stamps(count: count) }
        try versions()
    }

    /// Reads a trace once, as a driver thread does.
    func read(trace path: String) throws {
        for copies in [1, 4] {
            var workload = Workload()
            var replay = TraceReplay(path: path)
            replay.copies = copies
            let began = Self.threadNanoseconds()
            guard let summary = try workload.replay(replay) else { return }
            let summarized = Self.threadNanoseconds()
            var source = try OperationSource(workload, seed: 1, thread: 0, threadCount: 1)
            let opened = Self.threadNanoseconds()
            var operation = Operation(kind: .get, key: 0)
            var count = 0
            while source.next(&operation) { count += 1 }
            let ended = Self.threadNanoseconds()
            print("\(path): \(summary.requests) requests, \(copies) copies")
            print("  summary: \(perLine(summarized - began, summary.requests))")
            print("  opening and passing over: \((opened - summarized) / 1_000_000) ms")
            print("  replaying: \(perLine(ended - opened, UInt64(count)))")
        }
    }

    private func perLine(_ nanoseconds: Int, _ count: UInt64) -> String {
        let each = Double(nanoseconds) / Double(count)
        return "\(Int(each.rounded())) ns a request, \(Int(1000 / each)) million a second"
    }

    private func sources() throws {
        let forms = [
            ("uniform", "100"), ("zipf:0.99", "100"), ("zipf:1", "ln:120,0.9,4000"), ("zipf:0.99", "etc"),
            ("hot:0.1,0.9", "10-1000"), ("latest:0.99", "pareto:15,214.476,0.348238,4000"), ("sequential", "100"),
        ]
        for (popularity, sizes) in forms {
            var workload = Workload()
            workload.keyCount = 10_000_000
            workload.popularity = try Popularity(parsing: popularity)
            workload.sizes = try Sizes(parsing: sizes)
            workload.mix = try Mix(parsing: "get=90,set=10")
            var source = try OperationSource(workload, seed: 1, thread: 0, threadCount: 1)
            var operation = Operation(kind: .get, key: 0)
            report("next operation, \(popularity), sizes \(sizes)") {
                for _ in 0..<Self.operations { _ = source.next(&operation) }
            }
        }
    }

    private func keys() {
        let space = KeySpace.plain
        report("write a key of 20 bytes") {
            for index in 0..<UInt64(Self.operations) { _ = space.write(index &* 7, at: memory) }
        }
    }

    private func stamps(count: Int) {
        report("write a value of \(count) bytes") {
            for index in 0..<Self.operations {
                ValueStamp.write(at: memory, count: count, key: 7, version: UInt32(truncatingIfNeeded: index))
            }
        }
        ValueStamp.write(at: memory, count: count, key: 7, version: 9)
        var good = 0
        report("verify a value of \(count) bytes") {
            for _ in 0..<Self.operations {
                if case .good = ValueStamp.verify(memory, count: count, key: 7) { good += 1 }
            }
        }
        precondition(good == 5 * Self.operations)
    }

    private func versions() throws {
        let table = try VersionTable(keyCount: 1 << 20)
        defer { table.deallocate() }
        var random = RandomSource(seed: 1)
        report("begin and end a write, a million keys") {
            for _ in 0..<Self.operations {
                let key = random.next(below: 1 << 20)
                if table.beginWrite(key) != nil { table.endWrite(key, .stored) }
            }
        }
        report("word and judgement of a read, a million keys") {
            for _ in 0..<Self.operations {
                let key = random.next(below: 1 << 20)
                let sent = table.word(key)
                _ = table.judge(key, sent: sent, version: sent.issued)
            }
        }
    }

    private func report(_ name: String, _ body: () -> Void) {
        var least = Double.infinity
        for _ in 0..<5 {
            let start = Self.threadNanoseconds()
            body()
            least = min(least, Double(Self.threadNanoseconds() - start) / Double(Self.operations))
        }
        print("  \(name): \(Double(Int((least * 10).rounded())) / 10) ns")
    }

    private static func threadNanoseconds() -> Int {
        var time = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return time.tv_sec * 1_000_000_000 + time.tv_nsec
    }
}
