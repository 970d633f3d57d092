import MartletRing
import Testing

/// What every distribution owes, whoever else does it the same way.
@Suite("Rings under changes")
struct RingPropertyTests {
    static let keys = (0..<20_000).map { Array("user:\($0)".utf8) }
    /// Distributions in which a server that leaves takes nothing but its own keys along.
    static let stable: [KeyDistribution] = [.libmemcached, .rendezvous, .rendezvousMurmur3]

    @Test("Removing a server moves its keys only; adding it back restores the ring", arguments: stable, [5, 12])
    func removal(distribution: KeyDistribution, count: Int) {
        let servers = Self.servers(count)
        let whole = HashRing(servers: servers, distribution: distribution)

        for gone in servers.indices {
            var rest = servers
            rest.remove(at: gone)
            let ring = HashRing(servers: rest, distribution: distribution)
            let strays = Self.keys.count { key in
                let before = whole.servers[whole.server(for: key.span)]
                return before != servers[gone] && ring.servers[ring.server(for: key.span)] != before
            }
            #expect(strays == 0)

            rest.insert(servers[gone], at: gone)
            let restored = HashRing(servers: rest, distribution: distribution)
            #expect(restored.fingerprint == whole.fingerprint)
            #expect(Self.keys.allSatisfy { restored.server(for: $0.span) == whole.server(for: $0.span) })
        }
    }

