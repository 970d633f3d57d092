import MartletRing
import NIOCore

/// What a client may do and how long it waits. Every queue and every wait has a bound, and all of them stand here.
public struct CacheConfiguration: Sendable {
    /// How keys are shared out among the servers.
    public var distribution: KeyDistribution = .ketama
    /// The key's hash; the distribution's usual one if nil.
    public var keyHash: KeyHash?
    /// Which part of a key decides where it goes, where it is marked.
    public var hashTag: HashTag?

    /// How long a call may take, unless it says otherwise.
    public var operationTimeout: Duration = .milliseconds(500)
    /// How long a connection may take to be made and to answer for the first time.
    public var connectTimeout: Duration = .milliseconds(250)

    /// Connections to each server, shared by all calls. One more is made when a large value is stored.
    public var connectionsPerServer = 2
    /// Requests that may be on their way on one connection.
    public var inFlightMax = 1024
    /// Calls that may wait for a place on one connection; more are refused as overloaded.
    public var waitingCallsMax = 16_384
    /// Bytes of values that may wait to be stored over one connection; what is more is refused as overloaded. A value
    /// that is larger by itself is taken if no other waits.
    public var waitingBytesMax = 256 << 20
    /// The largest value sent or taken; 1 GiB at most, which more is taken for. A call for a larger one, that somebody
    /// else has stored, fails as `tooLarge`; it has to come over the connection all the same.
    public var valueBytesMax = 64 << 20 {
        didSet { valueBytesMax = min(max(valueBytesMax, 0), Self.valueBytesLimit) }
    }
    /// Values above this are stored over a connection of their own, so that small calls need not wait behind them.
    public var smallValueBytesMax = 64 << 10

    /// Whether large values are made shorter, and how; nil for not at all, as other clients need it.
    public var compression: CacheCompression?
    /// Whether values too large for one item go into several; nil for not at all.
    public var splitting: ValueSplitting?

    /// Loads from the source that may run at once; more wait for their turn. What a load itself loads through the cache
    /// belongs to its turn.
    public var concurrentLoadsMax = 64
    /// Loads that may wait for their turn, of different keys: those beyond it fail as overloaded, at once.
    public var waitingLoadsMax = 16_384

    /// Calls in a row that were late, while the server said nothing for half of `operationTimeout` or longer, after
    /// which it counts as down. One whose answers come, but late, is slow and not down: its calls fail at their
    /// deadlines.
    public var timeoutsUntilDown = 3
    /// The first wait before a server that is down is tried again; each further one is twice as long.
    public var probeDelay: Duration = .seconds(1)
    /// The longest such wait.
    public var probeDelayMax: Duration = .seconds(60)
    /// Keys, for each server, whose failed changes are remembered, to be removed there before it is used again.
    public var invalidationsMax = 10_000
    /// What calls for the keys of a server that is down come to.
    public var whenServerDown: WhenServerDown = .fail

    /// Whether to ask for the meta protocol, without which there are no leases, no refreshes, no stale values and no
    /// lives to be read. A server that does not know it as memcached has it since 1.6.10 is found out by itself;
    /// false is for what breaks when asked.
    public var usesMetaProtocol = true
    /// Sent as the first thing on every connection: memcached's `-Y`.
    public var credentials: CacheCredentials?
    /// Told of every call and every load; nil for nobody.
    public var observer: (any CacheObserver)?
    /// Called with each new connection, and the server it is to, before anything is sent over it: what adds TLS is put
    /// here by `useTLS` of MartletClientTLS.
    public var prepareChannel: (@Sendable (any Channel, CacheServer) throws -> Void)?

    /// The defaults: for servers in the same data centre, and no other client of the pool.
    public init() {}

    /// The largest item that any server takes. What is in front of a value still fits into a buffer with it.
    package static let valueBytesLimit = 1 << 30

    var ringSettings: (KeyDistribution, KeyHash?, HashTag?) { (distribution, keyHash, hashTag) }
}

/// Name and password for a server that wants them.
public struct CacheCredentials: Sendable {
    /// Without spaces and control characters.
    public var user: String
    /// Without spaces and control characters. It goes over the wire as it is: use TLS.
    public var password: String

    /// Neither may have a space or a control character in it.
    public init(user: String, password: String) {
        self.user = user
        self.password = password
    }

    /// The store that memcached takes for a login.
    var login: String {
        let words = "\(user) \(password)"
        return "set auth 0 0 \(words.utf8.count)\r\n\(words)\r\n"
    }
}

/// What calls for the keys of a server that is down come to. The ring never changes because of it: what moved to
/// another server while one was away would be stale when it comes back.
public enum WhenServerDown: Sendable {
    /// An error at once. A load through the cache goes to the source, and everything else may.
    case fail
    /// As if nothing were there, for those who would do no more about an error than that: retrievals find nothing, what
    /// is to be kept is dropped, and what is to be removed is removed when the server is back. `addValue` says that it
    /// did not. That a server is down is an event; wrong credentials are an error all the same, and so is a generation
    /// of a droppable namespace that cannot be read.
    case miss
    /// Other servers, kept for this, on a ring of their own; nothing lives there longer than given, so that what is
    /// stale when the server comes back is so for no longer than that. Each name once; none at all is as `fail`. What
    /// is an error with `miss` is one here.
    case gutter([CacheServer], timeToLiveMax: Duration = .seconds(10))
}

extension Duration {
    /// In the units of event loops. What is longer than 73 years is that: then a deadline and a wait or two more still
    /// fit into a number.
    var timeAmount: TimeAmount {
        let (seconds, rest) = min(max(self, .zero), .seconds(Int64.max / 4 / 1_000_000_000)).components
        return .nanoseconds(seconds * 1_000_000_000 + rest / 1_000_000_000)
    }
}
