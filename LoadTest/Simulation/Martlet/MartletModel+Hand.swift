import CShims

/// Who goes: the rules of Martlet's segmented LRU, and the plainer choices beside it.
///
/// 1. Until a class first has to evict, new items are COLD. From then on they are HOT and stand in the ring; a key that
///    a ghost remembers enters WARM at once.
/// 2. HOT over its target: the ring's oldest becomes COLD if it was hit, else it goes (ghost A).
/// 3. Otherwise the hand, which skips HOT: an item with frequency loses one, and a COLD one becomes WARM; a WARM one
///    without becomes COLD; a COLD one without goes (ghost B).
/// 4. What has expired goes wherever it is met.
/// 5. After 64 visits the lowest (frequency, WARM) seen goes.
/// 6. A part stands for its head: frequency 0 and the head goes, otherwise the first part wears it down.
/// 7. A ghost A hit raises the HOT target, a ghost B hit lowers it, within bounds.
/// 8. HOT that is far longer than its target takes nobody in: new items are COLD.
extension MartletModel {
    struct Victim: BitwiseCopyable {
        let place: Chunk.Place
        let ghost: BucketTable.GhostKind
    }

    typealias ClassPointer = UnsafeMutablePointer<ClassState>

    /// The least that HOT's target counts for when HOT is found long.
    private static var hotLongItems: Int { 256 }

    // MARK: Entering

    /// Puts a chunk just taken into its segment.
    mutating func enter(
        _ place: Chunk.Place, _ chunk: UnsafeMutablePointer<Chunk>, _ admission: Admission, _ home: ClassPointer
    ) {
        var segment = admission.segment
        if rules.choice == .fifo || rules.choice == .segmented {
            segment = .hot
            trimRing(home)
            push(place, home)
        } else if home.pointee.isPressed, rules.choice == .martlet {
            if let ghost = admission.ghost {
                home.pointee.ghostHits += 1
                adapt(ghost, home)
            }
            if segment == .hot, isHotLong(home) { segment = .cold }
            if segment == .hot {
                trimRing(home)
                push(place, home)
            }
        } else {
            segment = .cold
        }
        if admission.isShortLived { chunk.mark(Chunk.isShortLived) }
        chunk.pointee.segment = segment
        count(segment, 1, home)
        if rules.choice == .lru { listAsNewest(place, chunk, home) }
    }

    private mutating func adapt(_ ghost: BucketTable.GhostKind, _ home: ClassPointer) {
        if ghost == .fromHot { counts.ghostHitsFromHot += 1 } else { counts.ghostHitsFromCold += 1 }
        if rules.adaptDivisor == 0 { return }
        if Double(home.pointee.shareEvictions) < Double(home.pointee.itemCount) * rules.settleShare { return }
        let step = 1 / Double(max(1, min(home.pointee.itemCount, rules.adaptDivisor)))
        let share = ghost == .fromHot ? home.pointee.hotShare + step : home.pointee.hotShare - step
        home.pointee.hotShare = min(max(share, rules.hotShareMin), rules.hotShareMax)
    }

    private func hotTarget(_ home: ClassPointer) -> Int {
        Int(home.pointee.hotShare * Double(home.pointee.itemCount))
    }

    /// Rule 8.
    private func isHotLong(_ home: ClassPointer) -> Bool {
        Double(home.pointee.hotCount) > Double(max(Self.hotLongItems, hotTarget(home))) * rules.hotLong
    }

    @inline(__always)
    func count(_ segment: Chunk.Segment, _ change: Int, _ home: ClassPointer) {
        switch segment {
        case .hot: home.pointee.hotCount &+= change
        case .cold: home.pointee.coldCount &+= change
        case .warm: home.pointee.warmCount &+= change
        }
    }

    @inline(__always)
    func move(_ chunk: UnsafeMutablePointer<Chunk>, to segment: Chunk.Segment, _ home: ClassPointer) {
        count(chunk.pointee.segment, -1, home)
        count(segment, 1, home)
        chunk.pointee.segment = segment
    }

    // MARK: Ring

