/// Why a call has no answer. A miss is none of these: it is an answer.
public struct CacheError: Error, Sendable {
    /// What went wrong, for code that decides by it. More may come: always have a `default`.
    public struct Code: Hashable, Sendable, CustomStringConvertible {
        private enum Kind: String, Sendable {
            case timeout, serverDown, connectionLost, overloaded, tooLarge, outOfMemory, refused, unauthorized
            case unsupported, protocolViolation, undecodable, unencodable, cancelled, shutDown
        }

        private let kind: Kind

        /// The deadline passed. The server may have done what was asked, or may yet do it.
        public static let timeout = Code(kind: .timeout)
        /// The server does not take connections, or did not shortly before.
        public static let serverDown = Code(kind: .serverDown)
        /// The connection broke while the answer was awaited. The server may have done what was asked.
        public static let connectionLost = Code(kind: .connectionLost)
        /// More calls wait for the server already than `CacheConfiguration.waitingCallsMax` allows, or more bytes than
        /// `waitingBytesMax`. Nothing was sent.
        public static let overloaded = Code(kind: .overloaded)
        /// The value is larger than the server, or the client's limit, allows.
        public static let tooLarge = Code(kind: .tooLarge)
        /// The server has no memory for the value.
        public static let outOfMemory = Code(kind: .outOfMemory)
        /// The server understood the call and said no; `message` has its words.
        public static let refused = Code(kind: .refused)
        /// The server wants other credentials, or some.
        public static let unauthorized = Code(kind: .unauthorized)
        /// The server's protocol cannot say this.
        public static let unsupported = Code(kind: .unsupported)
        /// The server answered something else than was asked, or nothing sensible; the connection is given up.
        public static let protocolViolation = Code(kind: .protocolViolation)
        /// The cached bytes are not a value of the type asked for.
        public static let undecodable = Code(kind: .undecodable)
        /// The value cannot be made bytes.
        public static let unencodable = Code(kind: .unencodable)
        /// The task was cancelled. The server may have done what was asked, or may yet do it.
        public static let cancelled = Code(kind: .cancelled)
        /// The client was shut down.
        public static let shutDown = Code(kind: .shutDown)

        /// The name of the code, for logs.
        public var description: String { kind.rawValue }
    }

    /// What went wrong: for code.
    public let code: Code
    /// What went wrong: for people. Words of the server, the client or nobody; empty where the code says all.
    public let message: String
    /// The server's name on the ring, where one is to blame.
    public internal(set) var server: String?
    /// The server said `SERVER_ERROR`: not that it would not, but that it, or a server behind it, could not.
    var isServerFailure = false
    /// Nothing was sent, because the connection could not be made, and the server is in use over others.
    var isUnsent = false
    /// What the system or a codec said.
    public let underlying: (any Error)?

    /// An error as the client throws it, for doubles and for caches of one's own.
    public init(_ code: Code, _ message: String = "", server: String? = nil, underlying: (any Error)? = nil) {
        self.code = code
        self.message = message
        self.server = server
        self.underlying = underlying
    }

    /// The error with the server's name, unless it has one.
    func at(_ server: String) -> CacheError {
        var error = self
        if error.server == nil { error.server = server }
        return error
    }
}

extension CacheError: CustomStringConvertible {
    /// Code, server, message and what lies beneath, as far as there are any, on one line.
    public var description: String {
        var text = "\(code)"
        if let server { text += " (\(server))" }
        if !message.isEmpty { text += ": \(message)" }
        if let underlying { text += ": \(underlying)" }
        return text
    }
}
