import LoadWorkload

/// A request under way: what its reply is held against.
struct Outstanding: BitwiseCopyable {
    /// What a correct server answers.
    enum Expectation: UInt8, BitwiseCopyable {
        /// Classic `VALUE ...` and `END`; for one key, `keyCount` of 1.
        case values
        /// Meta `VA` or `EN`, or `HD` where no value was asked for.
        case metaValue
        /// Meta `VA` for the hits among `keyCount` keys, then `MN`.
        case metaValues
        /// `STORED` or `NOT_STORED`, `EXISTS`, `NOT_FOUND`.
        case stored
        case metaStored
        /// `DELETED` or `NOT_FOUND`; likewise `TOUCHED`.
        case deleted, touched
        case metaDone
        /// A number or `NOT_FOUND`.
        case number
        case metaNumber
        /// Redis: a value or none; an array of `keyCount` of them, of which `token` tells whether its head has come.
        case redisValue, redisValues
        /// `+OK`, or nothing where there was an item.
        case redisStored
        case redisNumber
    }

    /// What the reply leads to.
    enum Step: UInt8, BitwiseCopyable {
        case only
        /// A miss is followed by a store.
        case readThrough
        /// The token that comes is compared by the store that follows.
        case readForStore
        /// A miss that this connection wins is followed by a store.
        case lease
        /// The store that such a read led to.
        case followingStore
    }

    var expectation: Expectation
    var step: Step
    var kind: OperationKind
    /// Whether it counts; not so what was sent to warm up.
    var isMeasured: Bool
    var keyCount: UInt16
    /// Repeated by meta replies, as letters.
    var opaque: UInt16
    var valueBytes: UInt32
    var secondsToLive: UInt32
    var key: UInt64
    /// The last eight digits of the key of a plain read; 0 where the key's end says nothing (`KeySpace.headBytes`).
    var keyDigits: UInt64 = 0
    /// What was known about the key when a read was sent.
    var known = VersionWord(raw: 0)
    /// The CAS token that a read for a store has brought.
    var token: UInt64 = 0
    /// When it was due, in nanoseconds; in a closed loop when it was sent.
    var intendedAt: UInt64
    var sentAt: UInt64

    /// Whether it stores, in whatever protocol.
    var isStore: Bool { expectation == .stored || expectation == .metaStored || expectation == .redisStored }

    /// Whether a store may be left undone without an error. Not a plain set, which asks nothing of the item.
    var mayBeDeclined: Bool { kind != .set }
}

/// A request that a reply has led to; sent before anything new, on the connection the reply came from.
struct FollowUp: BitwiseCopyable {
    var step: Outstanding.Step
    var kind: OperationKind
    var isMeasured: Bool
    var valueBytes: UInt32
    var secondsToLive: UInt32
    var key: UInt64
    /// To be compared by the store; 0 for none.
    var token: UInt64
}
