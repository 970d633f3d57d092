import Synchronization

/// What the listener counts: written by its thread only, read by any.
package struct ListenerCounters: ~Copyable {
    package let totalConnections = SingleWriterCounter()
    /// Connections closed at once because the limit was reached.
    package let rejectedConnections = SingleWriterCounter()
    /// How often accepting paused, and for how long altogether.
    package let pauses = SingleWriterCounter()
    package let pausedMicroseconds = SingleWriterCounter()
    package let isAccepting = Atomic<Bool>(true)

    package init() {}
}
