import Synchronization

/// Pages go to the classes that miss them.
///
/// 1. A worker whose class evicts looks at the class twice in a page's worth of evictions: where 4 of its keys or more
///    have come back lately that ghosts remember, it asks for a page, and in any case after 64 evictions or a page's
///    worth, whichever is more. A request is one bit for each class, and rings the bell.
/// 2. The maintainer answers: it looks for the class that loses least by a page (MoverSums.swift), and takes one if the
///    asking class gains more than half as much again. Otherwise the request is forgotten; the class may ask again
///    after 16 evictions. A class whose keys have not come back gets only what stands empty: a page of a class that has
///    as many chunks free.
/// 3. Between two moves that cost somebody something there are at least 64 evictions, wherever; and between any move
///    and one that costs something, unless the page is worth sixteen times as much to the taker. A page that costs
///    nobody anything goes as soon as the asking class has evicted what it holds.
///    If that is more than chance, such pages go in runs: while there are any, each answer brings the class twice as
///    many as the one before, at most 32 and as many as it has. A new size takes over what an old one has left in a few
///    answers, and hardly evicts its own items meanwhile.
/// 4. Of 8 pages that the giver's hand will come to next the one goes that has the fewest items worth keeping, as far
///    as the first 64 headers tell, and nothing in it that is leased or being written. Its items are relocated or
///    evicted (PageMove.swift), 64 at a time.
/// 5. Meanwhile the worker goes on evicting. Only where nobody has worked on requests for 32 evictions does each worker
///    that evicts carry out 64 chunks' worth, until the page has moved.
/// 6. Whoever moves has the *turn*, of which there is one. Nobody waits for it: who does not get it goes on without. So
///    it is no lock, and what rule R1 says of locks holds.
///
/// Time is told in evictions, each by the chunks it frees: no clock says how fast a cache changes.
struct PageMover: ~Copyable {
    /// Rule 6.
    let turn = Atomic<Bool>(false)
    let isMoving = Atomic<Bool>(false)
    /// Evictions told by all classes.
    let evictions = Atomic<Int>(0)
    let halvings = Atomic<Int>(0)
    let lastHalving = Atomic<Int>(0)
    let lastMove = Atomic<Int>(0)
    /// Evictions at the last slice of work, or at the first request after that.
    let lastSlice = Atomic<Int>(0)
    let workersHelp = Atomic<Bool>(false)
    /// Requests by class: class c is bit c % 64 of word c / 64.
    let requests: InlineArray<4, Atomic<UInt64>> = .init { _ in Atomic(0) }
    /// What belongs to whoever has the turn.
    let held: UnsafeMutablePointer<Held>

    struct Held: BitwiseCopyable {
        var move = PageMove()
        /// Rule 3: pages of the run still to be moved.
        var freeMovesLeft = 0
        /// Rule 2: and whether they may only be of what stands empty.
        var takesOnlyEmpty = false
        /// Rule 3: evictions when a move last began that cost somebody something.
        var lastCostly = 0
        /// All hits, worn down like the sums of a class.
        var hits = 0.0
        var halvings = 0
        /// And since the start.
        var hitsSeen = 0
    }

    init() {
        held = .allocate(capacity: 1)
        held.initialize(to: Held())
    }

    func deallocate() { held.deallocate() }

    static let ghostHitsMin = 4.0
    static let margin = 1.5
    static let hurryMargin = 16.0
    static let evictionsPerMove = 64
    static let evictionsPerRequest = 16
    static let freeRunMax = 32
    static let patience = 32
    static let sampledPages = 8
    static let sampledHeaders = 64
    static let chunksPerSlice = 64
    static let pageTriesMax = 3
}

extension UnsafeMutablePointer where Pointee == StoreCore {
    // MARK: Asking

