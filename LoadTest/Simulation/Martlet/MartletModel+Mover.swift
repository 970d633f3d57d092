/// The mover `marginal`: rules 3 to 5 of MartletModel+Pages.
extension MartletModel {
    /// Of each page that may go.
    private static var sampledHeaders: Int { 64 }
    private static var evictionsPerRequest: Int { 16 }
    private static var chunksPerSlice: Int { 64 }
    /// More chunks than any page has.
    private static var longAgo: Int { 1 << 20 }

    /// Rule 3, after an eviction in `taker` that has freed so many chunks.
    mutating func considerMove(to taker: Int, chunks: Int) {
        let home = classes.place(taker)
        home.pointee.evictionsUntold += chunks
        let perPage = space.classes[taker].chunksPerPage
        guard Double(home.pointee.evictionsUntold) * rules.checksPerPage >= Double(perPage) else { return }
        moverClock += home.pointee.evictionsUntold
        home.pointee.evictionsUntold = 0
        if Double(moverClock - lastHalving) > halvingWindow {
            lastHalving = moverClock
            halvings += 1
        }
        wearDown(home)
        let rest = moverClock - lastMove
        let isMissed = home.pointee.ghostHits >= rules.ghostHitsMin
        guard isMissed || rules.takesEmpty, rest >= min(rules.evictionsPerMove, perPage),
            moverClock - home.pointee.lastRequest
                >= (isMissed ? min(Self.evictionsPerRequest, perPage) : max(rules.evictionsPerMove, perPage))
        else { return }
        home.pointee.lastRequest = moverClock
        requests[taker / 64] |= 1 << UInt64(taker % 64)
    }

    /// Answers the classes that have asked for a page, as the maintainer does between two requests.
    mutating func answerRequests() {
        for word in 0..<4 {
            while requests[word] != 0 {
                let bit = requests[word].trailingZeroBitCount
                requests[word] &= requests[word] &- 1
                answer(word * 64 + bit)
            }
        }
    }

    private mutating func answer(_ taker: Int) {
        let home = classes.place(taker)
        let rest = moverClock - lastMove
        if rest < min(rules.evictionsPerMove, space.classes[taker].chunksPerPage) { return }
        wearDown(home)
        let gain = home.pointee.ghostHits / Double(max(1, space.classes[taker].pageCount))
        // Before the time is up only who loses nothing gives; to whom nobody misses, only what stands empty.
        let onlyEmpty = home.pointee.ghostHits < rules.ghostHitsMin
        let lossMax =
            onlyEmpty || moverClock - lastCostlyMove < rules.evictionsPerMove
            ? 0 : gain / (rest < rules.evictionsPerMove ? rules.hurryMargin : 1 + rules.moverMargin)
        guard let (giver, loss) = cheapestGiver(except: taker, lossMax: lossMax, onlyEmpty: onlyEmpty) else {
            home.pointee.freeRun = 0
            return
        }
        lastMove = moverClock
        if loss > 0 { lastCostlyMove = moverClock }
        let runMax = isProvenFree(giver) ? min(rules.freeRunMax, space.classes[taker].pageCount) : 1
        move(from: giver, to: taker)
        home.pointee.freeRun = loss > 0 ? 0 : max(1, min(2 * home.pointee.freeRun, runMax))
        var left = home.pointee.freeRun - 1
        while left > 0, let (giver, _) = cheapestGiver(except: taker, lossMax: 0, onlyEmpty: onlyEmpty),
            isProvenFree(giver), move(from: giver, to: taker)
        {
            left -= 1
        }
    }

    /// Whether there is more to say for a class that loses nothing than that it was not hit: a page of it stands empty,
    /// or so many items would have had so many hits on average that it is no chance.
    private func isProvenFree(_ slabClass: Int) -> Bool {
        if space.classes[slabClass].freeChunks >= space.classes[slabClass].chunksPerPage { return true }
        let share = Double(classes[slabClass].coldCount) / Double(max(1, buckets.itemCount))
        return recentHits * share >= rules.runEvidence
    }

    /// Evictions between two halvings of what is counted.
    private var halvingWindow: Double { Double(buckets.toldCount + 1024) / rules.halvingDivisor }

    private func wearDown(_ home: ClassPointer) {
        let missed = halvings - home.pointee.halvings
        if missed == 0 { return }
        home.pointee.halvings = halvings
        let factor = missed < 64 ? 1 / Double(UInt64(1) << UInt64(missed)) : 0
        home.pointee.ghostHits *= factor
        home.pointee.coldHits *= factor
        home.pointee.promotions *= factor
        home.pointee.stores *= factor
    }

