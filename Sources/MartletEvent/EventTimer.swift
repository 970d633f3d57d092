import CLibevent

/// Calls back every so often. For a thread's housekeeping, not for connections: those are looked through in one go.
package struct EventTimer: ~Copyable {
    private let storage: UnsafeMutableRawPointer
    private let periodMilliseconds: Int64

    /// A stopped timer.
    package init(
        loop: borrowing EventLoop, periodMilliseconds: Int64, callback: WatcherCallback,
        context: UnsafeMutableRawPointer?
    ) {
        self.periodMilliseconds = periodMilliseconds
        storage = .allocate(byteCount: SocketWatcher.storageBytes, alignment: SocketWatcher.storageAlignment)
        let what = Int16(truncatingIfNeeded: CLIBEVENT_PERSIST)
        let result = clibevent_watcher_prepare(OpaquePointer(storage), loop.base, -1, what, callback, context)
        precondition(result == 0, "libevent refused a timer's arguments.")
    }

    deinit {
        stop()
        storage.deallocate()
    }

    /// Starts the timer, or starts its period anew.
    package func start() -> Bool { clibevent_watcher_start(OpaquePointer(storage), periodMilliseconds) == 0 }

    package func stop() { _ = clibevent_watcher_stop(OpaquePointer(storage)) }
}
