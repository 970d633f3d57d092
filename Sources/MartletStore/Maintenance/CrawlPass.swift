/// One pass of the crawl: which pages are scanned now, and when that is enough.
///
/// 1. A class in which nothing is due costs one look at its `firstDue`. Otherwise that is set to never and the class's
///    pages are looked at in turns, 64 in one hold; what they say lowers it again, and so does every page that leaves
///    or returns.
/// 2. A ripe page (DueSeconds.swift) is scanned. One with something due that is not ripe is, too, as far as the budget
///    of this second goes, 2^20 headers for all of them (some milliseconds); the next second begins where this one
///    ended. A page of mixed lives may so be looked through every second for one item, which a cache of a million can
///    afford and one of a hundred millions cannot. To let such pages wait for two seconds cost live items their places:
///    what is stored meanwhile evicts them.
/// 3. After 2^18 headers, or as `lru_crawler_sleep` says, the pass is over, wherever it is, and the next goes on there:
///    between two passes the maintainer rests, so that it cannot starve the workers.
/// 4. With `lru_crawler_tocrawl` a class that has had so many headers looked at waits for the next second.
struct CrawlPass {
    static let headersMax = 1 << 18
    static let unripeHeadersPerSecond = 1 << 20
    static let pagesPerHold = 64

    let session: StoreSession
    private var headersLeft: Int
    private var classHeadersLeft = Int.max

    init(session: StoreSession) {
        self.session = session
        headersLeft = session.core.pointee.tuning.crawlHeadersMax.load(ordering: .relaxed)
    }

    private enum Step: BitwiseCopyable {
        case scan(page: Int)
        case again
        case classDone
        case passOver
    }

    /// Returns whether there is more to do at once.
    mutating func run() -> Bool {
        let store = session.core
        let now = session.now
        if store.pointee.crawlSecond.load(ordering: .relaxed) != now {
            store.pointee.crawlSecond.store(now, ordering: .relaxed)
            store.pointee.crawlBudget.store(Self.unripeHeadersPerSecond, ordering: .relaxed)
        }
        let classCount = store.pointee.geometry.classCount
        // Another class first each second, so that the same ones do not always have the budget.
        let first = Int(now) % classCount
        var hasMore = false
        for offset in 0..<classCount {
            let home = store.pointee.slabClass((first + offset) % classCount + 1)
            if !beginWalk(home) { continue }
            classHeadersLeft = store.pointee.tuning.crawlClassHeadersMax.load(ordering: .relaxed)
            while true {
                home.lock()
                let step = nextLocked(home)
                home.unlock()
                store.passHook()
                if case .scan(let page) = step {
                    _ = Crawler(session: session).scan(page)
                    continue
                }
                if case .passOver = step { return true }
                if case .classDone = step { break }
            }
            // A page has taken a place that the walk had passed.
            if home.pointee.firstDue.load(ordering: .relaxed) <= now { hasMore = true }
        }
        return hasMore
    }

    /// Rule 1. Returns whether there is anything to look at; also if an earlier pass has left the class in the middle.
    private func beginWalk(_ home: UnsafeMutablePointer<SlabClass>) -> Bool {
        let isDue = home.pointee.firstDue.load(ordering: .relaxed) <= session.now
        home.lock()
        defer { home.unlock() }
        if home.pointee.crawlPagesLeft > 0 { return true }
        if !isDue { return false }
        home.pointee.firstDue.store(DueSeconds.never, ordering: .sequentiallyConsistent)
        home.pointee.crawlPagesLeft = home.pointee.pageCount
        home.pointee.crawlResume = -1
        return home.pointee.crawlPagesLeft > 0
    }

    private mutating func nextLocked(_ home: UnsafeMutablePointer<SlabClass>) -> Step {
        let store = session.core
        for _ in 0..<Self.pagesPerHold {
            let pageCount = home.pointee.pageCount
            if home.pointee.crawlPagesLeft == 0 || pageCount == 0 {
                home.pointee.crawlPagesLeft = 0
                if home.pointee.crawlResume >= 0 { home.pointee.crawlPosition = home.pointee.crawlResume }
                return .classDone
            }
            if headersLeft <= 0 { return .passOver }
            if classHeadersLeft <= 0 {
                home.pointee.crawlPagesLeft = 0
                home.pointee.firstDue.lower(to: session.now &+ 1)
                return .classDone
            }
            let position = home.pointee.crawlPosition < pageCount ? home.pointee.crawlPosition : 0
            home.pointee.crawlPosition = position &+ 1
            home.pointee.crawlPagesLeft = home.pointee.crawlPagesLeft &- 1

            let pageIndex = Int(home.pointee.pageList[position])
            let page = store.pointee.pages[pageIndex]
            let due = page.pointee.firstDue.load(ordering: .sequentiallyConsistent)
            if due > session.now {
                home.pointee.firstDue.lower(to: due)
                continue
            }
            let headers = Int(page.pointee.bump)
            if page.pointee.nextDue.load(ordering: .relaxed) > session.now, !mayScanUnripe(headers) {
                home.pointee.firstDue.lower(to: session.now &+ 1)
                if home.pointee.crawlResume < 0 { home.pointee.crawlResume = position }
                continue
            }
            headersLeft -= headers
            classHeadersLeft -= headers
            return .scan(page: pageIndex)
        }
        return .again
    }

    /// Rule 2.
    private func mayScanUnripe(_ headers: Int) -> Bool {
        let left = session.core.pointee.crawlBudget.load(ordering: .relaxed)
        if left <= 0 { return false }
        session.core.pointee.crawlBudget.store(left - headers, ordering: .relaxed)
        return true
    }
}
