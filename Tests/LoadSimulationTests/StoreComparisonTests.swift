import LoadSimulation
import LoadWorkload
import MartletStore
import StoreTesting
import Testing

/// The model against what it is a model of: the same requests through the simulator and through a store.
@Suite("Simulation: the store itself")
struct StoreComparisonTests {
    @Test(
        "Misses and items are the store's",
        arguments: ["100", "10-2000", "ln:120,0.9,4000", "mix of large ones"])
    func comparison(values: String) throws {
        let isLarge = values == "mix of large ones"
        let sizes = isLarge ? Sizes.logUniform(2000, 60_000) : try Sizes(parsing: values)
        let count: UInt64 = isLarge ? 60_000 : 400_000
        let workload = RequestScript.reads(keys: isLarge ? 4000 : 100_000, count: count, sizes: sizes)
        let megabytes = isLarge ? 24 : 6

        let simulated = try RequestScript.replay(workload, RequestScript.rules(), megabytes: megabytes)
        let (misses, items) = try stored(workload, megabytes: megabytes)

        // Pages move by counts of few hits each, so a page more or less in a class is chance; in so small a cache each is
        // one percent of the items, and of large ones there are few enough for that to show in the misses.
        let (missesOff, itemsOff) = isLarge ? (4, 12) : (1, 3)
        #expect(
            abs(simulated.counts.misses - misses) * 100 <= misses * missesOff, "\(simulated.counts.misses), \(misses)")
        #expect(abs(simulated.items - items) * 100 <= items * itemsOff, "\(simulated.items) and \(items)")
        #expect(simulated.counts.evictions > items)
    }

    /// Reads the workload from a store, storing what is missed.
    private func stored(_ workload: Workload, megabytes: Int) throws -> (misses: Int, items: Int) {
        let fixture = try StoreFixture(megabytes: megabytes)
        var source = try OperationSource(workload, seed: 1, thread: 0, threadCount: 1)
        var operation = Operation(kind: .get, key: 0)
        var misses = 0
        let value = [UInt8](repeating: 7, count: 1 << 20)
        let key = UnsafeMutableRawPointer.allocate(byteCount: KeySpace.roomBytes, alignment: 8)
        defer { key.deallocate() }
        while source.next(&operation) {
            let count = workload.keys.write(operation.key, at: key)
            let itemKey = ItemKey(bytes: key, count: count, hash: fixture.session.hash(key, count))
            if let held = fixture.session.hold(itemKey) {
                _ = consume held
                continue
            }
            misses += 1
            value.withUnsafeBytes { bytes in
                let bytes = UnsafeRawBufferPointer(rebasing: bytes[..<Int(operation.valueBytes)])
                _ = fixture.session.store(itemKey, bytes, StoreRequest(mode: .set))
            }
            // At once, as in the simulation.
            _ = fixture.store.movePages()
        }
        return (misses, fixture.store.statistics().itemCount)
    }
}
