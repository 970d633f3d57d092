/// The mover `marginal`: rules 3 to 5 of MartletModel+Pages.
extension MartletModel {
    /// After a miss: wears the counters down with time.
    @inline(__always)
    mutating func countMiss() {
        missesSinceMove &+= 1
        missesSinceHalving &+= 1
        if rules.mover == .marginal,
            Double(missesSinceHalving) * rules.halvingDivisor > Double(buckets.itemCount + 1024)
        {
            halve()
        }
    }

    private mutating func halve() {
        missesSinceHalving = 0
        recentEvictions *= 0.5
        for slabClass in 1...space.table.classCount {
            let home = classes.place(slabClass)
            home.pointee.ghostHits *= 0.5
            home.pointee.coldHits *= 0.5
            home.pointee.promotions *= 0.5
            home.pointee.hits *= 0.5
            home.pointee.recentStores *= 0.5
            home.pointee.recentEvictions *= 0.5
        }
    }

    /// Rule 3, after an eviction in `taker`.
    mutating func considerMove(to taker: Int) {
        let home = classes.place(taker)
        home.pointee.evictionsUnchecked += 1
        let perPage = Double(space.classes[taker].chunksPerPage)
        guard Double(home.pointee.evictionsUnchecked) * rules.checksPerPage >= perPage else { return }
        home.pointee.evictionsUnchecked = 0
        guard home.pointee.ghostHits >= rules.ghostHitsMin, missesSinceMove >= rules.missesPerMove else { return }
        let gain = gain(taker)
        guard let giver = cheapestGiver(except: taker, below: gain / (1 + rules.moverMargin)) else { return }
        missesSinceMove = 0
        move(from: giver, to: taker)
    }

    /// Hits that one page more would have brought.
    private func gain(_ slabClass: Int) -> Double {
        let home = classes.place(slabClass)
        let perPage = Double(space.classes[slabClass].chunksPerPage)
        var remembered = Double(space.classes[slabClass].pageCount) * perPage
        if rules.gainNormalisesByGhosts, recentEvictions > 0 {
            remembered = Double(buckets.ghostLaneCount) * home.pointee.recentEvictions / recentEvictions
        }
        return perPage * home.pointee.ghostHits / max(1, remembered)
    }

    /// Hits that one page less would have cost.
    private func loss(_ slabClass: Int) -> Double {
        let home = classes.place(slabClass)
        let perPage = space.classes[slabClass].chunksPerPage
        if space.classes[slabClass].freeChunks >= perPage { return 0 }
        if home.pointee.recentStores < 1 {
            return home.pointee.hits / Double(max(1, space.classes[slabClass].pageCount))
        }
        let hits = rules.lossCountsPromotions ? home.pointee.promotions : home.pointee.coldHits
        return Double(perPage) * hits / Double(max(1, home.pointee.coldCount))
    }

    private mutating func cheapestGiver(except taker: Int, below limit: Double) -> Int? {
        var best: Int?
        var bestLoss = limit
        for slabClass in 1...space.table.classCount where slabClass != taker {
            let home = space.classes[slabClass]
            if home.pageCount < 2 { continue }
            if classes[slabClass].storesSincePage < home.chunksPerPage, home.freeChunks < home.chunksPerPage,
                classes[slabClass].recentStores >= 1
            {
                continue
            }
            let loss = loss(slabClass)
            if loss < bestLoss {
                bestLoss = loss
                best = slabClass
            }
        }
        return best
    }

    // MARK: Moving

    private mutating func move(from giver: Int, to taker: Int) {
        guard let page = pageToGive(giver) else { return }
        removePage(page)
        counts.pageMoves += 1
        for slot in 0..<Int(space.page(page).pointee.bump) {
            let place = space.place(page: page, slot: slot)
            let chunk = space.chunk(place)
            switch chunk.pointee.phase {
            case .item: leavePage(place, chunk, giver)
            case .part: leavePage(part: place, chunk, giver)
            case .free, .reserved: break
            }
        }
        // A chunk still being written keeps the page from going; nothing is lost but the move.
        if space.page(page).pointee.used > 0 {
            space.putBack(page, to: giver)
            return
        }
        space.release(page)
        if let page = takePage(.drained) { addPage(page, to: taker) }
    }

