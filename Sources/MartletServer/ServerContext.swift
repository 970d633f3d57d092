import MartletStore

/// What all threads of one server share, in memory that outlives them. Everything in it is safe to use from any thread.
package struct ServerContext: ~Copyable {
    package let store: CacheStore
    package let clock: ServerClock

    /// `workers` in it is set before the threads start; the rest takes care of itself.
    package var administration: AdministrationState

    package init(
        store: CacheStore, clock: consuming ServerClock, administration: consuming AdministrationState
    ) {
        self.store = store
        self.clock = clock
        self.administration = administration
    }
}
