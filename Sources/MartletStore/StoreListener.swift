/// Who wants to know what the store does of its own accord: items evicted, pages moved.
///
/// Each session has its own, because what happens is told on the thread where it happens. Evictions are told only while
/// `CacheStore.setTellsEvictions` says that somebody listens: an eviction looks at one flag.
package struct StoreListener: BitwiseCopyable {
    /// Handed back with each call.
    package let context: UnsafeMutableRawPointer
    /// The second argument leads to an `EvictedItem`. Called under a stripe lock: copies what it needs and calls
    /// nothing of the store.
    package let evicted: @convention(c) (UnsafeMutableRawPointer, UnsafeRawPointer) -> Void
    /// A page has moved from one class to another (0: to the pool). Called without a lock.
    package let moved: @convention(c) (UnsafeMutableRawPointer, Int, Int) -> Void
    /// The crawl has looked at items of a class: its number, items examined and reclaimed. Called without a lock, by
    /// the maintainer only, and only while `CacheStore.setTellsCrawls` says that somebody listens.
    package let crawled: @convention(c) (UnsafeMutableRawPointer, Int, Int, Int) -> Void

    package init(
        context: UnsafeMutableRawPointer,
        evicted: @convention(c) (UnsafeMutableRawPointer, UnsafeRawPointer) -> Void,
        moved: @convention(c) (UnsafeMutableRawPointer, Int, Int) -> Void,
        crawled: @convention(c) (UnsafeMutableRawPointer, Int, Int, Int) -> Void
    ) {
        self.context = context
        self.evicted = evicted
        self.moved = moved
        self.crawled = crawled
    }
}

/// A living item on its way out. Only valid during the call that tells of it.
package struct EvictedItem {
    package let key: UnsafeRawBufferPointer
    package let wasFetched: Bool
    /// Seconds until it would have expired; -1 for never.
    package let secondsLeft: Int
    package let secondsSinceAccess: Int
    package let slabClass: Int
    package let valueLength: Int
}

extension StoreSession {
    /// Whom to tell what happens on this session's thread. Set before the session is used.
    package func setListener(_ listener: StoreListener?) { state.pointee.listener = listener }
}

extension CacheStore {
    /// The listener of the maintainer's thread. Set before that thread starts, or after it has ended.
    package func setMaintainerListener(_ listener: StoreListener?) { maintainer.setListener(listener) }

    /// Whether anybody wants to know of the crawl. Any thread.
    package func setTellsCrawls(_ tells: Bool) { core.pointee.tellsCrawls.store(tells, ordering: .relaxed) }

    /// Whether anybody wants to know of evictions. Any thread.
    package func setTellsEvictions(_ tells: Bool) { core.pointee.tellsEvictions.store(tells, ordering: .relaxed) }
}

extension UnsafeMutablePointer where Pointee == StoreCore {
    /// Tells of a living item that is about to be evicted. The caller holds its stripe lock.
    @inline(__always)
    func tellEvictionLocked(_ handle: Handle, _ item: ItemPointer, _ state: ItemState, _ session: SessionPointer) {
        if _slowPath(pointee.tellsEvictions.load(ordering: .relaxed)) { tellEviction(handle, item, state, session) }
    }

    @inline(never)
    private func tellEviction(_ handle: Handle, _ item: ItemPointer, _ state: ItemState, _ session: SessionPointer) {
        guard let listener = session.pointee.listener else { return }
        let now = session.pointee.now
        let expiry = item.expiry(state)
        let evicted = EvictedItem(
            key: UnsafeRawBufferPointer(start: item.key(state), count: item.keyLength),
            wasFetched: item.access.isFetched, secondsLeft: expiry == 0 ? -1 : Int(expiry) - Int(now),
            secondsSinceAccess: Int(now &- item.access.lastAccess(now: now)),
            slabClass: pointee.pages.slabClass(pointee.arena.pageIndex(handle)), valueLength: item.valueLength(state))
        withUnsafePointer(to: evicted) { listener.evicted(listener.context, $0) }
    }

    /// Tells that a page has moved. No lock is held.
    @inline(never)
    func tellMove(from giver: Int, to taker: Int, _ session: SessionPointer) {
        if let listener = session.pointee.listener { listener.moved(listener.context, giver, taker) }
    }
}
