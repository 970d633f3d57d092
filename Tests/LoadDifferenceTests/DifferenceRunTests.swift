import Foundation
import LoadDifference
import LoadEngine
import MartletServer
import ServerTesting
import Testing

/// The differential run itself; and, where `MARTLET_DIFFERENCE_SERVER` names a memcached 1.6.45 (`unix:path` or
/// `127.0.0.1:port`), a short one against it.
struct DifferenceRunTests {
    private func probed(_ server: TestServer) throws -> ProbedServer {
        try ProbedServer(ServerAddress(.path(try #require(server.path))))
    }

    /// Time stands still: what is left of an item's life is the same to both, whenever they are asked.
    private func server(_ change: (inout ServerSettings) -> Void = { _ in }) throws -> TestServer {
        try TestServer(clock: ServerClock(manualWithWall: 1_800_000_000)) {
            $0.unixSocketPath = TestServer.freshSocketPath()
            $0.threadCount = 1
            change(&$0)
        }
    }

    @Test func `the same seed asks the same, and another one something else`() {
        var (one, other, third) = (ProbeSource(seed: 5), ProbeSource(seed: 5), ProbeSource(seed: 6))

        for _ in 0..<20 { #expect(one.nextBatch().probes == other.nextBatch().probes) }
        #expect(third.nextBatch().probes != other.nextBatch().probes)
    }

    @Test func `no item is over within minutes, whatever comes of hostile changes`() {
        var source = ProbeSource(seed: 2026)

        for _ in 0..<2000 {
            for probe in source.nextBatch().probes {
                let text = String(String.UnicodeScalarView(probe.bytes.map { UnicodeScalar($0) }))
                #expect(!AskedCommand(text).endsSoon, "\(text.prefix(80))")
            }
        }
        #expect(AskedCommand("set k 0 1 1\r\nx\r\n").endsSoon && AskedCommand("mg k v T+2\r\n").endsSoon)
        #expect(!AskedCommand("touch k 1000\r\n").endsSoon && !AskedCommand("gat -1 k\r\n").endsSoon)
    }

    @Test func `two servers of one kind differ in nothing`() throws {
        let (one, other) = (try server(), try server())

        let result = try DifferenceRun(expected: try probed(one).ask, found: try probed(other).ask).run(
            DifferenceRun.Settings(seed: 2026, commandCount: 10_000))

        #expect(result.findings.isEmpty, "\(DifferenceText.text(result, expected: "one", found: "other"))")
        #expect(result.comparedCount > 5000)
    }

    @Test func `a server that forbids something is found out`() throws {
        let (one, other) = (try server(), try server { $0.itemBytesMax = 2048 })

        let result = try DifferenceRun(expected: try probed(one).ask, found: try probed(other).ask).run(
            DifferenceRun.Settings(seed: 1, commandCount: 20_000, findingsMax: 3))

        #expect(result.findings.count == 3)
        #expect(DifferenceText.text(result, expected: "a", found: "b").contains("object too large for cache"))
    }

    @Test func `every allowed difference is in the documentation`() throws {
        let page = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appendingPathComponent("docs/differences.md")
        let text = try String(contentsOf: page, encoding: .utf8)

        for allowed in AllowedDifference.all { #expect(text.contains(allowed.sentence), "\(allowed.sentence)") }
    }

    @Test(.enabled(if: ProcessInfo.processInfo.environment["MARTLET_DIFFERENCE_SERVER"] != nil))
    func `memcached differs only as the documentation says`() throws {
        let address = ProcessInfo.processInfo.environment["MARTLET_DIFFERENCE_SERVER"] ?? ""
        let server = try TestServer.onUnixSocket()

        let result = try DifferenceRun(
            expected: try ProbedServer(ServerAddress(parsing: address)).ask, found: try probed(server).ask
        ).run(DifferenceRun.Settings(seed: .random(in: 0 ... .max), commandCount: 30_000))

        #expect(result.findings.isEmpty, "\(DifferenceText.text(result, expected: "memcached", found: "ours"))")
    }
}
