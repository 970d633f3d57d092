/// What one worker counts, in memory of its own: written by its thread only, read by any thread at any time.
///
/// Each part of the server adds a struct of its counters; `stats` sums each over the workers.
package struct WorkerCounters: ~Copyable {
    package let network = NetworkCounters()
    package let commands = CommandCounters()
    package let tls = TLSCounters()

    package init() {}
}

/// Counted by the connections themselves.
package struct NetworkCounters: ~Copyable {
    package let bytesRead = SingleWriterCounter()
    package let bytesWritten = SingleWriterCounter()
    /// Connections taken over from the listener, and those of them that have ended; what is between them is being
    /// served.
    package let opened = SingleWriterCounter()
    package let closed = SingleWriterCounter()
    /// Turns that ended because the connection had used up its commands while input remained (`conn_yields`).
    package let yields = SingleWriterCounter()
    /// Connections closed for being idle (`idle_kicks`).
    package let idleKicks = SingleWriterCounter()
    /// Connections closed because their replies or unfinished commands went over the buffer budget, or because a large
    /// value stalled that others waited for.
    package let budgetKicks = SingleWriterCounter()
    /// Connections closed because the system had no memory for what they would have kept (`read_buf_oom`).
    package let memoryKicks = SingleWriterCounter()

    package init() {}
}

/// Counted by connections over TLS.
package struct TLSCounters: ~Copyable {
    /// Handshakes that were completed; those of them that resumed a session; those after which the kernel encrypts.
    package let handshakes = SingleWriterCounter()
    package let resumptions = SingleWriterCounter()
    package let inKernel = SingleWriterCounter()
    /// Sessions told to clients, while the server keeps them (`ssl_new_sessions`).
    package let newSessions = SingleWriterCounter()
    /// Handshakes that failed (`ssl_handshake_errors`), and sessions that broke later (`ssl_proto_errors`).
    package let handshakeErrors = SingleWriterCounter()
    package let protocolErrors = SingleWriterCounter()

    package init() {}
}
