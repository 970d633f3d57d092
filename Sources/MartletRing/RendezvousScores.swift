/// The server that scores highest for a key has it.
///
/// Rules:
/// 1. A server's score is w / -ln(u), u being the hash of the key mixed with a hash of the server's name, as a fraction
///    between 0 and 1. Of servers of equal weight that is the one with the greatest u, and no logarithm is taken.
/// 2. The key is hashed once, and mixed with each server's word: O(n), a nanosecond or two for each server.
/// 3. Of two equal scores the greater name's counts, so that the order of the list does not matter.
/// 4. A logarithm is made of additions and products alone, so that every machine comes to the same result.
/// 5. Weights count beside each other: 2 and 4 are 1 and 2, to the last bit.
struct RendezvousScores: Sendable {
    private let words: [UInt64]
    private let weights: [Double]
    private let names: [String]
    private let isWeighted: Bool

    init(_ servers: [RingServer]) {
        words = servers.map { XXH64.hash(Array($0.name.utf8).span) }
        weights = Self.reduced(servers.map(\.weight)).map(Double.init)
        names = servers.map(\.name)
        isWeighted = Set(servers.map(\.weight)).count > 1
    }

    /// Rule 5: divided by what divides them all.
    static func reduced(_ weights: [UInt32]) -> [UInt32] {
        var divisor: UInt32 = 0
        for weight in weights {
            var rest = weight
            while rest > 0 { (divisor, rest) = (rest, divisor % rest) }
        }
        return divisor > 1 ? weights.map { $0 / divisor } : weights
    }

    func server(for hash: UInt64) -> Int {
        var best = 0
        var bestScore = score(0, hash)
        for index in 1..<words.count {
            let score = score(index, hash)
            if score > bestScore || (score == bestScore && names[index] > names[best]) {
                best = index
                bestScore = score
            }
        }
        return best
    }

    /// All servers, the best first.
    func ranking(for hash: UInt64) -> [Int] {
        words.indices.map { (index: $0, score: score($0, hash)) }
            .sorted { $0.score > $1.score || ($0.score == $1.score && names[$0.index] > names[$1.index]) }
            .map(\.index)
    }

    private func score(_ index: Int, _ hash: UInt64) -> Double {
        let mixed = XXH64.finished((hash ^ words[index]) &* 0x9E37_79B1_85EB_CA87)
        let fraction = (Double(mixed &>> 11) + 0.5) / 9_007_199_254_740_992
        return isWeighted ? weights[index] / -Self.logarithm(fraction) : fraction
    }

    /// The natural logarithm of a positive number, to about 1e-16 of its size.
    static func logarithm(_ number: Double) -> Double {
        var significand = number.significand
        var exponent = Double(number.exponent)
        if significand > 1.414_213_562_373_095 {
            significand /= 2
            exponent += 1
        }
        // ln m = 2 artanh((m - 1) / (m + 1)), whose argument is below 0.172 now.
        let ratio = (significand - 1) / (significand + 1)
        let square = ratio * ratio
        var sum = 0.0
        var odd = 25.0
        while odd > 0 {
            sum = sum * square + 1 / odd
            odd -= 2
        }
        return 2 * ratio * sum + exponent * 0.693_147_180_559_945_3
    }
}

/// The natural logarithm of a positive number, the same on every machine.
package func naturalLogarithm(_ number: Double) -> Double { RendezvousScores.logarithm(number) }

/// pymemcache's rendezvous: MurmurHash3 of `host:port-key` with seed 0, the highest wins, of equals the greater name.
struct MurmurScores: Sendable {
    /// The hash of `host:port-` as far as it goes without the key: whole words, and the bytes behind them.
    private struct Start: Sendable {
        var sum: UInt32 = 0
        var tail: UInt32 = 0
        var tailCount: UInt32 = 0
        var count = 0

        mutating func append(_ byte: UInt8) {
            tail |= UInt32(byte) &<< (tailCount &* 8)
            tailCount &+= 1
            count &+= 1
            if tailCount == 4 {
                sum = Murmur.blend(sum, tail)
                tail = 0
                tailCount = 0
            }
        }
    }

    private let starts: [Start]
    private let names: [String]

    init(_ servers: [RingServer]) {
        names = servers.map(\.name)
        starts = names.map { name in
            var start = Start()
            for byte in "\(name)-".utf8 { start.append(byte) }
            return start
        }
    }

    func server(for key: Span<UInt8>) -> Int {
        var best = 0
        var bestScore = score(0, key)
        for index in 1..<starts.count {
            let score = score(index, key)
            if score > bestScore || (score == bestScore && names[index] > names[best]) {
                best = index
                bestScore = score
            }
        }
        return best
    }

    /// All servers, the best first.
    func ranking(for key: Span<UInt8>) -> [Int] {
        var scores: [(index: Int, score: UInt32)] = []
        for index in starts.indices { scores.append((index, score(index, key))) }
        return scores.sorted { $0.score > $1.score || ($0.score == $1.score && names[$0.index] > names[$1.index]) }
            .map(\.index)
    }

    private func score(_ index: Int, _ key: Span<UInt8>) -> UInt32 {
        var start = starts[index]
        for index in key.indices { start.append(key[index]) }
        if start.tailCount > 0 { start.sum ^= Murmur.scramble(start.tail) }
        return Murmur.finish(start.sum, count: start.count)
    }
}
