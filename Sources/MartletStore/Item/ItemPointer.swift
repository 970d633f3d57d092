import Synchronization

/// An item in the arena, by address. Little-endian, the chunk is aligned to 8 bytes.
///
///     off size field                                          guarded by
///       0    4 access word (AccessWord.swift)                 atomic; in a free chunk: next free handle, class lock
///       4    2 value length (large items: unused)             stripe
///       6    1 key length, 1...250                            fixed while the chunk is not free
///       7    1 state byte (ItemState.swift)                   atomic; its owner by phase
///       8    8 CAS token as the client sees it                stripe
///      16    4 expiry, server second, 0 never   if hasExpiry  stripe; atomic for hints
///       .    4 client flags                     if hasFlags   stripe
///       .    8 issued sequence                  if hasSequence  stripe
///       .   16 total length, leases, inline bytes, first part   if isLarge (LargeItem.swift)
///       .    k key                                            fixed while the chunk is not free
///       .    v value, without CR LF                           stripe; fixed while leased
///
/// Rules (R2...R4 of the engine):
/// 1. Value, token, flags and expiry are read for an answer only under the stripe lock of the key.
/// 2. Without it one may read access, state and expiry at any time, and the key only while holding the lock of the
///    chunk's class. What is learnt so is a hint, checked again in the bucket.
///
/// Public, and inlinable where answers need it, for the reason given at `ItemHold`.
public struct ItemPointer: BitwiseCopyable {
    public let raw: UnsafeMutableRawPointer

    @inlinable public static var headerBytes: Int { 16 }
    package static var copiedValueBytesMax: Int { StoreSession.copiedValueBytesMax }

    @inlinable @inline(__always)
    public init(raw: UnsafeMutableRawPointer) {
        self.raw = raw
    }

    // MARK: Atomic words

    @inline(__always)
    private var accessAtomic: UnsafeMutablePointer<Atomic<UInt32>> {
        raw.assumingMemoryBound(to: Atomic<UInt32>.self)
    }

    @inline(__always)
    private var stateAtomic: UnsafeMutablePointer<Atomic<UInt8>> {
        (raw + 7).assumingMemoryBound(to: Atomic<UInt8>.self)
    }

    @inline(__always)
    private var expiryAtomic: UnsafeMutablePointer<Atomic<UInt32>> {
        (raw + Self.headerBytes).assumingMemoryBound(to: Atomic<UInt32>.self)
    }

    @inline(__always)
    package var access: AccessWord {
        get { AccessWord(raw: accessAtomic.pointee.load(ordering: .relaxed)) }
        nonmutating set { accessAtomic.pointee.store(newValue.raw, ordering: .relaxed) }
    }

    /// Replaces the access word if it still is `expected`.
    @inline(__always)
    package func exchangeAccess(expected: AccessWord, desired: AccessWord) -> Bool {
        accessAtomic.pointee.compareExchange(expected: expected.raw, desired: desired.raw, ordering: .relaxed).exchanged
    }

    /// The same, but it may fail for no reason; gives what it found as well.
    @inline(__always)
    package func weakExchangeAccess(expected: AccessWord, desired: AccessWord) -> (isExchanged: Bool, AccessWord) {
        let (exchanged, original) = accessAtomic.pointee.weakCompareExchange(
            expected: expected.raw, desired: desired.raw, ordering: .relaxed)
        return (exchanged, AccessWord(raw: original))
    }

    /// Takes over what accesses have left in the word of an earlier version of this item; where it stands stays its
    /// own.
    package func inheritAccess(_ old: ItemPointer) {
        let own = AccessWord.segmentMask | AccessWord.stampMask
        let inherited = old.access.raw & ~own
        var before = access
        while true {
            let after = AccessWord(raw: before.raw & own | inherited)
            if exchangeAccess(expected: before, desired: after) { return }
            before = access
        }
    }

    /// The state as its owner sees it.
    @inline(__always)
    package var state: ItemState {
        get { ItemState(raw: stateAtomic.pointee.load(ordering: .relaxed)) }
        nonmutating set { stateAtomic.pointee.store(newValue.raw, ordering: .relaxed) }
    }

    /// The state as a hint: if it says linked, the key is complete.
    @inline(__always)
    package var stateHint: ItemState {
        ItemState(raw: stateAtomic.pointee.load(ordering: .acquiring))
    }

    /// Makes a written item visible to hints.
    @inline(__always)
    package func publishState(_ state: ItemState) {
        stateAtomic.pointee.store(state.raw, ordering: .releasing)
    }

    /// Server second of expiry; 0 for never.
    @inline(__always)
    package func expiry(_ state: ItemState) -> UInt32 {
        state.has(ItemState.hasExpiry) ? expiryAtomic.pointee.load(ordering: .relaxed) : 0
    }

    /// Only for an item that has the word.
    @inline(__always)
    package func setExpiry(_ second: UInt32) {
        expiryAtomic.pointee.store(second, ordering: .relaxed)
    }

    // MARK: Plain fields

    public var smallLength: Int {
        @inlinable @inline(__always) get { Int((raw + 4).load(as: UInt16.self)) }
        nonmutating set { (raw + 4).storeBytes(of: UInt16(truncatingIfNeeded: newValue), as: UInt16.self) }
    }

    public var keyLength: Int {
        @inlinable @inline(__always) get { Int((raw + 6).load(as: UInt8.self)) }
        nonmutating set { (raw + 6).storeBytes(of: UInt8(truncatingIfNeeded: newValue), as: UInt8.self) }
    }

    public var token: UInt64 {
        @inlinable @inline(__always) get { (raw + 8).load(as: UInt64.self) }
        nonmutating set { (raw + 8).storeBytes(of: newValue, as: UInt64.self) }
    }

    @inlinable @inline(__always)
    public func clientFlags(_ state: ItemState) -> UInt32 {
        state.has(ItemState.hasFlags) ? (raw + state.flagsOffset).load(as: UInt32.self) : 0
    }

    @inline(__always)
    package func setClientFlags(_ flags: UInt32, _ state: ItemState) {
        (raw + state.flagsOffset).storeBytes(of: flags, as: UInt32.self)
    }

    /// The issued sequence, which the token equals unless it is explicit. What `flush_all` compares.
    @inline(__always)
    package func sequence(_ state: ItemState) -> UInt64 {
        state.has(ItemState.hasSequence) ? (raw + state.sequenceOffset).loadUnaligned(as: UInt64.self) : token
    }

    package func setSequence(_ sequence: UInt64, _ state: ItemState) {
        if state.has(ItemState.hasSequence) {
            (raw + state.sequenceOffset).storeBytes(of: sequence, as: UInt64.self)
        }
    }

    @inline(__always)
    package func key(_ state: ItemState) -> UnsafeMutableRawPointer {
        raw + state.keyOffset
    }

    /// First byte of the value; of a large item, of its inline piece.
    @inlinable @inline(__always)
    public func value(_ state: ItemState) -> UnsafeMutableRawPointer {
        raw + (state.keyOffset &+ keyLength)
    }

    @inline(__always)
    package func valueLength(_ state: ItemState) -> Int {
        state.has(ItemState.isLarge) ? large(state).totalLength : smallLength
    }

    @inline(__always)
    package func large(_ state: ItemState) -> LargeWords {
        LargeWords(raw: raw + state.largeOffset)
    }

    /// Header, optional words, key and value together.
    @inline(__always)
    package func size(_ state: ItemState) -> Int {
        state.keyOffset &+ keyLength &+ valueLength(state)
    }
}
