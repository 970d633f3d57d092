/// The caches that can be simulated, by name.
package enum CachePolicy: Sendable, Equatable {
    case martlet(MartletRules)
    case memcached(MemcachedRules)

    /// A cache of `memoryBytes`, as `-m` means it for the server in question.
    ///
    /// - Parameter hashes: of the keys, by number; none, and they are drawn by `seed`. memcached's model has no use for
    ///   them.
    package func cache(
        memoryBytes: Int, label: String? = nil, seed: UInt64 = 1, hashes: [UInt64] = []
    ) -> any SimulatedCache {
        switch self {
        case .martlet(let rules):
            ModelPlace(
                MartletModel(rules: rules, memoryBytes: memoryBytes, label: label, seed: seed, hashes: hashes))
        case .memcached(let rules):
            ModelPlace(MemcachedModel(rules: rules, memoryBytes: memoryBytes, label: label))
        }
    }
}
