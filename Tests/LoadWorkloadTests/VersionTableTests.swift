import LoadWorkload
import Testing

@Suite("The table of versions")
struct VersionTableTests {
    private let table: VersionTable

    init() throws { table = try VersionTable(keyCount: 16, withLives: true) }

    /// Writes and is answered.
    @discardableResult
    private func write(_ key: UInt64, _ outcome: VersionTable.WriteOutcome = .stored, expiresAt: UInt32 = 0) throws
        -> UInt32
    {
        let version = try #require(table.beginWrite(key))
        table.endWrite(key, outcome, expiresAtSeconds: expiresAt)
        return version
    }

    /// A read that is sent and answered now.
    private func read(_ key: UInt64, _ version: UInt32, bits: UInt8 = 32, at seconds: UInt32 = 0) -> VersionFinding {
        table.judge(key, sent: table.word(key), version: version, versionBits: bits, sentSeconds: seconds)
    }

    @Test("Versions count from 1, and a key has one write at a time")
    func oneAtATime() throws {
        defer { table.deallocate() }

        #expect(table.beginWrite(3) == 1)
        #expect(table.beginWrite(3) == nil)
        table.endWrite(3, .stored)
        #expect(table.beginWrite(3) == 2)
        #expect(table.beginWrite(4) == 1)
    }

    @Test("After an acknowledged write, a read that is sent must not return an older version")
    func stale() throws {
        defer { table.deallocate() }
        try write(3)
        let early = table.word(3)
        try write(3)

        #expect(read(3, 2) == .good)
        #expect(read(3, 1) == .stale(version: 1, floor: 2))
        // Sent before the acknowledgement, it may have been answered before the write.
        #expect(table.judge(3, sent: early, version: 1) == .good)
    }

    @Test("While a write is under way, the old version and the new one are good")
    func underWay() throws {
        defer { table.deallocate() }
        try write(3)
        try write(3)
        _ = table.beginWrite(3)

        #expect(read(3, 2) == .good)
        #expect(read(3, 1) == .stale(version: 1, floor: 2))
        #expect(read(3, 3) == .good)
        // Once somebody has seen the new version, nobody may be shown the old one.
        #expect(read(3, 2) == .stale(version: 2, floor: 3))
    }

    @Test("A version that nobody wrote is unheard of")
    func unheardOf() throws {
        defer { table.deallocate() }
        try write(3)

        #expect(read(3, 2) == .unheardOf(version: 2, issued: 1))
    }

    @Test("Before the first acknowledged write everything is good: the value may be another run's")
    func otherRuns() throws {
        defer { table.deallocate() }

        #expect(read(3, 500) == .good)
        _ = table.beginWrite(3)
        #expect(read(3, 500) == .good)
        table.endWrite(3, .refused)
        #expect(read(3, 500) == .good)
        try write(3)
        #expect(read(3, 500) == .unheardOf(version: 500, issued: 2))
    }

    @Test("What was deleted must not come back")
    func resurrected() throws {
        defer { table.deallocate() }
        try write(3)
        try write(3, .deleted)

        #expect(read(3, 1) == .resurrected(version: 1, floor: 2))
        try write(3)
        #expect(read(3, 3) == .good)
        #expect(read(3, 1) == .stale(version: 1, floor: 3))
    }

    @Test("A refused store changes nothing about what may be read")
    func refused() throws {
        defer { table.deallocate() }
        try write(3)
        try write(3, .refused)

        #expect(read(3, 1) == .good)
    }

    @Test("A store without an answer may happen later, even after other stores, but does not excuse older versions")
    func lostStores() throws {
        defer { table.deallocate() }
        try write(3)
        try write(3)
        try write(3, .lostStore)

        #expect(read(3, 2) == .good)
        #expect(read(3, 3) == .good)
        #expect(read(3, 2) == .stale(version: 2, floor: 3))
        try write(3)
        #expect(read(3, 4) == .good)
        // It arrives late.
        #expect(read(3, 3) == .good)
        #expect(read(3, 2) == .stale(version: 2, floor: 3))
        try write(3, .deleted)
        #expect(read(3, 3) == .good)
    }

