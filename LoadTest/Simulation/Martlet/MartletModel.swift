import CShims

/// Martlet's store without locks, bytes and threads: pages, chunks, ring, hand, ghosts, table growth and memory budget
/// as in MartletStore, or as `MartletRules` would have them.
///
/// The functions stand in the order in which a request meets them: here reading and storing, then
/// MartletModel+Allocation (the ladder), +Hand (who goes), +Pages (budget and movers), +Expiry (crawler).
struct MartletModel: ~Copyable, CacheModel {
    let rules: MartletRules
    let memoryBytes: Int
    let label: String
    var space: SlabSpace
    var buckets: BucketTable
    var places = KeyPlaces()
    /// By slab class, from 1.
    let classes: Cells<ClassState>
    var counts = SimulationCounts()
    /// Of the items held.
    var valueBytes = 0
    var second: UInt32 = 2
    /// Requests so far.
    var tick: UInt32 = 0
    /// The first of this second.
    var secondStart: UInt32 = 0
    var ringBlocks = 0
    /// The most there were at once: memory once touched.
    var ringBlocksMost = 0
    var slowAllocations = 0
    /// Where the next search for a page to drain begins.
    var drainCursor = 0
    /// Evictions that the mover has been told of, and when it last acted.
    var moverClock = 0
    var lastMove = 0
    var lastCostlyMove = 0
    /// All hits, worn down like the classes' counts; and when last looked at.
    var recentHits = 0.0
    var recentHitsHalvings = 0
    var hitsEver = 0.0
    var newHits = 0
    var lastHalving = 0
    var halvings = 0
    /// Classes that ask for a page: class c is bit c % 64 of word c / 64.
    var requests = InlineArray<4, UInt64>(repeating: 0)
    var random: UInt64

    /// What one slab class has beside its pages.
    struct ClassState: BitwiseCopyable {
        var handPage = 0
        var handSlot = 0
        var hotCount = 0
        var coldCount = 0
        var warmCount = 0
        var hotShare = 0.0
        /// The fewest pages since `hotShare` last began anew, and victims sought since then.
        var sharePages = 1
        var shareEvictions = 0
        var isPressed = false
        var ring: PlaceRing
        /// Ends of the list of all items, for `lru`: newest and oldest.
        var newest: Chunk.Place = 0
        var oldest: Chunk.Place = 0
        var evictions = 0
        // What the mover goes by. Worn down with time:
        var ghostHits = 0.0
        var coldHits = 0.0
        var promotions = 0.0
        var stores = 0.0
        var halvings = 0
        // Not yet in the above, or since the start; chunks taken, parts' as well.
        var newColdHits = 0
        var evictionsUntold = 0
        var lastRequest = 0
        /// Pages of the last run that cost nobody anything.
        var freeRun = 0
        var taken = 0
        var takenSeen = 0
        var takenAtPage = 0
        var pageCame = 0
        // Of the time in which silence is judged.
        var spanStart = 0
        var spanShare = 0.0
        var spanHits = 0.0
        var spanTotal = 0.0
        var spanTaken = 0

        var itemCount: Int { hotCount &+ coldCount &+ warmCount }
    }

    init(rules: MartletRules, memoryBytes: Int, label: String? = nil, seed: UInt64 = 1, hashes: [UInt64] = []) {
        self.rules = rules
        self.memoryBytes = memoryBytes
        self.label = label ?? rules.choice.rawValue
        let table = rules.table
        space = SlabSpace(table: table, pagesMax: memoryBytes / table.pageBytes + 1)
        buckets = BucketTable(
            form: rules.buckets, stripeBits: rules.stripeBits(memoryBytes: memoryBytes), seed: seed, hashes: hashes)
        classes = Cells(count: table.classCount + 1)
        for index in 0...table.classCount { classes[index] = ClassState(ring: PlaceRing()) }
        random = seed
    }

    deinit {
        for index in 0..<classes.count { classes[index].ring.deallocate() }
    }

    /// What `lastAccess` means here: exact, but of `segmented`, which tells old from new as a server does.
    var accessTime: UInt32 { rules.choice == .segmented ? second : tick }

    // MARK: Requests

    mutating func replay(_ batch: RequestBatch) {
        places.grow(to: batch.keysEnd)
        batch.requests.withUnsafeBufferPointer { requests in
            for index in 0..<requests.count {
                if index &+ 16 < requests.count { cshims_prefetch(places.address(requests[index &+ 16].key)) }
                if index &+ 6 < requests.count {
                    cshims_prefetch(UnsafeRawPointer(space.chunk(places[requests[index &+ 6].key])))
                }
                replay(requests[index])
            }
        }
    }

