import Glibc
import LoadEngine

/// The cache that the scenario asks: one that is there, or one that it starts and ends itself.
final class CacheServer {
    let connector: SocketConnector
    let version: String
    private let started: StartedServer?

    init(_ place: CachePlace, answerSecondsMax: Int) throws(LoadError) {
        let address: ServerAddress
        switch place {
        case .address(let there):
            started = nil
            address = there
        case .command(let template):
            do throws(ComparisonError) {
                let server = try StartedServer(template, options: CommandWords([]), cores: nil)
                started = server
                address = server.address
            } catch {
                throw LoadError(error)
            }
        }
        var connector = try SocketConnector(address)
        close(try connector.settle(seconds: Double(answerSecondsMax)))
        self.connector = connector
        version = try CacheConnection(connector, keys: .plain, seconds: answerSecondsMax).version()
    }

    /// Ends the cache if it was started here.
    func stop() { started?.stop() }
}
