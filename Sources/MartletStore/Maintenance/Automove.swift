import Synchronization

/// memcached's decision which class gives a page to which, for `-o memcached_mode` (`slab_automove`).
///
/// 1. Once a second each class is looked at: the age of COLD's tail, and whether it has evicted, got a page or failed
///    since the last look. The looks of the last `slab_automove_window` seconds are kept.
/// 2. A class with two and a half pages of free chunks or more, in which nothing of that kind has happened in the whole
///    window, gives a page to the pool, if all memory is taken. Then it is looked again at once.
/// 3. Otherwise the *oldest* class is the one with more than two pages whose tail is oldest on the window's average,
///    the *youngest* the one whose is youngest among those that have evicted in more than half of the looks, or made
///    more than a quarter of all evictions. The oldest gives a page to the youngest if the youngest's age is less than
///    `slab_automove_ratio` of its own, the youngest has evicted since the last look, and the window has filled once.
/// 4. With `slab_automove=2` every eviction asks for a page of any other class, besides (ListedLadder.swift).
struct Automove: ~Copyable {
    /// One look at one class.
    private struct Look: BitwiseCopyable {
        var age = 0
        var isDirty = false
        var evictedShare: Float = 0
        var hasEvicted = false
    }

    /// What a class had counted.
    private struct Count: BitwiseCopyable {
        var age = 0
        var evicted = 0
        var outOfMemory = 0
        var pages = 0
        var freeChunks = 0
        var chunksPerPage = 1
    }

    struct Decision: BitwiseCopyable {
        let giver: Int
        let taker: Int
    }

    private static let pagesMinOfGiver = 2
    private static let freePagesMin = 2.5
    private static let evictedShareMin: Float = 0.25

    private let classCount: Int
    private var window = 0
    private var looks: [Look] = []
    private var lookCount = 0
    private var before: [Count]
    private var lastSecond: UInt32 = 0
    private var mayLookAgain = false
    private var isWindowKnown = false

    private init(classCount: Int) {
        self.classCount = classCount
        before = [Count](repeating: Count(), count: classCount + 1)
    }

    static func make(classCount: Int) -> UnsafeMutablePointer<Automove> {
        let automove = UnsafeMutablePointer<Automove>.allocate(capacity: 1)
        automove.initialize(to: Automove(classCount: classCount))
        return automove
    }

    /// Rule 1: whether it is time for a look.
    mutating func isDue(_ session: StoreSession) -> Bool {
        if session.now == lastSecond, !mayLookAgain { return false }
        lastSecond = session.now
        return true
    }

    /// Rules 1 to 3. Takes class locks one at a time.
    mutating func decide(_ session: StoreSession) -> Decision? {
        let store = session.core
        let wanted = Swift.max(1, store.pointee.tuning.automoveWindow.load(ordering: .relaxed))
        if wanted != window {
            window = wanted
            looks = [Look](repeating: Look(), count: (classCount + 1) * window)
            lookCount = 0
            // At the start nothing had been counted.
            if isWindowKnown { before = Self.counts(store, now: session.now) }
            isWindowKnown = true
        }
        let after = Self.counts(store, now: session.now)
        defer { before = after }
        lookCount += 1
        let evictedTotal = zip(after, before).reduce(0) { $0 + $1.0.evicted - $1.1.evicted }
        let isMemoryTaken = store.isMemoryTaken
        var oldest: (slabClass: Int, age: Int)?
        var youngest: (slabClass: Int, age: Int, hasEvicted: Bool)?
        for slabClass in 1...classCount {
            let look = Self.look(before[slabClass], after[slabClass], evictedTotal)
            looks[slabClass * window + lookCount % window] = look
            let sum = sumOfLooks(slabClass)
            if Double(after[slabClass].freeChunks) > Double(after[slabClass].chunksPerPage) * Self.freePagesMin,
                isMemoryTaken, !sum.isDirty
            {
                mayLookAgain = true
                return Decision(giver: slabClass, taker: 0)
            }
            if sum.age > oldest?.age ?? 0, after[slabClass].pages > Self.pagesMinOfGiver {
                oldest = (slabClass, sum.age)
            }
            if sum.age < youngest?.age ?? .max,
                sum.evictedLooks > window / 2 || sum.evictedShare / Float(window) > Self.evictedShareMin
            {
                youngest = (slabClass, sum.age, look.hasEvicted)
            }
        }
        mayLookAgain = false
        let ratio = Double(store.pointee.tuning.automoveThousandths.load(ordering: .relaxed)) / 1000
        guard let oldest, let youngest, lookCount > window, youngest.hasEvicted,
            Double(youngest.age) < Double(oldest.age) * ratio
        else { return nil }
        return Decision(giver: oldest.slabClass, taker: youngest.slabClass)
    }

