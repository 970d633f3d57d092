/// What memcached spends on an item beside key and value: header 48, CAS token 8, a 0 behind the key, CR LF behind the
/// value.
enum MemcachedItem {
    static let headerBytes = 48
    static let overheadBytes = headerBytes + 8 + 1 + 2
    /// Of each further chunk of an item too large for one.
    static let chunkHeaderBytes = 48
}

/// The settings of a memcached 1.6.45 that a simulation may change; as they stand, its defaults.
package struct MemcachedRules: Sendable, Equatable {
    package var growthFactor = 1.25
    package var hotPercent = 20
    package var warmPercent = 40
    package var hotAgeFactor = 0.2
    package var warmAgeFactor = 2.0
    package var itemBytesMax = 1 << 20
    /// `slab_automove` 1 or 0.
    package var movesPages = true
    package var moverAgeRatio = 0.8
    package var moverWindow = 10
    /// The maintainer looks after a class about once a millisecond: after so many requests.
    package var requestsPerPass = 300

    package init() {}

    var table: SlabTable { .memcached(growthFactor: growthFactor) }
}