    @Test("A store without an answer holds the floor for ever, and never wrongly after very many stores")
    func lostLongAgo() throws {
        defer { table.deallocate() }
        try write(3)
        try write(3, .lostStore)

        for _ in 0..<3000 { try write(3) }
        #expect(read(3, 2) == .good)
        for _ in 0..<70_000 { try write(3) }
        #expect(read(3, 2) == .good)
    }

    @Test("A touch takes a version that no value has, and keeps the floor")
    func touches() throws {
        defer { table.deallocate() }
        try write(3)
        try write(3, .touched)
        try write(3, .lostOther)

        #expect(read(3, 1) == .good)
    }

    @Test("Of a version only the lowest bits may be known")
    func fewBits() throws {
        defer { table.deallocate() }
        for _ in 0..<10 { try write(3) }

        #expect(read(3, 10 & 3, bits: 2) == .good)
        #expect(read(3, 9 & 3, bits: 2) == .stale(version: 9, floor: 10))
        #expect(read(3, 7 & 3, bits: 2) == .stale(version: 7, floor: 10))
        // Four versions ago looks like now.
        #expect(read(3, 6 & 3, bits: 2) == .good)
        #expect(read(3, 0, bits: 0) == .good)
    }

    @Test("A read of few bits that was long under way does not raise the floor by mistake")
    func fewBitsLate() throws {
        defer { table.deallocate() }
        try write(3)
        try write(3)
        let early = table.word(3)
        for _ in 0..<3 { try write(3) }
        _ = table.beginWrite(3)

        // It is version 2; with two bits known, 6 looks the same.
        #expect(table.judge(3, sent: early, version: 2, versionBits: 2) == .good)
        #expect(read(3, 5 & 3, bits: 2) == .good)
    }

    @Test("What outlives its life is found, a clock's slack later")
    func expired() throws {
        defer { table.deallocate() }
        try write(3, expiresAt: 100)

        #expect(read(3, 1, at: 100) == .good)
        #expect(read(3, 1, at: 102) == .good)
        #expect(read(3, 1, at: 103) == .expired(lateSeconds: 3))
        try write(3, .touched, expiresAt: 200)
        #expect(read(3, 1, at: 150) == .good)
        #expect(read(3, 1, at: 203) == .expired(lateSeconds: 3))
    }

    @Test("A touch under way, or lost, may have given the item another life")
    func expiryInDoubt() throws {
        defer { table.deallocate() }
        try write(3, expiresAt: 100)
        _ = table.beginWrite(3)

        #expect(read(3, 1, at: 150) == .good)
        table.endWrite(3, .lostOther)
        #expect(read(3, 1, at: 150) == .good)
    }

    @Test("Where nothing may be evicted, a miss is allowed only if something may have taken the item")
    func misses() throws {
        defer { table.deallocate() }
        let miss = { (key: UInt64, seconds: UInt32) in
            table.judgeMiss(key, sent: table.word(key), nowSeconds: seconds)
        }

        #expect(miss(3, 0))
        try write(3)
        #expect(!miss(3, 0))
        let sent = table.word(3)
        _ = table.beginWrite(3)
        #expect(table.judgeMiss(3, sent: sent))
        table.endWrite(3, .deleted)
        #expect(miss(3, 0))
        try write(3, expiresAt: 100)
        #expect(!miss(3, 50))
        #expect(miss(3, 99))
        try write(3, .refused)
        #expect(miss(3, 50))
        try write(4)
        try write(4, .lostOther)
        try write(4)
        #expect(miss(4, 0))
    }

    @Test("Keys beyond the table and counters are not followed")
    func notFollowed() throws {
        defer { table.deallocate() }

        for key in [16, 1 << 40, 3 | KeySpace.counterBit] {
            #expect(table.beginWrite(key) == 1)
            #expect(table.beginWrite(key) == 1)
            table.endWrite(key, .stored)
            #expect(read(key, 77) == .good)
            #expect(table.judgeMiss(key, sent: table.word(key)))
        }
        #expect(table.beginWrite(3) == 1)
    }

    @Test("A table for more keys than it can have is refused")
    func tooMany() {
        defer { table.deallocate() }

        #expect(throws: WorkloadError.self) { try VersionTable(keyCount: VersionTable.keysMax + 1) }
    }
}
