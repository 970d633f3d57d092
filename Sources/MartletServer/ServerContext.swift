import MartletStore

/// What all threads of one server share, in memory that outlives them. Everything in it is safe to use from any thread.
package struct ServerContext: ~Copyable {
    package let store: CacheStore
    package let clock: ServerClock

    package init(store: CacheStore, clock: consuming ServerClock) {
        self.store = store
        self.clock = clock
    }
}
