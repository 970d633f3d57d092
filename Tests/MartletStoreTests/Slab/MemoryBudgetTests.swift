import MartletStore
import StoreTesting
import Testing

/// `-m` bounds everything. What is measured is what the system says is resident of the store's one mapping.
@Suite("The memory budget")
struct MemoryBudgetTests {
    /// What may be beyond the limit: the last huge page, and the class page lists.
    private static let slackBytes = (2 << 20) + (1 << 20)

    @Test("ten times -m 64 in mixed sizes stays within it, table included", arguments: [true, false])
    func tenfold(_ isSmall: Bool) throws {
        let fixture = try StoreFixture(megabytes: 64)
        var random = SplitMix(seed: 1)
        var written = 0
        var number = 0
        let lengths = isSmall ? [10, 30, 100] : [100, 2000, 6000, 30_000, 120_000, 900_000]
        let goal = isSmall ? 100 << 20 : 640 << 20
        let source = [UInt8](repeating: 7, count: 1 << 20)
        while written < goal {
            let length = lengths[random.below(lengths.count)] + random.below(10)
            let outcome = fixture.withKey("key-\(number)") { key in
                source.withUnsafeBytes {
                    fixture.session.store(
                        key, UnsafeRawBufferPointer(rebasing: $0[..<length]), StoreRequest(mode: .set)
                    ).result
                }
            }
            if outcome != .stored { Issue.record("store \(number) of \(length) bytes: \(outcome)") }
            written += length + 30
            number += 1
            if number % 10_000 == 0 { _ = fixture.store.maintain(now: 100) }
        }

        let resident = fixture.store._residentBytes
        #expect(resident <= 64 << 20 + Self.slackBytes, "\(resident) bytes resident")
        #expect(resident > 56 << 20)
        fixture.store._checkInvariants()
    }

    @Test("an empty store takes next to nothing")
    func empty() throws {
        let fixture = try StoreFixture(megabytes: 1024)

        #expect(fixture.store._residentBytes < 1 << 20)
    }

    @Test("resident memory follows a limit that falls and rises")
    func fallingLimit() throws {
        let fixture = try StoreFixture(megabytes: 32)
        func fill() {
            for number in 0..<3000 { _ = fixture.store("key-\(number)", [UInt8](repeating: 1, count: 30_000)) }
        }
        for megabytes in [32, 8, 24, 4, 64] {
            #expect(fixture.store.setMemoryLimit(bytes: megabytes << 20))
            #expect(fixture.maintain())
            fill()
            #expect(fixture.maintain())
            let resident = fixture.store._residentBytes
            #expect(resident <= megabytes << 20 + 3 << 20, "\(megabytes) MB: \(resident) bytes resident")
            #expect(resident > megabytes << 20 / 10 * 8)
        }
    }

    @Test("a store sets no more address space aside for pages than it is told, and serves and evicts within it")
    func smallArena() throws {
        var settings = StoreSettings()
        settings.memoryLimitBytes = 4 << 20
        settings.itemBytesMax = 256 << 10
        settings.arenaBytesMax = 8 << 20
        let fixture = try StoreFixture(settings)
        #expect(fixture.store._mapping.count < 64 << 20)
        #expect(!fixture.store.setMemoryLimit(bytes: 9 << 20))
        #expect(fixture.store.setMemoryLimit(bytes: 8 << 20))

        for number in 0..<20_000 {
            #expect(fixture.store("k\(number)", [UInt8](repeating: 7, count: 1000)).result == .stored)
        }

        #expect(fixture.value("k19999")?.count == 1000)
        fixture.store._checkInvariants()
    }

    @Test("settings that cannot be met are refused with a sentence")
    func refusals() {
        func error<Value>(_ path: WritableKeyPath<StoreSettings, Value>, _ value: Value) -> StoreCreationError? {
            var settings = StoreSettings()
            settings[keyPath: path] = value
            do throws(StoreCreationError) {
                let store = try CacheStore(settings: settings, secret: StoreFixture.secret, now: 2)
                store.destroy()
                return nil
            } catch {
                return error
            }
        }
        #expect(error(\.memoryLimitBytes, 64 << 20) == nil)
        #expect(error(\.memoryLimitBytes, 1 << 20 - 1) != nil)
        #expect(error(\.memoryLimitBytes, 1 << 39) != nil)
        #expect(error(\.growthFactor, 1) != nil)
        #expect(error(\.growthFactor, .nan) != nil)
        #expect(error(\.growthFactor, .infinity) == nil)
        #expect(error(\.itemBytesMax, 1023) != nil)
        #expect(error(\.itemBytesMax, 33 << 20) != nil)
        #expect(error(\.chunkBytesMin, .max) == nil)
    }
}
