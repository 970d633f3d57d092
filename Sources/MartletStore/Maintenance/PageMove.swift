/// One page on its way from class to class, or back to the pool: what is left of the walk through it.
///
/// 1. The page leaves its class first: none of its chunks is handed out any more, and its own hand and crawler pass it
///    by. A walk counts as one used chunk, so that the page is not handed on under it.
/// 2. Chunk by chunk, items worth keeping are relocated within the giving class (Relocation.swift), the others evicted.
///    Worth keeping is what lives and has been hit since the hand last came by, or is HOT, WARM or TEMP; and as long as
///    the class has free chunks for all that are looked at in one go, whatever lives.
///    When somebody has asked for the move by name, the class gets a page of the pool for them, if there is one:
///    nothing is lost while memory is free. Other moves do not ask the pool: they come of evictions, and what lies there
///    at such a moment is for the class that asks, not for the one that gives.
/// 3. What is leased or being written waits: another walk through the page follows in the next second, and one more in
///    the second after. That last one unlinks what is leased, so that the last lease frees it. So does the next walk at
///    once, if other classes ask for pages.
/// 4. An empty page goes to the class that asked. One that is still not empty goes back to where it was, with all that
///    is free in it: memory that nobody may use would be memory lost for as long as a client cares to read slowly.
/// 5. A page that nobody asked for, or that is one more than the limit allows by now, goes to the pool.
struct PageMove: BitwiseCopyable {
    private(set) var page = 0
    private(set) var giver = 0
    /// 0 for the pool.
    private(set) var taker = 0
    /// Asked for by name.
    var isWanted = false
    var chunk = 0
    private(set) var chunkCount = 0
    fileprivate var firstSecond: UInt32 = 0
    fileprivate var walkSecond: UInt32 = 0
    fileprivate var isLastWalk = false
    // With lists only (ListedMove.swift).
    var mayEvict = false
    var walks = 0
    var busyItems = 0
    var lastStatus = ListedMove.Status.none

    enum Outcome: BitwiseCopyable {
        case underWay
        /// Nothing to do before the next second.
        case waiting
        case ended
    }

    static let secondsMax: UInt32 = 2

    init() {}

    /// Rule 1; nil if the page is no longer the class's.
    init?(_ page: Int, from giver: Int, to taker: Int, _ store: StorePointer, _ session: SessionPointer) {
        let home = store.pointee.slabClass(giver)
        home.lock()
        guard store.pointee.pages.owner(page) == PageOwner(giver) else {
            home.unlock()
            return nil
        }
        home.removePageLocked(page, store)
        let facts = store.pointee.pages[page]
        facts.pointee.used = facts.pointee.used + 1
        chunkCount = Int(facts.pointee.bump)
        home.unlock()
        store.passHook()
        self.page = page
        self.giver = giver
        self.taker = taker
        firstSecond = session.pointee.now
        walkSecond = session.pointee.now
    }
}

extension UnsafeMutablePointer where Pointee == StoreCore {
    /// Goes on with a move for at most so many chunks. `hurries`: others ask for pages. No lock is held.
    func walk(_ move: inout PageMove, chunks: Int, hurries: Bool, _ session: SessionPointer) -> PageMove.Outcome {
        if pointee.geometry.keepsLists { return walkListed(&move, chunks: chunks, session) }
        if move.chunk == move.chunkCount, move.chunkCount > 0 {
            // Rule 3: everything was looked at before, and something was busy.
            let now = session.pointee.now
            if now == move.walkSecond, !hurries { return .waiting }
            move.isLastWalk = hurries || now &- move.firstSecond >= PageMove.secondsMax
            move.walkSecond = now
            move.chunk = 0
        }
        let home = pointee.slabClass(move.giver)
        let end = Swift.min(move.chunkCount, move.chunk &+ chunks)
        home.lock()
        var keepsUnread = home.pointee.freeChunks >= end - move.chunk
        home.unlock()
        passHook()
        if !keepsUnread, move.isWanted { keepsUnread = growForMove(home) }
        while move.chunk < end {
            let handle = pointee.arena.handle(page: move.page, offset: move.chunk * home.pointee.chunkBytes)
            vacate(handle, home, keepsUnread: keepsUnread, evenLeased: move.isLastWalk, session)
            move.chunk += 1
        }
        if move.chunk < move.chunkCount { return .underWay }
        if !endMove(move, home) { return .waiting }
        if pointee.pages.owner(move.page) != PageOwner(move.giver) {
            tellMove(from: move.giver, to: move.taker, session)
        }
        return .ended
    }

    /// Rule 2: gives the class a page of the pool, which has room for whatever one of its pages holds, if the limit
    /// allows one at once. No lock is held.
    private func growForMove(_ home: UnsafeMutablePointer<SlabClass>) -> Bool {
        guard let page = takePage(.free) else { return false }
        addPage(page, home)
        passHook()
        return true
    }

    /// Rules 4 and 5. Returns false if the page is not empty yet and another walk may make it so.
    func endMove(_ move: PageMove, _ home: UnsafeMutablePointer<SlabClass>) -> Bool {
        let facts = pointee.pages[move.page]
        home.lock()
        let isEmpty = facts.pointee.used == 1
        if !isEmpty, !move.isLastWalk {
            home.unlock()
            passHook()
            return false
        }
        facts.pointee.used = facts.pointee.used - 1
        if isEmpty {
            pointee.pages.setOwner(move.page, .none)
        } else {
            home.restorePageLocked(move.page, self)
        }
        home.unlock()
        passHook()
        if !isEmpty {
            pointee.itemsFoundBusy.wrappingAdd(1, ordering: .relaxed)
            return true
        }
        pointee.pagesMoved.wrappingAdd(1, ordering: .relaxed)
        if move.taker == 0 || isOverLimit() {
            givePage(move.page)
        } else {
            addPage(move.page, pointee.slabClass(move.taker))
        }
        passHook()
        return true
    }

    /// Takes a page from the class that loses least by it, for the pool: its items are relocated as in every move.
    /// Returns false if none is to be had so. No lock is held; whoever has the turn goes first.
    func returnPage(_ session: SessionPointer) -> Bool {
        let mover = pointee.mover
        if mover.pointee.turn.exchange(true, ordering: .acquiring) { return false }
        defer { mover.pointee.turn.store(false, ordering: .releasing) }
        guard let giver = cheapestGiver(except: 0, lossMax: .infinity, session)?.slabClass,
            let page = pageToGive(giver, session), var move = PageMove(page, from: giver, to: 0, self, session)
        else { return false }
        while true {
            switch walk(&move, chunks: PageMover.chunksPerSlice, hurries: true, session) {
            case .underWay, .waiting: continue
            case .ended: return pointee.pages.owner(page) == .none
            }
        }
    }
}