    /// Of a few pages that the hand will come to next, the one with the fewest items worth copying.
    private func pageToGive(_ slabClass: Int) -> UInt32? {
        let pageCount = space.classes[slabClass].pageCount
        var best: UInt32?
        var bestCost = Int.max
        for offset in 1...max(1, min(rules.sampledPages, pageCount)) {
            let page = space.page(slabClass, at: (classes[slabClass].handPage + offset) % pageCount)
            var cost = 0
            for slot in 0..<Int(space.page(page).pointee.bump) {
                let chunk = space.chunk(space.place(page: page, slot: slot))
                if chunk.pointee.phase == .reserved { cost += 1 << 20 }
                if chunk.pointee.phase == .part || chunk.pointee.phase == .item && isWorthCopying(chunk) { cost += 1 }
            }
            if cost < bestCost {
                bestCost = cost
                best = page
            }
        }
        return best
    }

    private func isWorthCopying(_ chunk: UnsafeMutablePointer<Chunk>) -> Bool {
        guard rules.relocates, !chunk.hasExpired(second) else { return false }
        return rules.relocatesCold || chunk.pointee.segment != .cold || chunk.pointee.frequency > 0
    }

    /// Rule 5 for an item.
    private mutating func leavePage(
        _ place: Chunk.Place, _ chunk: UnsafeMutablePointer<Chunk>, _ giver: Int
    ) {
        let target = isWorthCopying(chunk) ? freeChunk(giver) : nil
        // Making room for the copy may have cost the item itself.
        guard chunk.pointee.phase == .item else {
            if let target { put(target) }
            return
        }
        guard let target else {
            counts.lostInMoves += 1
            evict(Victim(place: place, ghost: .fromCold))
            return
        }
        counts.relocated += 1
        copy(place, chunk, to: target)
        let home = classes.place(giver)
        if chunk.pointee.segment == .hot, rules.choice == .martlet { push(target, home) }
        buckets.exchange(place, for: target, buckets.hasher.hash(chunk.pointee.key))
        places[chunk.pointee.key] = target
        if chunk.pointee.expiry != 0 { lowerDue(target, to: chunk.pointee.expiry) }
        put(place)
    }

    /// Rule 5 for a part: it is worth as much as its head.
    private mutating func leavePage(
        part place: Chunk.Place, _ chunk: UnsafeMutablePointer<Chunk>, _ giver: Int
    ) {
        let head = space.chunk(chunk.pointee.previous)
        guard head.pointee.phase == .item else { return }
        let target = isWorthCopying(head) ? freeChunk(giver) : nil
        guard chunk.pointee.phase == .part else {
            if let target { put(target) }
            return
        }
        guard let target else {
            counts.lostInMoves += 1
            evict(Victim(place: chunk.pointee.previous, ghost: .fromCold))
            return
        }
        counts.relocated += 1
        copy(place, chunk, to: target)
        put(place)
    }

    /// Copies a chunk, and has those that name it name the copy.
    private mutating func copy(_ place: Chunk.Place, _ chunk: UnsafeMutablePointer<Chunk>, to target: Chunk.Place) {
        space.chunk(target).pointee = chunk.pointee
        let isPart = chunk.pointee.phase == .part
        if isPart { space.chunk(chunk.pointee.next).pointee.part = target }
        var part = chunk.pointee.part
        if isPart {
            if part != 0 { space.chunk(part).pointee.next = target }
            return
        }
        if part != 0 { space.chunk(part).pointee.next = target }
        while part != 0 {
            space.chunk(part).pointee.previous = target
            part = space.chunk(part).pointee.part
        }
        if rules.choice == .lru || rules.choice == .fifo { takeOverList(place, chunk, target) }
    }

    private func takeOverList(_ place: Chunk.Place, _ chunk: UnsafeMutablePointer<Chunk>, _ target: Chunk.Place) {
        let home = classes.place(space.slabClass(of: target))
        let (previous, next) = (chunk.pointee.previous, chunk.pointee.next)
        if previous != 0 { space.chunk(previous).pointee.next = target } else { home.pointee.newest = target }
        if next != 0 { space.chunk(next).pointee.previous = target } else { home.pointee.oldest = target }
    }

    /// A free chunk of the class, if need be by eviction; none of a page that is leaving.
    private mutating func freeChunk(_ slabClass: Int) -> Chunk.Place? {
        for _ in 0..<8 {
            if let place = space.take(slabClass) {
                space.chunk(place).pointee.phase = .reserved
                return place
            }
            guard let victim = chooseVictim(slabClass) else { return nil }
            evict(victim)
        }
        return nil
    }
}
