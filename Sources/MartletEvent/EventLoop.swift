import CLibevent

// MartletEvent: libevent as Swift, for the server and the load driver.
//
// Goals: no allocation, no reference counting and no closure per event; one loop per thread, without locks.
// Non-goals: other event libraries, buffered events, a loop that several threads share.
//
// A watcher's callback is a C function pointer with a context pointer: a `~Copyable` struct in raw memory, whose
// methods are an extension of its UnsafeMutablePointer. Callbacks must be written in a function or a type, never in
// main.swift's top level, where they would be bound to the main actor and trap on other threads.
//
// Threads: a loop and everything attached to it belongs to the thread that turns it. `LoopWakeup.wake()` alone may be
// called from anywhere.

/// What a watcher calls: the descriptor (or signal), what is due, and the context given to the watcher.
package typealias WatcherCallback = @convention(c) (Int32, Int16, UnsafeMutableRawPointer?) -> Void

/// One thread's event loop.
///
/// The owner turns it: `turn` waits, calls what is due, and returns, so that work between two waits has a natural place
/// and stopping is an ordinary `while` condition.
package struct EventLoop: ~Copyable {
    let base: OpaquePointer

    /// Fails when the kernel gives no descriptor or memory is short.
    package init?() {
        guard let base = clibevent_loop_new() else { return nil }
        self.base = base
    }

    /// All watchers must have been stopped.
    deinit { clibevent_loop_free(base) }

    package enum Turn: BitwiseCopyable {
        /// Callbacks may have been called.
        case done
        /// Nothing is watched, so nothing could ever happen.
        case nothingWatched
        /// The kernel refused to wait; `errno` says why.
        case failed
    }

    /// Calls what is due; when `waits`, first waits until something is.
    @discardableResult
    package borrowing func turn(waits: Bool) -> Turn {
        switch clibevent_loop_turn(base, waits ? 1 : 0) {
        case 0: .done
        case 1: .nothingWatched
        default: .failed
        }
    }

    /// libevent's version, for `stats`.
    package static var libraryVersion: String { String(cString: clibevent_version()) }
}
