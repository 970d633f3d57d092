// MartletProtocol: memcached's wire format as values.
//
// Bytes go in, small values come out (`RequestParser`, `ReplyParser`); values go in, bytes come out (`ReplyWriter`,
// `RequestWriter`). The classic and the meta commands are covered in both directions: a server needs the first and the
// third, a client the second and the fourth.
//
// Goals: one pass over a command line and no allocation; every answer the same however the bytes were cut into
// packets; no trap reachable from the wire; memcached 1.6.45's answers, letter by letter.
// Non-goals: input and output, buffers, time (an expiry stays the number the client sent), what a command does.
//
// Access is `package`, but `public` for the small types and for what is called per request or per key: the compiler
// inlines across modules only what is public and inlinable (`@inlinable package` compiles and stays a call).
//
// Threads: everything is a pure function over memory the caller owns and a value the caller keeps.

/// Some bytes of a request line, counted from the line's first byte.
@frozen
public struct LineSlice: BitwiseCopyable, Sendable, Equatable {
    public var offset: UInt32
    public var count: UInt32

    @inlinable
    public init(offset: Int, count: Int) {
        self.offset = UInt32(truncatingIfNeeded: offset)
        self.count = UInt32(truncatingIfNeeded: count)
    }

    @inlinable public var isEmpty: Bool { count == 0 }
    @inlinable public var end: Int { Int(offset) &+ Int(count) }

    /// The bytes, given where the line starts.
    @inlinable
    public func bytes(in line: UnsafeRawPointer) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: line + Int(offset), count: Int(count))
    }
}

/// One command line, taken apart.
///
/// A flat value: it holds offsets into the line, not pointers, so it survives the line being moved. Whoever needs the
/// key or the opaque hands the line's first byte back in. Fields that the command does not have are zero.
///
/// | command | fields besides `command`, `lineBytes`, `isQuiet` |
/// | --- | --- |
/// | get gets gat gats | `key` (the first), `arguments` (all keys), `exptime` (gat, gats) |
/// | set add replace append prepend cas | `key`, `clientFlags`, `exptime`, `valueLength`, `compareToken` (cas) |
/// | touch | `key`, `exptime` |
/// | delete | `key` |
/// | incr decr | `key`, `number` |
/// | mg ms md ma me | `key`, `flags` and what they carry, `returnOrder`, `valueLength` (ms) |
/// | flush_all | `exptime` if `hasDelay` |
/// | verbosity, cache_memlimit | `number` |
/// | shutdown | `shutdownMode` |
/// | stats, administration | `arguments` (stats: after the word; administration: the word too) |
@frozen
public struct Request: BitwiseCopyable, Sendable {
    public var command: Command
    /// Classic `noreply`, meta `q`. What it hides is the command's business; refusals have their own `isSilent`.
    public var isQuiet: Bool
    public var mode: MetaMode
    public var shutdownMode: ShutdownMode
    /// `flush_all` came with a number.
    public var hasDelay: Bool
    /// `mg`: `t` stands before `T` on the line, so it wants the time to live as it was before the touch.
    public var returnsTimeToLiveBeforeTouch: Bool
    /// `mg`: `R` stands before `T` on the line, so it means the time to live as it was before the touch.
    public var recachesBeforeTouch: Bool
    /// `mg`, `ma`: `N` stands behind `T` on the line, so an item that is made lives as long as `N` says.
    public var vivifiesBehindTouch: Bool

    /// The line with its line end: what to skip to reach the data block or the next request.
    public var lineBytes: UInt32
    public var key: LineSlice
    /// Words left to somebody else to take apart: see the table above.
    public var arguments: LineSlice
    /// `O` without its letter.
    public var opaque: LineSlice

    /// Without the closing CR LF.
    public var valueLength: UInt32
    public var clientFlags: UInt32
    /// As sent: 0, relative seconds, unix time or negative. Classic exptime, meta `T`, delay of `flush_all`.
    public var exptime: Int32
    /// Meta `N`.
    public var vivifyExptime: Int32
    /// Meta `R`.
    public var recacheExptime: Int32

