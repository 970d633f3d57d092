import MartletStore

/// What all threads of one server share, in memory that outlives them. Everything in it is safe to use from any thread.
package struct ServerContext: ~Copyable {
    package let settings: ServerSettings
    package let store: CacheStore
    package let clock: ServerClock
    package let administration: AdministrationState

    /// Counters of each worker, in the order of the workers.
    package internal(set) var workerCounters: [UnsafeMutablePointer<WorkerCounters>] = []

    package init(settings: ServerSettings, store: CacheStore, clock: consuming ServerClock) {
        self.settings = settings
        self.store = store
        self.clock = clock
        administration = AdministrationState(settings: settings)
    }
}
