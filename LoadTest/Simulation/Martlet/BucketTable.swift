/// Martlet's hash table as far as memory and ghosts depend on it: each stripe a linear-hash table of its own, buckets
/// of ten slots with overflow buckets, and beside each bucket a row of ghosts.
///
///     bucket    count u32 | overflow u32 | 10 x place u32
///     ghosts    8 x u16, newest first: bit 15 kind (0 evicted from HOT, 1 from COLD), 15 bits of the hash, never 0
///
/// Who stands in which bucket follows from the hash of the key's number, drawn or given; no key is ever compared,
/// because `KeyPlaces` knows where each one is.
struct BucketTable: ~Copyable {
    struct Form: Sendable, Equatable {
        var slotCount = 10
        var bucketBytes = 64
        /// Items for each bucket above which a stripe grows, in halves.
        var loadMaxHalves = 15
        var ghostLanes = 8
        var overflowSlotCount = 10
        var overflowBytes = 64
        /// Whether an overflow bucket given back is had by the next stripe that needs one, not only by its own.
        var sharesOverflow = false
    }

    enum GhostKind: UInt16, BitwiseCopyable {
        case fromHot = 0
        case fromCold = 0x8000
    }

    struct Stripe: BitwiseCopyable {
        var bucketCount: UInt32
        var itemCount: UInt32
        var freeOverflow: UInt32
        /// Items that the table was last told of.
        var toldCount: UInt32
    }

    private let form: Form
    private let stripeBits: UInt64
    let hasher: KeyHasher
    /// Where the hasher finds hashes that were given.
    private let hashes: Cells<UInt64>
    private let stripes: Cells<Stripe>
    /// Buckets of `stride` words each.
    private var rows: Cells<UInt32>
    private var overflow: Cells<UInt32>
    private var ghosts: Cells<UInt16>
    private let stride: Int
    private let overflowStride: Int
    /// Overflow buckets given back, if they are shared.
    private var freeOverflow: UInt32 = 0
    private(set) var bucketCount: Int
    /// Items, as far as the stripes have told: each has as many buckets as are needed on average.
    private(set) var toldCount = 0
    /// Overflow buckets taken at least once.
    private(set) var overflowBump = 0
    private(set) var itemCount = 0

    /// - Parameter hashes: by key number; none of them, and they are drawn by `seed`.
    init(form: Form, stripeBits: Int, seed: UInt64, hashes given: [UInt64] = []) {
        self.form = form
        self.stripeBits = UInt64(stripeBits)
        hashes = Cells(count: given.count)
        for (key, hash) in given.enumerated() { hashes[key] = hash }
        hasher = KeyHasher(seed: seed, given: given.isEmpty ? nil : UnsafePointer(hashes.start))
        stride = form.slotCount + 2
        overflowStride = form.overflowSlotCount + 2
        stripes = Cells(count: 1 << stripeBits)
        bucketCount = 1 << stripeBits
        rows = Cells(count: bucketCount * stride, wantsHugePages: true)
        ghosts = Cells(count: bucketCount * form.ghostLanes, wantsHugePages: true)
        overflow = Cells(count: 1024)
        for index in 0..<bucketCount {
            stripes[index] = Stripe(bucketCount: 1, itemCount: 0, freeOverflow: 0, toldCount: 0)
        }
    }

    var stripeCount: Int { 1 << Int(stripeBits) }
    /// Lanes for fingerprints in all.
    var ghostLaneCount: Int { bucketCount * form.ghostLanes }

    /// What it has of memory in a server.
    var bytes: Int {
        stripeCount * 64 + bucketCount * (form.bucketBytes + 2 * form.ghostLanes) + overflowBump * form.overflowBytes
    }

    // MARK: Buckets

    @inline(__always)
    private func stripeIndex(_ hash: UInt64) -> Int { Int(truncatingIfNeeded: hash & ((1 &<< stripeBits) &- 1)) }