    @inline(__always)
    private mutating func replay(_ request: SimulatedRequest) {
        if request.second != second {
            secondStart = tick
            pass(to: request.second)
        }
        tick &+= 1
        counts.requests &+= 1
        switch request.kind {
        case .readThrough:
            if !read(request) { store(request) }
        case .read: _ = read(request)
        case .store: store(request)
        case .add: if living(request.key) == 0 { store(request) }
        case .replace: if living(request.key) != 0 { store(request) }
        case .delete:
            let place = living(request.key)
            if place != 0 { drop(place) }
        }
        if rules.mover == .marginal { answerRequests() }
    }

    @inline(__always)
    private mutating func read(_ request: SimulatedRequest) -> Bool {
        counts.reads &+= 1
        counts.readBytes &+= Int(request.valueBytes)
        let place = living(request.key)
        if place == 0 {
            counts.misses &+= 1
            counts.missBytes &+= Int(request.valueBytes)
            return false
        }
        let chunk = space.chunk(place)
        newHits &+= 1
        if rules.mover == .marginal, chunk.pointee.segment == .cold { countColdHit(place, chunk, request) }
        hit(chunk)
        if rules.choice == .lru { moveToNewest(place, chunk, classes.place(space.slabClass(of: place))) }
        return true
    }

    /// Counts a hit on a COLD item, unless it is one that leaves the access word as it is. The last part of a large
    /// item stands for its class as the head for its own.
    private mutating func countColdHit(
        _ place: Chunk.Place, _ chunk: UnsafeMutablePointer<Chunk>, _ request: SimulatedRequest
    ) {
        if chunk.pointee.frequency == rules.frequencyMax, chunk.pointee.lastAccess >= secondStart { return }
        let slabClass = space.slabClass(of: place)
        classes.place(slabClass).pointee.newColdHits += 1
        if chunk.pointee.part == 0 { return }
        let last = lastPartClass(Int(request.keyBytes), Int(chunk.pointee.valueBytes))
        if last != slabClass {
            classes.place(last).pointee.newColdHits += 1
            newHits &+= 1
        }
    }

    @inline(__always)
    private func hit(_ chunk: UnsafeMutablePointer<Chunk>) {
        if chunk.pointee.frequency < rules.frequencyMax { chunk.pointee.frequency &+= 1 }
        chunk.pointee.lastAccess = accessTime
        chunk.mark(Chunk.isFetched)
    }

    /// The place of a key's living item, or 0; a dead one is taken out.
    @inline(__always)
    private mutating func living(_ key: UInt32) -> Chunk.Place {
        let place = places[key]
        if place == 0 || !space.chunk(place).hasExpired(second) { return place }
        counts.reclaimed += 1
        drop(place)
        return 0
    }

    // MARK: Storing

    /// How an item enters its class.
    struct Admission: BitwiseCopyable {
        var segment: Chunk.Segment
        var ghost: BucketTable.GhostKind?
        var isShortLived = false
    }

    private mutating func store(_ request: SimulatedRequest) {
        counts.stores &+= 1
        guard rules.headerBytes + Int(request.keyBytes) + Int(request.valueBytes) <= rules.itemBytesMax else {
            counts.refused += 1
            return
        }
        let old = living(request.key)
        let isLarge = Int(request.valueBytes) > rules.smallValueBytesMax
        if old != 0, !isLarge, overwrite(old, request) { return }

        let hash = buckets.hasher.hash(request.key)
        let admission = admission(request, hash, old, isLarge: isLarge)
        guard let new = isLarge ? makeLarge(request, admission) : makeSmall(request, admission) else {
            counts.refused += 1
            return
        }
        let chunk = space.chunk(new)
        chunk.pointee.key = request.key
        chunk.pointee.valueBytes = request.valueBytes
        chunk.pointee.expiry = request.expiry
        chunk.pointee.phase = .item
        valueBytes += Int(request.valueBytes)

        // What was there before may have been evicted to make room.
        let displaced = places[request.key]
        places[request.key] = new
        if displaced != 0 {
            buckets.exchange(displaced, for: new, hash)
            free(displaced)
        } else {
            insert(new, hash)
        }
        if request.expiry != 0 { lowerDue(new, to: request.expiry) }
    }

    @inline(__always)
    private mutating func insert(_ place: Chunk.Place, _ hash: UInt64) {
        let chunks = space.chunks.start
        let hasher = buckets.hasher
        buckets.insert(place, hash) { hasher.hash(chunks[Int($0)].key) }
    }

