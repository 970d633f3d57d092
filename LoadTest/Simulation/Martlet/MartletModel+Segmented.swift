/// `segmented`: memcached's policy as Martlet's store has it.
///
/// 1. A new item is HOT and stands in the ring.
/// 2. An item is active when it is hit again after it was read. Who changes segment keeps one hit.
/// 3. HOT beyond 20 % of the class's items: the ring's oldest becomes WARM if it is active, else COLD.
/// 4. The hand looks at the next 16 COLD items, and at what lies between them, at most 64 chunks: an active COLD one
///    becomes WARM; if WARM has more than 40 %, the one unread for longest becomes COLD, or stays if it is active; the
///    COLD one unread for longest goes.
/// 5. Where there was none, the ring's oldest goes, then the WARM one unread for longest.
extension MartletModel {
    private static var activeFrequency: UInt8 { 2 }
    private static var hotPercent: Int { 20 }
    private static var warmPercent: Int { 40 }
    private static var comparedMax: Int { 16 }

    mutating func segmented(_ slabClass: Int, _ home: ClassPointer) -> Victim? {
        shrinkHot(home)
        // The one unread for longest of each segment.
        var oldest = InlineArray<3, Chunk.Place>(repeating: 0)
        var compared = 0
        var visits = 0
        var pagesLeft = space.classes[slabClass].pageCount + 1
        while compared < Self.comparedMax, visits < rules.visitsMax,
            let place = advanceHand(slabClass, home, &pagesLeft)
        {
            visits += 1
            counts.visits += 1
            let chunk = space.chunk(place)
            if chunk.pointee.phase == .part, let victim = visitPart(chunk) { return victim }
            guard chunk.pointee.phase == .item else { continue }
            if chunk.hasExpired(second) { return Victim(place: place, ghost: .fromCold) }
            if chunk.pointee.segment == .cold, isActive(chunk) { change(chunk, to: .warm, home) }
            if chunk.pointee.segment == .cold { compared += 1 }
            let segment = Int(chunk.pointee.segment.rawValue)
            if oldest[segment] == 0
                || chunk.pointee.lastAccess < space.chunk(oldest[segment]).pointee.lastAccess
            {
                oldest[segment] = place
            }
        }
        let warm = oldest[Int(Chunk.Segment.warm.rawValue)]
        if warm != 0, home.pointee.warmCount * 100 > home.pointee.itemCount * Self.warmPercent {
            let chunk = space.chunk(warm)
            change(chunk, to: isActive(chunk) ? .warm : .cold, home)
        }
        let cold = oldest[Int(Chunk.Segment.cold.rawValue)]
        if cold != 0 { return Victim(place: cold, ghost: .fromCold) }
        if let place = oldestHot(home) { return Victim(place: place, ghost: .fromHot) }
        return warm == 0 ? nil : Victim(place: warm, ghost: .fromCold)
    }

    private func isActive(_ chunk: UnsafeMutablePointer<Chunk>) -> Bool {
        chunk.pointee.frequency >= Self.activeFrequency
    }

    /// Rule 2.
    private func change(
        _ chunk: UnsafeMutablePointer<Chunk>, to segment: Chunk.Segment, _ home: ClassPointer
    ) {
        move(chunk, to: segment, home)
        chunk.pointee.frequency = min(chunk.pointee.frequency, 1)
    }

    /// Rule 3.
    private mutating func shrinkHot(_ home: ClassPointer) {
        for _ in 0..<rules.visitsMax
        where home.pointee.hotCount * 100 > home.pointee.itemCount * Self.hotPercent {
            guard let place = oldestHot(home) else { return }
            let chunk = space.chunk(place)
            change(chunk, to: isActive(chunk) ? .warm : .cold, home)
        }
    }

    /// Takes the oldest item from the ring; what is being written goes to its end.
    private mutating func oldestHot(_ home: ClassPointer) -> Chunk.Place? {
        for _ in 0..<rules.visitsMax {
            guard let (place, stamp) = pop(home) else { return nil }
            guard standsInRing(place, stamp, home) else { continue }
            if space.chunk(place).pointee.phase == .item { return place }
            push(place, home)
        }
        return nil
    }
}
