/// Something that transcripts can be run against.
protocol ConformanceTarget: AnyObject {
    var flavour: ServerFlavour { get }

    /// Opens a connection under a name of the test's choosing; an earlier one of that name is dropped.
    func open(_ connection: String) throws
    func close(_ connection: String)
    /// Sends all of `bytes`. What a closed connection does not take is no error.
    func send(_ bytes: [UInt8], on connection: String) throws
    /// Bytes that have arrived, at least one; nil when none will come, because the connection is closed or because the
    /// server has been silent for too long.
    func receive(on connection: String) throws -> [UInt8]?
    /// Whether the server has closed the connection, or does so now.
    func isClosed(_ connection: String) -> Bool
    /// Moves the server's clock; false if the server does not let itself.
    func advance(seconds: UInt32) throws -> Bool
}

extension ConformanceTarget {
    /// The answer to a command, up to and with `end`, on a connection of its own.
    func ask(_ command: String, until end: String) throws -> String {
        let connection = "control"
        try open(connection)
        defer { close(connection) }
        try send(Array((command + "\r\n").utf8), on: connection)
        var answer = ""
        while !answer.hasSuffix(end), let bytes = try receive(on: connection) {
            answer += String(decoding: bytes, as: UTF8.self)
        }
        return answer
    }

    /// `stats`, by name.
    func statistics() throws -> [String: Int] {
        var values: [String: Int] = [:]
        for line in try ask("stats", until: "END\r\n").split(separator: "\r\n") {
            let words = line.split(separator: " ")
            if words.count == 3, let value = Int(words[2]) { values[String(words[1])] = value }
        }
        return values
    }
}