    /// Linear hashing: with n buckets and 2^L <= n < 2^(L+1) the low L+1 bits, or L where that bucket is not split off
    /// yet.
    @inline(__always)
    private func localBucket(_ hash: UInt64, _ count: UInt32) -> Int {
        let bits = UInt32(truncatingIfNeeded: hash &>> stripeBits) & 0xfff_ffff
        let mask = UInt32.max &>> UInt32(truncatingIfNeeded: count.leadingZeroBitCount)
        let local = bits & mask
        return Int(local >= count ? local & (mask &>> 1) : local)
    }

    @inline(__always)
    private func cell(_ hash: UInt64) -> Int {
        let stripe = stripeIndex(hash)
        return localBucket(hash, stripes[stripe].bucketCount) &<< Int(stripeBits) &+ stripe
    }

    @inline(__always)
    private func bucket(_ cell: Int) -> UnsafeMutablePointer<UInt32> { rows.place(cell &* stride) }

    @inline(__always)
    private func overflowBucket(_ number: UInt32) -> UnsafeMutablePointer<UInt32> {
        overflow.place(Int(number &- 1) &* overflowStride)
    }

    // MARK: Items

    /// Adds an item. The stripe grows if that is due; `hashOf` gives the hash of what is at a place.
    @inline(__always)
    mutating func insert(_ place: Chunk.Place, _ hash: UInt64, hashOf: (Chunk.Place) -> UInt64) {
        let stripe = stripes.place(stripeIndex(hash))
        append(place, to: cell(hash), stripe)
        stripe.pointee.itemCount &+= 1
        itemCount &+= 1
        tellCount(stripe)
        let halves = Int(stripe.pointee.itemCount) &* 2
        let wanted = (toldCount &* 2) >> Int(stripeBits) / form.loadMaxHalves &+ 1
        let count = Int(stripe.pointee.bucketCount)
        if count < wanted || halves > 2 &* count &* form.loadMaxHalves {
            split(stripeIndex(hash), hashOf: hashOf)
        }
    }

    mutating func remove(_ place: Chunk.Place, _ hash: UInt64) {
        let stripe = stripes.place(stripeIndex(hash))
        removeFromChain(place, cell(hash), stripe)
        stripe.pointee.itemCount &-= 1
        itemCount &-= 1
        tellCount(stripe)
    }

    /// Whenever a stripe's count has changed by 8.
    private mutating func tellCount(_ stripe: UnsafeMutablePointer<Stripe>) {
        let change = Int(stripe.pointee.itemCount) &- Int(stripe.pointee.toldCount)
        if abs(change) < 8 { return }
        stripe.pointee.toldCount = stripe.pointee.itemCount
        toldCount &+= change
    }

    /// Puts `new` where `old` was, in the chain of the same hash.
    func exchange(_ old: Chunk.Place, for new: Chunk.Place, _ hash: UInt64) {
        var bucket = bucket(cell(hash))
        while true {
            for slot in 0..<Int(bucket[0]) where bucket[2 + slot] == old {
                bucket[2 + slot] = new
                return
            }
            precondition(bucket[1] != 0, "an item stands in its bucket")
            bucket = overflowBucket(bucket[1])
        }
    }

    private mutating func append(_ place: Chunk.Place, to cell: Int, _ stripe: UnsafeMutablePointer<Stripe>) {
        var last = bucket(cell)
        var slotCount = form.slotCount
        while last[1] != 0 {
            last = overflowBucket(last[1])
            slotCount = form.overflowSlotCount
        }
        if Int(last[0]) == slotCount {
            let number = takeOverflow(stripe)
            // Which may have moved all overflow buckets.
            last = bucket(cell)
            while last[1] != 0 { last = overflowBucket(last[1]) }
            last[1] = number
            last = overflowBucket(number)
        }
        last[2 + Int(last[0])] = place
        last[0] &+= 1
    }