    /// Takes in what was counted since the last look.
    private func takeIn(_ home: ClassPointer) {
        let hits = Double(home.pointee.newColdHits)
        home.pointee.newColdHits = 0
        home.pointee.coldHits += hits
        home.pointee.spanHits += hits
        home.pointee.stores += Double(home.pointee.taken - home.pointee.takenSeen)
        home.pointee.takenSeen = home.pointee.taken
    }

    /// A class that falls silent, in hits and in stores, is not judged by its past. `total` is all hits, worn down.
    private func judgeSilence(_ home: ClassPointer, total: Double) {
        if home.pointee.spanTotal == 0 { return beginSpan(home, total) }
        let window = halvingWindow
        let length = Double(moverClock - home.pointee.spanStart)
        guard rules.silenceDivisor > 0, length * rules.silenceDivisor >= window else { return }
        let expectedHits = home.pointee.spanShare * (hitsEver - home.pointee.spanTotal)
        if expectedHits < rules.silentHitsMin {
            if length > window * rules.spanWindowsMax { beginSpan(home, total) }
            return
        }
        let expectedStores = home.pointee.stores * min(1, length / (1.5 * window))
        if home.pointee.spanHits < expectedHits / 4,
            Double(home.pointee.taken - home.pointee.spanTaken) <= expectedStores / 4
        {
            home.pointee.coldHits = home.pointee.spanHits * max(1, window / length)
            home.pointee.takenAtPage = home.pointee.taken - Self.longAgo
        }
        beginSpan(home, total)
    }

    private func beginSpan(_ home: ClassPointer, _ total: Double) {
        home.pointee.spanShare = home.pointee.coldHits / (total + 1)
        home.pointee.spanStart = moverClock
        home.pointee.spanHits = 0
        home.pointee.spanTotal = hitsEver
        home.pointee.spanTaken = home.pointee.taken
    }

    /// Hits that one page less would have cost.
    private func loss(_ slabClass: Int) -> Double {
        let home = classes.place(slabClass)
        let perPage = space.classes[slabClass].chunksPerPage
        let freeChunks = space.classes[slabClass].freeChunks
        let hits = rules.lossCountsPromotions ? home.pointee.promotions : home.pointee.coldHits
        if hits == 0 || freeChunks >= perPage { return 0 }
        // Parts stand in no segment: they count as COLD.
        let parts = space.classes[slabClass].pageCount * perPage - freeChunks - home.pointee.itemCount
        return Double(perPage) * (hits + rules.hitsAssumed) / Double(max(1, home.pointee.coldCount + parts))
    }

    /// Rule 4, and never the last page.
    private func mayGive(_ slabClass: Int, onlyEmpty: Bool) -> Bool {
        let home = space.classes[slabClass]
        if home.pageCount < 2 { return false }
        return home.freeChunks >= (onlyEmpty ? 1 : 2) * home.chunksPerPage
            || classes[slabClass].taken - classes[slabClass].takenAtPage >= home.chunksPerPage
            || Double(moverClock - classes[slabClass].pageCame) > halvingWindow
    }

    private mutating func cheapestGiver(
        except taker: Int, lossMax: Double, onlyEmpty: Bool
    ) -> (slabClass: Int, loss: Double)? {
        while recentHitsHalvings < halvings {
            recentHitsHalvings += 1
            recentHits *= 0.5
        }
        recentHits += Double(newHits)
        hitsEver += Double(newHits)
        newHits = 0
        let total = recentHits
        for slabClass in 1...space.table.classCount {
            let home = classes.place(slabClass)
            wearDown(home)
            takeIn(home)
        }
        var best: Int?
        var bestLoss = lossMax
        var isBestProven = false
        for slabClass in 1...space.table.classCount where slabClass != taker {
            judgeSilence(classes.place(slabClass), total: total)
            guard mayGive(slabClass, onlyEmpty: onlyEmpty),
                !onlyEmpty || space.classes[slabClass].freeChunks >= space.classes[slabClass].chunksPerPage
            else { continue }
            let loss = loss(slabClass)
            let isProven = loss == 0 && isProvenFree(slabClass)
            if loss < bestLoss || loss == 0 && (best == nil || isProven && !isBestProven) {
                best = slabClass
                bestLoss = loss
                isBestProven = isProven
            }
        }
        return best.map { ($0, bestLoss) }
    }

