import ExecutionTesting
import MartletServer

/// Parser and executor alone: no socket, no thread, the clock moved by hand.
final class LogicTarget: ConformanceTarget {
    let flavour = ServerFlavour.martlet
    private let server: LogicServer
    private let commandsMax: Int
    private var connections: [String: LogicConnection] = [:]

    init(options: [String], commandsMax: Int = Limits.commandsPerTurnDefault) throws {
        server = try LogicServer(ConformanceSettings.parse(options))
        self.commandsMax = commandsMax
    }

    func open(_ connection: String) { connections[connection] = server.connect(commandsMax: commandsMax) }

    func close(_ connection: String) { connections[connection] = nil }

    func send(_ bytes: [UInt8], on connection: String) { connections[connection]?.send(bytes) }

    func receive(on connection: String) -> [UInt8]? {
        guard let replies = connections[connection]?.takeReplies(), !replies.isEmpty else { return nil }
        return replies
    }

    func isClosed(_ connection: String) -> Bool { connections[connection]?.isClosed ?? true }

    func advance(seconds: UInt32) -> Bool {
        server.advance(seconds: seconds)
        return true
    }
}
