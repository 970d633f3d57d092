/// What the listener counts: written by the listener's thread only, read by any.
package struct ListenerCounters: ~Copyable {
    /// Connections accepted and handed to a worker (`total_connections`).
    package let accepted = SingleWriterCounter()
    /// Connections told that there are too many (`rejected_connections`).
    package let rejected = SingleWriterCounter()
    /// Times that accepting was paused because there were too many connections (`listen_disabled_num`).
    package let pauses = SingleWriterCounter()
    /// How long accepting was paused, all pauses that are over together (`time_in_listen_disabled_us`).
    package let pausedMicroseconds = SingleWriterCounter()
    /// 1 while accepting is paused, else 0 (`accepting_conns` is the opposite).
    package let isPaused = SingleWriterCounter()
    /// Times that accepting a connection failed for want of descriptors or memory.
    package let failures = SingleWriterCounter()

    package init() {}
}