    // MARK: Moving

    /// False if the class has no page that can be taken.
    @discardableResult
    private mutating func move(from giver: Int, to taker: Int) -> Bool {
        guard let page = pageToGive(giver) else { return false }
        removePage(page)
        counts.pageMoves += 1
        let bump = Int(space.page(page).pointee.bump)
        var keepsUnread = false
        for slot in 0..<bump {
            if slot % Self.chunksPerSlice == 0, rules.takesEmpty {
                keepsUnread = space.classes[giver].freeChunks >= min(Self.chunksPerSlice, bump - slot)
            }
            let place = space.place(page: page, slot: slot)
            let chunk = space.chunk(place)
            switch chunk.pointee.phase {
            case .item: leavePage(place, chunk, giver, keepsUnread)
            case .part: leavePage(part: place, chunk, giver, keepsUnread)
            case .free, .reserved: break
            }
        }
        // A chunk still being written keeps the page from going; nothing is lost but the move.
        if space.page(page).pointee.used > 0 {
            space.putBack(page, to: giver)
            return true
        }
        // One more than the limit allows by now: nobody gets it.
        let isTooMany = isOverLimit
        space.release(page)
        if !isTooMany, let page = takePage(.drained) { addPage(page, to: taker) }
        return true
    }

    /// Of a few pages that the hand will come to next, the one with the fewest items worth copying.
    private func pageToGive(_ slabClass: Int) -> UInt32? {
        let pageCount = space.classes[slabClass].pageCount
        var best: UInt32?
        var bestCost = Int.max
        for offset in 1...max(1, min(rules.sampledPages, pageCount)) {
            let page = space.page(slabClass, at: (classes[slabClass].handPage + offset) % pageCount)
            var cost = 0
            for slot in 0..<min(Self.sampledHeaders, Int(space.page(page).pointee.bump)) {
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

    private func isWorthCopying(_ chunk: UnsafeMutablePointer<Chunk>, _ keepsUnread: Bool = false) -> Bool {
        guard rules.relocates, !chunk.hasExpired(second) else { return false }
        return keepsUnread || rules.relocatesCold || chunk.pointee.segment != .cold || chunk.pointee.frequency > 0
    }

    /// Rule 5 for an item.
    private mutating func leavePage(
        _ place: Chunk.Place, _ chunk: UnsafeMutablePointer<Chunk>, _ giver: Int, _ keepsUnread: Bool
    ) {
        let target =
            isWorthCopying(chunk, keepsUnread)
            ? freeChunk(giver, moving: chunk.has(Chunk.isLarge) ? place : nil) : nil
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
        if chunk.pointee.segment == .hot { push(target, home) }
        buckets.exchange(place, for: target, buckets.hasher.hash(chunk.pointee.key))
        places[chunk.pointee.key] = target
        if chunk.pointee.expiry != 0 { lowerDue(target, to: chunk.pointee.expiry) }
        put(place)
    }

    /// Rule 5 for a part: it is worth as much as its head.
    private mutating func leavePage(
        part place: Chunk.Place, _ chunk: UnsafeMutablePointer<Chunk>, _ giver: Int, _ keepsUnread: Bool
    ) {
        let head = space.chunk(chunk.pointee.previous)
        guard head.pointee.phase == .item else { return }
        let target =
            isWorthCopying(head, keepsUnread) ? freeChunk(giver, moving: chunk.pointee.previous) : nil
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
        if rules.choice == .lru { takeOverList(chunk, target, classes.place(space.slabClass(of: target))) }
    }

    /// A free chunk of the class, if need be by eviction; none of a page that is leaving, and not at the cost of the
    /// large item `moving`, which is leased meanwhile.
    private mutating func freeChunk(_ slabClass: Int, moving: Chunk.Place?) -> Chunk.Place? {
        for _ in 0..<8 {
            if let place = space.take(slabClass) {
                space.chunk(place).pointee.phase = .reserved
                return place
            }
            guard let victim = chooseVictim(slabClass) else { continue }
            if victim.place != moving { evict(victim) } else { passOver(victim.place, classes.place(slabClass)) }
        }
        return nil
    }

    /// A HOT item that was taken from the ring and cannot go.
    private mutating func passOver(_ place: Chunk.Place, _ home: ClassPointer) {
        let chunk = space.chunk(place)
        guard chunk.pointee.segment == .hot else { return }
        if rules.choice == .fifo { push(place, home) } else { move(chunk, to: .cold, home) }
    }
}