    /// Rules 1 and 5, after `evictions` in a class. No lock is held.
    @inline(never)
    func considerMove(to slabClass: Int, _ evictions: Int, _ session: SessionPointer) {
        // A move may cost items, and `none` gives none away.
        // With lists they move as the automover says.
        guard pointee.tuning.movesPages.load(ordering: .relaxed), pointee.settings.evicts,
            !pointee.geometry.keepsLists
        else { return }
        let mover = pointee.mover
        let clock = mover.pointee.evictions.wrappingAdd(evictions, ordering: .relaxed).newValue
        halveNowAndThen(clock)
        let hasRequests = mover.hasWork
        if hasRequests, clock - mover.pointee.lastSlice.load(ordering: .relaxed) >= PageMover.patience {
            mover.pointee.workersHelp.store(true, ordering: .relaxed)
        }
        let home = pointee.slabClass(slabClass)
        home.lock()
        home.sums.pointee.wearDown(to: mover.pointee.halvings.load(ordering: .relaxed))
        let rest = clock - mover.pointee.lastMove.load(ordering: .relaxed)
        let isWanting =
            rest >= restBeforeMove(to: home)
            && clock - home.sums.pointee.lastRequest >= restBeforeRequest(of: home)
        if isWanting { home.sums.pointee.lastRequest = clock }
        home.unlock()
        passHook()
        guard isWanting else { return }
        if !hasRequests { mover.pointee.lastSlice.store(clock, ordering: .relaxed) }
        mover.request(slabClass)
        pointee.maintainerBell.wake()
    }

    /// Rule 3.
    private func restBeforeMove(to home: UnsafeMutablePointer<SlabClass>) -> Int {
        Swift.min(PageMover.evictionsPerMove, home.pointee.chunksPerPage)
    }

    /// Rules 1 and 2. The class lock is held.
    private func restBeforeRequest(of home: UnsafeMutablePointer<SlabClass>) -> Int {
        home.sums.pointee.ghostHits >= PageMover.ghostHitsMin
            ? Swift.min(PageMover.evictionsPerRequest, home.pointee.chunksPerPage)
            : Swift.max(PageMover.evictionsPerMove, home.pointee.chunksPerPage)
    }

    /// Time between two halvings.
    var halvingWindow: Double {
        let items = Swift.max(0, pointee.table.words.pointee.toldCount.load(ordering: .relaxed))
        return Double(items + 1024) / Double(MoverSums.itemsPerHalving)
    }

    private func halveNowAndThen(_ clock: Int) {
        let mover = pointee.mover
        let last = mover.pointee.lastHalving.load(ordering: .relaxed)
        guard Double(clock - last) > halvingWindow else { return }
        if mover.pointee.lastHalving.compareExchange(expected: last, desired: clock, ordering: .relaxed).exchanged {
            mover.pointee.halvings.wrappingAdd(1, ordering: .relaxed)
        }
    }

    /// The move under way, for who knows that nobody has the turn.
    var movingPage: PageMove? {
        let mover = pointee.mover
        return mover.pointee.isMoving.load(ordering: .relaxed) ? mover.pointee.held.pointee.move : nil
    }

    // MARK: Working

    /// Carries out a slice of the move under way, or begins the next that is asked for. Returns whether there is more
    /// to do at once; false also if somebody else has the turn. No lock is held.
    @inline(never)
    func advanceMove(_ session: SessionPointer) -> Bool {
        let mover = pointee.mover
        if mover.pointee.turn.exchange(true, ordering: .acquiring) { return false }
        defer { mover.pointee.turn.store(false, ordering: .releasing) }
        mover.pointee.lastSlice.store(mover.pointee.evictions.load(ordering: .relaxed), ordering: .relaxed)
        if !mover.pointee.isMoving.load(ordering: .relaxed) {
            guard beginMove(session) else {
                mover.pointee.workersHelp.store(mover.hasRequests, ordering: .relaxed)
                return mover.hasRequests
            }
        }
        var move = mover.pointee.held.pointee.move
        let outcome = walk(&move, chunks: PageMover.chunksPerSlice, hurries: mover.hasRequests, session)
        mover.pointee.held.pointee.move = move
        if outcome == .ended {
            mover.pointee.isMoving.store(false, ordering: .relaxed)
            mover.pointee.workersHelp.store(false, ordering: .relaxed)
            if beginNextOfRun(session) { return true }
        }
        return outcome == .underWay || mover.hasRequests
    }

