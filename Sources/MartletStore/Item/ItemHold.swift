/// A found item, with the lock of its stripe held: while it lives, nothing about the item changes.
///
/// Copy what the answer needs and let it go; no other call to the store is allowed meanwhile. Value, flags and token of
/// one hold belong together.
///
/// Public, with inlinable members, because the compiler inlines nothing else into other modules; an end they cannot see
/// would even be called through the type's table of witnesses.
public struct ItemHold: ~Copyable {
    private let stripe: UnsafeMutablePointer<Stripe>
    private let store: StorePointer
    /// `stripe` and `store` as the inlinable end can name them.
    @usableFromInline let stripeAddress: UnsafeMutableRawPointer
    @usableFromInline let storeAddress: UnsafeMutableRawPointer
    private let handle: Handle
    @usableFromInline let item: ItemPointer
    @usableFromInline var state: ItemState
    private let before: AccessWord
    private let now: UInt32
    /// Server second of expiry before this access gave the item another; 0 for never.
    package let expiryBefore: UInt32
    /// The item was made by this very call (`vivify`): there was none.
    package let isVivified: Bool

    @inline(__always)
    init(
        stripe: UnsafeMutablePointer<Stripe>, store: StorePointer, handle: Handle, item: ItemPointer, state: ItemState,
        before: AccessWord, now: UInt32, expiryBefore: UInt32, isVivified: Bool
    ) {
        self.stripe = stripe
        self.store = store
        stripeAddress = UnsafeMutableRawPointer(stripe)
        storeAddress = UnsafeMutableRawPointer(store)
        self.handle = handle
        self.item = item
        self.state = state
        self.before = before
        self.now = now
        self.expiryBefore = expiryBefore
        self.isVivified = isVivified
    }

    @inlinable
    deinit { ItemHold.end(stripeAddress, storeAddress) }

    @usableFromInline
    static func end(_ stripe: UnsafeMutableRawPointer, _ store: UnsafeMutableRawPointer) {
        stripe.assumingMemoryBound(to: Stripe.self).unlock()
        store.assumingMemoryBound(to: StoreCore.self).passHook()
    }

    @inlinable public var clientFlags: UInt32 { item.clientFlags(state) }
    @inlinable public var token: UInt64 { item.token }
    @inlinable public var valueLength: Int { isLeasable ? largeLength : item.smallLength }
    @usableFromInline var largeLength: Int { item.valueLength(state) }
    /// Server second of expiry, 0 for never.
    package var expiry: UInt32 { item.expiry(state) }
    /// Server second of the access before this one.
    package var lastAccess: UInt32 { before.lastAccess(now: now) }
    /// Whether the item was read before this access.
    package var wasFetched: Bool { before.isFetched }
    @inlinable public var isStale: Bool { state.has(ItemState.isStale) }
    @inlinable public var isWinSent: Bool { state.has(ItemState.isWinSent) }
    package var slabClass: Int { store.pointee.pages.slabClass(store.pointee.arena.pageIndex(handle)) }
    /// Header, key and value together, in bytes.
    package var itemSize: Int { store.itemBytes(item, state) }

    /// Whether the value is long enough to be sent from where it lies (more than 4096 bytes).
    @inlinable public var isLeasable: Bool { state.has(ItemState.isLarge) }

    /// The value of an item that is not leasable: one piece, valid while the hold lives.
    package var value: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: item.value(state), count: item.smallLength)
    }

    /// Copies the whole value; `destination` has room for `valueLength` bytes.
    @inlinable
    public func copyValue(to destination: UnsafeMutableRawPointer) {
        if isLeasable {
            copyLarge(to: destination)
        } else {
            destination.copyMemory(from: item.value(state), byteCount: item.smallLength)
        }
    }

    @usableFromInline
    func copyLarge(to destination: UnsafeMutableRawPointer) { LargeValue(item, state, store).copy(to: destination) }

    /// Keeps the value where it is, unchanged, until the lease ends. Only for leasable items.
    package func lease() -> ItemLease {
        precondition(isLeasable, "only large items are leased")
        item.large(state).acquire()
        return ItemLease(store: store, handle: handle)
    }

    /// Notes that somebody was told to recache the item.
    package mutating func setWinSent() {
        state.raw |= ItemState.isWinSent
        item.state = state
        store.sealLocked(handle, item, state)
    }
}
