import CShims
import Glibc
import MartletEvent
import MartletStore

/// The thread that tells watchers what the observers have seen.
///
/// 1. Without watchers it sleeps until one comes.
/// 2. With watchers it looks at the rings again and again, after at most `Limits.announcerPauseMillisecondsMax`, sooner
///    after it has found something. Observers wake it only when their ring is half full.
/// 3. Each event becomes one line, written once, for every watcher that wants it.
/// 4. Nothing it does waits for a watcher: what a socket does not take stays in the watcher's buffer.
///
/// In raw memory, because the thread points to it.
struct Announcer: ~Copyable {
    fileprivate let server: UnsafeMutablePointer<ServerContext>
    fileprivate let ends: (read: Int32, write: Int32)
    /// The thread's alone, beside what others read meanwhile.
    fileprivate let watchers: UnsafeMutablePointer<[WatcherOutput]>
    fileprivate var thread: ServerThread?

    fileprivate init(server: UnsafeMutablePointer<ServerContext>, ends: (read: Int32, write: Int32)) {
        self.server = server
        self.ends = ends
        watchers = .allocate(capacity: 1)
        watchers.initialize(to: [])
    }

    deinit {
        watchers.deinitialize(count: 1)
        watchers.deallocate()
        _ = Glibc.close(ends.read)
        _ = Glibc.close(ends.write)
    }
}

extension UnsafeMutablePointer where Pointee == Announcer {
    /// nil when the system gives no descriptors.
    static func make(server: UnsafeMutablePointer<ServerContext>) -> Self? {
        var ends: [Int32] = [-1, -1]
        guard cshims_pipe(&ends) == 0 else { return nil }
        let announcer = Self.allocate(capacity: 1)
        announcer.initialize(to: Announcer(server: server, ends: (ends[0], ends[1])))
        server.pointee.observation.pointee.setWakeDescriptor(ends[1])
        return announcer
    }

    /// Returns false when the system gives no thread.
    func start() -> Bool {
        pointee.thread = ServerThread.start(context: self) { context in
            context.unsafelyUnwrapped.assumingMemoryBound(to: Announcer.self).run()
            return nil
        }
        return pointee.thread != nil
    }

    /// Closes all watchers and ends the thread. No worker runs any more.
    func stop() {
        pointee.server.pointee.observation.pointee.closeAll()
        pointee.thread?.join()
        pointee.thread = nil
    }

    /// Frees a stopped announcer.
    func destroy() {
        pointee.server.pointee.observation.pointee.setWakeDescriptor(-1)
        deinitialize(count: 1)
        deallocate()
    }

    // MARK: The thread

    /// Changed through this, not through `pointee`: that would be a change of the whole, also of what the starting
    /// thread reads and writes.
    private var watchers: UnsafeMutablePointer<[WatcherOutput]> { pointee.watchers }

    private func run() {
        ServerThread.nameCurrent("announcer")
        let observation = pointee.server.pointee.observation
        let bytesMax = pointee.server.pointee.settings.watcherBufferBytes
        var pause = Limits.announcerPauseMillisecondsMax
        while !observation.pointee.isClosingAll {
            for watcher in observation.pointee.takeFresh() {
                watchers.pointee.append(WatcherOutput(watcher, bytesMax: bytesMax))
            }
            observation.pointee.look()
            let count = announce()
            for index in watchers.pointee.indices { watchers.pointee[index].send() }
            closeEnded()
            pause = count > 0 ? 1 : min(2 * pause, Limits.announcerPauseMillisecondsMax)
            wait(milliseconds: watchers.pointee.isEmpty ? -1 : pause)
        }
        for watcher in observation.pointee.takeFresh() {
            watchers.pointee.append(WatcherOutput(watcher, bytesMax: bytesMax))
        }
        for watcher in watchers.pointee { close(watcher) }
        watchers.pointee = []
        pointee.server.pointee.stopRequest.wakeMainLoop()
    }

    /// Rule 3. Returns how many events there were.
    private func announce() -> Int {
        var count = 0
        let room = EventText.lineBytesMax + 256
        withUnsafeTemporaryAllocation(byteCount: room, alignment: 16) { room in
            let key = UnsafeMutableRawBufferPointer(rebasing: room[EventText.lineBytesMax...])
            guard let start = room.baseAddress else { return }
            for observer in pointee.server.pointee.observers {
                // At most what was there at first: no observer keeps the others waiting.
                for _ in 0..<Limits.announcedEventsMax {
                    guard let event = observer.pointee.ring.next(key: key) else { break }
                    count += 1
                    announce(event, key: UnsafeRawBufferPointer(rebasing: key[..<Int(event.keyBytes)]), at: start)
                }
            }
        }
        return count
    }

    private func announce(_ event: WatchedEvent, key: UnsafeRawBufferPointer, at start: UnsafeMutableRawPointer) {
        let observation = pointee.server.pointee.observation
        var line: UnsafeRawBufferPointer?
        for index in watchers.pointee.indices where watchers.pointee[index].wants(event) {
            let text =
                line ?? UnsafeRawBufferPointer(start: start, count: EventText.line(event, key: key, at: start) - start)
            line = text
            if watchers.pointee[index].append(text) {
                observation.pointee.sent.increment()
            } else {
                observation.pointee.skipped.increment()
            }
        }
    }

    /// Waits for a watcher's socket, for a new watcher, or for so long.
    private func wait(milliseconds: Int) {
        var polled = [pollfd(fd: pointee.ends.read, events: Int16(POLLIN), revents: 0)]
        for watcher in watchers.pointee {
            polled.append(pollfd(fd: watcher.socket.descriptor, events: Int16(POLLIN), revents: 0))
        }
        guard poll(&polled, nfds_t(polled.count), Int32(milliseconds)) > 0 else { return }
        if polled[0].revents != 0 {
            var wakes: UInt64 = 0
            _ = read(pointee.ends.read, &wakes, MemoryLayout<UInt64>.size)
        }
        for index in watchers.pointee.indices where polled[index + 1].revents != 0 {
            watchers.pointee[index].receive()
        }
        closeEnded()
    }

    private func closeEnded() {
        for watcher in watchers.pointee where watcher.isClosed { close(watcher) }
        watchers.pointee.removeAll { $0.isClosed }
    }

    private func close(_ watcher: WatcherOutput) {
        // Forgotten before it is closed: its number may be given to another socket at once.
        pointee.server.pointee.observation.pointee.remove(descriptor: watcher.socket.descriptor)
        watcher.tls?.end(notifies: true)
        _ = Glibc.close(watcher.socket.descriptor)
    }
}
