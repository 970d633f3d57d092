/// How a value is to be stored under its key. `cas` is `.set` with `compareToken`.
@frozen
public enum StoreMode: UInt8, BitwiseCopyable, Sendable {
    case set, add, replace, append, prepend
}

/// Everything about a store but key and value.
public struct StoreRequest: BitwiseCopyable, Sendable {
    public var mode: StoreMode
    /// Opaque to the store. Of append and prepend, only an item that `vivifyExpiry` creates takes it.
    public var clientFlags: UInt32
    /// Server second from which the item is expired, 0 for never. Ignored by append and prepend.
    public var expiry: UInt32
    /// When set, the store happens only if the item's token matches (`EXISTS` otherwise, `NOT_FOUND` without item).
    public var compareToken: ComparedToken?
    /// When set, the stored item gets this token instead of an issued one (meta `E`).
    public var explicitToken: UInt64?
    /// Meta `I`: a `compareToken` lower than the item's token stores the value, but marks it stale.
    public var storesStaleWhenOlder: Bool
    /// Meta `N` with append or prepend: a missing item is created, with this expiry.
    public var vivifyExpiry: UInt32?

    @inlinable
    public init(
        mode: StoreMode, clientFlags: UInt32 = 0, expiry: UInt32 = 0, compareToken: ComparedToken? = nil,
        explicitToken: UInt64? = nil, storesStaleWhenOlder: Bool = false, vivifyExpiry: UInt32? = nil
    ) {
        self.mode = mode
        self.clientFlags = clientFlags
        self.expiry = expiry
        self.compareToken = compareToken
        self.explicitToken = explicitToken
        self.storesStaleWhenOlder = storesStaleWhenOlder
        self.vivifyExpiry = vivifyExpiry
    }
}

/// What became of a store.
public struct StoreOutcome: BitwiseCopyable, Sendable {
    @frozen
    public enum Result: UInt8, BitwiseCopyable, Sendable {
        case stored, notStored, exists, notFound, tooLarge, noMemory
    }

    public var result: Result
    /// Token of the stored item; 0 unless stored.
    public var token: UInt64
    /// Value length of the stored item (the whole of it after an append); 0 unless stored.
    public var valueLength: Int
    /// Class of the chunk the item lives in; 0 unless stored or compared.
    public var slabClass: Int
    /// Server second of the stored item's expiry, 0 for never or unless stored by anything but an append or prepend.
    public var expiry: UInt32

    @inlinable
    public init(
        _ result: Result, token: UInt64 = 0, valueLength: Int = 0, slabClass: Int = 0, expiry: UInt32 = 0
    ) {
        self.result = result
        self.token = token
        self.valueLength = valueLength
        self.slabClass = slabClass
        self.expiry = expiry
    }
}

/// `incr`, `decr` and `ma`.
public struct ArithmeticRequest: BitwiseCopyable, Sendable {
    public var delta: UInt64
    /// `decr`: subtracts and stops at 0. Otherwise adds, modulo 2^64.
    public var isDecrement: Bool
    public var compareToken: ComparedToken?
    public var explicitToken: UInt64?
    /// When set, an item that is there gets this expiry (`ma T`); 0 for never.
    public var newExpiry: UInt32?
    /// When set, a missing item is created with `vivifySeed` as its value and this expiry (`ma N J`).
    public var vivifyExpiry: UInt32?
    public var vivifySeed: UInt64

    @inlinable
    public init(
        delta: UInt64, isDecrement: Bool, compareToken: ComparedToken? = nil, explicitToken: UInt64? = nil,
        newExpiry: UInt32? = nil, vivifyExpiry: UInt32? = nil, vivifySeed: UInt64 = 0
    ) {
        self.delta = delta
        self.isDecrement = isDecrement
        self.compareToken = compareToken
        self.explicitToken = explicitToken
        self.newExpiry = newExpiry
        self.vivifyExpiry = vivifyExpiry
        self.vivifySeed = vivifySeed
    }
}

/// What became of an arithmetic request.
public struct ArithmeticOutcome: BitwiseCopyable, Sendable {
    @frozen
    public enum Result: UInt8, BitwiseCopyable, Sendable {
        /// `vivified`: there was no item, it was created with the seed.
        case changed, vivified, notFound, exists, nonNumeric, noMemory
    }

    public var result: Result
    public var value: UInt64
    public var token: UInt64
    public var expiry: UInt32
    public var slabClass: Int

    @inlinable
    public init(_ result: Result, value: UInt64 = 0, token: UInt64 = 0, expiry: UInt32 = 0, slabClass: Int = 0) {
        self.result = result
        self.value = value
        self.token = token
        self.expiry = expiry
        self.slabClass = slabClass
    }
}

/// `md` with `I` or `x`: the item stays, marked or emptied.
public struct InvalidateRequest: BitwiseCopyable, Sendable {
    public var compareToken: ComparedToken?
    public var explicitToken: UInt64?
    /// `I`: the item is marked stale and its win is given out again.
    public var marksStale: Bool
    /// `x`: the value is dropped, and the client flags become `clientFlags`.
    public var dropsValue: Bool
    public var clientFlags: UInt32
    /// `T`: new expiry, 0 for never.
    public var newExpiry: UInt32?

    @inlinable
    public init(
        compareToken: ComparedToken? = nil, explicitToken: UInt64? = nil, marksStale: Bool, dropsValue: Bool,
        clientFlags: UInt32 = 0, newExpiry: UInt32? = nil
    ) {
        self.compareToken = compareToken
        self.explicitToken = explicitToken
        self.marksStale = marksStale
        self.dropsValue = dropsValue
        self.clientFlags = clientFlags
        self.newExpiry = newExpiry
    }
}

/// What became of a delete or an invalidation.
public struct DeleteOutcome: BitwiseCopyable, Sendable {
    @frozen
    public enum Result: UInt8, BitwiseCopyable, Sendable {
        case done, notFound, exists, noMemory
    }

    public var result: Result
    public var slabClass: Int

    @inlinable
    public init(_ result: Result, slabClass: Int = 0) {
        self.result = result
        self.slabClass = slabClass
    }
}
