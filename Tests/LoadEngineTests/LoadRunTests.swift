import LoadEngine
import LoadWorkload
import MartletServer
import ServerTesting
import Testing

/// Runs against a real server in the same process. Every run checks everything, so that a finding fails the test.
@Suite("A run")
struct LoadRunTests {
    static let everything = "get=30,mget:5=5,set=20,add=5,delete=5,incr=5,touch=5,gat=5,cas=5,lease=5"

    static func settings(_ addresses: [ServerAddress], _ mix: String = everything) throws -> LoadSettings {
        var workload = Workload()
        workload.keyCount = 500
        workload.sizes = try Sizes(parsing: "1-3000")
        workload.mix = try Mix(parsing: mix)
        var settings = LoadSettings(servers: addresses, workload: workload)
        settings.connectionCount = 4
        settings.seconds = nil
        settings.requestCount = 4000
        // Long enough for a machine that stands still now and then.
        settings.timeoutSeconds = 60
        settings.connectSeconds = 60
        return settings
    }

    @Test(
        "asks each kind of operation in both protocols, and finds nothing wrong with a good server",
        arguments: [WireProtocol.classic, .meta], [1, 16])
    func kinds(wire: WireProtocol, depth: Int) throws {
        let server = try CacheServer()
        var settings = try Self.settings([server.address])
        settings.wire = wire
        settings.depth = depth

        let result = try LoadRun.run(settings)

        #expect(result.violations.isEmpty, "\(result.violations.map(\.explanation))")
        #expect(result.counts.errors == 0 && result.counts.lost == 0, "\(result.errorTexts ?? [:])")
        #expect(Set(result.kinds.map(\.kind)) == Set(OperationKind.allCases))
        // A compare-and-set and a won lease are two requests each, and a counter that begins is one more.
        #expect(result.counts.requests >= 4000)
        #expect(result.kinds.reduce(0) { $0 + $1.requests } == result.counts.requests)
        #expect(result.counts.hits + result.counts.misses == result.counts.keysRead)
        #expect(result.counts.verified > 500)
        #expect(result.servers[0].version == "1.6.45-martlet")
    }

    @Test("counts what the server counts", arguments: [false, true])
    func agreement(onUnixSocket: Bool) throws {
        let server = try CacheServer(onUnixSocket: onUnixSocket)
        var settings = try Self.settings([server.address], "get=80,set=20")
        settings.depth = 8
        settings.threadCount = 2

        let result = try LoadRun.run(settings)

        let statistics = result.servers[0].statistics
        #expect(result.counts.requests == 4000)
        #expect(statistics["cmd_get"] == "\(result.counts.keysRead)")
        #expect(statistics["get_hits"] == "\(result.counts.hits)")
        #expect(statistics["cmd_set"] == "\(result.counts.stores)")
        #expect(result.counts.stores == result.counts.stored)
        #expect(result.driver.connections == 4)
        #expect(result.response.count == 4000)
    }

    @Test("fills each key once, before anything is counted")
    func fill() throws {
        let server = try CacheServer()
        var settings = try Self.settings([server.address], "get")
        settings.fills = true
        settings.threadCount = 2

        let result = try LoadRun.run(settings)

        #expect(result.counts.requests == 4000)
        #expect(result.counts.misses == 0)
        #expect(result.counts.stores == 0)
        #expect(result.servers[0].statistics["curr_items"] == "500")
    }

    @Test("stores what is missed, as a cache in front of a database is used", arguments: [WireProtocol.classic, .meta])
    func cacheAside(wire: WireProtocol) throws {
        let server = try CacheServer()
        var settings = try Self.settings([server.address], "get=9,mget:7=1")
        settings.workload.storesOnMiss = true
        settings.wire = wire
        settings.depth = 4

        let result = try LoadRun.run(settings)

        #expect(result.violations.isEmpty)
        #expect(result.counts.misses > 0 && result.counts.stores > 0)
        // Nothing is evicted or deleted: a key misses once, or again while its store is under way.
        #expect(result.counts.hits > result.counts.misses)
        #expect(result.servers[0].statistics["curr_items"] == "500")
    }

    @Test("spreads keys over several servers, each key always to the same one")
    func severalServers() throws {
        let servers = try [CacheServer(), CacheServer(onUnixSocket: true), CacheServer()]
        var settings = try Self.settings(servers.map(\.address), "get=60,mget:10=10,set=30")
        settings.fills = true
        settings.depth = 8

        let result = try LoadRun.run(settings)

        #expect(result.violations.isEmpty)
        #expect(result.counts.requests == 4000)
        #expect(result.counts.misses == 0, "A key that went elsewhere would be missed.")
        let items = result.servers.map { Int($0.statistics["curr_items"] ?? "") ?? 0 }
        #expect(items.reduce(0, +) == 500)
        #expect(items.allSatisfy { $0 > 100 })
        #expect(result.servers.reduce(0) { $0 + $1.counts.requests } == 4000)
        for server in result.servers { #expect(Int(server.response.count) == server.counts.requests) }
    }

    @Test("follows evictions: what is gone may be missed, and nothing comes back old")
    func evictions() throws {
        let server = try CacheServer(memoryBytes: 8 << 20)
        var settings = try Self.settings([server.address], "get=50,set=40,delete=10")
        settings.workload.keyCount = 20_000
        settings.requestCount = 40_000
        settings.depth = 16
        settings.fills = true

        let result = try LoadRun.run(settings)

        #expect(result.violations.isEmpty)
        #expect(result.counts.misses > 0)
    }

    @Test("ends after its time, and its intervals add up to what it counted")
    func timeline() throws {
        let server = try CacheServer()
        var settings = try Self.settings([server.address], "get")
        settings.requestCount = nil
        settings.seconds = 0.5
        settings.intervalSeconds = 0.1
        var heard = 0

        let result = try LoadRun.run(settings) { _, _ in heard += 1 }

        #expect(result.seconds > 0.45 && result.seconds < 5)
        #expect(result.timeline.reduce(0) { $0 + $1.requests } == result.counts.requests)
        #expect(result.timeline.reduce(0) { $0 + $1.hits } == result.counts.hits)
        #expect(heard >= 3)
        #expect(result.timeline.map(\.second) == result.timeline.map(\.second).sorted())
    }

    @Test("leaves its warm-up out of the figures")
    func warmUp() throws {
        let server = try CacheServer()
        var settings = try Self.settings([server.address], "set")
        var before = 0

        // The driver's thread may come too late for a warm-up that is short.
        let warmedUp = try withLongerTime { factor in
            settings.warmUpSeconds = 0.2 * factor
            let result = try LoadRun.run(settings)
            #expect(result.counts.requests == 4000)
            let stores = Int(result.servers[0].statistics["cmd_set"] ?? "") ?? 0
            defer { before = stores }
            return stores - before > 4000 ? stores : nil
        }

        #expect(warmedUp != nil)
    }

    @Test("keeps the server's CPU time and memory apart from its own")
    func processFigures() throws {
        let server = try CacheServer()

        // The server's process is the test's own. Who looks at it may come after the driver's thread has begun.
        let result = try withLongerTime { factor in
            var settings = try Self.settings([server.address], "get")
            settings.requestCount = UInt64(4000 * factor)
            let result = try LoadRun.run(settings)
            return result.servers[0].cpuNanoseconds ?? 0 >= result.driver.cpuNanoseconds ? result : nil
        }

        #expect(result?.driver.cpuNanoseconds ?? 0 > 0)
        #expect(result?.servers[0].residentBytes ?? 0 > 1 << 20)
    }
}
