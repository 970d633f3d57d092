/// How the keys are shared out among the servers.
///
/// | | balance at 10 servers | keys that move when one leaves | whoever else does it |
/// | --- | --- | --- | --- |
/// | `ketama` | 1.07-1.21 | its own | libmemcached, pylibmc, php-memcached, twemproxy, spymemcached, memcached's proxy |
/// | `libmemcached` | 1.17-1.24 | its own | libmemcached with `BEHAVIOR_KETAMA` and nothing else |
/// | `rendezvous` | 1.01 | its own | nobody |
/// | `rendezvousMurmur3` | 1.02 | its own | pymemcache |
/// | `jump` | 1.02 | its own if it was the last, half of all otherwise | with `xxh64` Thanos and its kin |
/// | `modulo` | 1.01 | nine of ten | libmemcached, gomemcache, python-memcached, twemproxy's modula |
///
/// Balance is the fullest server's share, the mean being 1; on a ring of points it depends on the servers' names.
public enum KeyDistribution: String, CaseIterable, Sendable {
    /// libmemcached's weighted ring: 160 points for each server and unit of mean weight, made by MD5. The one map that
    /// most clients share, and so the default.
    case ketama

    /// libmemcached's ring without weights: 100 points a server, made by the key's hash. With any weight above 1 it
    /// turns into `ketama`, as in libmemcached.
    case libmemcached

    /// The server that scores highest for the key, by weight. The best balance, for the time of looking at each server:
    /// right below a hundred servers or so, where no other client shares the pool.
    case rendezvous

    /// pymemcache's: MurmurHash3 of the server's name and the key. Knows no weights and no other hash.
    case rendezvousMurmur3 = "rendezvous_murmur3"

    /// Lamping and Veach's jump hash: for lists that grow and shrink at the end only, such as a StatefulSet's.
    case jump

    /// The hash modulo the number of servers, each counted as often as it weighs. Nearly every key moves when the list
    /// changes.
    case modulo

    /// The key's hash where none is asked for.
    public var usualHash: KeyHash {
        switch self {
        case .ketama: .md5
        case .libmemcached, .modulo: .oneAtATime
        case .rendezvous, .jump: .xxh64
        case .rendezvousMurmur3: .murmur3
        }
    }
}