    private static func look(_ before: Count, _ after: Count, _ evictedTotal: Int) -> Look {
        var look = Look(age: after.age)
        let evicted = after.evicted - before.evicted
        if evicted > 0 {
            look.evictedShare = Float(evicted) / Float(max(1, evictedTotal))
            look.hasEvicted = true
        }
        look.isDirty = evicted > 0 || after.outOfMemory > before.outOfMemory || after.pages > before.pages
        return look
    }

    /// The window's average age, and what there was in all of it.
    private func sumOfLooks(_ slabClass: Int) -> (age: Int, isDirty: Bool, evictedShare: Float, evictedLooks: Int) {
        var sum = (age: 0, isDirty: false, evictedShare: Float(0), evictedLooks: 0)
        for look in looks[slabClass * window..<(slabClass + 1) * window] {
            sum.age += look.age
            sum.isDirty = sum.isDirty || look.isDirty
            sum.evictedShare += look.evictedShare
            sum.evictedLooks += look.hasEvicted ? 1 : 0
        }
        sum.age /= window
        return sum
    }

    private static func counts(_ store: StorePointer, now: UInt32) -> [Count] {
        var counts = [Count](repeating: Count(), count: store.pointee.geometry.classCount + 1)
        for slabClass in 1...store.pointee.geometry.classCount {
            let home = store.pointee.slabClass(slabClass)
            home.lock()
            counts[slabClass] = Count(
                age: Int(home.tailAgeLocked(.cold, store, now: now)), evicted: home.statistics.pointee.evicted,
                outOfMemory: home.statistics.pointee.outOfMemory, pages: home.pointee.pageCount,
                freeChunks: home.pointee.freeChunks, chunksPerPage: home.pointee.chunksPerPage)
            home.unlock()
        }
        return counts
    }
}

extension CacheStore {
    /// The upkeep of `-o memcached_mode` in one pass: segments, then pages. Returns whether there is more to do at
    /// once.
    func maintainLists(_ session: StoreSession) -> Bool {
        let hasMore = Juggling(session: session).run()
        let isIdle = !core.pointee.mover.pointee.isMoving.load(ordering: .relaxed)
        guard core.pointee.tuning.automoveLevel.load(ordering: .relaxed) > 0, isIdle,
            core.pointee.automove.pointee.isDue(session)
        else { return hasMore }
        guard let decision = core.pointee.automove.pointee.decide(session) else { return hasMore }
        _ = core.beginListedMove(
            from: decision.giver, to: decision.taker, mayEvict: false, session.state)
        return true
    }

    /// With lists: `slab_automove` (0 to 2), its ratio and its window in seconds.
    package func setAutomove(level: Int, ratio: Double, windowSeconds: Int) {
        core.pointee.tuning.automoveLevel.store(level, ordering: .relaxed)
        core.pointee.tuning.automoveThousandths.store(Int(min(max(ratio, 0), 1e6) * 1000), ordering: .relaxed)
        core.pointee.tuning.automoveWindow.store(windowSeconds, ordering: .relaxed)
    }

    /// Whether a page waits for something in it to be given back; with lists it is looked at again soon.
    package var hasWaitingMove: Bool {
        core.pointee.geometry.keepsLists && core.pointee.mover.pointee.isMoving.load(ordering: .relaxed)
    }
}
