import MartletProtocol
import NIOCore

/// One call to one server: what is asked, in no protocol's words yet.
struct CacheRequest: Sendable {
    enum Verb: UInt8, Sendable {
        /// Retrieves; with `exptime` also touches.
        case get
        case set, add, replace, append, prepend
        case delete
        /// Marks as stale, to be recached by one client while the others have the stale value.
        case invalidate
        case increment, decrement
        /// Changes nothing and brings no value: sets the item's life.
        case touch
    }

    /// What a retrieval brings besides the value and its client flags.
    struct Facts: OptionSet, Sendable {
        let rawValue: UInt8
        static let token = Facts(rawValue: 1)
        static let life = Facts(rawValue: 2)
        static let access = Facts(rawValue: 4)
        /// All but the value, where the server can leave it out.
        static let noValue = Facts(rawValue: 8)
    }

    var verb: Verb
    var key: CacheKey
    var facts: Facts = []
    /// Of a store. There is none elsewhere: every empty buffer is the same one, and counting who has it costs all
    /// threads.
    var stored: ByteBuffer?
    var clientFlags: UInt32 = 0
    /// The life to give the item; nil leaves it as it is where the verb can.
    var exptime: Int32?
    /// Changes the item only if its token is this one.
    var expectedToken: UInt64?
    /// The token that the item is to have.
    var newToken: UInt64?
    /// Of a store under a lease: the token of the lease that was taken with it in a migration's other pool.
    var otherToken: UInt64?
    /// `N` of a retrieval: on a miss, take a lease of so many seconds.
    var leaseSeconds: Int32?
    /// `R` of a retrieval: win the recaching if fewer seconds are left.
    var refreshSeconds: Int32?
    /// `I` of a store: store a value with an older token, but as stale.
    var keepsStale = false
    /// Of a retrieval of what is put together: a longer value is left out of the reply.
    var valueBytesMax = UInt32.max
    /// Of `increment` and `decrement`.
    var delta: UInt64 = 1
    /// The number to start with where there is none; it lives for `exptime`.
    var initialNumber: UInt64?
    /// Which of the key's servers is asked: 0 for its own, 1 for the one that would have it next, and so on.
    var rank: UInt8 = 0
    /// Of one copy of several, or of a generation: its server's answer counts, and nobody else's instead.
    var isOfCopy = false

    var value: ByteBuffer {
        get { stored ?? ByteBuffer() }
        set { stored = newValue }
    }

    var valueBytes: Int { stored?.readableBytes ?? 0 }

    /// The same for the server of another rank.
    func at(_ rank: UInt8) -> CacheRequest {
        var request = self
        request.rank = rank
        return request
    }

    init(_ verb: Verb, _ key: CacheKey) {
        self.verb = verb
        self.key = key
    }

    /// What it comes to on a server that has nothing and keeps nothing.
    var outcomeOfNothing: CacheReply.Outcome {
        switch verb {
        case .set: expectedToken == nil ? .done : .missing
        case .add, .replace, .append, .prepend: .notStored
        case .get, .delete, .invalidate, .increment, .decrement, .touch: .missing
        }
    }

    /// Whether asking twice is as good as asking once.
    var isRetrieval: Bool { verb == .get && leaseSeconds == nil && refreshSeconds == nil }

    /// Whether the server may tell this client to recache, and the answer says of which item: if nobody takes it any
    /// more that is given back. Looks that only want a value have not asked for its token.
    var mayWin: Bool {
        leaseSeconds != nil || refreshSeconds != nil || facts.contains(.access) || givesLife
    }

    /// Changes nothing but a life.
    private var givesLife: Bool { exptime != nil && (verb == .get || verb == .touch) }

    var carriesValue: Bool {
        switch verb {
        case .set, .add, .replace, .append, .prepend: true
        default: false
        }
    }
}

/// What a server answered.
struct CacheReply: Sendable {
    enum Outcome: UInt8, Sendable {
        /// Done; a retrieval's value is there.
        case done
        /// Nothing there to retrieve or to change.
        case missing
        /// Not stored: there is something where there must be nothing, or the other way round.
        case notStored
        /// The token is another one.
        case conflict
    }

    var outcome: Outcome
    /// Of a retrieval.
    var value: ByteBuffer?
    var clientFlags: UInt32 = 0
    var token: UInt64?
    /// Of a lease, in a migration: that of the lease in the other pool.
    var otherToken: UInt64?
    /// nil if not known or not asked for, -1 for ever.
    var secondsToLive: Int64?
    var secondsSinceAccess: UInt64?
    var wasFetched: Bool?
    /// Of an increment.
    var number: UInt64?
    var hasWon = false
    var isStale = false
    /// Another client is recaching.
    var isBeingRecached = false
    /// There is nothing, and somebody is to bring it: an empty item in its place.
    var isLease = false
    /// There is a value, but it is longer than may be.
    var isTooLong = false
    /// From a server that knows no lives, leases and refreshes.
    var isClassic = false

    init(_ outcome: Outcome) { self.outcome = outcome }
}

/// What has become of a request.
typealias CallOutcome = Result<CacheReply, CacheError>

/// What a server understands.
enum Dialect: UInt8, Sendable {
    case meta, classic
}
