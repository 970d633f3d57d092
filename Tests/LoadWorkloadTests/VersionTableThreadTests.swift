import Foundation
import LoadWorkload
import Synchronization
import Testing

/// Threads write and read keys of a correct little server: nothing may be found. Then the server errs now and then: it
/// must be found.
@Suite("The table of versions under threads", .serialized)
struct VersionTableThreadTests {
    private static let keyCount: UInt64 = 8
    private static let threadCount = 4
    private static let rounds = 30_000

    /// A register for each key; a store is one atomic step somewhere between request and answer.
    private final class Server: Sendable {
        /// The newest version and the one before it, each in 32 bits.
        let values = (0..<8).map { _ in Box() }
        final class Box: Sendable { let word = Atomic<UInt64>(0) }

        func store(_ key: UInt64, _ version: UInt32) {
            let box = values[Int(key)]
            let before = box.word.load(ordering: .acquiring)
            box.word.store(before << 32 | UInt64(version), ordering: .releasing)
        }

        func load(_ key: UInt64, previous: Bool = false) -> UInt32 {
            let word = values[Int(key)].word.load(ordering: .acquiring)
            return UInt32(truncatingIfNeeded: previous ? word >> 32 : word)
        }
    }

    private struct Tally { var findings = 0, reads = 0, writes = 0 }

    /// `errsEvery`: each so many reads of a thread return the version before; 0: none do.
    private func run(_ table: VersionTable, errsEvery: Int) -> Tally {
        let server = Server()
        let tally = Mutex(Tally())
        DispatchQueue.concurrentPerform(iterations: Self.threadCount) { thread in
            var random = RandomSource(seed: 11, stream: UInt64(thread))
            var mine = Tally()
            for round in 0..<Self.rounds {
                let key = random.next(below: Self.keyCount)
                if random.next() & 3 == 0 {
                    guard let version = table.beginWrite(key) else { continue }
                    server.store(key, version)
                    table.endWrite(key, .stored)
                    mine.writes += 1
                } else {
                    let sent = table.word(key)
                    let isWrong = errsEvery > 0 && round % errsEvery == 0
                    let version = server.load(key, previous: isWrong)
                    if version > 0, table.judge(key, sent: sent, version: version) != .good { mine.findings += 1 }
                    mine.reads += 1
                }
            }
            tally.withLock {
                $0.findings += mine.findings
                $0.reads += mine.reads
                $0.writes += mine.writes
            }
        }
        return tally.withLock { $0 }
    }

    @Test("A correct server gives no findings")
    func correct() throws {
        let table = try VersionTable(keyCount: Self.keyCount)
        defer { table.deallocate() }

        let tally = run(table, errsEvery: 0)

        #expect(tally.findings == 0)
        #expect(tally.writes > 1000 && tally.reads > 1000)
    }

    @Test("A server that returns the version before now and then is found out")
    func wrong() throws {
        let table = try VersionTable(keyCount: Self.keyCount)
        defer { table.deallocate() }

        let tally = run(table, errsEvery: 50)

        #expect(tally.findings > 100)
    }

    @Test("Of many threads one gets the write, and versions are given out once each")
    func exclusion() throws {
        let table = try VersionTable(keyCount: 1)
        defer { table.deallocate() }
        let held = Atomic<Int>(0)
        let granted = Atomic<Int>(0)
        let overlaps = Atomic<Int>(0)

        DispatchQueue.concurrentPerform(iterations: Self.threadCount) { _ in
            for _ in 0..<Self.rounds {
                guard table.beginWrite(0) != nil else { continue }
                if held.add(1, ordering: .acquiringAndReleasing).newValue != 1 { overlaps.add(1, ordering: .relaxed) }
                granted.add(1, ordering: .relaxed)
                held.subtract(1, ordering: .acquiringAndReleasing)
                table.endWrite(0, .stored)
            }
        }

        #expect(overlaps.load(ordering: .relaxed) == 0)
        #expect(Int(table.word(0).issued) == granted.load(ordering: .relaxed))
    }
}
