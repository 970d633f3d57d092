import Glibc
import MartletServer
import ServerTesting
import StoreTesting
import Testing

/// Goal: whatever a server does at the same time, its answers are right, and when everybody has gone, nothing is left
/// and the store is whole.
/// Method: visitors, steady clients, growth, and an administrator who changes and reads again all there is, each on a
/// thread of its own, for numbers of steps that are fixed. Meant for the sanitizers as well. `MARTLET_STRESS_SEED` and
/// `MARTLET_STRESS_OPERATIONS` are those of the store's stress.
@Suite("A server under stress", .serialized)
struct ServerStressTests {
    private static let clock: Int64 = 1_750_000_000

    @Test("answers rightly and keeps nothing while all of it happens at once")
    func everything() throws {
        let folder = try TemporaryFolder()
        StressStage.writeFiles(folder, version: 1)
        let server = try TestServer(clock: ServerClock(manualWithWall: Self.clock)) {
            StressStage.settings(&$0, folder)
        }

        try run(StressStage(server, folder))
    }

    #if TLS
    @Test("does so with some of its visitors encrypted, and with certificates that change")
    func encrypted() throws {
        let folder = try TemporaryFolder()
        StressStage.writeFiles(folder, version: 1)
        let certificates = try Certificates()
        let server = try TestServer(certificates, clock: ServerClock(manualWithWall: Self.clock)) {
            StressStage.settings(&$0, folder)
            $0.listenAddresses = ["notls:127.0.0.1:0", "127.0.0.1:0"]
        }
        let stage = StressStage(server, folder, isEncrypted: true) { version in
            try certificates.replaceServer("server-\(version)")
        }

        let counts = try run(stage)

        #expect(counts["encrypted visits", default: 0] > 10)
    }
    #endif

    @discardableResult
    private func run(_ stage: StressStage) throws -> [String: Int] {
        print("server stress: seed \(StressStage.seed), \(StressStage.operations) operations")
        let steady: [StressPart] = (0..<3).map { StressSteady(stage, number: $0) }
        let visitors: [StressPart] = (10..<13).map { StressVisitor(stage, number: $0) }
        let growth = StressGrowth(stage, number: 20)
        let parts = steady + visitors + [growth, StressAdministrator(stage, number: 30)]
        stage.begin(parts.count - 1)
        onThreads(parts.count) { parts[$0].run() }

        let counts = parts.reduce(into: [String: Int]()) { sum, part in
            sum.merge(part.counts, uniquingKeysWith: +)
        }
        print(
            "server stress:", counts.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }.joined(separator: ", "))
        #expect(parts.flatMap(\.faults) == [], "seed \(StressStage.seed)")
        #expect(growth.bucketCountMax > 1, "the table has grown")
        let stored = counts["stored", default: 0]
        #expect(stored > 200 && counts["hits", default: 0] > stored / 20, "\(counts)")
        #expect(counts["refused", default: 0] < stored / 4, "\(counts)")
        #expect(counts["visits", default: 0] > 2 * counts["visits cut short", default: 0], "\(counts)")
        #expect(counts["reloads", default: 0] > 0 && counts["watchers", default: 0] > 0, "\(counts)")
        try leavesNothing(stage.server)
        return counts
    }

    private func leavesNothing(_ server: TestServer) throws {
        let context = server.context
        #expect(eventually { context.pointee.connectionCount == 0 })
        #expect(context.pointee.budget.copiedBytes == 0 && context.pointee.budget.leasedBytes == 0)
        #expect(context.pointee.uploads.parkedCount == 0)
        try movesPages(server)
        let closed = server.sum { $0.closed.value }
        #expect(server.sum { $0.opened.value } >= closed && closed > 100)

        server.stop()

        let store = context.pointee.store
        #expect(store._brokenInvariant(expectedReservations: 0, expectedLeases: 0) == nil)
    }

    /// Fills the memory, and takes most of it away: what was set meanwhile has broken none of that.
    private func movesPages(_ server: TestServer) throws {
        let store = server.context.pointee.store
        let conversation = StressConversation(try TestClient(port: server.context.pointee.listeningSockets[0].port))
        try conversation.logIn()
        for command in ["slabs automove 1", "cache_memlimit \(StressStage.megabytes)"] {
            #expect(try conversation.ask(command + "\r\n") == "OK")
        }
        for number in 0..<400 {
            try conversation.send(StressValue.set("last-\(number)", 1, 0, 40_000))
            #expect(try conversation.line() == "STORED")
        }
        let moved = store.statistics().pagesMoved

        #expect(try conversation.ask("cache_memlimit 8\r\n") == "OK")

        #expect(eventually { store.statistics().pagedBytes <= 8 << 20 })
        #expect(store.statistics().pagesMoved > moved)
        conversation.client.close()
        #expect(eventually { server.context.pointee.connectionCount == 0 })
    }
}
