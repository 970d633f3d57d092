// Signatures first; bodies follow in the next commits.
import CShims

package struct StoreSettings: Sendable {
    package var memoryLimitBytes = 64 << 20
    package var itemBytesMax = 1 << 20
    package var growthFactor = 1.05
    package var chunkBytesMin = 0
    package var evicts = true
    package var issuesTokens = true
    package init() {}
}

package enum StoreCreationError: Error { case memoryRefused(bytes: Int), invalid(String) }

package struct CacheStore: @unchecked Sendable {
    package init(settings: StoreSettings, secret: (UInt64, UInt64), now: UInt32) throws(StoreCreationError) {}
    package func makeSession() -> StoreSession { StoreSession() }
    /// Frees everything; no session may be used any more.
    package func destroy() {}
    /// One pass of the maintainer: expired items, page credits. Returns whether there was something to do.
    package func maintain(now: UInt32) -> Bool { false }
    /// `cache_memlimit`. Returns false when out of bounds.
    package func setMemoryLimit(bytes: Int) -> Bool { false }
    package func statistics() -> StoreStatistics { StoreStatistics() }
    package func resetStatistics() {}
}

package enum MissReason: UInt8, BitwiseCopyable { case absent, expired, flushed }

package struct StoreSession: BitwiseCopyable {
    package func setNow(_ second: UInt32) {}
    package var now: UInt32 { 0 }
    package func hash(_ bytes: UnsafeRawPointer, _ count: Int) -> UInt64 { 0 }
    package func prefetchBucket(_ hash: UInt64) {}
    package func prefetchItem(_ hash: UInt64) {}
    package var lastMiss: MissReason { .absent }
    package func hold(_ key: ItemKey, bump: Bool = true, newExpiry: UInt32? = nil) -> ItemHold? { nil }
    package func vivify(_ key: ItemKey, expiry: UInt32, explicitToken: UInt64?) -> ItemHold? { nil }
    package func store(_ key: ItemKey, _ value: UnsafeRawBufferPointer, _ request: StoreRequest) -> StoreOutcome {
        StoreOutcome(.notStored)
    }
    package func reserve(_ key: ItemKey, valueLength: Int) -> ReserveOutcome { .noMemory }
    package func commit(_ reservation: consuming ItemReservation, _ request: StoreRequest) -> StoreOutcome {
        StoreOutcome(.notStored)
    }
    package func delete(_ key: ItemKey, compareToken: UInt64? = nil) -> DeleteOutcome { DeleteOutcome(.notFound) }
    package func invalidate(_ key: ItemKey, _ request: InvalidateRequest) -> DeleteOutcome { DeleteOutcome(.notFound) }
    package func arithmetic(_ key: ItemKey, _ request: ArithmeticRequest) -> ArithmeticOutcome {
        ArithmeticOutcome(.notFound)
    }
    package func flushAll() {}
    package func flushAll(at second: UInt32) {}
}

package struct ItemHold: ~Copyable {
    package var clientFlags: UInt32 { 0 }
    package var token: UInt64 { 0 }
    package var valueLength: Int { 0 }
    package var expiry: UInt32 { 0 }
    package var lastAccess: UInt32 { 0 }
    package var wasFetched: Bool { false }
    package var isStale: Bool { false }
    package var isWinSent: Bool { false }
    package var isVivified: Bool { false }
    package var slabClass: Int { 0 }
    /// Header, key and value together.
    package var itemSize: Int { 0 }
    package func copyValue(to destination: UnsafeMutableRawPointer) {}
    package var isLeasable: Bool { false }
    package func lease() -> ItemLease { ItemLease() }
    package func setWinSent() {}
    deinit {}
}

package struct ItemLease: ~Copyable {
    package var valueLength: Int { 0 }
    package var spanCount: Int { 0 }
    package func span(_ index: Int) -> UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: nil, count: 0) }
    deinit {}
}

package enum ReserveOutcome: ~Copyable { case reserved(ItemReservation), tooLarge, noMemory }

package struct ItemReservation: ~Copyable {
    package var remaining: Int { 0 }
    package mutating func writableSpan() -> UnsafeMutableRawBufferPointer {
        UnsafeMutableRawBufferPointer(start: nil, count: 0)
    }
    package mutating func advance(_ bytes: Int) {}
    deinit {}
}
