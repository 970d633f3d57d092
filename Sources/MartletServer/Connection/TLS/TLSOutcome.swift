/// What comes of a call of a TLS session.
@frozen
package enum TLSOutcome: BitwiseCopyable, Equatable {
    /// So many bytes, at least one; of a handshake, that it is done.
    case count(Int)
    /// The client has ended the session, or just its connection.
    case closed
    /// Nothing can be done before the socket is readable.
    case wantsRead
    /// Nothing can be done before the socket has room.
    case wantsWrite
    /// The client has broken the rules, or does not satisfy ours; `TLSFailure.reason` says how.
    case failed
    /// The socket has failed, or the client left in the middle of its handshake.
    case lost

    /// From the number that the door gives.
    init(_ number: Int) {
        switch number {
        case 1...: self = .count(number)
        case 0: self = .closed
        case -1: self = .wantsRead
        case -2: self = .wantsWrite
        case -3: self = .failed
        default: self = .lost
        }
    }
}

/// Why certificates cannot be used, as one sentence.
package struct TLSFailure: Error, Equatable {
    package let message: String

    package init(_ message: String) { self.message = message }
}
