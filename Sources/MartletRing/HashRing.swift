/// Which server has which key, for one list of servers. A value: a changed list is another ring.
///
/// *Goals*: the same server for every key as the clients that `KeyDistribution` names, bit for bit; look-ups that
/// neither allocate nor lock. *Non-goals*: knowing whether a server is up. A ring that left out servers that seem dead
/// would send their keys elsewhere, and back again with what had become stale in the meantime.
///
///     let ring = HashRing(servers: [RingServer(host: "10.0.1.1"), RingServer(host: "10.0.1.2")])
///     let server = ring.servers[ring.server(for: "user:0")]
///
/// Any thread may ask a ring at any time.
public struct HashRing: Sendable {
    /// The servers in the order they were given in: what a look-up answers is a place in here.
    public let servers: [RingServer]
    /// How the keys are shared out among them.
    public let distribution: KeyDistribution
    /// What makes a number of a key; `KeyDistribution.rendezvousMurmur3` has its own and does not ask for it.
    public let hash: KeyHash
    /// Which part of a key decides, where it is marked.
    public let hashTag: HashTag?

    private let lookUp: LookUp

    /// What a distribution looks into.
    private enum LookUp: Sendable {
        case one
        case points(PointRing)
        case scores(RendezvousScores)
        case murmurScores(MurmurScores)
        /// For `jump` and `modulo`: the weights of each server and of those before it, together. Each server has as
        /// many places in a row as it weighs.
        case places(ends: [Int])
    }

    /// A ring of `servers`, of which there must be one at least.
    ///
    /// - Parameters:
    ///   - servers: In an order that `jump` and `modulo` take as given and the others do not care about.
    ///   - hash: The key's hash; the distribution's usual one if nil.
    ///   - hashTag: Which part of a key decides; the whole of it if nil.
    public init(
        servers: [RingServer], distribution: KeyDistribution = .ketama, hash: KeyHash? = nil, hashTag: HashTag? = nil
    ) {
        precondition(!servers.isEmpty, "a ring has one server at least")
        self.servers = servers
        self.distribution = distribution
        self.hash = hash ?? distribution.usualHash
        self.hashTag = hashTag
        guard servers.count > 1 else {
            lookUp = .one
            return
        }
        switch distribution {
        case .libmemcached where servers.allSatisfy({ $0.weight == 1 }):
            lookUp = .points(PointRing(unweighted: servers, hash: self.hash))
        case .ketama, .libmemcached: lookUp = .points(PointRing(weighted: servers))
        case .rendezvous: lookUp = .scores(RendezvousScores(servers))
        case .rendezvousMurmur3: lookUp = .murmurScores(MurmurScores(servers))
        case .jump, .modulo:
            var end = 0
            lookUp = .places(
                ends: servers.map {
                    end += Int($0.weight)
                    return end
                })
        }
    }

    // MARK: Look-up

    /// The index in `servers` of the server that has `key`. Allocates nothing.
    public func server(for key: Span<UInt8>) -> Int {
        guard let hashTag else { return server(forRouting: key) }
        return server(forRouting: key.extracting(hashTag.range(in: key)))
    }

    /// The index in `servers` of the server that has the UTF-8 bytes of `key`. Allocates nothing.
    public func server(for key: String) -> Int { server(for: key.utf8.span) }

    private func server(forRouting key: Span<UInt8>) -> Int {
        switch lookUp {
        case .one: return 0
        case .points(let points): return points[points.rank(of: hash.hash(key))].server
        case .scores(let scores): return scores.server(for: hash.wideHash(key))
        case .murmurScores(let scores): return scores.server(for: key)
        case .places(let ends): return server(at: place(of: key, in: ends[ends.count &- 1]), ends)
        }
    }

    /// The first server that ends behind `place`. O(log n).
    private func server(at place: Int, _ ends: [Int]) -> Int {
        var low = 0
        var count = ends.count
        while count > 0 {
            let half = count &>> 1
            if ends[low &+ half] <= place {
                low &+= half &+ 1
                count &-= half &+ 1
            } else {
                count = half
            }
        }
        return low
    }

    private func place(of key: Span<UInt8>, in count: Int) -> Int {
        if distribution == .jump { return JumpHash.place(hash.wideHash(key), count: count) }
        return Int(UInt64(hash.hash(key)) % UInt64(count))
    }

