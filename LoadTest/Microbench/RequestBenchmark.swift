import Glibc
import LoadEngine
import Synchronization

/// Whole requests in process: parsed, carried out and answered, with everything but the socket.
struct RequestBenchmark: Sendable {
    private typealias Batches = [UnsafeMutableRawBufferPointer]

    private let server: InProcessServer
    private let kinds: [RequestKind]
    /// Written by nobody once they are made; kept until the program ends.
    private nonisolated(unsafe) let batches: [Batches]

    init(_ kinds: [RequestKind] = RequestKind.all, workerCount: Int = 1) throws {
        server = try InProcessServer(memoryBytes: 64 << 20, workerCount: workerCount)
        self.kinds = kinds
        batches = kinds.map { Self.memory($0.batches()) }
        run(Self.memory(RequestKind.fill.batches()), worker: 0)
        // Once through everything: nothing afterwards is the first of its kind.
        for kind in batches.indices { run(batches[kind], worker: 0) }
    }

    private static func memory(_ batches: [[UInt8]]) -> Batches {
        batches.map { batch in
            let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: batch.count, alignment: 64)
            copy.copyBytes(from: batch)
            return copy
        }
    }

    @inline(never)
    private func run(_ batches: Batches, worker: Int) {
        for batch in batches {
            let replyBytes = server.workers[worker].carryOut(batch)
            precondition(replyBytes >= 0)
        }
    }

    /// Requests in one round of a kind.
    private func requestCount(_ kind: Int) -> Int { batches[kind].count * kinds[kind].requestsPerBatch }

    /// Prints the nanoseconds of thread CPU each kind takes, the least of several rounds.
    func report() {
        print("requests without their sockets, \(RequestKind.keyCount) keys, 100 B values")
        for kind in kinds.indices {
            var least = Double.infinity
            for _ in 0..<50 {
                let start = StoreBenchmark.threadNanoseconds()
                run(batches[kind], worker: 0)
                let spent = StoreBenchmark.threadNanoseconds() - start
                least = min(least, Double(spent) / Double(requestCount(kind)))
            }
            print("  \(kinds[kind].name): \(Int(least.rounded())) ns")
        }
    }

    /// Carries out all requests of the first kind, again and again, for somebody who counts from outside.
    func carryOut(rounds: Int) -> Int {
        for _ in 0..<rounds { run(batches[0], worker: 0) }
        return rounds * requestCount(0)
    }

    // MARK: Scaling

    /// Prints what one worker does alone and what several do at once on the same keys: by wall time, for which each
    /// needs a free core, and by CPU time, which says the same of a machine that others use as well.
    func reportScaling() throws {
        let workerCount = server.workers.count
        print(
            "\(workerCount) workers at once against one: by wall time, by CPU time; CPU time of a request, alone and at once"
        )
        for kind in kinds.indices {
            let pairs = try (0..<9).map { _ in
                (alone: try measure(kind, workers: 1), together: try measure(kind, workers: workerCount))
            }
            let byWall = median(pairs.map { $0.alone.wall / $0.together.wall * Double(workerCount) })
            let byCPU = median(pairs.map { $0.alone.cpu / $0.together.cpu * Double(workerCount) })
            let alone = Int(median(pairs.map(\.alone.cpu)).rounded())
            let together = Int(median(pairs.map(\.together.cpu)).rounded())
            print(
                "  \(kinds[kind].name): \(hundredths(byWall)), \(hundredths(byCPU)) times; \(alone) ns, \(together) ns")
        }
    }

    private func median(_ values: [Double]) -> Double { values.sorted()[values.count / 2] }

    private func hundredths(_ value: Double) -> Double { (value * 100).rounded() / 100 }

    /// Nanoseconds of one request of one worker.
    private func measure(_ kind: Int, workers: Int) throws -> (wall: Double, cpu: Double) {
        let rounds = 30
        let spent = Atomic<Int>(0)
        let start = MonotonicTime.now()
        try JoinedThread.run(workers) { worker in
            // Each begins elsewhere: in step they would meet at every key.
            let own = batches[kind]
            let first = own.count * worker / workers
            let turned = Batches(own[first...] + own[..<first])
            let start = StoreBenchmark.threadNanoseconds()
            for _ in 0..<rounds { run(turned, worker: worker) }
            spent.wrappingAdd(StoreBenchmark.threadNanoseconds() - start, ordering: .relaxed)
        }
        let wall = Double(MonotonicTime.now() - start)
        let each = Double(rounds * requestCount(kind))
        return (wall / each, Double(spent.load(ordering: .relaxed)) / each / Double(workers))
    }
}
