import Synchronization

/// Where keys become handles: stripes, their buckets, and the way from a hash to a slot.
///
///     hash  | tag 16 | ... | local bucket 28 | stripe |
///
/// Bucket b of stripe s stands at row b, column s, so all stripes fill the same rows at the same time and rows are
/// touched densely. The stripe count is fixed for the life of the process; each stripe grows by itself
/// (HashTable+Growth.swift). Every function named Locked wants the stripe's lock.
struct HashTable: BitwiseCopyable {
    let arena: Arena
    let keyHash: KeyHash
    let stripes: UnsafeMutableRawPointer
    let stripeBits: UInt64
    /// The bits of a hash that name its stripe.
    let stripeMask: UInt64
    let rows: UnsafeMutableRawPointer
    let rowCountMax: UInt32
    let ghosts: UnsafeMutableRawPointer
    let overflow: UnsafeMutableRawPointer
    let overflowCountMax: UInt32
    let words: UnsafeMutablePointer<Words>

    /// What all stripes share.
    struct Words: ~Copyable {
        /// Overflow buckets handed out so far; touched only when a stripe's own chain of free ones is empty.
        let overflowBump = Atomic<UInt32>(0)
        /// The sum of what the stripes have told.
        let toldCount = Atomic<Int64>(0)
        /// Buckets that no stripe grows beyond now (HashTable+Shrinking.swift).
        let rowCeiling: Atomic<UInt32>

        init(rowCeiling: UInt32) {
            self.rowCeiling = Atomic(rowCeiling)
        }
    }

    var stripeCount: Int { 1 << Int(stripeBits) }

    @inline(__always)
    func stripe(at index: Int) -> UnsafeMutablePointer<Stripe> {
        (stripes + index &* Stripe.bytes).assumingMemoryBound(to: Stripe.self)
    }

    @inline(__always)
    func stripe(_ hash: UInt64) -> UnsafeMutablePointer<Stripe> {
        stripe(at: stripeIndex(hash))
    }

    @inline(__always)
    func stripeIndex(_ hash: UInt64) -> Int {
        Int(truncatingIfNeeded: hash & stripeMask)
    }

    @inline(__always)
    static func tag(_ hash: UInt64) -> UInt16 {
        UInt16(truncatingIfNeeded: hash &>> 48)
    }

    static var localBits: UInt32 { 28 }

    /// The bits of a hash that name a bucket of its stripe.
    @inline(__always)
    func localBits(_ hash: UInt64) -> UInt32 {
        UInt32(truncatingIfNeeded: hash &>> stripeBits) & 0xfff_ffff
    }

    /// More bits than a stripe may have buckets for do not matter here.
    @inline(__always)
    func localBucket(_ hash: UInt64, bucketCount: UInt32) -> Int {
        Self.localBucket(UInt32(truncatingIfNeeded: hash &>> stripeBits), bucketCount: bucketCount)
    }

    /// Linear hashing: with n buckets and 2^L <= n < 2^(L+1), the low L+1 bits, or L where that bucket is not yet split
    /// off.
    @inline(__always)
    static func localBucket(_ bits: UInt32, bucketCount: UInt32) -> Int {
        let mask = UInt32.max &>> UInt32(truncatingIfNeeded: bucketCount.leadingZeroBitCount)
        let local = bits & mask
        return Int(local >= bucketCount ? local & (mask &>> 1) : local)
    }

    @inline(__always)
    func cell(_ local: Int, _ stripeIndex: Int) -> Int {
        (local &<< Int(truncatingIfNeeded: stripeBits)) &+ stripeIndex
    }

    @inline(__always)
    func bucket(_ local: Int, _ stripeIndex: Int) -> Bucket {
        Bucket(raw: rows + cell(local, stripeIndex) &* Bucket.bytes)
    }

    @inline(__always)
    func ghostRow(_ local: Int, _ stripeIndex: Int) -> GhostRow {
        GhostRow(raw: ghosts + cell(local, stripeIndex) &* GhostRow.bytes)
    }

    @inline(__always)
    func overflowBucket(_ number: UInt32) -> Bucket {
        Bucket(raw: overflow + Int(number &- 1) &* Bucket.bytes)
    }

    /// First bucket of the chain of `hash`. Without the lock this is a hint: a stale count names the wrong line.
    @inline(__always)
    func home(_ hash: UInt64) -> Bucket {
        let index = stripeIndex(hash)
        let count = stripe(at: index).pointee.bucketCount.load(ordering: .relaxed)
        return bucket(localBucket(hash, bucketCount: count), index)
    }

    @inline(__always)
    func ghostHome(_ hash: UInt64) -> GhostRow {
        let index = stripeIndex(hash)
        let count = stripe(at: index).pointee.bucketCount.load(ordering: .relaxed)
        return ghostRow(localBucket(hash, bucketCount: count), index)
    }

