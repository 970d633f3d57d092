import MartletEvent
import MartletStore
import Synchronization

// Observation: who wants to hear what happens, and how they are told.
//
//     worker   --EventRing-->  |           |--bytes--> watcher's socket
//     worker   --EventRing-->  | Announcer |--bytes--> watcher's socket
//     maintainer -EventRing->  |           |
//
// Goals: nobody who serves ever waits for somebody who watches; while nobody watches, a request costs one look at a
// word of its own worker; what is dropped is counted.
// Non-goals: telling everything. A slow watcher is told how many lines it has missed.
//
// Threads: each worker, and the maintainer, writes to an `Observer` of its own; the announcer's thread reads them all
// and owns the sockets of the watchers.

/// What all threads share about watching: who there is, and what they want.
package struct Observation: ~Copyable {
    /// One watcher, as `stats conns` tells of it.
    struct Watcher: Sendable {
        let socket: AcceptedSocket
        /// What its bytes are encrypted by.
        let tls: TLSSession?
        let streams: WatchStreams
        /// Number of the last event before it came.
        let firstNumber: UInt64
        let since: UInt32
    }

    struct Watchers {
        /// All there are, and of these who waits for the announcer to take them over.
        var all: [Watcher] = []
        var fresh: [Watcher] = []
        var countsPrefixes = false
        var logsCommands = false
        let store: CacheStore
    }

    let watchers: Mutex<Watchers>
    /// For the tables of all observers.
    let prefixRoom = PrefixRoom()
    private let wantedBits = Atomic<UInt16>(0)
    private let number = Atomic<UInt64>(0)
    /// The announcer's, -1 while there is none.
    private let wakeDescriptor = Atomic<Int32>(-1)
    private let isHurried = Atomic<Bool>(false)
    private let isClosing = Atomic<Bool>(false)
    /// Lines put into watchers' buffers, and those for which these had no room. The announcer's.
    package let sent = SingleWriterCounter()
    package let skipped = SingleWriterCounter()
    /// Connections of watchers that have ended. The announcer's.
    let closed = SingleWriterCounter()

    init(store: CacheStore, settings: ServerSettings) {
        watchers = Mutex(
            Watchers(countsPrefixes: settings.countsPrefixes, logsCommands: settings.verbosity > 1, store: store))
        watchers.withLock { settle(&$0) }
    }

    /// What anybody wants. Any thread.
    var wanted: WatchStreams { WatchStreams(rawValue: wantedBits.load(ordering: .relaxed)) }

    borrowing func nextNumber() -> UInt64 { number.add(1, ordering: .relaxed).newValue }

    // MARK: Watchers

    package var watcherCount: Int { watchers.withLock { $0.all.count } }

    /// Takes over a connection from its worker, which must not touch the socket any more. Returns false when there are
    /// too many watchers already, or the server is stopping; the socket stays the worker's then.
    borrowing func add(
        _ socket: AcceptedSocket, _ tls: TLSSession?, _ streams: WatchStreams, now: UInt32
    ) -> Bool {
        let isTaken = watchers.withLock { watchers in
            // Looked at under the lock: the announcer takes the last ones under it, after the order to close.
            guard watchers.all.count < Limits.watchersMax, !isClosingAll else { return false }
            let watcher = Watcher(
                socket: socket, tls: tls, streams: streams, firstNumber: number.load(ordering: .relaxed), since: now)
            watchers.all.append(watcher)
            watchers.fresh.append(watcher)
            settle(&watchers)
            return true
        }
        if isTaken { wake() }
        return isTaken
    }

    /// Those who have come since the last call. The announcer only.
    borrowing func takeFresh() -> [Watcher] {
        watchers.withLock { watchers in
            defer { watchers.fresh = [] }
            return watchers.fresh
        }
    }

    /// A watcher's socket has been closed. The announcer only.
    borrowing func remove(descriptor: Int32) {
        watchers.withLock { watchers in
            watchers.all.removeAll { $0.socket.descriptor == descriptor }
            settle(&watchers)
        }
        closed.increment()
    }

    var all: [Watcher] { watchers.withLock { $0.all } }

    // MARK: stats detail

    /// Whether commands are counted by prefix. Any thread.
    var countsPrefixes: Bool { watchers.withLock { $0.countsPrefixes } }

    borrowing func setCountsPrefixes(_ counts: Bool) {
        watchers.withLock {
            $0.countsPrefixes = counts
            settle(&$0)
        }
    }

    // MARK: -vv

    /// Whether commands and replies are written to stderr. Any thread.
    borrowing func setLogsCommands(_ logs: Bool) {
        watchers.withLock {
            $0.logsCommands = logs
            settle(&$0)
        }
    }

    /// Works out what is wanted.
    private borrowing func settle(_ watchers: inout Watchers) {
        var streams = watchers.all.reduce(into: WatchStreams()) { $0.formUnion($1.streams) }
        if watchers.countsPrefixes { streams.formUnion(.prefixes) }
        if watchers.logsCommands { streams.formUnion(.log) }
        wantedBits.store(streams.rawValue, ordering: .relaxed)
        watchers.store.setTellsEvictions(streams.contains(.evictions))
        watchers.store.setTellsCrawls(streams.contains(.systemEvents))
    }

    // MARK: The announcer

    borrowing func setWakeDescriptor(_ descriptor: Int32) { wakeDescriptor.store(descriptor, ordering: .releasing) }

    borrowing func wake() {
        let descriptor = wakeDescriptor.load(ordering: .acquiring)
        if descriptor >= 0 { LoopWakeup.wake(descriptor) }
    }

    /// A ring is filling up: the announcer is woken, once until it has looked.
    borrowing func hurry() {
        if isHurried.load(ordering: .relaxed) || isHurried.exchange(true, ordering: .relaxed) { return }
        wake()
    }

    /// The announcer is about to look.
    borrowing func look() { isHurried.store(false, ordering: .relaxed) }

    /// The server is stopping: all watchers are to be closed.
    borrowing func closeAll() {
        isClosing.store(true, ordering: .releasing)
        wake()
    }

    var isClosingAll: Bool { isClosing.load(ordering: .acquiring) }
}