    public var flags: MetaFlags
    /// The letters of the return flags in the order asked for, first one in the lowest byte: any of c f h k l O s t.
    public var returnOrder: UInt64
    /// Meta `C` (if `flags` has it) and the token of `cas`.
    public var compareToken: UInt64
    /// Meta `E`.
    public var explicitToken: UInt64
    /// Delta of `incr`, `decr` and `ma` (1 if none was given), level of `verbosity`, megabytes of `cache_memlimit`.
    public var number: UInt64
    /// Meta `J`, 0 if none was given.
    public var initialValue: UInt64

    /// What is wrong with the line. Meaningful only after `ParseOutcome.refused`.
    public var refusal: Refusal

    @inlinable
    public init() {
        command = .unknown
        isQuiet = false
        mode = .unspecified
        shutdownMode = .immediate
        hasDelay = false
        returnsTimeToLiveBeforeTouch = false
        recachesBeforeTouch = false
        vivifiesBehindTouch = false
        lineBytes = 0
        key = LineSlice(offset: 0, count: 0)
        arguments = LineSlice(offset: 0, count: 0)
        opaque = LineSlice(offset: 0, count: 0)
        valueLength = 0
        clientFlags = 0
        exptime = 0
        vivifyExptime = 0
        recacheExptime = 0
        flags = MetaFlags()
        returnOrder = 0
        compareToken = 0
        explicitToken = 0
        number = 0
        initialValue = 0
        refusal = Refusal(.error)
    }
}

/// `shutdown` alone, with `graceful`, or with something else.
@frozen
public enum ShutdownMode: UInt8, BitwiseCopyable, Sendable {
    case immediate, graceful, invalid
}

/// What the parser made of the bytes.
@frozen
public enum ParseOutcome: UInt8, BitwiseCopyable, Sendable {
    /// A request. Skip `lineBytes`.
    case request
    /// A line that gets an error for an answer: `request.refusal`. Skip `lineBytes`, then the refusal's `swallowBytes`.
    /// `request.command` names the command where it was known.
    case refused
    /// The line has not ended yet. Come back with more bytes.
    case incomplete
    /// Nobody we want to talk to (a line beyond all limits, an HTTP request): close without a byte.
    case hangUp
}

/// The answer to a line that cannot be carried out.
@frozen
public struct Refusal: BitwiseCopyable, Sendable, Equatable {
    public var reply: FixedReply
    /// The client asked for `noreply` before the mistake: say nothing.
    public var isSilent: Bool
    /// Staying in step is impossible: a data block of unknown length may follow. Answer, then close.
    public var closes: Bool
    /// Bytes behind the line that belong to the refused command, its data block with CR LF. They are to be skipped,
    /// never parsed.
    public var swallowBytes: UInt32

    @inlinable
    public init(_ reply: FixedReply, isSilent: Bool = false, closes: Bool = false, swallowBytes: UInt32 = 0) {
        self.reply = reply
        self.isSilent = isSilent
        self.closes = closes
        self.swallowBytes = swallowBytes
    }
}

extension Request {
    /// The key behind `key` in a multiget's `arguments`; empty when there is none. Start with `self.key`; a key's `end`
    /// is all that is needed to go on later.
    @inlinable
    public func key(after key: LineSlice, in line: UnsafeRawPointer) -> LineSlice {
        let end = arguments.end
        let start = ByteSearch.firstNonSpace(in: line, from: key.end, limit: end)
        // The line's own end may be read over, so the last key needs no smaller steps.
        let stop = ByteSearch.first(ByteSearch.space, in: line, from: start, limit: Int(lineBytes))
        return LineSlice(offset: start, count: (stop < end ? stop : end) &- start)
    }

    /// Writes the decoded key of a meta command whose flags have `.binaryKey` and gives its length, never 0.
    /// `destination` must have room for `WireLimits.keyBytesMax` bytes.
    package func decodeKey(in line: UnsafeRawPointer, into destination: UnsafeMutableRawPointer) -> Int {
        Base64.decode(key.bytes(in: line), into: destination)
    }
}