    /// The item of a key.
    @inline(__always)
    func findItemLocked(_ key: ItemKey) -> ItemPointer? {
        guard let slot = findLocked(key) else { return nil }
        return arena.item(slot.handle)
    }

    /// The slot of a key.
    @inline(__always)
    func findLocked(_ key: ItemKey) -> Slot? {
        var bucket = home(key.hash)
        let tag = Self.tag(key.hash)
        while true {
            var matches = bucket.matches(tag)
            while matches != 0 {
                let index = matches.trailingZeroBitCount
                let handle = bucket.handle(index)
                if !handle.isNone {
                    let item = arena.item(handle)
                    if item.keyLength == key.count, Self.isEqual(item.key(item.state), key.bytes, key.count) {
                        return Slot(bucket: bucket, index: index)
                    }
                }
                matches &= matches &- 1
            }
            let next = bucket.overflow
            if next == 0 { return nil }
            bucket = overflowBucket(next)
        }
    }

    /// The slot that holds `handle`, which is not none, if the chain of `hash` still does.
    func findLocked(_ handle: Handle, hash: UInt64) -> Slot? {
        precondition(!handle.isNone, "no handle stands for an empty slot")
        var bucket = home(hash)
        while true {
            for index in 0..<Bucket.slotCount where bucket.handle(index) == handle {
                return Slot(bucket: bucket, index: index)
            }
            let next = bucket.overflow
            if next == 0 { return nil }
            bucket = overflowBucket(next)
        }
    }

    @inline(__always)
    private static func isEqual(_ left: UnsafeRawPointer, _ right: UnsafeRawPointer, _ count: Int) -> Bool {
        if count >= 8 {
            var offset = 0
            let last = count &- 8
            while offset < last {
                if KeyHash.word(left + offset) != KeyHash.word(right + offset) { return false }
                offset &+= 8
            }
            return KeyHash.word(left + last) == KeyHash.word(right + last)
        }
        // Not memcmp: what lives across a call costs every look-up its registers.
        return KeyHash.shortWords(left, count) == KeyHash.shortWords(right, count)
    }

    /// Adds a handle to the chain of `hash`. Returns false only if no overflow bucket is to be had.
    func insertLocked(_ handle: Handle, hash: UInt64) -> Bool {
        let stripe = stripe(hash)
        guard appendLocked(handle, tag: Self.tag(hash), to: home(hash), stripe) else { return false }
        stripe.pointee.itemCount = stripe.pointee.itemCount &+ 1
        tellCountLocked(stripe)
        return true
    }

    func appendLocked(_ handle: Handle, tag: UInt16, to first: Bucket, _ stripe: UnsafeMutablePointer<Stripe>) -> Bool {
        var bucket = first
        while true {
            let next = bucket.overflow
            if next == 0 { break }
            bucket = overflowBucket(next)
        }
        let filled = bucket.filledCount
        if filled < Bucket.slotCount {
            bucket.set(filled, tag: tag, handle: handle)
            return true
        }
        let number = takeOverflowLocked(stripe)
        if number == 0 { return false }
        overflowBucket(number).set(0, tag: tag, handle: handle)
        bucket.overflow = number
        return true
    }

    /// Takes a slot out of the chain of `hash`.
    func removeLocked(_ slot: Slot, hash: UInt64) {
        let stripe = stripe(hash)
        removeLocked(slot, chain: home(hash), stripe)
        stripe.pointee.itemCount = stripe.pointee.itemCount &- 1
        tellCountLocked(stripe)
    }

    func removeLocked(_ slot: Slot, chain: Bucket, _ stripe: UnsafeMutablePointer<Stripe>) {
        var previous: Bucket?
        var last = chain
        while last.overflow != 0 {
            previous = last
            last = overflowBucket(last.overflow)
        }
        let index = last.filledCount - 1
        slot.bucket.set(slot.index, tag: last.tag(index), handle: last.handle(index))
        last.set(index, tag: 0, handle: .none)
        if index == 0, let previous {
            let number = previous.overflow
            previous.overflow = 0
            last.overflow = stripe.pointee.freeOverflow
            stripe.pointee.freeOverflow = number
        }
    }

    func takeOverflowLocked(_ stripe: UnsafeMutablePointer<Stripe>) -> UInt32 {
        let free = stripe.pointee.freeOverflow
        if free != 0 {
            let bucket = overflowBucket(free)
            stripe.pointee.freeOverflow = bucket.overflow
            bucket.clear()
            return free
        }
        return bumpOverflow() ?? 0
    }

    /// The number of an overflow bucket that nobody ever had.
    func bumpOverflow() -> UInt32? {
        let number = words.pointee.overflowBump.wrappingAdd(1, ordering: .relaxed).newValue
        if number > overflowCountMax {
            words.pointee.overflowBump.wrappingSubtract(1, ordering: .relaxed)
            return nil
        }
        return number
    }
}