    private mutating func takeOverflow(_ stripe: UnsafeMutablePointer<Stripe>) -> UInt32 {
        let free = form.sharesOverflow ? freeOverflow : stripe.pointee.freeOverflow
        if free != 0 {
            let bucket = overflowBucket(free)
            if form.sharesOverflow { freeOverflow = bucket[1] } else { stripe.pointee.freeOverflow = bucket[1] }
            bucket[0] = 0
            bucket[1] = 0
            return free
        }
        overflowBump += 1
        overflow.grow(to: overflowBump * overflowStride)
        return UInt32(overflowBump)
    }

    /// The chain's last item moves into the hole.
    private mutating func removeFromChain(_ place: Chunk.Place, _ cell: Int, _ stripe: UnsafeMutablePointer<Stripe>) {
        var hole: UnsafeMutablePointer<UInt32>?
        var previous: UnsafeMutablePointer<UInt32>?
        var last = bucket(cell)
        while true {
            if hole == nil {
                for slot in 0..<Int(last[0]) where last[2 + slot] == place { hole = last + (2 + slot) }
            }
            if last[1] == 0 { break }
            previous = last
            last = overflowBucket(last[1])
        }
        guard let hole else { preconditionFailure("an item stands in its bucket") }
        last[0] &-= 1
        hole.pointee = last[2 + Int(last[0])]
        if last[0] == 0, let previous {
            let number = previous[1]
            previous[1] = 0
            last[1] = form.sharesOverflow ? freeOverflow : stripe.pointee.freeOverflow
            if form.sharesOverflow { freeOverflow = number } else { stripe.pointee.freeOverflow = number }
        }
    }

    /// Splits one bucket of the stripe in two; both keep the ghosts.
    private mutating func split(_ stripeIndex: Int, hashOf: (Chunk.Place) -> UInt64) {
        let stripe = stripes.place(stripeIndex)
        let count = stripe.pointee.bucketCount
        let half = UInt32(1) &<< (31 &- UInt32(truncatingIfNeeded: count.leadingZeroBitCount))
        let source = Int(count &- half) << Int(stripeBits) + stripeIndex
        let target = Int(count) << Int(stripeBits) + stripeIndex
        let cellsWanted = (Int(count) + 1) << Int(stripeBits)
        rows.grow(to: cellsWanted * stride)
        ghosts.grow(to: cellsWanted * form.ghostLanes)
        stripe.pointee.bucketCount = count &+ 1
        bucketCount += 1

        var moved: [Chunk.Place] = []
        var bucket = bucket(source)
        while true {
            for slot in 0..<Int(bucket[0])
            where localBucket(hashOf(bucket[2 + slot]), count &+ 1) == Int(count) { moved.append(bucket[2 + slot]) }
            if bucket[1] == 0 { break }
            bucket = overflowBucket(bucket[1])
        }
        for place in moved {
            removeFromChain(place, source, stripe)
            append(place, to: target, stripe)
        }
        let lanes = form.ghostLanes
        for lane in 0..<lanes { ghosts[target * lanes + lane] = ghosts[source * lanes + lane] }
    }

    // MARK: Ghosts

    @inline(__always)
    private static func fingerprint(_ hash: UInt64) -> UInt16 { max(1, UInt16(truncatingIfNeeded: hash &>> 49)) }

    /// Remembers what was evicted; the oldest of the row is forgotten.
    func remember(_ hash: UInt64, _ kind: GhostKind) {
        let lanes = form.ghostLanes
        if lanes == 0 { return }
        let row = ghosts.place(cell(hash) &* lanes)
        if lanes > 1 { (row + 1).update(from: row, count: lanes &- 1) }
        row.pointee = Self.fingerprint(hash) | kind.rawValue
    }

    /// Whether the key was lately evicted, and from where. Forgets it.
    func recall(_ hash: UInt64) -> GhostKind? {
        let lanes = form.ghostLanes
        if lanes == 0 { return nil }
        let row = ghosts.place(cell(hash) &* lanes)
        let wanted = Self.fingerprint(hash)
        for lane in 0..<lanes where row[lane] & 0x7fff == wanted {
            let kind = row[lane] & 0x8000 == 0 ? GhostKind.fromHot : .fromCold
            row[lane] = 0x8000
            return kind
        }
        return nil
    }
}
