/// A server that is asked now and then. Servers hang up on who is silent for long (`idle_timeout`), and some are
/// started anew: where the connection has ended meanwhile, what was asked is asked once more over another one.
final class LastingConnection {
    let address: ServerAddress
    private let options: ServerOptions
    private var connection: CacheConnection?

    /// Connects with the first question.
    init(_ address: ServerAddress, _ options: ServerOptions) {
        self.address = address
        self.options = options
    }

    /// Calls `body`, which must do no harm when it is done in parts and then again. After a failure the next call
    /// connects anew.
    func ask<Answer>(_ body: (CacheConnection) throws -> Answer) throws -> Answer {
        if let open = connection {
            do {
                return try body(open)
            } catch {
                connection = nil
                guard (error as? CacheFailure)?.isConnectionLost == true else { throw error }
            }
        }
        let fresh = try CacheConnection(address, options)
        let answer = try body(fresh)
        connection = fresh
        return answer
    }

    /// Connects now.
    func connect() throws { try ask { _ in } }
}
