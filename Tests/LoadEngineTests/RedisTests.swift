import DoubleTesting
import LoadEngine
import LoadWorkload
import Testing

/// Runs in Redis's protocol, against a double of a few lines that speaks it.
@Suite("A run in Redis's protocol")
struct RedisTests {
    private func settings(_ server: ServerDouble, _ mix: String) throws -> LoadSettings {
        var settings = try LoadRunTests.settings([ServerAddress(.host("127.0.0.1", port: server.port))], mix)
        settings.wire = .redis
        return settings
    }

    @Test("asks each kind of operation there is, and finds nothing wrong with a good server", arguments: [1, 16])
    func kinds(depth: Int) throws {
        let server = try ServerDouble(RedisBrain())
        defer { server.stop() }
        var settings = try settings(server, "get=30,mget:5=10,set=20,add=10,delete=10,incr=10,touch=5,gat=5")
        settings.depth = depth

        let result = try LoadRun.run(settings)

        #expect(result.violations.isEmpty, "\(result.violations.map(\.explanation))")
        #expect(result.counts.errors == 0 && result.counts.lost == 0, "\(result.errorTexts ?? [:])")
        let kinds = Set(OperationKind.allCases).subtracting([.compareAndSet, .lease])
        #expect(Set(result.kinds.map(\.kind)) == kinds)
        #expect(result.counts.requests == 4000)
        #expect(result.counts.hits + result.counts.misses == result.counts.keysRead)
        #expect(result.counts.verified > 500)
        #expect(result.servers[0].version == "7.0.double")
    }

    @Test("stores what is missed")
    func cacheAside() throws {
        let server = try ServerDouble(RedisBrain())
        defer { server.stop() }
        var settings = try settings(server, "get=90,mget:5=10")
        settings.workload.storesOnMiss = true
        settings.depth = 4

        let result = try LoadRun.run(settings)

        #expect(result.violations.isEmpty, "\(result.violations.map(\.explanation))")
        #expect(result.counts.misses > 0 && result.counts.stored > 0)
        #expect(result.counts.hits > result.counts.misses)
    }

    @Test(
        "finds wrong answers",
        arguments: [
            RedisBrain.Fault.swapped(every: 40), .flipped(every: 100), .unended(every: 100), .garbage(every: 100),
        ])
    func faults(fault: RedisBrain.Fault) throws {
        let server = try ServerDouble(RedisBrain(fault: fault))
        defer { server.stop() }
        var settings = try settings(server, "get=60,set=40")
        settings.depth = 8

        let result = try LoadRun.run(settings)

        #expect(!result.violations.isEmpty)
    }

    @Test("counts stores that are refused for want of memory")
    func full() throws {
        let server = try ServerDouble(RedisBrain(fault: .full))
        defer { server.stop() }

        let result = try LoadRun.run(settings(server, "get=50,set=50"))

        #expect(result.violations.isEmpty)
        #expect(result.counts.refused == result.counts.stores && result.counts.refused > 1000)
        #expect(result.counts.hits == 0)
    }

    @Test("is refused for what the protocol has not", arguments: ["cas", "lease"])
    func absent(kind: String) throws {
        let server = try ServerDouble(RedisBrain())
        defer { server.stop() }
        let settings = try settings(server, "get=1,\(kind)=1")
        #expect(throws: LoadError.self) { try settings.check() }
    }
}
