/// One line of a server's answer, taken apart. Like `Request`, a flat value with offsets into the line; fields a kind
/// does not have are zero.
@frozen
public struct Reply: BitwiseCopyable, Sendable {
    @frozen
    public enum Kind: UInt8, BitwiseCopyable, Sendable {
        /// A classic outcome.
        case stored, notStored, exists, notFound, deleted, touched, ok, reset
        /// `END`: of values or of statistics.
        case end
        /// `VALUE`: `key`, `clientFlags`, `valueLength`, `token` if `hasToken`; the value follows the line.
        case value
        /// The answer to `incr` and `decr`: `number`.
        case number
        /// `STAT`: `key` is the name, `text` the value.
        case stat
        /// `VERSION`: `text`.
        case version
        /// A meta reply: `status`, `flags` and what they carry (`s` in `number`), `valueLength` of `VA`; `ME`: `key`,
        /// `text`.
        case meta
        /// The request was not understood: `ERROR`, with or without `text`.
        case error
        /// The request was at fault: `text`.
        case clientError
        /// The server was: `text`.
        case serverError
        /// Anything else (`BUSY ...`, `MEMLIMIT_TOO_SMALL ...`, a line of a key dump): `text` is the whole line.
        case other
    }

    public var kind: Kind
    public var status: MetaStatus
    public var hasToken: Bool
    /// Meta `h`.
    public var wasHit: Bool
    /// The line with its line end.
    public var lineBytes: UInt32
    public var key: LineSlice
    public var text: LineSlice
    /// Meta `O`, without its letter.
    public var opaque: LineSlice
    public var valueLength: UInt32
    public var clientFlags: UInt32
    /// All letters of a meta reply, also those without an argument: `W`, `X`, `Z`, `b`.
    public var flags: MetaFlags
    public var token: UInt64
    public var number: UInt64
    /// Meta `t`; -1 means never.
    public var secondsToLive: Int64
    /// Meta `l`.
    public var secondsSinceAccess: UInt64

    @inlinable
    public init() {
        kind = .other
        status = .done
        hasToken = false
        wasHit = false
        lineBytes = 0
        key = LineSlice(offset: 0, count: 0)
        text = LineSlice(offset: 0, count: 0)
        opaque = LineSlice(offset: 0, count: 0)
        valueLength = 0
        clientFlags = 0
        flags = MetaFlags()
        token = 0
        number = 0
        secondsToLive = 0
        secondsSinceAccess = 0
    }

    /// A value and CR LF follow the line.
    @inlinable
    public var carriesValue: Bool { kind == .value || (kind == .meta && status == .value) }

    /// The line and what follows it.
    @inlinable
    public var totalBytes: Int { Int(lineBytes) &+ (carriesValue ? Int(valueLength) &+ 2 : 0) }
}

extension MetaFlags {
    /// `W`: this client won and should recache.
    @inlinable public static var won: MetaFlags { MetaFlags("W") }
    /// `X`: the item is stale.
    @inlinable public static var stale: MetaFlags { MetaFlags("X") }
    /// `Z`: another client has won already.
    @inlinable public static var winSent: MetaFlags { MetaFlags("Z") }
}

/// What the reply parser made of the bytes.
@frozen
public enum ReplyOutcome: UInt8, BitwiseCopyable, Sendable {
    case reply
    case incomplete
    /// Not a line of this protocol: the connection is of no more use.
    case invalid
}
