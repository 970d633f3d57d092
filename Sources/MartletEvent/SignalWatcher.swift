import CLibevent

/// Turns a signal of the process into an ordinary callback on a loop. At most one loop of a process may watch signals.
package struct SignalWatcher: ~Copyable {
    private let storage: UnsafeMutableRawPointer

    /// A stopped watcher for `signal`; while it is stopped the signal keeps its ordinary effect.
    package init(
        loop: borrowing EventLoop, signal: Int32, callback: WatcherCallback, context: UnsafeMutableRawPointer?
    ) {
        storage = .allocate(byteCount: SocketWatcher.storageBytes, alignment: SocketWatcher.storageAlignment)
        let what = Int16(truncatingIfNeeded: CLIBEVENT_SIGNAL | CLIBEVENT_PERSIST)
        let result = clibevent_watcher_prepare(OpaquePointer(storage), loop.base, signal, what, callback, context)
        precondition(result == 0, "libevent refused a signal's number.")
    }

    deinit {
        stop()
        storage.deallocate()
    }

    package func start() -> Bool { clibevent_watcher_start(OpaquePointer(storage), -1) == 0 }

    package func stop() { _ = clibevent_watcher_stop(OpaquePointer(storage)) }
}
