import Glibc
import LoadEngine
import LoadHistory
import StoreTesting
import Testing

/// Connections that all work on the same few keys of a server, each on a thread of its own.
struct HotRun {
    let size: HotSize
    var seed: UInt64
    var connectionCount = 8
    var commandsPerConnection = 50
    /// Connections of the binary protocol besides.
    var binaryCount = 0
    /// Asked what only Martlet does, and flushed now and then.
    var isOurs = true
    /// Fresh names, because a server elsewhere may have old items.
    private let names: [String]

    static var externalServer: String? { variable("MARTLET_LINEARIZABILITY_SERVER") }

    init(size: HotSize) {
        self.size = size
        seed = Self.variable("MARTLET_LINEARIZABILITY_SEED").flatMap { UInt64($0) } ?? UInt64.random(in: 0..<1 << 32)
        let run = UInt32.random(in: 0 ... .max)
        names = (0..<3).map { "hot\(run).\($0)" }
    }

    /// What all connections to `address` saw.
    func history(_ address: ServerAddress) throws -> [KeyedCall] {
        var connector = try SocketConnector(address)
        close(try connector.settle(seconds: 60))
        let clock = HistoryClock()
        let keys = names.map { HotKey(name: $0, size: size) }
        let connections = try (0..<connectionCount + binaryCount).map { client in
            var source = HotCommandSource(client: client, keys: keys, seed: seed)
            source.isMartlet = isOurs
            source.flushes = isOurs
            source.isBinary = client >= connectionCount
            return HotConnection(
                try HotSocket(connector, connectSeconds: 60, seconds: 60), clock: clock, source: source)
        }
        let count = commandsPerConnection
        onThreads(connections.count) { connections[$0].act(count) }
        if let failure = connections.lazy.compactMap(\.failure).first {
            print("seed \(seed)")
            throw failure
        }
        return connections.flatMap(\.calls)
    }

    /// A sentence for each key whose calls fit no order. `tokensRise` is what is asked of our own server.
    func violations(in history: [KeyedCall], tokensRise: Bool = true) -> [String] {
        names.indices.compactMap { key in
            let calls = history.calls(of: key)
            let violation =
                tokensRise
                ? Linearization<ItemModel>.violation(in: calls).map { "\($0)" }
                : loose(calls)
            return violation.map { "seed \(seed), key \(key): \($0)" }
        }
    }

    private func loose(_ calls: [Call<ItemModel.Operation>]) -> String? {
        switch HistoryVerdict.of(calls, mayEvict: false, tokens: .differ) {
        case .holds: nil
        case .broken(let text): text
        case .undecided: "undecided"
        }
    }

    private static func variable(_ name: String) -> String? { getenv(name).map { String(cString: $0) } }
}
