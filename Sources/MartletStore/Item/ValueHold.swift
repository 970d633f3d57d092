/// A found item of which only value, client flags and slab class are wanted, with the lock of its stripe held: what
/// `get` needs, small enough to be returned in registers.
///
/// The rules of `ItemHold` hold here as well. Of an item that is leasable, stale or being renewed by somebody only is
/// told that it is `isSpecial`; nothing about it has been counted or changed yet, and whoever meets one lets it go and
/// takes an `ItemHold`.
///
/// Public, with inlinable members, for the reason given at `ItemHold`.
public struct ValueHold: ~Copyable {
    @usableFromInline let stripe: UnsafeMutableRawPointer
    /// First byte of the value; valid and unchanged while the hold lives.
    public let start: UnsafeRawPointer
    /// Length of the value and client flags, in one word.
    @usableFromInline let lengthAndFlags: UInt64
    /// Slab class; 0 for a special item.
    @usableFromInline let classNumber: Int

    @inline(__always)
    init(
        stripe: UnsafeMutablePointer<Stripe>, start: UnsafeRawPointer, length: Int, clientFlags: UInt32, slabClass: Int
    ) {
        self.stripe = UnsafeMutableRawPointer(stripe)
        self.start = start
        lengthAndFlags = UInt64(clientFlags) << 32 | UInt64(truncatingIfNeeded: length)
        classNumber = slabClass
    }

    @inlinable
    deinit { ValueHold.end(stripe) }

    @usableFromInline
    static func end(_ stripe: UnsafeMutableRawPointer) {
        stripe.assumingMemoryBound(to: Stripe.self).unlock()
    }

    /// There is more to it than a short value: it has to be held by an `ItemHold`.
    @inlinable public var isSpecial: Bool { classNumber == 0 }
    @inlinable public var slabClass: Int { classNumber }
    @inlinable public var clientFlags: UInt32 { UInt32(truncatingIfNeeded: lengthAndFlags &>> 32) }
    /// At most `ItemPointer.copiedValueBytesMax`.
    @inlinable public var length: Int { Int(truncatingIfNeeded: lengthAndFlags & 0xffff_ffff) }
}

extension StoreSession {
    /// Finds the item of a key for a `get`: counts the access for eviction, marks the item fetched and holds it; nil
    /// for a miss. The test hook of a lock's release is not called for this one.
    package func holdValue(_ key: ItemKey) -> ValueHold? {
        // Read once: what is read behind the lock would be read anew.
        let table = core.pointee.table
        let stripe = table.stripe(key.hash)
        stripe.lock()
        guard let item = table.findItemLocked(key) else {
            stripe.unlock()
            return nil
        }
        let itemState = item.state
        if _slowPath(core.deathLocked(item, itemState, stripe, now: state.pointee.now) != nil) {
            stripe.unlock()
            return reviseDead(key)
        }
        if _slowPath(itemState.raw & (ItemState.isLarge | ItemState.isStale | ItemState.isWinSent) != 0) {
            return ValueHold(stripe: stripe, start: item.raw, length: 0, clientFlags: 0, slabClass: 0)
        }
        let slabClass = core.pointee.pages.slabClass(core.pointee.arena.pageIndex(ofAddress: item.raw))
        let isCold = countHit(item).isCold
        state.pointee.counters.coldHits[isCold ? slabClass : 0].addAlone(1)
        return ValueHold(
            stripe: stripe, start: item.value(itemState), length: item.smallLength,
            clientFlags: item.clientFlags(itemState), slabClass: slabClass)
    }

    /// Takes the dead item of a key out. Returns a hold only if somebody has stored the key meanwhile.
    @inline(never)
    private func reviseDead(_ key: ItemKey) -> ValueHold? {
        core.passHook()
        guard hold(key) != nil else { return nil }
        return holdValue(key)
    }
}
