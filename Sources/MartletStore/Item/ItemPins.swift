import Synchronization

/// Keys whose items a test holds where they are: neither evicted nor moved with their page (`debugitem`).
///
/// A few words that hardly anybody looks at: who evicts or moves reads `count` first.
struct ItemPins: ~Copyable {
    let count = Atomic<Int>(0)
    private let hashes: InlineArray<64, Atomic<UInt64>> = .init { _ in Atomic(0) }

    /// 0 is an empty place.
    private static func marked(_ hash: UInt64) -> UInt64 { hash | 1 }

    borrowing func contains(_ hash: UInt64) -> Bool {
        for index in 0..<64 where hashes[index].load(ordering: .relaxed) == Self.marked(hash) { return true }
        return false
    }

    /// Returns false if too many are held.
    borrowing func add(_ hash: UInt64) -> Bool {
        for index in 0..<64 {
            if hashes[index].compareExchange(expected: 0, desired: Self.marked(hash), ordering: .relaxed).exchanged {
                count.wrappingAdd(1, ordering: .relaxed)
                return true
            }
        }
        return false
    }

    /// Takes one pin of the key away. Returns false if there is none.
    borrowing func remove(_ hash: UInt64) -> Bool {
        for index in 0..<64 {
            if hashes[index].compareExchange(expected: Self.marked(hash), desired: 0, ordering: .relaxed).exchanged {
                count.wrappingSubtract(1, ordering: .relaxed)
                return true
            }
        }
        return false
    }
}

extension StoreSession {
    /// `debugitem lock` and `unlock`: the key's item is neither evicted nor moved meanwhile. Returns whether there was
    /// room for the pin, or one to take away.
    package func setPinned(_ key: ItemKey, _ isPinned: Bool) -> Bool {
        isPinned ? core.pointee.pins.pointee.add(key.hash) : core.pointee.pins.pointee.remove(key.hash)
    }

    /// `debugitem ref` and `unref`: takes a reference to an item that nobody else knows of, or gives one back. A large
    /// item is leased, a small one is pinned. Returns false for a miss.
    package func setReferenced(_ key: ItemKey, _ isReferenced: Bool) -> Bool {
        let stripe = core.pointee.table.stripe(key.hash)
        stripe.lock()
        guard let slot = core.pointee.table.findLocked(key) else {
            stripe.unlock()
            return false
        }
        let item = core.pointee.arena.item(slot.handle)
        let itemState = item.state
        let isLarge = itemState.has(ItemState.isLarge)
        // One that nobody has taken before is not given back: the link keeps its own.
        let leases = isLarge ? item.large(itemState).leases.pointee.load(ordering: .relaxed) : 0
        if isLarge, isReferenced { item.large(itemState).acquire() }
        if isLarge, !isReferenced, leases > 1 { _ = item.large(itemState).release() }
        stripe.unlock()
        core.passHook()
        return isLarge || setPinned(key, isReferenced)
    }
}
