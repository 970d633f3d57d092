import LoadSimulation
import LoadWorkload
import MartletStore
import StoreTesting
import Testing

/// The same requests through the simulator and through a store.
///
/// The simulator hashes keys as the store does: whose ghosts are forgotten and which keys share a row is chance, and a
/// page that goes another way because of it changes the misses of a small cache by a percent. Pages move between two
/// requests, as the maintainer would move them if it were never late.
struct StoreReplay {
    private(set) var simulated = SimulationCounts()
    private(set) var simulatedItems = 0
    private(set) var misses = 0
    private(set) var items = 0
    private(set) var pagesMoved = 0

    init(
        _ workload: Workload, _ policy: EvictionPolicy, megabytes: Int,
        requestsPerSecond: Double = RequestStream.requestsPerSecondUsual
    ) throws {
        var settings = StoreSettings()
        settings.memoryLimitBytes = megabytes << 20
        settings.itemBytesMax = min(1 << 20, megabytes << 19)
        settings.eviction = policy
        let fixture = try StoreFixture(settings, now: 2)
        var rules = MartletRules()
        rules.choice = try #require(MartletRules.Choice(rawValue: policy.name))
        if policy != .martlet { rules.ghostLanes = 0 }
        let simulator = CachePolicy.martlet(rules).cache(
            memoryBytes: megabytes << 20, hashes: Self.hashes(workload, fixture.session))

        var stream = try RequestStream(workload, requestsPerSecond: requestsPerSecond)
        while try stream.fill() {
            simulator.replay(stream.batch)
            for request in stream.batch.requests { read(request, workload.keys, fixture) }
        }

        simulator._checkInvariants()
        fixture.store._checkInvariants()
        simulated = simulator.result().counts
        simulatedItems = simulator.result().items
        items = fixture.store.itemCount
        pagesMoved = fixture.store.statistics().pagesMoved
    }

    private static func hashes(_ workload: Workload, _ session: StoreSession) -> [UInt64] {
        withUnsafeTemporaryAllocation(byteCount: KeySpace.roomBytes, alignment: 8) { room in
            let key = room.baseAddress!
            return (0...workload.keyCount).map { session.hash(key, workload.keys.write($0, at: key)) }
        }
    }

    /// Reads a key, storing it if it is missed.
    private mutating func read(_ request: SimulatedRequest, _ keys: KeySpace, _ fixture: StoreFixture) {
        if request.second != fixture.session.now {
            fixture.session.setNow(request.second)
            while fixture.store.maintain(now: request.second) {}
        }
        let life = request.secondsToLive
        let wanted = StoreRequest(mode: .set, expiry: life == 0 ? 0 : request.second + life)
        withUnsafeTemporaryAllocation(byteCount: KeySpace.roomBytes, alignment: 8) { room in
            let count = keys.write(UInt64(request.key), at: room.baseAddress!)
            let hash = fixture.session.hash(room.baseAddress!, count)
            let key = ItemKey(bytes: room.baseAddress!, count: count, hash: hash)
            if let held = fixture.session.hold(key) {
                _ = consume held
                return
            }
            misses += 1
            Self.value.withUnsafeBytes { bytes in
                let value = UnsafeRawBufferPointer(rebasing: bytes[..<Int(request.valueBytes)])
                #expect(fixture.session.store(key, value, wanted).result == .stored)
            }
        }
        fixture.store.makeMemory()
        while fixture.store.movePages() {}
    }

    private static let value = [UInt8](repeating: 7, count: 1 << 20)

    /// Misses within half a percent, items within one, and pressure enough for that to mean something.
    func expectAgreement() {
        #expect(abs(simulated.misses - misses) * 200 <= misses, "\(simulated.misses) and \(misses) misses")
        #expect(abs(simulatedItems - items) * 100 <= items, "\(simulatedItems) and \(items) items")
        #expect(simulated.evictions > items, "\(simulated.evictions) evictions for \(items) items")
    }
}
