import CLibevent

/// Waits for one descriptor to become readable or writable; level-triggered, until stopped.
///
/// libevent's part lies in memory of `storageBytes` that the owner provides, so that a connection and its watcher can
/// share one allocation:
///
///     |Connection ...|padding to 16|struct event (128 bytes with libevent 2.1)|
///
/// The memory must stay where it is while the watcher exists. Stop it before closing the descriptor.
package struct SocketWatcher: ~Copyable {
    @frozen
    package enum Interest: UInt8, BitwiseCopyable {
        case readable, writable
    }

    private let event: OpaquePointer

    /// Bytes of memory that a watcher needs, aligned to `storageAlignment`.
    package static let storageBytes = clibevent_watcher_bytes()
    package static let storageAlignment = 16

    /// A stopped watcher in `storage`.
    package init(
        storage: UnsafeMutableRawPointer, loop: borrowing EventLoop, descriptor: Int32, interest: Interest,
        callback: WatcherCallback, context: UnsafeMutableRawPointer?
    ) {
        event = OpaquePointer(storage)
        prepare(loop: loop, descriptor: descriptor, interest: interest, callback: callback, context: context)
    }

    /// Prepares the stopped watcher for another interest.
    package func prepare(
        loop: borrowing EventLoop, descriptor: Int32, interest: Interest, callback: WatcherCallback,
        context: UnsafeMutableRawPointer?
    ) {
        let bit = interest == .readable ? CLIBEVENT_READ : CLIBEVENT_WRITE
        let what = Int16(truncatingIfNeeded: bit | CLIBEVENT_PERSIST)
        let result = clibevent_watcher_prepare(event, loop.base, descriptor, what, callback, context)
        precondition(result == 0, "libevent refused a watcher's arguments.")
    }

    /// Returns false when the kernel refuses to watch the descriptor.
    package func start() -> Bool { clibevent_watcher_start(event, -1) == 0 }

    /// Stopping a stopped watcher does nothing.
    package func stop() { _ = clibevent_watcher_stop(event) }
}
