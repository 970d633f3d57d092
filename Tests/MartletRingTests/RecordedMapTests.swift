import MartletRing
import Testing

/// 10,000 keys over each recorded pool: our ring must send every one where the other client sends it.
@Suite("Rings of other clients")
struct RecordedMapTests {
    /// libmemcached's names of distributions.
    static let distributions: [String: KeyDistribution] = [
        "ketama": .libmemcached, "ketama_weighted": .ketama, "distribution_consistent_weighted": .ketama,
        "modula": .modulo,
    ]

    @Test("libmemcached: every pool, distribution and hash, 120 maps, no key elsewhere")
    func libmemcached() throws {
        let maps = Vectors.maps.filter { $0.key.hasPrefix("libmemcached/") }
        #expect(maps.count == 120)

        for (name, map) in maps {
            let words = name.split(separator: "/").map(String.init)
            let servers = try #require(Vectors.pools[words[1]])
            let distribution = try #require(Self.distributions[words[2]])
            let hash = try #require(KeyHash(rawValue: words[3]))

            let ring = HashRing(servers: servers, distribution: distribution, hash: hash)

            #expect(ring.differences(from: map) == 0, "\(name)")
        }
    }

    @Test(
        "twemproxy, as seen live",
        arguments: [
            ("own", "p5_other_port", KeyDistribution.ketama, KeyHash.md5),
            ("fnv", "p5_other_port", .ketama, .fnv1aWide),
            ("weighted", "p5_weighted", .ketama, .md5),
            ("modula", "p5_weighted", .modulo, .md5),
        ])
    func twemproxy(name: String, pool: String, distribution: KeyDistribution, hash: KeyHash) throws {
        let ring = HashRing(
            servers: try #require(Vectors.pools[pool]), distribution: distribution, hash: hash)

        #expect(ring.differences(from: try #require(Vectors.maps["twemproxy/\(name)"])) == 0)
    }

    @Test(
        "pymemcache's rendezvous",
        arguments: ["p5_default_port", "p5_other_port", "p5_hostnames_mixed_port", "p5_weighted", "p50"])
    func pymemcache(pool: String) throws {
        let ring = HashRing(servers: try #require(Vectors.pools[pool]), distribution: .rendezvousMurmur3)

        #expect(ring.differences(from: try #require(Vectors.maps["python/\(pool)/pymemcache"])) == 0)
    }

    @Test(
        "python-memcached and gomemcache",
        arguments: [
            ("p5_default_port/python_memcached", KeyHash.crc),
            ("p5_weighted/python_memcached", .crc),
            ("p5_default_port/gomemcache", .crc32),
        ])
    func modulo(name: String, hash: KeyHash) throws {
        let pool = try #require(name.split(separator: "/").first.map(String.init))
        let ring = HashRing(servers: try #require(Vectors.pools[pool]), distribution: .modulo, hash: hash)

        #expect(ring.differences(from: try #require(Vectors.maps["python/\(name)"])) == 0)
    }

    @Test("Whole rings, point for point", arguments: ["p5_default_port", "p5_weighted"])
    func continuum(pool: String) throws {
        let ring = HashRing(servers: try #require(Vectors.pools[pool]))
        let points = try #require(Vectors.rows("continuum.txt")[pool]).split(separator: " ")

        #expect(ring.points.map { "\($0.place):\($0.server)" } == points.map(String.init))
    }

    @Test("Points are counted in 32-bit floats")
    func pointCounts() throws {
        #expect(HashRing(servers: try #require(Vectors.pools["p5_weighted"])).pointCounts == [40, 84, 124, 208, 336])
        #expect(Set(HashRing(servers: try #require(Vectors.pools["p50"])).pointCounts) == [156])
        #expect(Set(HashRing(servers: try #require(Vectors.pools["p5_default_port"])).pointCounts) == [160])
    }
}
