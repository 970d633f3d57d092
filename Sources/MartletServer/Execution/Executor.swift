import MartletStore

/// The one place where wire meets store: one per worker, used by all its connections.
package struct Executor: ~Copyable {
    let session: StoreSession
    let counters: UnsafeMutablePointer<WorkerCounters>
    let server: UnsafeMutablePointer<ServerContext>

    package init(
        session: StoreSession, counters: UnsafeMutablePointer<WorkerCounters>,
        server: UnsafeMutablePointer<ServerContext>
    ) {
        self.session = session
        self.counters = counters
        self.server = server
    }

    /// Called by the worker before a connection's turn whenever the server second has changed.
    package mutating func setNow(_ second: UInt32) { session.setNow(second) }
}
