/// What the driver asks of a server, apart from bytes and sockets.
///
/// Goals: every operation is a small value, made without allocation; the same seed makes the same operations.
/// Non-goals: wire formats, sockets, clocks.
/// Threads: a source of operations belongs to one thread; `VersionTable` alone is shared.

/// The kind of an operation. Which protocol carries it, classic or meta, is the engine's affair.
@frozen
package enum OperationKind: UInt8, BitwiseCopyable, Sendable, CaseIterable, Codable {
    case get, multiget, set, add, delete, increment, touch, getAndTouch
    /// A read with token followed by a store that compares it.
    case compareAndSet
    /// A meta get that vivifies on a miss; who wins stores the value.
    case lease
}

/// One operation on one key; of a multiget, the first key.
@frozen
package struct Operation: BitwiseCopyable, Sendable {
    package var kind: OperationKind
    /// Whether a miss is followed by a store of the key, as a cache in front of a database is used.
    package var storesOnMiss: Bool
    /// Keys of a multiget in all, 1 otherwise.
    package var keyCount: UInt16
    /// Seconds until what is stored expires; 0 is never.
    package var secondsToLive: UInt32
    /// Size of what is stored, in bytes.
    package var valueBytes: UInt32
    /// The key as a number; `KeySpace` writes it as bytes.
    package var key: UInt64
    /// When a trace says the operation is due, in nanoseconds from the trace's start; 0 where nothing says so.
    package var dueNanoseconds: UInt64

    package init(
        kind: OperationKind, key: UInt64, valueBytes: UInt32 = 0, secondsToLive: UInt32 = 0, keyCount: UInt16 = 1,
        storesOnMiss: Bool = false, dueNanoseconds: UInt64 = 0
    ) {
        self.kind = kind
        self.storesOnMiss = storesOnMiss
        self.keyCount = keyCount
        self.secondsToLive = secondsToLive
        self.valueBytes = valueBytes
        self.key = key
        self.dueNanoseconds = dueNanoseconds
    }
}
