import MartletRing

/// Looking up which server has a key, in every distribution, by every hash, among few servers and many: nanoseconds,
/// and allocations, of which there may be none.
struct RingBenchmark {
    private static let serverCounts = [2, 10, 100, 1000]
    private static let rounds = 8
    /// Short and long, with a hash tag and without, and one that is empty.
    private let keys: [String] = (0..<1024).map { number in
        switch number % 4 {
        case 0: "key:\(number)"
        case 1: "users:{\(number)}:basket:of:the:day"
        case 2: String(repeating: "long-\(number)", count: 20)
        default: number == 3 ? "" : "a-key-of-some-thirty-bytes-\(number)"
        }
    }
    private var lookUps: Int { Self.rounds * keys.count }

    /// False when a look-up allocated, or when the counter does not see what it must.
    func run() -> Bool {
        let gate = AllocationGate()
        var isRight = gate.provesItself()
        for distribution in KeyDistribution.allCases {
            for count in Self.serverCounts {
                let ring = Self.ring(count, distribution)
                isRight = measured(ring, "\(distribution.rawValue), \(count) servers", gate) && isRight
            }
        }
        for hash in KeyHash.allCases {
            let ring = Self.ring(10, .modulo, hash)
            isRight = measured(ring, "modulo by \(hash.rawValue), 10 servers", gate) && isRight
        }
        isRight = measured(Self.ring(10, .ketama, tag: .braces), "ketama with a hash tag, 10 servers", gate) && isRight
        return isRight
    }

    /// Servers of unequal weight, which cost most.
    private static func ring(
        _ count: Int, _ distribution: KeyDistribution, _ hash: KeyHash? = nil, tag: HashTag? = nil
    ) -> HashRing {
        let isWeighted = distribution != .libmemcached
        let servers = (0..<count).map { RingServer(host: "10.0.\($0).1", weight: isWeighted ? UInt32(1 + $0 % 3) : 1) }
        return HashRing(servers: servers, distribution: distribution, hash: hash, hashTag: tag)
    }

    private func measured(_ ring: HashRing, _ name: String, _ gate: AllocationGate) -> Bool {
        let bytes = keys.map { Array($0.utf8) }
        var sum = 0
        let isFree = gate.step("which server, \(name)", 2 * lookUps) {
            for _ in 0..<Self.rounds {
                for (key, text) in zip(bytes, keys) {
                    sum &+= ring.server(for: key.span)
                    sum &-= ring.server(for: text)
                }
            }
        }
        precondition(sum == 0, "a key has one server, however it is asked for")
        return isFree
    }
}
