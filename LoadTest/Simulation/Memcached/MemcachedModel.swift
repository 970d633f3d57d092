import CShims

/// memcached 1.6.45 with its default settings: 1 MiB pages, its class table and item sizes, HOT, WARM and COLD lists in
/// each class, pages moved about once a second by the age of what is evicted.
///
/// Rules, for each class:
/// 1. New items are HOT. A second hit makes an item active; an active COLD item becomes WARM at once.
/// 2. Now and then, HOT beyond 20 % of the class's bytes, or idle for longer than 0.2 times COLD's oldest, moves from
///    its end:
///    active to WARM, others to COLD. WARM beyond 40 %, or idle for longer than 2 times: active to its front, others to
///    COLD.
/// 3. A store without a free chunk and without a page evicts the end of COLD; an empty COLD first takes the end of HOT.
/// 4. A class without pages gets one beyond the limit.
///
/// Approximate: what its maintainer does about once a millisecond happens here after every 300 requests.
struct MemcachedModel: ~Copyable, CacheModel {
    let rules: MemcachedRules
    let memoryBytes: Int
    let label: String
    /// Pages that the limit allows.
    let pagesLimit: Int
    var space: SlabSpace
    var places = KeyPlaces()
    /// By slab class and segment.
    let lists: Cells<SegmentList>
    let classes: Cells<ClassState>
    var counts = SimulationCounts()
    var valueBytes = 0
    var itemCount = 0
    var second: UInt32 = 2
    private var requestsUntilPass: Int
    /// Whether any item ever had a life: then the crawler has something to do.
    var hasMortals = false
    var window: MemcachedWindow
    let keyBytes: Cells<UInt8>

    /// Items of one segment of a class, newest first.
    struct SegmentList: BitwiseCopyable {
        var newest: Chunk.Place = 0
        var oldest: Chunk.Place = 0
        var count = 0
        var bytes = 0
        /// Of the crawler: the next visit and the time between two.
        var nextCrawl: UInt32 = 0
        var crawlWait: UInt32 = 0
    }

    struct ClassState: BitwiseCopyable {
        var evictions = 0
        var refused = 0
    }

    init(rules: MemcachedRules, memoryBytes: Int, label: String? = nil) {
        self.rules = rules
        self.memoryBytes = memoryBytes
        self.label = label ?? "memcached"
        let table = rules.table
        pagesLimit = max(1, memoryBytes / table.pageBytes)
        space = SlabSpace(table: table, pagesMax: pagesLimit + table.classCount)
        lists = Cells(count: (table.classCount + 1) * 3)
        classes = Cells(count: table.classCount + 1)
        keyBytes = Cells(count: space.chunks.count)
        requestsUntilPass = rules.requestsPerPass
        window = MemcachedWindow(classCount: table.classCount, length: rules.moverWindow)
    }

