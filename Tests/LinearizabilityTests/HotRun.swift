import Glibc
import Linearizability
import ServerTesting
import StoreTesting
import Synchronization
import Testing

/// Connections that all work on the same few keys of a server, each on a thread of its own.
struct HotRun {
    let size: HotSize
    var seed: UInt64
    var connectionCount = 8
    var commandsPerConnection = 50
    /// Fresh names, because a server elsewhere may have old items.
    private let names: [String]

    static var externalServer: String? { variable("MARTLET_LINEARIZABILITY_SERVER") }

    init(size: HotSize) {
        self.size = size
        seed = Self.variable("MARTLET_LINEARIZABILITY_SEED").flatMap { UInt64($0) } ?? UInt64.random(in: 0..<1 << 32)
        let run = UInt32.random(in: 0 ... .max)
        names = (0..<3).map { "hot\(run).\($0)" }
    }

    /// What all connections saw.
    func history(_ connect: () throws -> TestClient) throws -> [KeyedCall] {
        let clock = HistoryClock()
        let histories = Histories(connectionCount)
        let failure = Mutex<(any Error)?>(nil)
        let sockets = Sockets(try (0..<connectionCount).map { _ in try connect() })
        onThreads(connectionCount) { [self] client in
            let source = HotCommandSource(client: client, size: size, names: names, seed: seed)
            var connection = HotConnection(sockets.all[client], clock: clock, source: source)
            do {
                try connection.act(commandsPerConnection)
            } catch {
                failure.withLock { $0 = $0 ?? error }
            }
            histories.take(connection.calls, from: client)
        }
        if let error = failure.withLock({ $0 }) {
            print("seed \(seed)")
            throw error
        }
        return histories.all
    }

    /// A sentence for each key whose calls fit no order. `tokensRise` is what is asked of our own server.
    func violations(in history: [KeyedCall], tokensRise: Bool = true) -> [String] {
        names.indices.compactMap { key in
            let calls = history.calls(of: key)
            let violation =
                tokensRise
                ? Linearization<ItemModel>.violation(in: calls).map { "\($0)" }
                : Linearization<LooseItemModel>.violation(in: calls).map { "\($0)" }
            return violation.map { "seed \(seed), key \(key): \($0)" }
        }
    }

    private static func variable(_ name: String) -> String? { getenv(name).map { String(cString: $0) } }

    private struct Sockets: @unchecked Sendable {
        // Sendable: each thread uses the one with its own number.
        let all: [TestClient]

        init(_ all: [TestClient]) { self.all = all }
    }
}