    private func admission(
        _ request: SimulatedRequest, _ hash: UInt64, _ old: Chunk.Place, isLarge: Bool
    ) -> Admission {
        var admission = Admission(segment: .hot, ghost: nil)
        if isLarge, !rules.largeGhosts { return admission }
        if old != 0 {
            let chunk = space.chunk(old)
            if chunk.pointee.segment == .warm || chunk.pointee.frequency > 0 { admission.segment = .warm }
            return admission
        }
        admission.ghost = buckets.recall(hash)
        if admission.ghost != nil, rules.ghostsAdmit { admission.segment = .warm }
        if request.secondsToLive != 0, request.secondsToLive < rules.shortLifeSeconds {
            admission = Admission(segment: .cold, ghost: nil, isShortLived: true)
        }
        return admission
    }

    /// In place: same class, room for what the request needs, and not large. Returns whether that was so.
    private mutating func overwrite(_ place: Chunk.Place, _ request: SimulatedRequest) -> Bool {
        let chunk = space.chunk(place)
        if chunk.has(Chunk.isLarge) { return false }
        let hasRoom = chunk.has(Chunk.hasExpiry)
        if request.expiry != 0, !hasRoom { return false }
        let bytes = rules.headerBytes + Int(request.keyBytes) + Int(request.valueBytes)
        let slabClass = space.slabClass(of: place)
        let wanted = bytes + (request.expiry != 0 ? 4 : 0)
        guard wanted <= space.table.chunkBytesMax, space.table.slabClass(for: wanted) == slabClass,
            bytes + (hasRoom ? 4 : 0) <= space.table.chunkBytes[slabClass]
        else { return false }
        valueBytes += Int(request.valueBytes) - Int(chunk.pointee.valueBytes)
        chunk.pointee.valueBytes = request.valueBytes
        chunk.pointee.expiry = request.expiry
        if rules.overwriteCountsAsHit { hit(chunk) }
        chunk.unmark(Chunk.isFetched)
        if rules.choice == .lru { moveToNewest(place, chunk, classes.place(slabClass)) }
        if request.expiry != 0 { lowerDue(place, to: request.expiry) }
        return true
    }

    private mutating func makeSmall(_ request: SimulatedRequest, _ admission: Admission) -> Chunk.Place? {
        let bytes =
            rules.headerBytes + (request.expiry != 0 ? 4 : 0) + Int(request.keyBytes) + Int(request.valueBytes)
        let slabClass = space.table.slabClass(for: bytes)
        guard let place = allocate(slabClass, admission) else { return nil }
        if request.expiry != 0 || space.table.chunkBytes[slabClass] - bytes >= 4 {
            space.chunk(place).mark(Chunk.hasExpiry)
        }
        return place
    }

    /// The class of the last part of a value that needs parts.
    private func lastPartClass(_ keyBytes: Int, _ valueBytes: Int) -> Int {
        let largest = space.table.chunkBytesMax
        let inParts = valueBytes - (largest - rules.largeHeaderBytes - keyBytes)
        let most = largest - rules.partHeaderBytes
        let rest = inParts % most
        return space.table.slabClass(for: (rest == 0 ? most : rest) + rules.partHeaderBytes)
    }

    /// A head, and as many parts as the value needs.
    private mutating func makeLarge(_ request: SimulatedRequest, _ admission: Admission) -> Chunk.Place? {
        let before = rules.largeHeaderBytes + Int(request.keyBytes)
        let largest = space.table.chunkBytesMax
        let size = min(before + Int(request.valueBytes), largest)
        guard let head = allocate(space.table.slabClass(for: size), admission) else { return nil }
        space.chunk(head).mark(Chunk.isLarge | Chunk.hasExpiry)
        space.chunk(head).pointee.key = request.key
        var left = Int(request.valueBytes) - (size - before)
        if left > 0, admission.ghost != nil {
            let last = lastPartClass(Int(request.keyBytes), Int(request.valueBytes))
            if last != space.slabClass(of: head) { classes.place(last).pointee.ghostHits += 1 }
        }
        var last = head
        while left > 0 {
            let length = min(left, largest - rules.partHeaderBytes)
            guard let part = allocate(space.table.slabClass(for: length + rules.partHeaderBytes), nil) else {
                leaveSegment(head)
                freeParts(head)
                put(head)
                return nil
            }
            let chunk = space.chunk(part)
            chunk.pointee.key = request.key
            chunk.pointee.previous = head
            chunk.pointee.next = last
            chunk.pointee.part = 0
            chunk.pointee.phase = .part
            space.chunk(last).pointee.part = part
            last = part
            left -= length
        }
        return head
    }
}