    @Test("Weighted rendezvous moves a removed server's keys only, too")
    func weightedRemoval() {
        let servers = Self.servers(6, weights: [1, 2, 3, 5, 8, 1])
        let whole = HashRing(servers: servers, distribution: .rendezvous)

        for gone in servers.indices {
            var rest = servers
            rest.remove(at: gone)
            let ring = HashRing(servers: rest, distribution: .rendezvous)
            #expect(
                Self.keys.allSatisfy { key in
                    let before = whole.servers[whole.server(for: key.span)]
                    return before == servers[gone] || ring.servers[ring.server(for: key.span)] == before
                })
        }
    }

    @Test("Ketama moves a removed server's keys only, as long as the others keep their points")
    func ketamaRemoval() {
        // 5 and 4 servers of equal weight have 160 points each; at 25 the float would say 156.
        let servers = Self.servers(5)
        let whole = HashRing(servers: servers)
        let ring = HashRing(servers: Array(servers.dropLast()))

        for key in Self.keys where whole.server(for: key.span) != 4 {
            #expect(ring.server(for: key.span) == whole.server(for: key.span))
        }
        #expect(HashRing(servers: servers).fingerprint == whole.fingerprint)
    }

    @Test("Jump moves only the keys of the last place, and to the others evenly")
    func jump() {
        let servers = Self.servers(10)
        let whole = HashRing(servers: servers, distribution: .jump)
        let ring = HashRing(servers: servers.dropLast(), distribution: .jump)

        for key in Self.keys where whole.server(for: key.span) != 9 {
            #expect(ring.server(for: key.span) == whole.server(for: key.span))
        }
    }

    /// Fullest server by the mean. A ring's figure depends on the servers' names: these are 10.0.1.1 to 10.0.1.10.
    @Test(
        "Balance of each distribution at ten servers",
        arguments: [
            (KeyDistribution.ketama, 1.15), (.libmemcached, 1.27), (.rendezvous, 1.04), (.rendezvousMurmur3, 1.04),
            (.jump, 1.04), (.modulo, 1.04),
        ])
    func balance(distribution: KeyDistribution, limit: Double) {
        let servers = (1...10).map { RingServer(host: "10.0.1.\($0)") }
        let ring = HashRing(servers: servers, distribution: distribution)

        #expect(fullness(ring) < limit)
    }

    @Test("Weights are kept to", arguments: [KeyDistribution.ketama, .rendezvous, .jump, .modulo])
    func weights(distribution: KeyDistribution) {
        let ring = HashRing(servers: Self.servers(5, weights: [1, 2, 3, 5, 8]), distribution: distribution)

        #expect(fullness(ring) < (distribution == .ketama ? 1.35 : 1.08))
    }

    @Test(
        "The greatest weights take no memory, and have the share that they should",
        arguments: [KeyDistribution.jump, .modulo])
    func greatestWeights(distribution: KeyDistribution) {
        let light = HashRing(servers: Self.servers(3, weights: [1, 2, 1]), distribution: distribution)
        let heavy = HashRing(
            servers: Self.servers(3, weights: [.max / 4, .max / 2, .max / 4]), distribution: distribution)

        #expect(fullness(heavy) < 1.08)
        #expect(heavy.servers(for: "user:7", count: 3).sorted() == [0, 1, 2])
        // Each server as often as it weighs, as a list of places would have it.
        let places = [0, 1, 1, 2]
        for key in Self.keys.prefix(500) where distribution == .modulo {
            let place = Int(light.hash.hash(key.span)) % 4
            #expect(light.server(for: key.span) == places[place])
            #expect(light.servers(for: key.span, count: 2)[1] == (places[place] + 1) % 3)
        }
    }

    @Test("Shares are those that keys are counted at")
    func shares() {
        for distribution in KeyDistribution.allCases {
            let ring = HashRing(servers: Self.servers(7), distribution: distribution)
            var counts = [Double](repeating: 0, count: 7)
            for key in Self.keys { counts[ring.server(for: key.span)] += 1 / Double(Self.keys.count) }

            #expect(abs(ring.shares.reduce(0, +) - 1) < 1e-9)
            for (share, count) in zip(ring.shares, counts) { #expect(abs(share - count) < 0.02, "\(distribution)") }
        }
    }

    @Test("Copies of a key are on servers of their own, the first where the key is")
    func copies() {
        for distribution in KeyDistribution.allCases {
            let ring = HashRing(servers: Self.servers(5), distribution: distribution)
            for key in Self.keys.prefix(500) {
                let servers = ring.servers(for: key.span, count: 3)
                #expect(servers.first == ring.server(for: key.span))
                #expect(Set(servers).count == 3)
                #expect(ring.servers(for: key.span, count: 9).sorted() == [0, 1, 2, 3, 4])
                #expect(Array(ring.servers(for: key.span, count: 5).prefix(3)) == servers)
            }
        }
    }

    @Test("Where a copy was is where the key goes when its server leaves")
    func heirs() {
        for distribution in Self.stable {
            let servers = Self.servers(6)
            let ring = HashRing(servers: servers, distribution: distribution)
            for key in Self.keys.prefix(500) {
                let copies = ring.servers(for: key.span, count: 2)
                var rest = servers
                rest.remove(at: copies[0])
                let after = HashRing(servers: rest, distribution: distribution)
                #expect(after.servers[after.server(for: key.span)] == servers[copies[1]])
            }
        }
    }

    @Test("The fingerprint knows names, weights, hash and, where it counts, the order")
    func fingerprints() {
        let servers = Self.servers(5)
        let reversed = Array(servers.reversed())
        for distribution in KeyDistribution.allCases {
            func mark(_ servers: [RingServer]) -> String {
                HashRing(servers: servers, distribution: distribution).fingerprint
            }
            #expect(mark(servers).utf8.count == 16)
            #expect(mark(servers) != mark(Self.servers(4)))
            #expect((mark(servers) == mark(reversed)) == (distribution != .jump && distribution != .modulo))
        }
        #expect(
            HashRing(servers: servers).fingerprint != HashRing(servers: servers, hash: .fnv1aWide).fingerprint)
    }

    @Test("Weights that come to the same ring have one fingerprint, and others have others")
    func weightsInFingerprints() {
        func ring(_ distribution: KeyDistribution, _ weights: [UInt32], _ hash: KeyHash? = nil) -> HashRing {
            HashRing(
                servers: Self.servers(weights.count, weights: weights), distribution: distribution, hash: hash)
        }
        for (one, other) in [([1, 1, 1], [2, 2, 2]), ([1, 2, 3], [3, 6, 9]), ([1, 1, 1], [.max, .max, .max])]
            as [([UInt32], [UInt32])]
        {
            let (light, heavy) = (ring(.rendezvous, one), ring(.rendezvous, other))
            #expect(light.fingerprint == heavy.fingerprint)
            #expect(Self.keys.allSatisfy { light.server(for: $0.span) == heavy.server(for: $0.span) })
        }
        #expect(ring(.rendezvous, [1, 2, 3]).fingerprint != ring(.rendezvous, [1, 2, 4]).fingerprint)
        // These count places: twice as many are others.
        for distribution in [KeyDistribution.jump, .modulo] {
            #expect(ring(distribution, [1, 1]).fingerprint != ring(distribution, [2, 2]).fingerprint)
            #expect(ring(distribution, [1, 2]).fingerprint != ring(distribution, [2, 1]).fingerprint)
        }
        // It has a hash of its own, and no weights.
        #expect(
            ring(.rendezvousMurmur3, [1, 2], .md5).fingerprint == ring(.rendezvousMurmur3, [2, 1]).fingerprint)
    }

    @Test(
        "The greatest weights have a fingerprint and places, in no time and no memory",
        arguments: KeyDistribution.allCases)
    func heaviest(distribution: KeyDistribution) {
        let servers = Self.servers(300, weights: Array(repeating: .max, count: 300))
        let ring = HashRing(servers: servers, distribution: distribution)

        #expect(ring.fingerprint.utf8.count == 16)
        #expect(Self.keys.prefix(500).allSatisfy { servers.indices.contains(ring.server(for: $0.span)) })
    }

    private static func servers(_ count: Int, weights: [UInt32]? = nil) -> [RingServer] {
        (0..<count).map { RingServer(host: "cache-\($0)", port: 11211 + UInt16($0 % 2), weight: weights?[$0] ?? 1) }
    }

    /// Keys on the server that is fullest by its weight, the mean being 1.
    private func fullness(_ ring: HashRing) -> Double {
        var counts = [Int](repeating: 0, count: ring.servers.count)
        let keyCount = 100_000
        for number in 0..<keyCount { counts[ring.server(for: "user:\(number)")] += 1 }
        let total = ring.servers.reduce(0) { $0 + Double($1.weight) }
        return zip(counts, ring.servers).map { Double($0) / Double(keyCount) * total / Double($1.weight) }.max() ?? 0
    }
}