    @inline(__always)
    func list(_ slabClass: Int, _ segment: Chunk.Segment) -> UnsafeMutablePointer<SegmentList> {
        lists.place(slabClass &* 3 &+ Int(segment.rawValue))
    }

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
        if request.second != second { pass(to: request.second) }
        requestsUntilPass &-= 1
        if requestsUntilPass == 0 {
            requestsUntilPass = rules.requestsPerPass
            for slabClass in 1...space.table.classCount where space.classes[slabClass].pageCount > 0 {
                juggle(slabClass)
            }
        }
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
        bump(place)
        return true
    }

    /// Rule 1.
    private func bump(_ place: Chunk.Place) {
        let chunk = space.chunk(place)
        if chunk.has(Chunk.isActive) { return }
        if !chunk.has(Chunk.isFetched) {
            chunk.mark(Chunk.isFetched)
            return
        }
        chunk.mark(Chunk.isActive)
        chunk.pointee.lastAccess = second
        if chunk.pointee.segment == .cold {
            unlink(place, chunk)
            chunk.unmark(Chunk.isActive)
            chunk.pointee.segment = .warm
            link(place, chunk)
        }
    }

    @inline(__always)
    private mutating func living(_ key: UInt32) -> Chunk.Place {
        let place = places[key]
        if place == 0 || !space.chunk(place).hasExpired(second) { return place }
        counts.reclaimed += 1
        drop(place)
        return 0
    }

    private mutating func store(_ request: SimulatedRequest) {
        counts.stores &+= 1
        let bytes = MemcachedItem.overheadBytes + Int(request.keyBytes) + Int(request.valueBytes)
        guard bytes <= rules.itemBytesMax else {
            counts.refused += 1
            return
        }
        guard let place = bytes <= space.table.chunkBytesMax ? makeSmall(bytes) : makeLarge(request) else {
            counts.refused += 1
            return
        }
        // What was there before may have been evicted to make room.
        let displaced = places[request.key]
        if displaced != 0 { drop(displaced) }
        let chunk = space.chunk(place)
        chunk.pointee.key = request.key
        chunk.pointee.valueBytes = request.valueBytes
        chunk.pointee.expiry = request.expiry
        chunk.pointee.phase = .item
        keyBytes[Int(place)] = request.keyBytes
        if request.expiry != 0 { hasMortals = true }
        valueBytes += Int(request.valueBytes)
        itemCount += 1
        places[request.key] = place
        link(place, chunk)
    }

    private mutating func makeSmall(_ bytes: Int) -> Chunk.Place? {
        allocate(space.table.slabClass(for: bytes))
    }

    /// A small head, and chunks of the largest class for the value.
    private mutating func makeLarge(_ request: SimulatedRequest) -> Chunk.Place? {
        let before = MemcachedItem.overheadBytes + MemcachedItem.chunkHeaderBytes + Int(request.keyBytes)
        guard let head = allocate(space.table.slabClass(for: before)) else { return nil }
        space.chunk(head).mark(Chunk.isLarge)
        var left = Int(request.valueBytes) + 2
        var last = head
        while left > 0 {
            let size = min(left + MemcachedItem.chunkHeaderBytes, space.table.chunkBytesMax)
            let made = allocate(space.table.slabClass(for: size)) ?? allocate(space.table.classCount)
            guard let part = made else {
                freeChunks(head)
                return nil
            }
            let chunk = space.chunk(part)
            chunk.pointee.phase = .part
            chunk.pointee.previous = head
            chunk.pointee.next = last
            space.chunk(last).pointee.part = part
            last = part
            left -= size - MemcachedItem.chunkHeaderBytes
        }
        return head
    }

    // MARK: Leaving

    mutating func drop(_ place: Chunk.Place) {
        let chunk = space.chunk(place)
        unlink(place, chunk)
        places[chunk.pointee.key] = 0
        valueBytes -= Int(chunk.pointee.valueBytes)
        itemCount -= 1
        freeChunks(place)
    }

    private func freeChunks(_ head: Chunk.Place) {
        var place = head
        while place != 0 {
            let next = space.chunk(place).pointee.part
            _ = space.put(place)
            place = next
        }
    }

    // MARK: Lists

    /// The class in whose lists an item stands: of a large one the last, wherever its head is.
    @inline(__always)
    func listedClass(_ place: Chunk.Place, _ chunk: UnsafeMutablePointer<Chunk>) -> Int {
        chunk.has(Chunk.isLarge) ? space.table.classCount : space.slabClass(of: place)
    }

    @inline(__always)
    private func bytes(_ place: Chunk.Place, _ chunk: UnsafeMutablePointer<Chunk>) -> Int {
        MemcachedItem.overheadBytes &+ Int(keyBytes[Int(place)]) &+ Int(chunk.pointee.valueBytes)
    }

    @inline(__always)
    func link(_ place: Chunk.Place, _ chunk: UnsafeMutablePointer<Chunk>) {
        let list = list(listedClass(place, chunk), chunk.pointee.segment)
        chunk.pointee.previous = 0
        chunk.pointee.next = list.pointee.newest
        if list.pointee.newest != 0 { space.chunk(list.pointee.newest).pointee.previous = place }
        list.pointee.newest = place
        if list.pointee.oldest == 0 { list.pointee.oldest = place }
        list.pointee.count &+= 1
        list.pointee.bytes &+= bytes(place, chunk)
    }

    @inline(__always)
    func unlink(_ place: Chunk.Place, _ chunk: UnsafeMutablePointer<Chunk>) {
        let list = list(listedClass(place, chunk), chunk.pointee.segment)
        let (previous, next) = (chunk.pointee.previous, chunk.pointee.next)
        if previous != 0 { space.chunk(previous).pointee.next = next } else { list.pointee.newest = next }
        if next != 0 { space.chunk(next).pointee.previous = previous } else { list.pointee.oldest = previous }
        list.pointee.count &-= 1
        list.pointee.bytes &-= bytes(place, chunk)
    }

    /// Takes an item to another segment, or to the front of its own.
    @inline(__always)
    func move(_ place: Chunk.Place, _ chunk: UnsafeMutablePointer<Chunk>, to segment: Chunk.Segment) {
        unlink(place, chunk)
        chunk.pointee.segment = segment
        link(place, chunk)
    }
}