    mutating func push(_ place: Chunk.Place, _ home: ClassPointer) {
        let before = home.pointee.ring.blockCount
        home.pointee.ring.push(place)
        space.chunk(place).stamp = home.pointee.ring.lastStamp
        ringBlocks += home.pointee.ring.blockCount - before
        ringBlocksMost = max(ringBlocksMost, ringBlocks)
    }

    mutating func pop(_ home: ClassPointer) -> (place: Chunk.Place, stamp: UInt8)? {
        let stamp = home.pointee.ring.firstStamp
        let before = home.pointee.ring.blockCount
        let place = home.pointee.ring.pop()
        ringBlocks += home.pointee.ring.blockCount - before
        return place.map { ($0, stamp) }
    }

    /// Deleted items leave their places in the ring; this keeps it at most about twice as long as HOT.
    private mutating func trimRing(_ home: ClassPointer) {
        guard home.pointee.ring.count > 2 * max(home.pointee.hotCount, 512) else { return }
        for _ in 0..<2 {
            guard let (place, stamp) = pop(home) else { return }
            if standsInRing(place, stamp, home) { push(place, home) }
        }
    }

    /// Whether a place in the ring still means a HOT item of this class.
    func standsInRing(_ place: Chunk.Place, _ stamp: UInt8, _ home: ClassPointer) -> Bool {
        let slabClass = space.slabClass(of: place)
        guard slabClass != 0, classes.place(slabClass) == home else { return false }
        let chunk = space.chunk(place)
        guard chunk.pointee.phase == .item || chunk.pointee.phase == .reserved else { return false }
        return chunk.pointee.segment == .hot && chunk.stamp == stamp
    }

    // MARK: Choosing

    /// The item to go; nil if none was met.
    mutating func chooseVictim(_ slabClass: Int) -> Victim? {
        let home = classes.place(slabClass)
        switch rules.choice {
        case .martlet: break
        case .lru: return oldest(home)
        case .segmented: return segmented(slabClass, home)
        case .fifo: return firstIn(home)
        case .lfu, .ttl, .random: return sampled(slabClass, home)
        }
        if !home.pointee.isPressed {
            home.pointee.isPressed = true
            home.pointee.hotShare = rules.hotShare
        }
        home.pointee.shareEvictions += 1
        if home.pointee.hotCount > hotTarget(home), let victim = popVictim(home) { return victim }
        return sweep(slabClass, home)
    }

    /// Rule 2.
    private mutating func popVictim(_ home: ClassPointer) -> Victim? {
        var visits = 0
        while visits < rules.visitsMax, let (place, stamp) = pop(home) {
            visits += 1
            counts.visits += 1
            guard standsInRing(place, stamp, home) else { continue }
            let chunk = space.chunk(place)
            if chunk.pointee.phase == .reserved || space.page(space.pageIndex(place)).pointee.isLeaving {
                push(place, home)
                continue
            }
            let goes = chunk.pointee.frequency < rules.hotHitsNeeded || chunk.hasExpired(second)
            move(chunk, to: !goes && rules.hotSurvivorsAreWarm ? .warm : .cold, home)
            chunk.pointee.frequency = 0
            if goes { return Victim(place: place, ghost: .fromHot) }
        }
        return nil
    }

    /// Moves the hand on. Returns the place it stood at; nil once round the class and a page.
    @inline(__always)
    func advanceHand(_ slabClass: Int, _ home: ClassPointer, _ pagesLeft: inout Int) -> Chunk.Place? {
        while true {
            let pageCount = space.classes[slabClass].pageCount
            if home.pointee.handPage >= pageCount {
                if pageCount == 0 { return nil }
                home.pointee.handPage = 0
                home.pointee.handSlot = 0
            }
            let page = space.page(slabClass, at: home.pointee.handPage)
            if home.pointee.handSlot >= Int(space.page(page).pointee.bump) {
                home.pointee.handPage += 1
                home.pointee.handSlot = 0
                pagesLeft -= 1
                if pagesLeft < 0 { return nil }
                continue
            }
            let place = space.place(page: page, slot: home.pointee.handSlot)
            home.pointee.handSlot &+= 1
            return place
        }
    }

