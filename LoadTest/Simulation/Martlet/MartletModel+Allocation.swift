/// From a class to a chunk: the ladder of Martlet's store, and how items leave.
///
/// 1. A free chunk of the class.
/// 2. A page that belongs to nobody.
/// 3. Evict in the class, up to 8 candidates.
/// 4. A class without pages takes the page in reserve, or one of another class, as the mover allows.
/// 5. A chunk of a larger class: free, or by eviction there.
extension MartletModel {
    private static var candidatesMax: Int { 8 }
    private static var largerClassesMax: Int { 16 }

    /// A reserved chunk, or nil. `admission` is nil for a part.
    @inline(__always)
    mutating func allocate(_ slabClass: Int, _ admission: Admission?) -> Chunk.Place? {
        if let place = take(slabClass, admission) { return place }
        return allocateSlow(slabClass, admission)
    }

    @inline(__always)
    private mutating func take(_ slabClass: Int, _ admission: Admission?) -> Chunk.Place? {
        guard let place = space.take(slabClass) else { return nil }
        let chunk = space.chunk(place)
        chunk.pointee = Chunk(
            key: 0, valueBytes: 0, expiry: 0, lastAccess: accessTime, previous: 0, next: 0, part: 0, phase: .reserved,
            segment: .cold, frequency: 0, marks: 0)
        classes.place(slabClass).pointee.taken += 1
        if let admission { enter(place, chunk, admission, classes.place(slabClass)) }
        return place
    }

    @inline(never)
    private mutating func allocateSlow(_ slabClass: Int, _ admission: Admission?) -> Chunk.Place? {
        while let page = takePage(.free) {
            addPage(page, to: slabClass)
            if let place = take(slabClass, admission) { return place }
        }
        slowAllocations += 1
        if slowAllocations & 63 == 0, isOverLimit { drainLargestClass() }
        if let place = evict(in: slabClass, admission) { return place }
        if let place = takeForeignPage(slabClass, admission) { return place }
        return takeLarger(slabClass, admission)
    }

    private mutating func evict(in slabClass: Int, _ admission: Admission?) -> Chunk.Place? {
        for _ in 0..<Self.candidatesMax {
            if let place = take(slabClass, admission) { return place }
            guard let victim = chooseVictim(slabClass) else { continue }
            let chunks = chunkCount(victim.place)
            evict(victim)
            let place = take(slabClass, admission)
            if rules.mover == .marginal { considerMove(to: slabClass, chunks: chunks) }
            if let place { return place }
        }
        return nil
    }

    /// Of an item with its parts.
    private func chunkCount(_ place: Chunk.Place) -> Int {
        var count = 1
        var part = space.chunk(place).pointee.part
        while part != 0 {
            count += 1
            part = space.chunk(part).pointee.part
        }
        return count
    }

    private mutating func takeForeignPage(_ slabClass: Int, _ admission: Admission?) -> Chunk.Place? {
        if let page = takePage(.reserve) {
            addPage(page, to: slabClass)
            if let place = take(slabClass, admission) { return place }
        }
        guard rules.mover != .none else { return nil }
        for _ in 0..<8 {
            guard drainCheapestPage(except: slabClass) else { return nil }
            if let page = takePage(.drained) { addPage(page, to: slabClass) }
            if let place = take(slabClass, admission) { return place }
        }
        return nil
    }

    private mutating func takeLarger(_ slabClass: Int, _ admission: Admission?) -> Chunk.Place? {
        let last = space.table.classCount
        if slabClass >= last { return nil }
        for larger in slabClass + 1...last {
            if let place = take(larger, admission) { return place }
        }
        var tried = 0
        for larger in slabClass + 1...last where space.classes[larger].pageCount > 0 {
            if let place = evict(in: larger, admission) { return place }
            tried += 1
            if tried == Self.largerClassesMax { break }
        }
        return nil
    }

    // MARK: Leaving

    /// Takes a chosen item out, for want of room.
    mutating func evict(_ victim: Victim) {
        let chunk = space.chunk(victim.place)
        if chunk.hasExpired(second) {
            counts.reclaimed += 1
        } else {
            counts.evictions += 1
            let home = classes.place(space.slabClass(of: victim.place))
            home.pointee.evictions += 1
            if rules.choice == .martlet, !chunk.has(Chunk.isShortLived) {
                buckets.remember(buckets.hasher.hash(chunk.pointee.key), victim.ghost)
            }
        }
        drop(victim.place)
    }

    /// Takes an item out of the table and gives back its chunks.
    mutating func drop(_ place: Chunk.Place) {
        let chunk = space.chunk(place)
        buckets.remove(place, buckets.hasher.hash(chunk.pointee.key))
        places[chunk.pointee.key] = 0
        free(place)
    }

    /// Gives back the chunks of an item that nobody can find any more.
    mutating func free(_ place: Chunk.Place) {
        let chunk = space.chunk(place)
        valueBytes -= Int(chunk.pointee.valueBytes)
        leaveSegment(place)
        if chunk.pointee.part != 0 { freeParts(place) }
        put(place)
    }

    mutating func freeParts(_ head: Chunk.Place) {
        var part = space.chunk(head).pointee.part
        while part != 0 {
            let next = space.chunk(part).pointee.part
            put(part)
            part = next
        }
    }

    /// Counts an item out of its segment.
    func leaveSegment(_ place: Chunk.Place) {
        let chunk = space.chunk(place)
        let home = classes.place(space.slabClass(of: place))
        count(chunk.pointee.segment, -1, home)
        if rules.choice == .lru { unlist(place, chunk, home) }
    }

    /// Gives back a chunk. Two pages' worth of free chunks are one too many, if one of the pages is empty.
    mutating func put(_ place: Chunk.Place) {
        let slabClass = space.slabClass(of: place)
        let (page, isEmpty) = space.put(place)
        guard isEmpty else { return }
        let home = space.classes.place(slabClass)
        if home.pointee.freeChunks >= 2 * home.pointee.chunksPerPage {
            removePage(page)
            space.release(page)
        }
    }
}
