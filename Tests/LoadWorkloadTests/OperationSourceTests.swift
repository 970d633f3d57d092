import LoadWorkload
import Testing

@Suite("Sources of operations")
struct OperationSourceTests {
    /// Everything there is to see in an operation.
    private struct Seen: Equatable {
        var kind: OperationKind
        var key: UInt64
        var valueBytes: UInt32
        var secondsToLive: UInt32
        var keyCount: UInt16
        var storesOnMiss: Bool

        init(_ operation: Operation) {
            kind = operation.kind
            key = operation.key
            valueBytes = operation.valueBytes
            secondsToLive = operation.secondsToLive
            keyCount = operation.keyCount
            storesOnMiss = operation.storesOnMiss
        }
    }

    private func operations(
        _ workload: Workload, _ count: Int, seed: UInt64 = 1, thread: Int = 0, threadCount: Int = 1
    ) throws -> [Seen] {
        var source = try OperationSource(workload, seed: seed, thread: thread, threadCount: threadCount)
        var operation = Operation(kind: .touch, key: 99, keyCount: 9, storesOnMiss: true, dueNanoseconds: 5)
        var all: [Seen] = []
        while all.count < count, source.next(&operation) { all.append(Seen(operation)) }
        #expect(source.failure == nil)
        return all
    }

    private func mixed() throws -> Workload {
        var workload = try workload("zipf:0.99", keyCount: 10_000)
        workload.sizes = try Sizes(parsing: "ln:120,0.9,4000")
        workload.lives = try Lives(parsing: "mix:60=3,0=7")
        workload.mix = try Mix(
            parsing: "get=40,mget:5-14=10,set=10,add=5,delete=5,incr=5,touch=5,gat=5,cas=10,lease=5")
        workload.storesOnMiss = true
        return workload
    }

    @Test("The same seed makes the same operations; another seed and another thread make others")
    func determinism() throws {
        let workload = try mixed()

        let first = try operations(workload, 5000)

        #expect(try operations(workload, 5000) == first)
        #expect(try operations(workload, 5000, seed: 2) != first)
        #expect(try operations(workload, 5000, thread: 1, threadCount: 2) != first)
    }

    @Test("Kinds come by their weights")
    func mix() throws {
        let all = try operations(mixed(), 100_000)

        let counts = OperationKind.allCases.map { kind in all.filter { $0.kind == kind }.count }
        let workload = try mixed()
        #expect(surprise(counts, OperationKind.allCases.map { workload.mix.share(of: $0) * 100_000 }) < 4)
    }

    @Test("Multigets have as many keys as they are told, evenly; everything else has one")
    func multigets() throws {
        let all = try operations(mixed(), 100_000)

        let counts = histogram(all.filter { $0.kind == .multiget }.map { UInt64($0.keyCount - 5) }, below: 10)
        #expect(surprise(counts, [Double](repeating: Double(counts.reduce(0, +)) / 10, count: 10)) < 4)
        #expect(all.allSatisfy { $0.kind == .multiget || $0.keyCount == 1 })
    }

    @Test("Reads store what they miss, if told so, and nothing else does")
    func storesOnMiss() throws {
        let all = try operations(mixed(), 10_000)

        #expect(all.allSatisfy { $0.storesOnMiss == ($0.kind == .get || $0.kind == .multiget) })
    }

    @Test("Only increments, and all of them, ask for counters")
    func counters() throws {
        let all = try operations(mixed(), 10_000)

        #expect(all.allSatisfy { ($0.key & KeySpace.counterBit != 0) == ($0.kind == .increment) })
    }

    @Test("Sizes and lives are those of the key, for further keys as well")
    func properties() throws {
        let workload = try mixed()
        let all = try operations(workload, 10_000)
        var source = try OperationSource(workload, seed: 1, thread: 0, threadCount: 1)

        for seen in all {
            #expect(seen.valueBytes == workload.sizes.bytes(of: seen.key))
            #expect(seen.secondsToLive == workload.lives.seconds(of: seen.key))
        }
        let further = source.nextKey()
        #expect(source.valueBytes(of: further) == workload.sizes.bytes(of: further))
        #expect(source.secondsToLive(of: further) == workload.lives.seconds(of: further))
    }

    @Test("A number of operations is shared out among threads to the last one", arguments: [1, 2, 3, 7])
    func counts(threadCount: Int) throws {
        var workload = try mixed()
        workload.operationCount = 1000

        let counts = try (0..<threadCount).map {
            try operations(workload, .max, thread: $0, threadCount: threadCount).count
        }

        #expect(counts.reduce(0, +) == 1000)
        #expect(counts.max()! - counts.min()! <= 1)
    }

    @Test("Filling stores each key once, whatever the threads", arguments: [1, 2, 3, 16])
    func fill(threadCount: Int) throws {
        var workload = try mixed()
        workload.origin = .fill
        workload.firstKey = 500
        workload.keyCount = 1001

        let all = try (0..<threadCount).flatMap {
            try operations(workload, .max, thread: $0, threadCount: threadCount)
        }

        #expect(all.map(\.key).sorted() == Array(500..<1501))
        #expect(all.allSatisfy { $0.kind == .set && !$0.storesOnMiss && $0.keyCount == 1 })
    }

    @Test("Facebook's pool reads thirty times for a store")
    func facebook() throws {
        let all = try operations(.etc, 31_000)

        #expect(abs(all.filter { $0.kind == .set }.count - 1000) < 130)
    }

    @Test("A workload without keys is refused")
    func noKeys() {
        var workload = Workload()
        workload.keyCount = 0

        #expect(throws: WorkloadError("a workload needs at least one key")) {
            _ = try OperationSource(workload, seed: 1, thread: 0, threadCount: 1).valueBytes(of: 0)
        }
    }

    @Test("More keys than there are numbers are refused", arguments: [(1 << 48) + 1, .max] as [UInt64])
    func tooManyKeys(count: UInt64) {
        var workload = Workload()
        workload.keyCount = count
        workload.popularity.scan = .init(share: 0.5, furtherKeys: 5)

        #expect(throws: WorkloadError("a workload has 2^48 keys at most, not \(count)")) {
            _ = try OperationSource(workload, seed: 1, thread: 0, threadCount: 1).valueBytes(of: 0)
        }
    }
}
