import LoadSimulation
import LoadWorkload
import Testing

/// What every policy must keep, and what each is known for.
@Suite("Simulation: policies")
struct PolicyTests {
    static let names = [
        "martlet", "martlet:mover=none", "martlet:mover=needy", "segmented", "lru", "fifo", "lfu", "ttl", "random",
        "memcached",
    ]

    @Test("The books balance, nothing is refused, and the same seed gives the same figures", arguments: names)
    func invariants(name: String) throws {
        let policy = try CachePolicy(parsing: name)
        let workload = RequestScript.reads(
            keys: 60_000, count: 150_000, sizes: .logUniform(10, 3000), lives: try Lives(parsing: "mix:1=1,0=2"))

        let result = try RequestScript.replay(workload, policy, megabytes: 8)
        let again = try RequestScript.replay(workload, policy, megabytes: 8)

        #expect(result.counts.requests == 150_000)
        #expect(result.counts.refused == 0)
        #expect(result.counts.evictions > 0)
        #expect(result.counts.reclaimed > 0)
        #expect(result.counts.misses == result.counts.stores)
        #expect(result.counts.misses == again.counts.misses)
        #expect(result.items == again.items)
        #expect(result.pages * result.pageBytes <= (result.policy == "memcached" ? 60 : 8) << 20)
    }

    @Test("More memory never misses more", arguments: names)
    func curve(name: String) throws {
        let policy = try CachePolicy(parsing: name)
        let workload = RequestScript.reads(keys: 60_000, count: 100_000, sizes: .fixed(200))

        let misses = try [1, 2, 4, 64].map {
            try RequestScript.replay(workload, policy, megabytes: $0).counts.misses
        }

        #expect(misses == misses.sorted(by: >))
    }

    @Test("Where everything fits, each key is missed once", arguments: names)
    func fits(name: String) throws {
        let policy = try CachePolicy(parsing: name)
        let requests = (0..<30_000).map { SimulatedRequest(.readThrough, key: UInt32($0 % 1000), valueBytes: 100) }

        let result = RequestScript.replay(requests, policy, megabytes: 4)

        #expect(result.counts.misses == 1000)
        #expect(result.items == 1000)
    }

    @Test("lru evicts what was read longest ago, as a list of all items does")
    func lru() throws {
        let policy = try CachePolicy(parsing: "lru")
        let workload = RequestScript.reads(keys: 40_000, count: 200_000, sizes: .fixed(100))

        let result = try RequestScript.replay(workload, policy, megabytes: 2)

        // A stack of as many keys as the cache holds at the end; it held a few less before its table had grown.
        let misses = try Self.missesOfStack(workload, capacity: result.items)
        #expect(abs(result.counts.misses - misses) * 100 <= misses * 2)
    }

    private static func missesOfStack(_ workload: Workload, capacity: Int) throws -> Int {
        var source = try OperationSource(workload, seed: 1, thread: 0, threadCount: 1)
        var operation = Operation(kind: .get, key: 0)
        var lastUse: [UInt64: Int] = [:]
        var byUse: [Int: UInt64] = [:]
        var oldest = 0
        var misses = 0
        var now = 0
        while source.next(&operation) {
            now += 1
            if let last = lastUse[operation.key] {
                byUse[last] = nil
            } else {
                misses += 1
                if lastUse.count == capacity {
                    while byUse[oldest] == nil { oldest += 1 }
                    lastUse[byUse.removeValue(forKey: oldest)!] = nil
                }
            }
            lastUse[operation.key] = now
            byUse[now] = operation.key
        }
        return misses
    }

    @Test("What is read again and again survives a scan with martlet, not with fifo")
    func scan() throws {
        var requests: [SimulatedRequest] = []
        var next: UInt32 = 1000
        for round in 0..<40 {
            for key in 0..<1000 { requests.append(SimulatedRequest(.readThrough, key: UInt32(key), valueBytes: 100)) }
            guard round > 2 else { continue }
            for _ in 0..<10_000 {
                requests.append(SimulatedRequest(.readThrough, key: next, valueBytes: 100))
                next += 1
            }
        }

        let martlet = RequestScript.replay(requests, try CachePolicy(parsing: "martlet"), megabytes: 1)
        let fifo = RequestScript.replay(requests, try CachePolicy(parsing: "fifo"), megabytes: 1)

        #expect(martlet.counts.misses < Int(next) + 2000)
        #expect(fifo.counts.misses > Int(next) + 30_000)
    }

    @Test("After a shift of sizes, pages follow with mover marginal")
    func shift() throws {
        var requests: [SimulatedRequest] = []
        for key in 0..<60_000 { requests.append(SimulatedRequest(.store, key: UInt32(key), valueBytes: 100)) }
        for turn in 0..<100_000 {
            let key = 60_000 + UInt32(turn &* 2_654_435_761 % 2000)
            requests.append(SimulatedRequest(.readThrough, key: key, valueBytes: 900))
        }

        let moving = RequestScript.replay(requests, try CachePolicy(parsing: "martlet:mover=marginal"), megabytes: 4)
        let still = RequestScript.replay(requests, try CachePolicy(parsing: "martlet:mover=none"), megabytes: 4)

        #expect(moving.counts.pageMoves > 20)
        #expect(moving.counts.misses * 2 < still.counts.misses)
    }

    @Test("memcached keeps what was read twice from a scan")
    func memcached() throws {
        var requests: [SimulatedRequest] = []
        // Segments are shares of what the class has: it is filled first.
        for key in 20_000..<22_000 { requests.append(SimulatedRequest(.store, key: UInt32(key), valueBytes: 1000)) }
        for key in 0..<100 {
            requests.append(SimulatedRequest(.store, key: UInt32(key), valueBytes: 1000))
            for _ in 0..<2 { requests.append(SimulatedRequest(.read, key: UInt32(key), valueBytes: 1000)) }
        }
        for key in 1000..<20_000 { requests.append(SimulatedRequest(.store, key: UInt32(key), valueBytes: 1000)) }
        for key in 0..<100 { requests.append(SimulatedRequest(.read, key: UInt32(key), valueBytes: 1000)) }

        let result = RequestScript.replay(requests, try CachePolicy(parsing: "memcached"), megabytes: 2)

        #expect(result.counts.misses == 0)
        #expect(result.counts.evictions > 17_000)
    }

    @Test("An expired item is missed, and its memory is used before a living one is evicted", arguments: names)
    func expiry(name: String) throws {
        var requests: [SimulatedRequest] = []
        for key in 0..<3000 {
            requests.append(SimulatedRequest(.store, key: UInt32(key), valueBytes: 100, secondsToLive: 5, second: 10))
        }
        requests.append(SimulatedRequest(.read, key: 1, valueBytes: 100, second: 14))
        requests.append(SimulatedRequest(.read, key: 1, valueBytes: 100, second: 15))
        requests.append(SimulatedRequest(.read, key: 1, valueBytes: 100, second: 300))

        let result = RequestScript.replay(requests, try CachePolicy(parsing: name), megabytes: 1)

        #expect(result.counts.misses == 2)
        #expect(result.counts.evictions == 0)
        #expect(result.items == 0)
    }
}