    /// Rules 2 to 4. Returns whether a move has begun.
    private func beginMove(_ session: SessionPointer) -> Bool {
        let mover = pointee.mover
        guard let taker = mover.takeRequest() else { return false }
        let home = pointee.slabClass(taker)
        let clock = mover.pointee.evictions.load(ordering: .relaxed)
        let rest = clock - mover.pointee.lastMove.load(ordering: .relaxed)
        if rest < restBeforeMove(to: home) { return false }
        home.lock()
        home.sums.pointee.wearDown(to: mover.pointee.halvings.load(ordering: .relaxed))
        let gain = home.gainLocked
        let takesOnlyEmpty = home.sums.pointee.ghostHits < PageMover.ghostHitsMin
        home.unlock()
        passHook()
        let restOfCostly = clock - mover.pointee.held.pointee.lastCostly
        let margin = rest < PageMover.evictionsPerMove ? PageMover.hurryMargin : PageMover.margin
        let lossMax = restOfCostly < PageMover.evictionsPerMove || takesOnlyEmpty ? 0 : gain / margin
        let found = cheapestGiver(except: taker, lossMax: lossMax, onlyEmpty: takesOnlyEmpty, session)
        home.lock()
        let runMax = found?.isProvenFree == true ? Swift.min(PageMover.freeRunMax, home.pointee.pageCount) : 1
        let run = found?.loss == 0 ? Swift.max(1, Swift.min(2 * home.sums.pointee.freeRun, runMax)) : 0
        home.sums.pointee.freeRun = run
        home.unlock()
        passHook()
        guard let giver = found?.slabClass, begin(from: giver, to: taker, session) else { return false }
        mover.pointee.held.pointee.freeMovesLeft = run - 1
        mover.pointee.held.pointee.takesOnlyEmpty = takesOnlyEmpty
        mover.pointee.lastMove.store(clock, ordering: .relaxed)
        if run == 0 { mover.pointee.held.pointee.lastCostly = clock }
        return true
    }

    /// Rule 3, after a move has ended. The turn is the caller's.
    private func beginNextOfRun(_ session: SessionPointer) -> Bool {
        let held = pointee.mover.pointee.held
        guard held.pointee.freeMovesLeft > 0 else { return false }
        held.pointee.freeMovesLeft -= 1
        let taker = held.pointee.move.taker
        let onlyEmpty = held.pointee.takesOnlyEmpty
        if let giver = cheapestGiver(except: taker, lossMax: 0, onlyEmpty: onlyEmpty, session), giver.isProvenFree,
            begin(from: giver.slabClass, to: taker, session)
        {
            return true
        }
        held.pointee.freeMovesLeft = 0
        return false
    }

    /// Begins a move of a page that the class can spare best; false if it has none. The turn is the caller's.
    private func begin(from giver: Int, to taker: Int, _ session: SessionPointer) -> Bool {
        guard let page = pageToGive(giver, session), let move = PageMove(page, from: giver, to: taker, self, session)
        else { return false }
        pointee.mover.pointee.held.pointee.move = move
        pointee.mover.pointee.isMoving.store(true, ordering: .relaxed)
        return true
    }

    /// A move that somebody wants whatever it costs; nil for the giver that loses least.
    func beginMove(from wanted: Int?, to taker: Int, _ session: SessionPointer) -> ReassignOutcome {
        if pointee.geometry.keepsLists { return beginListedMove(from: wanted, to: taker, mayEvict: true, session) }
        let mover = pointee.mover
        if mover.pointee.turn.exchange(true, ordering: .acquiring) { return .busy }
        defer { mover.pointee.turn.store(false, ordering: .releasing) }
        if mover.pointee.isMoving.load(ordering: .relaxed) { return .busy }
        guard let giver = wanted ?? cheapestGiver(except: taker, lossMax: .infinity, session)?.slabClass,
            begin(from: giver, to: taker, session)
        else { return .noSpare }
        mover.pointee.held.pointee.move.isWanted = true
        mover.pointee.held.pointee.freeMovesLeft = 0
        pointee.maintainerBell.wake()
        return .started
    }
}

extension UnsafeMutablePointer where Pointee == PageMover {
    fileprivate func request(_ slabClass: Int) {
        pointee.requests[slabClass / 64].bitwiseOr(1 << UInt64(slabClass % 64), ordering: .releasing)
    }

    /// The next class that asks, which does so no longer.
    fileprivate func takeRequest() -> Int? {
        for word in 0..<4 {
            let bits = pointee.requests[word].load(ordering: .acquiring)
            if bits == 0 { continue }
            let bit = bits.trailingZeroBitCount
            pointee.requests[word].bitwiseAnd(~(1 << UInt64(bit)), ordering: .acquiring)
            return word * 64 + bit
        }
        return nil
    }

    var hasRequests: Bool {
        for word in 0..<4 where pointee.requests[word].load(ordering: .relaxed) != 0 { return true }
        return false
    }

    /// Whether there is something to do, or to go on with.
    var hasWork: Bool { pointee.isMoving.load(ordering: .relaxed) || hasRequests }
}
