import LoadWorkload
import Testing

@Suite("Traces are replayed")
struct TraceReplayTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    /// `count` reads of the keys 0, 1, 2, ...
    private func sequence(_ count: Int) throws -> String {
        try folder.write((0..<count).map { "g \($0) 0 0\n" }.joined(), to: "sequence")
    }

    @Test("Reads store what they miss; sizes and lives that the trace leaves open come from the workload")
    func properties() throws {
        let path = try folder.write("g 5 0 0\ng 6 200 0\ns 7 0 30\nd 5 0 0\n", to: "a")
        let lives = try Lives(parsing: "100")

        let all = try replayed(path, lives: lives)[0]

        #expect(all.map(\.kind) == [.get, .get, .set, .delete])
        #expect(all.map(\.key) == [5, 6, 7, 5])
        #expect(all.map(\.valueBytes) == [77, 200, 77, 77])
        #expect(all.map(\.secondsToLive) == [100, 100, 30, 100])
        #expect(all.map(\.storesOnMiss) == [true, true, false, false])
        #expect(try replayed(path, storesOnMiss: false)[0].allSatisfy { !$0.storesOnMiss })
    }

    @Test("Copies take turns, each begun a share of the trace later and going round, with keys of their own")
    func copies() throws {
        let all = try replayed(sequence(6), copies: 3)[0]

        let places = all.map { (copy: $0.key % 3, key: $0.key / 3) }
        #expect(places.map(\.copy) == (0..<18).map { $0 % 3 })
        #expect(places.map(\.key) == [0, 2, 4, 1, 3, 5, 2, 4, 0, 3, 5, 1, 4, 0, 2, 5, 1, 3])
    }

    @Test("Copies go round in compressed and in commented formats as well")
    func otherCopies() throws {
        let path = try folder.write((0..<6).map { "\($0),key\($0),4,1,1,get,0\n" }.joined(), to: "a")

        let all = try replayed(path, copies: 2)[0]

        #expect(all.count == 12)
        #expect(Set(all.map { KeySpace.number(of: $0.key) }) == Set(0..<12))
    }

    @Test("No more requests are replayed than asked for, of all copies and threads together", arguments: [1, 3])
    func limit(threadCount: Int) throws {
        let path = try sequence(1000)

        #expect(try replayed(path, count: 700, threadCount: threadCount).map(\.count).reduce(0, +) == 700)
        #expect(try replayed(path, copies: 4, count: 700, threadCount: threadCount).map(\.count).reduce(0, +) == 700)
        #expect(try replayed(path, count: 5000, threadCount: threadCount).map(\.count).reduce(0, +) == 1000)
    }

    @Test(
        "Threads share a replay by key: together everything, and a key's requests in order on one of them",
        arguments: [2, 3, 8])
    func threads(threadCount: Int) throws {
        let lines = (0..<5000).map { "s \($0 * 31 % 97) \($0 + 1) 0\n" }
        let path = try folder.write(lines.joined(), to: "a")
        let whole = try replayed(path, copies: 2)[0]

        let parts = try replayed(path, copies: 2, threadCount: threadCount)

        #expect(parts.map(\.count).reduce(0, +) == whole.count)
        let keys = parts.map { Set($0.map(\.key)) }
        #expect(keys.map(\.count).reduce(0, +) == Set(whole.map(\.key)).count)
        for (part, own) in zip(parts, keys) {
            let expected = whole.filter { own.contains($0.key) }
            #expect(part.map(\.key) == expected.map(\.key))
            #expect(part.map(\.valueBytes) == expected.map(\.valueBytes))
        }
        // And about evenly.
        #expect(keys.allSatisfy { $0.count > 194 / threadCount / 3 })
    }

    @Test("Threads number the keys of a csv alike")
    func threadsNumberAlike() throws {
        let lines = (0..<3000).map { "\($0 / 100),key:\($0 * 31 % 97),6,5,1,get,0\n" }
        let path = try folder.write(lines.joined(), to: "a")
        let whole = try replayed(path, copies: 2)[0]

        let parts = try replayed(path, copies: 2, threadCount: 2)

        #expect(parts.flatMap { $0.map(\.key) }.sorted() == whole.map(\.key).sorted())
    }

    @Test("Times of a trace are kept; copies ask at the times of the first")
    func times() throws {
        let path = try folder.write("10,a,1,1,1,get,0\n12,b,1,1,1,get,0\n15,c,1,1,1,get,0\n", to: "a")

        #expect(try replayed(path)[0].map(\.dueNanoseconds) == [0, 2_000_000_000, 5_000_000_000])
        #expect(
            try replayed(path, copies: 2)[0].map(\.dueNanoseconds)
                == [0, 0, 2_000_000_000, 2_000_000_000, 5_000_000_000, 5_000_000_000])
    }

    @Test("A key is as long as the csv says, or longer if its number needs it")
    func keyLengths() throws {
        let lines = (0..<12).map { "0,\(String(repeating: "k", count: $0 + 1)),\($0 + 1),1,1,get,0\n" }
        let all = try replayed(folder.write(lines.joined(), to: "a"))[0]

        #expect(all.map { text($0.key, in: .plain).utf8.count } == [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12])
        #expect(text(all[11].key, in: .plain) == "000000000011")
        #expect(all.map { KeySpace.number(of: $0.key) } == Array(0..<12))
    }

    @Test("A replay knows how many keys it has, and whether anything expires")
    func extent() throws {
        var workload = Workload()
        var replay = TraceReplay(path: try folder.write("g 5 0 0\ns 7 0 30\n", to: "a"))
        replay.copies = 3
        _ = try workload.replay(replay)

        #expect(workload.keyNumbersEnd == 24)
        #expect(workload.hasLives)
        _ = try workload.replay(TraceReplay(path: folder.write("g 5 0 0\n", to: "b")))
        #expect(!workload.hasLives)
    }
}
