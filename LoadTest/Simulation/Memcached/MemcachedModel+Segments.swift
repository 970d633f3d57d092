/// Rules 2 to 4: how segments are kept to their sizes, and how a store gets a chunk.
extension MemcachedModel {
    private static var attemptsMax: Int { 10 }
    private static var triesPerPull: Int { 5 }
    private static var movesPerPass: Int { 500 }

    /// A chunk, its item HOT and new; nil after ten attempts.
    mutating func allocate(_ slabClass: Int) -> Chunk.Place? {
        for _ in 0..<Self.attemptsMax {
            if let place = take(slabClass, mayTakePage: true) { return place }
            if pull(slabClass, .cold, totalBytes: 0, evicts: true, ageMax: 0) <= 0 {
                _ = pull(slabClass, .hot, totalBytes: 0, evicts: false, ageMax: 0)
            }
        }
        classes.place(slabClass).pointee.refused += 1
        return nil
    }

    mutating func take(_ slabClass: Int, mayTakePage: Bool) -> Chunk.Place? {
        if space.classes[slabClass].firstOpen == 0 {
            // Rule 4.
            guard mayTakePage,
                space.freeCount > 0 || space.bump < pagesLimit || space.classes[slabClass].pageCount == 0,
                let page = space.takePage()
            else { return nil }
            space.add(page, to: slabClass)
        }
        guard let place = space.take(slabClass) else { return nil }
        space.chunk(place).pointee = Chunk(
            key: 0, valueBytes: 0, expiry: 0, lastAccess: second, previous: 0, next: 0, part: 0, phase: .reserved,
            segment: .hot, frequency: 0, marks: 0)
        return place
    }

    /// One pass of the maintainer over a class.
    mutating func juggle(_ slabClass: Int) {
        let cold = list(slabClass, .cold)
        let hot = list(slabClass, .hot)
        let warm = list(slabClass, .warm)
        let coldAge = cold.pointee.oldest == 0 ? 0 : second - space.chunk(cold.pointee.oldest).pointee.lastAccess
        let total = cold.pointee.bytes + hot.pointee.bytes + warm.pointee.bytes
        let hotAge = UInt32(Double(coldAge) * rules.hotAgeFactor)
        let warmAge = UInt32(Double(coldAge) * rules.warmAgeFactor)
        for _ in 0..<Self.movesPerPass {
            var moved = pull(slabClass, .hot, totalBytes: total, evicts: false, ageMax: hotAge)
            if moved == 0 { moved = pull(slabClass, .warm, totalBytes: total, evicts: false, ageMax: warmAge) }
            moved += pull(slabClass, .cold, totalBytes: total, evicts: false, ageMax: 0)
            if moved == 0 { break }
        }
    }

    /// Works at the old end of a list: expired items go; the first other one moves or is evicted, as rules 2 and 3 say.
    /// Returns how many went or moved.
    mutating func pull(
        _ slabClass: Int, _ segment: Chunk.Segment, totalBytes: Int, evicts: Bool, ageMax: UInt32
    ) -> Int {
        let list = list(slabClass, segment)
        var removed = 0
        var tries = Self.triesPerPull
        var place = list.pointee.oldest
        while tries > 0, place != 0 {
            tries -= 1
            let chunk = space.chunk(place)
            let previous = chunk.pointee.previous
            if chunk.pointee.expiry != 0, chunk.pointee.expiry < second {
                counts.reclaimed += 1
                drop(place)
                removed += 1
                place = previous
                continue
            }
            if segment == .cold { return removed + pullCold(place, chunk, slabClass, evicts: evicts) }

            if chunk.has(Chunk.isActive) {
                chunk.unmark(Chunk.isActive)
                removed += 1
                move(place, chunk, to: .warm)
                if segment == .hot { return removed }
                place = previous
                continue
            }
            let percent = segment == .hot ? rules.hotPercent : rules.warmPercent
            if list.pointee.bytes > totalBytes * percent / 100 || second - chunk.pointee.lastAccess > ageMax {
                move(place, chunk, to: .cold)
                removed += 1
            }
            return removed
        }
        return removed
    }

    private mutating func pullCold(
        _ place: Chunk.Place, _ chunk: UnsafeMutablePointer<Chunk>, _ slabClass: Int, evicts: Bool
    ) -> Int {
        guard evicts else { return 0 }
        counts.evictions += 1
        classes.place(slabClass).pointee.evictions += 1
        drop(place)
        return 1
    }
}
