import MartletStore

/// What one thread sees for those who watch: its events, and its counts by prefix. In raw memory, because the store's
/// listener points to it.
///
/// Written by its thread; the announcer takes the events, and `stats detail` reads the counts.
package struct Observer: ~Copyable {
    let observation: UnsafePointer<Observation>
    let ring: EventRing
    let prefixes: PrefixTable
    /// Events put into the ring, and those for which it had no room.
    let written = SingleWriterCounter()
    let dropped = SingleWriterCounter()
    /// What is wanted, as of the thread's last look.
    var wanted = WatchStreams()
    /// Of the connection whose turn it is.
    var descriptor: Int32 = -1
    /// What the request under way has found under its key.
    var glimpse = Glimpse.nothing

    init(observation: UnsafePointer<Observation>, settings: ServerSettings) {
        self.observation = observation
        ring = EventRing(capacity: settings.workerLogBufferBytes)
        prefixes = PrefixTable(observation: observation)
    }

    /// Keeps the event, if there is room. Its thread only.
    borrowing func tell(_ event: WatchedEvent, key: UnsafeRawBufferPointer) {
        var event = event
        event.number = observation.pointee.nextNumber()
        event.keyBytes = UInt16(truncatingIfNeeded: key.count)
        event.stamp()
        if ring.append(event, key: key) { written.increment() } else { dropped.increment() }
        if ring.isHalfFull { observation.pointee.hurry() }
    }

    borrowing func tell(_ event: WatchedEvent) { tell(event, key: UnsafeRawBufferPointer(start: nil, count: 0)) }
}

extension UnsafeMutablePointer where Pointee == Observer {
    static func make(_ server: UnsafeMutablePointer<ServerContext>) -> Self {
        let observer = Self.allocate(capacity: 1)
        observer.initialize(
            to: Observer(observation: server.pointee.observation, settings: server.pointee.settings))
        return observer
    }

    func destroy() {
        deinitialize(count: 1)
        deallocate()
    }

    /// For the session of this observer's thread.
    var listener: StoreListener {
        StoreListener(
            context: self,
            evicted: { context, item in
                context.assumingMemoryBound(to: Observer.self).noteEviction(
                    item.assumingMemoryBound(to: EvictedItem.self))
            },
            moved: { context, giver, taker in
                context.assumingMemoryBound(to: Observer.self).noteMove(from: giver, to: taker)
            },
            crawled: { context, slabClass, examined, reclaimed in
                context.assumingMemoryBound(to: Observer.self).noteCrawl(
                    slabClass, examined: examined, reclaimed: reclaimed)
            })
    }

    private func noteEviction(_ item: UnsafePointer<EvictedItem>) {
        var event = WatchedEvent(.eviction)
        event.wasFetched = item.pointee.wasFetched
        event.ttlSeconds = Int64(item.pointee.secondsLeft)
        event.ageSeconds = Int64(item.pointee.secondsSinceAccess)
        event.slabClass = Int32(truncatingIfNeeded: item.pointee.slabClass)
        event.valueBytes = Int64(item.pointee.valueLength)
        pointee.tell(event, key: item.pointee.key)
    }

    private func noteCrawl(_ slabClass: Int, examined: Int, reclaimed: Int) {
        var event = WatchedEvent(.crawled)
        event.slabClass = Int32(truncatingIfNeeded: slabClass)
        event.valueBytes = Int64(examined)
        event.ttlSeconds = Int64(reclaimed)
        pointee.tell(event)
    }

    private func noteMove(from giver: Int, to taker: Int) {
        guard pointee.observation.pointee.wanted.contains(.systemEvents) else { return }
        var event = WatchedEvent(.pageMoved)
        event.descriptor = Int32(truncatingIfNeeded: giver)
        event.slabClass = Int32(truncatingIfNeeded: taker)
        pointee.tell(event)
    }
}