    /// The server that has `key` and those that would have it next, `count` at most and each once: where copies of a
    /// key belong. On a ring of points these are the servers of the points that follow. Allocates, the list at least.
    public func servers(for key: Span<UInt8>, count: Int) -> [Int] {
        let count = min(max(count, 0), servers.count)
        guard let hashTag else { return servers(forRouting: key, count: count) }
        return servers(forRouting: key.extracting(hashTag.range(in: key)), count: count)
    }

    /// The same for the UTF-8 bytes of `key`.
    public func servers(for key: String, count: Int) -> [Int] { servers(for: key.utf8.span, count: count) }

    private func servers(forRouting key: Span<UInt8>, count: Int) -> [Int] {
        switch lookUp {
        case .one: return Array(0..<count)
        case .points(let points):
            let start = points.rank(of: hash.hash(key))
            return distinct(count, (0..<points.count).lazy.map { points[(start &+ $0) % points.count].server })
        case .scores(let scores): return Array(scores.ranking(for: hash.wideHash(key)).prefix(count))
        case .murmurScores(let scores): return Array(scores.ranking(for: key).prefix(count))
        case .places(let ends):
            let first = server(at: place(of: key, in: ends[ends.count &- 1]), ends)
            return (0..<count).map { (first &+ $0) % servers.count }
        }
    }

    private func distinct(_ count: Int, _ candidates: some Sequence<Int>) -> [Int] {
        var found: [Int] = []
        for candidate in candidates {
            if found.count == count { break }
            if !found.contains(candidate) { found.append(candidate) }
        }
        return found
    }

    // MARK: Facts

    /// Points of each server on the circle; its weight where there is no circle.
    public var pointCounts: [Int] {
        guard case .points(let points) = lookUp else { return servers.map { Int($0.weight) } }
        var counts = [Int](repeating: 0, count: servers.count)
        for rank in 0..<points.count { counts[points[rank].server] += 1 }
        return counts
    }

    /// The points in the order of their places, empty where there is no circle.
    public var points: [(place: UInt32, server: Int)] {
        guard case .points(let points) = lookUp else { return [] }
        return (0..<points.count).map { points[$0] }
    }

    /// Each server's share of all possible keys: exact on a ring of points, by weight elsewhere.
    public var shares: [Double] {
        if case .points(let points) = lookUp { return points.shares(servers.count) }
        let total = servers.reduce(0.0) { $0 + ($1.weightCounted(by: distribution)) }
        return servers.map { $0.weightCounted(by: distribution) / total }
    }

    /// Sixteen hexadecimal digits, the same for two rings that send every key to the same server in the same way: print
    /// them where clients are to agree. Servers count by name, and their order and weights only where these decide.
    public var fingerprint: String {
        let deciding = distribution == .rendezvousMurmur3 ? distribution.usualHash : hash
        var text = "\(distribution.rawValue) \(deciding.rawValue)"
        if let hashTag { text += " \(hashTag.opening) \(hashTag.closing)" }
        switch lookUp {
        case .one: text = servers[0].name
        case .points(let points):
            // Which of the two point rings it was does not matter: the points tell.
            text = "points\(text.dropFirst(distribution.rawValue.utf8.count))"
            for rank in 0..<points.count { text += "\n\(points[rank].place) \(servers[points[rank].server].name)" }
        case .scores:
            let weights = RendezvousScores.reduced(servers.map(\.weight))
            for (server, weight) in zip(servers, weights).sorted(by: { $0.0.name < $1.0.name }) {
                text += "\n\(server.name) \(weight)"
            }
        case .murmurScores: for name in servers.map(\.name).sorted() { text += "\n\(name)" }
        case .places:
            for server in servers {
                text += "\n\(server.name)"
                if server.weight > 1 { text += "\t\(server.weight)" }
            }
        }
        return String(MD5(text).hexadecimal.prefix(16))
    }
}

extension RingServer {
    /// pymemcache's rendezvous knows no weights.
    fileprivate func weightCounted(by distribution: KeyDistribution) -> Double {
        distribution == .rendezvousMurmur3 ? 1 : Double(weight)
    }
}
