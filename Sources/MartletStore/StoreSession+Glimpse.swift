/// What a look at a key has found, for whoever watches; nothing of it may be acted on.
package struct Glimpse: BitwiseCopyable {
    package enum Finding: UInt8, BitwiseCopyable {
        case absent, found, flushed, expired
    }

    package let finding: Finding
    /// 0 for an item that is not there.
    package let slabClass: Int
    package let valueLength: Int

    package static var nothing: Glimpse { Glimpse(finding: .absent, slabClass: 0, valueLength: 0) }
}

extension StoreSession {
    /// Looks at a key's item without counting as an access; what is dead stays where it is.
    package func glimpse(_ key: ItemKey) -> Glimpse {
        let stripe = core.pointee.table.stripe(key.hash)
        stripe.lock()
        defer { stripe.unlock() }
        guard let slot = core.pointee.table.findLocked(key) else { return .nothing }
        let item = core.pointee.arena.item(slot.handle)
        let itemState = item.state
        let finding: Glimpse.Finding
        switch core.deathLocked(item, itemState, stripe, now: state.pointee.now) {
        case nil: finding = .found
        case .expired: finding = .expired
        case .flushed: finding = .flushed
        }
        return Glimpse(
            finding: finding, slabClass: slabClass(of: slot.handle), valueLength: item.valueLength(itemState))
    }
}
