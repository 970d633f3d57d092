/// What memcached does about once a second: the crawler, and the page mover (`slab_automove` 1).
///
/// The mover's rules:
/// 1. In a window of ten seconds it knows of each class the age of COLD's oldest item and whether anything was evicted.
/// 2. The youngest class that evicted in more than half of the window, or had a quarter of all evictions, takes a page
///    of the oldest class with more than two, if its age is under 0.8 of that one's; one page a second.
/// 3. A class with more than two and a half pages of free chunks and nothing evicted in the window gives one to the
///    pool.
/// 4. The page that goes is the one its class had first. Its items are copied to chunks freed by evicting from COLD,
///    and so become the newest of their segment.
extension MemcachedModel {
    mutating func pass(to second: UInt32) {
        // After a long silence, as many seconds as the window has decide.
        let first = max(self.second &+ 1, second > 64 ? second &- 64 : 0)
        for tick in first...second {
            self.second = tick
            if hasMortals { crawl() }
            if rules.movesPages { considerMove() }
        }
    }

    // MARK: Mover

    private mutating func considerMove() {
        for _ in 0..<space.pagesMax {
            var observations: [MemcachedWindow.Observation] = []
            for slabClass in 1...space.table.classCount { observations.append(observe(slabClass)) }
            let choice = window.choose(observations, ageRatio: rules.moverAgeRatio, isFull: space.bump >= pagesLimit)
            // Reclaiming for the pool goes on at once; a move between classes waits for the next second.
            guard let source = choice.source else { return }
            movePage(from: source, to: choice.target)
            if choice.target != nil { return }
        }
    }

    private func observe(_ slabClass: Int) -> MemcachedWindow.Observation {
        let oldest = list(slabClass, .cold).pointee.oldest
        let home = space.classes[slabClass]
        return MemcachedWindow.Observation(
            age: oldest == 0 ? 0 : second - space.chunk(oldest).pointee.lastAccess,
            evictions: classes[slabClass].evictions, refused: classes[slabClass].refused, pages: home.pageCount,
            hasMuchFree: Double(home.freeChunks) > Double(home.chunksPerPage) * 2.5)
    }

    /// Rule 4; nil for the pool.
    private mutating func movePage(from source: Int, to target: Int?) {
        guard space.classes[source].pageCount >= 2 else { return }
        let page = space.page(source, at: 0)
        for slot in 0..<Int(space.page(page).pointee.bump)
        where space.chunk(space.place(page: page, slot: slot)).pointee.phase == .reserved { return }
        space.remove(page, keepsOrder: true)
        for slot in 0..<Int(space.page(page).pointee.bump) {
            leave(space.place(page: page, slot: slot), source, mayEvict: space.freeCount == 0)
        }
        counts.pageMoves += 1
        space.release(page)
        if let target, let page = space.takePage() { space.add(page, to: target) }
    }

    private mutating func leave(_ place: Chunk.Place, _ source: Int, mayEvict: Bool) {
        let chunk = space.chunk(place)
        let phase = chunk.pointee.phase
        guard phase == .item || phase == .part else { return }
        let head = phase == .part ? chunk.pointee.previous : place
        guard space.chunk(head).pointee.phase == .item else { return }
        if space.chunk(head).hasExpired(second) {
            counts.reclaimed += 1
            drop(head)
            return
        }
        let target = rescue(source, mayEvict: mayEvict)
        guard chunk.pointee.phase == phase else {
            if let target { _ = space.put(target) }
            return
        }
        guard let target else {
            counts.lostInMoves += 1
            drop(head)
            return
        }
        counts.relocated += 1
        if phase == .item { copyItem(place, chunk, to: target) } else { copyPart(place, chunk, to: target) }
        _ = space.put(place)
    }

    private mutating func rescue(_ source: Int, mayEvict: Bool) -> Chunk.Place? {
        for _ in 0..<10 {
            if let place = take(source, mayTakePage: false) { return place }
            guard mayEvict else { return nil }
            if pull(source, .cold, totalBytes: 0, evicts: true, ageMax: 0) <= 0 {
                _ = pull(source, .hot, totalBytes: 0, evicts: false, ageMax: 0)
            }
        }
        return take(source, mayTakePage: false)
    }

    private func copyItem(_ place: Chunk.Place, _ chunk: UnsafeMutablePointer<Chunk>, to target: Chunk.Place) {
        keyBytes[Int(target)] = keyBytes[Int(place)]
        unlink(place, chunk)
        let copy = space.chunk(target)
        copy.pointee = chunk.pointee
        copy.pointee.lastAccess = second
        link(target, copy)
        places[chunk.pointee.key] = target
        var part = copy.pointee.part
        if part != 0 { space.chunk(part).pointee.next = target }
        while part != 0 {
            space.chunk(part).pointee.previous = target
            part = space.chunk(part).pointee.part
        }
    }

    private func copyPart(_ place: Chunk.Place, _ chunk: UnsafeMutablePointer<Chunk>, to target: Chunk.Place) {
        space.chunk(target).pointee = chunk.pointee
        space.chunk(chunk.pointee.next).pointee.part = target
        if chunk.pointee.part != 0 { space.chunk(chunk.pointee.part).pointee.next = target }
    }

    // MARK: Crawler

    /// Each list is walked when it is due: a minute later each time in which less than a hundredth of what may expire
    /// was about to, sooner otherwise, at least once an hour.
    private mutating func crawl() {
        for slabClass in 1...space.table.classCount {
            for segment in [Chunk.Segment.hot, .cold, .warm] {
                let list = list(slabClass, segment)
                if second > list.pointee.nextCrawl { walk(list) }
            }
        }
    }

    private mutating func walk(_ list: UnsafeMutablePointer<SegmentList>) {
        var minutes = InlineArray<60, Int>(repeating: 0)
        var mortal = 0
        var place = list.pointee.oldest
        while place != 0 {
            let chunk = space.chunk(place)
            let previous = chunk.pointee.previous
            if chunk.hasExpired(second) {
                counts.reclaimed += 1
                drop(place)
            } else if chunk.pointee.expiry != 0 {
                mortal += 1
                let minute = Int(chunk.pointee.expiry - second) / 60
                if minute < 60 { minutes[minute] += 1 }
            }
            place = previous
        }
        var seen = 0
        for minute in 0..<60 {
            seen += minutes[minute]
            if seen <= mortal / 100 + 1 { continue }
            if list.pointee.crawlWait < UInt32(minute) * 60 {
                list.pointee.crawlWait += 60
            } else if list.pointee.crawlWait >= 60 {
                list.pointee.crawlWait -= 60
            }
            break
        }
        if seen == 0 { list.pointee.crawlWait += 60 }
        list.pointee.crawlWait = min(list.pointee.crawlWait, 3600)
        list.pointee.nextCrawl = second + list.pointee.crawlWait + 5
    }
}
