/// One line of a server's answer, taken apart. Like `Request`, a flat value with offsets into the line; fields a kind does
/// not have are zero.
@frozen
package struct Reply: BitwiseCopyable, Sendable {
    @frozen
    package enum Kind: UInt8, BitwiseCopyable, Sendable {
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
        /// A meta reply: `status`, `flags` and what they carry (`s` in `number`), `valueLength` of `VA`; `ME`: `key`, `text`.
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

    package var kind: Kind
    package var status: MetaStatus
    package var hasToken: Bool
    /// Meta `h`.
    package var wasHit: Bool
    /// The line with its line end.
    package var lineBytes: UInt32
    package var key: LineSlice
    package var text: LineSlice
    /// Meta `O`, without its letter.
    package var opaque: LineSlice
    package var valueLength: UInt32
    package var clientFlags: UInt32
    /// All letters of a meta reply, also those without an argument: `W`, `X`, `Z`, `b`.
    package var flags: MetaFlags
    package var token: UInt64
    package var number: UInt64
    /// Meta `t`; -1 means never.
    package var secondsToLive: Int64
    /// Meta `l`.
    package var secondsSinceAccess: UInt64

    @inlinable
    package init() {
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
    package var carriesValue: Bool { kind == .value || (kind == .meta && status == .value) }

    /// The line and what follows it.
    @inlinable
    package var totalBytes: Int { Int(lineBytes) &+ (carriesValue ? Int(valueLength) &+ 2 : 0) }
}

extension MetaFlags {
    /// `W`: this client won and should recache.
    @inlinable package static var won: MetaFlags { MetaFlags("W") }
    /// `X`: the item is stale.
    @inlinable package static var stale: MetaFlags { MetaFlags("X") }
    /// `Z`: another client has won already.
    @inlinable package static var winSent: MetaFlags { MetaFlags("Z") }
}

/// What the reply parser made of the bytes.
@frozen
package enum ReplyOutcome: UInt8, BitwiseCopyable, Sendable {
    case reply
    case incomplete
    /// Not a line of this protocol: the connection is of no more use.
    case invalid
}
