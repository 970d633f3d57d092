// Fuzz targets: everything of Martlet that reads what others have written, as functions from bytes to a finding.
//
// Goals: no bytes may trap, hang, take memory without bound or be answered differently because of how they were cut.
// The same functions run under libFuzzer (`./martlet fuzz`), over the corpus in the suite, and over one file that
// failed.
// Non-goals: what a right answer is. That is for the conformance transcripts, the model and the comparison with
// memcached.
//
// Threads: one; each check makes what it needs anew, so that an input means the same whatever was tried before it.

/// One reader of foreign bytes.
package enum FuzzTarget: String, CaseIterable, Sendable {
    /// A connection's classic and meta commands.
    case text
    /// A connection's packets of the binary protocol.
    case binary
    /// A connection whose first byte decides between the two, as it does unless `-B` says otherwise.
    case negotiated
    /// What a connection says before and behind a login, also from an address that has tried too often.
    case login
    /// A request of UDP, with its head.
    case datagram
    /// What is asked of the admin endpoint, and by whom.
    case http
    /// FILE and FILE.meta of `-e`, and a file that nobody closed.
    case restart
    /// The file of `-Y`.
    case credentials
    /// The command line and the environment, and a store made with what they say.
    case options
    /// What a server answers the client library.
    case reply
    /// Compressed values that a server hands out.
    case compression
    /// What a name server answers.
    case names
    /// Lists of servers: documents, `config get cluster`, the server's own file, texts of one server.
    case topology

    /// Looks at one input. Throws what is wrong, traps where the code looked at does.
    package func check(_ input: [UInt8]) throws {
        switch self {
        case .text: try StreamCheck(.ascii).check(input)
        case .binary: try StreamCheck(.binary).check(PacketText.packets(input))
        case .negotiated: try StreamCheck(.negotiated).check(input)
        case .login: try StreamCheck(.login).check(input)
        case .datagram: try DatagramCheck.check(input)
        case .http: try HTTPCheck.check(input)
        case .restart: try RestartCheck.check(input)
        case .credentials: try CredentialsCheck.check(input)
        case .options: try OptionsCheck.check(input)
        case .reply: try ReplyCheck.check(input)
        case .compression: try CompressionCheck.check(input)
        case .names: try NamesCheck.check(input)
        case .topology: try TopologyCheck.check(input)
        }
    }
}

/// What is wrong, for people.
package struct FuzzFinding: Error, CustomStringConvertible {
    package let description: String

    init(_ description: String) { self.description = description }

    static func expect(_ holds: Bool, _ sentence: @autoclosure () -> String) throws(FuzzFinding) {
        if !holds { throw FuzzFinding(sentence()) }
    }
}