    /// Rules 3 to 6.
    private mutating func sweep(_ slabClass: Int, _ home: ClassPointer) -> Victim? {
        var best: Victim?
        var bestScore = UInt8.max
        var visits = 0
        var pagesLeft = space.classes[slabClass].pageCount + 1
        while visits < rules.visitsMax, let place = advanceHand(slabClass, home, &pagesLeft) {
            visits += 1
            counts.visits += 1
            let chunk = space.chunk(place)
            if chunk.pointee.phase == .part {
                if let victim = visitPart(chunk) { return victim }
                continue
            }
            guard chunk.pointee.phase == .item else { continue }
            if chunk.hasExpired(second) { return Victim(place: place, ghost: .fromCold) }
            if chunk.pointee.segment == .hot {
                if best == nil { best = Victim(place: place, ghost: .fromHot) }
                continue
            }
            let score = chunk.pointee.frequency &* 2 &+ (chunk.pointee.segment == .warm ? 1 : 0)
            if score == 0 { return Victim(place: place, ghost: .fromCold) }
            if score < bestScore {
                bestScore = score
                best = Victim(place: place, ghost: .fromCold)
            }
            wear(chunk, home)
        }
        return best
    }

    /// Rule 3: one step down, or a second chance.
    @inline(__always)
    private func wear(_ chunk: UnsafeMutablePointer<Chunk>, _ home: ClassPointer) {
        if chunk.pointee.frequency > 0 {
            chunk.pointee.frequency = rules.handClearsFrequency ? 0 : chunk.pointee.frequency &- 1
            if chunk.pointee.segment == .cold {
                home.pointee.promotions += 1
                move(chunk, to: .warm, home)
            }
        } else {
            move(chunk, to: .cold, home)
        }
    }

    /// Rule 6.
    func visitPart(_ part: UnsafeMutablePointer<Chunk>) -> Victim? {
        let head = part.pointee.previous
        let chunk = space.chunk(head)
        guard chunk.pointee.phase == .item else { return nil }
        if chunk.pointee.frequency == 0 { return Victim(place: head, ghost: .fromCold) }
        if part.pointee.next == head { chunk.pointee.frequency &-= 1 }
        return nil
    }

    // MARK: Plainer choices

    private mutating func firstIn(_ home: ClassPointer) -> Victim? {
        home.pointee.isPressed = true
        var visits = 0
        while visits < rules.visitsMax, let (place, stamp) = pop(home) {
            visits += 1
            counts.visits += 1
            guard standsInRing(place, stamp, home) else { continue }
            if space.chunk(place).pointee.phase == .item { return Victim(place: place, ghost: .fromHot) }
            push(place, home)
        }
        return nil
    }

    private mutating func sampled(_ slabClass: Int, _ home: ClassPointer) -> Victim? {
        var best: Victim?
        var bestScore = (UInt64.max, UInt32.max)
        var left = rules.sampled
        var pagesLeft = space.classes[slabClass].pageCount + 1
        var visits = 0
        while left > 0, visits < 4096, let place = advanceHand(slabClass, home, &pagesLeft) {
            visits += 1
            counts.visits += 1
            let chunk = space.chunk(place)
            if chunk.pointee.phase == .part, let victim = visitPart(chunk) { return victim }
            guard chunk.pointee.phase == .item else { continue }
            if chunk.hasExpired(second) { return Victim(place: place, ghost: .fromCold) }
            left -= 1
            let score: UInt64
            switch rules.choice {
            case .lfu: score = UInt64(chunk.pointee.frequency)
            case .ttl: score = chunk.pointee.expiry == 0 ? .max : UInt64(chunk.pointee.expiry)
            default: score = nextRandom()
            }
            if (score, chunk.pointee.lastAccess) < bestScore {
                bestScore = (score, chunk.pointee.lastAccess)
                best = Victim(place: place, ghost: .fromCold)
            }
        }
        return best
    }

    mutating func nextRandom() -> UInt64 {
        random &+= 0x9e37_79b9_7f4a_7c15
        var word = random
        word = (word ^ word &>> 30) &* 0xbf58_476d_1ce4_e5b9
        word = (word ^ word &>> 27) &* 0x94d0_49bb_1331_11eb
        return word ^ word &>> 31
    }
}
