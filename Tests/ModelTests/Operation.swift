import MartletStore

/// One operation on the store, as data: what a seed generates, what a failure prints, what a replay runs.
///
/// Tokens and times are named relatively, so that a sequence keeps its meaning when a step is taken out of it.
enum Operation {
    case store(key: Int, Content, StoreChoice = StoreChoice())
    case hold(key: Int, HoldChoice = HoldChoice())
    case vivify(key: Int, Lifetime = .never, explicit: UInt64? = nil)
    case delete(key: Int, TokenChoice = .none)
    case invalidate(key: Int, InvalidateChoice)
    case arithmetic(key: Int, ArithmeticChoice)
    /// Opens a reservation in a slot that has none.
    case reserve(slot: Int, key: Int, Content)
    /// Some more bytes arrive.
    case receive(slot: Int, bytes: Int)
    /// The rest arrives and the value is stored.
    case commit(slot: Int, StoreChoice = StoreChoice())
    case abort(slot: Int)
    case release(lease: Int)
    case flush
    case flushLater(seconds: UInt32)
    /// The clock of everybody moves on.
    case advance(seconds: UInt32)
    case maintain(passes: Int = 1)
    case setLimit(megabytes: Int)
    /// One of the classes with two pages and more begins to give one to a class, or to the pool (0).
    case reassign(from: Int, to: Int)
    /// Slices of a move under way, or of one that is asked for.
    case advanceMove(slices: Int = 1)
    /// Items that the model does not follow, to press on those it follows.
    case fill(first: Int, count: Int, length: Int, Lifetime = .never)
}

/// An operation of one client, and what the other client does while it is under way: `nested` operations happen at the
/// given numbers of passed unlocks, counted from 0.
struct Step {
    var client = 0
    var operation: Operation
    var nested: [(Int, Operation)] = []

    init(_ client: Int, _ operation: Operation, _ nested: (Int, Operation)...) {
        self.init(client: client, operation: operation, nested: nested)
    }

    init(client: Int, operation: Operation, nested: [(Int, Operation)]) {
        self.client = client
        self.operation = operation
        self.nested = nested
    }
}

enum Content: Equatable {
    case number(UInt64)
    case pattern(Int, length: Int)
}

enum Lifetime: Equatable {
    case never, over
    case seconds(UInt32)

    func expiry(now: UInt32) -> UInt32 {
        switch self {
        case .never: 0
        case .over: 1
        case .seconds(let seconds): now + seconds
        }
    }
}

enum TokenChoice: Equatable {
    case none
    /// The key's token as last seen, or the one before that.
    case last, older
    case exactly(UInt64)
    case noItem
}

struct StoreChoice: Equatable {
    var mode = StoreMode.set
    var flags: UInt32 = 0
    var lifetime = Lifetime.never
    var compare = TokenChoice.none
    var explicit: UInt64?
    var storesStale = false
    var vivify: Lifetime?
    /// Through a reservation, in pieces of so many bytes; nil for a value in one piece.
    var pieceBytes: Int?
}

struct HoldChoice: Equatable {
    var bump = true
    var touch: Lifetime?
    var givesWin = false
    /// Takes a lease into this slot if it is empty and the item can be leased.
    var lease: Int?
}

struct InvalidateChoice: Equatable {
    var compare = TokenChoice.none
    var explicit: UInt64?
    var marksStale = false
    var dropsValue = false
    var flags: UInt32 = 0
    var touch: Lifetime?
}

struct ArithmeticChoice: Equatable {
    var delta: UInt64 = 1
    var isDecrement = false
    var compare = TokenChoice.none
    var explicit: UInt64?
    var touch: Lifetime?
    var vivify: Lifetime?
    var seed: UInt64 = 0
}

/// The store that a run is made on.
struct ModelConfiguration: Equatable {
    var megabytes = 64
    var itemBytesMax = 1 << 20
    var keyCount = 6
    /// A third of the keys have one hash, another third are in the stripe of those. At most 90 keys then.
    var keysCollide = false
    /// Memory is tight: an item may be absent at any time, though never wrong. Otherwise nothing may vanish.
    var mayVanish = false
    var eviction = EvictionPolicy.martlet
    /// Items that live at most so long are TEMP; 0 for none.
    var temporarySeconds: UInt32 = 0
    /// memcached's memory in place of this store's own.
    var isMemcachedMode = false

    var itemOverheadBytes: Int { isMemcachedMode ? 59 : ItemPointer.headerBytes }
}
