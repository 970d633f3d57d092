import LoadWorkload

/// Commands, the same for the same seed.
///
/// 1. Keys are few, so that commands meet; some are counters, of which one that was fetched in this batch is not
///    counted with any more: memcached then pads or not, by whether the fetched value was sent already.
/// 2. Tokens are given (`E`), because each server issues its own; those given lie far apart and far from issued ones.
/// 3. Every eighth command or so is changed at random, in its bytes or its words.
package struct ProbeSource {
    var random: RandomSource
    private var epoch: UInt64 = 0
    private var isFresh = true
    /// The beginning of every key, another one in every epoch: what was stored before is out of reach, also of keys
    /// that have a byte less.
    private(set) var tag = "aaaaaaaa"
    /// Counters fetched since the batch began.
    var fetchedCounters: Set<Int> = []
    private var nextMarker = 0

    package static let batchCount = 32
    static let keyCount = 12
    static let counterCount = 6
    static let tokens: [UInt64] = [1_000_000_000_000_000, 2_000_000_000_000_000, 3_000_000_000_000_000]
    static let times = ["0", "0", "0", "1000", "2592000", "-1", "2147483647"]

    package init(seed: UInt64) { random = RandomSource(seed: seed) }

    /// Everything stored so far is forgotten.
    package mutating func beginEpoch() {
        epoch += 1
        isFresh = true
        var letters = RandomSource(seed: epoch)
        tag = String((0..<8).map { _ in Character(UnicodeScalar(0x61 + UInt8(letters.next(below: 26)))) })
    }

    package mutating func nextBatch() -> ProbeBatch {
        fetchedCounters = []
        var probes: [Probe] = []
        for _ in 0..<Self.batchCount { probes.append(nextProbe()) }
        // A token that a refused command of the epoch before has left is taken by an item that nobody asks for.
        if isFresh { probes[0] = block(line(["set", tag + "first", "0", "0", "1"]), [0x78]) }
        isFresh = false
        defer { nextMarker += Self.batchCount }
        return ProbeBatch(probes: probes, firstMarker: nextMarker)
    }

    private mutating func nextProbe() -> Probe {
        let probe: Probe =
            switch below(100) {
            case 0..<22: storage()
            case 22..<36: retrieval()
            case 36..<44: arithmetic()
            case 44..<52: removal()
            case 52..<66: metaGet()
            case 66..<80: metaSet()
            case 80..<87: metaDelete()
            case 87..<94: metaArithmetic()
            case 94..<96: Probe(bytes: line(["me", key()]))
            default: server()
            }
        guard below(8) == 0 else { return probe }
        let changed = hostile(probe)
        return strays(changed) || AskedCommand(DifferenceRun.text(changed.bytes)).endsSoon ? probe : changed
    }

    /// Whether a command names a key that is not this epoch's, and might find what an earlier one has left.
    private func strays(_ probe: Probe) -> Bool {
        let line = probe.bytes.prefix { $0 != 10 }
        let words = line.split(separator: 0x20, omittingEmptySubsequences: true).map {
            String(decoding: $0, as: UTF8.self)
        }
        guard let verb = words.first, Self.keyedVerbs.contains(verb) else { return false }
        let isList = ["get", "gets", "gat", "gats"].contains(verb)
        let keys = words.dropFirst(verb.hasPrefix("gat") ? 2 : 1)
        return (isList ? keys : keys.prefix(1)).contains { !isOfEpoch($0) }
    }

    private static let keyedVerbs: Set<String> = [
        "get", "gets", "gat", "gats", "set", "add", "replace", "append", "prepend", "cas", "touch", "incr", "decr",
        "delete", "mg", "ms", "md", "ma", "me",
    ]

    /// Whether half of the tag is in the word, as it stands or in base64.
    private func isOfEpoch(_ word: String) -> Bool {
        let count = tag.utf8.count
        let encoded = Self.base64(Array(tag.utf8.prefix(count / 3 * 3)))
        return [tag, encoded].contains { text in
            let bytes = Array(text.utf8)
            return (0...(bytes.count - count / 2)).contains { start in
                word.contains(String(decoding: bytes[start..<start + count / 2], as: UTF8.self))
            }
        }
    }

    // MARK: Parts

    mutating func below(_ bound: Int) -> Int { Int(random.next(below: UInt64(bound))) }

    mutating func pick<Element>(_ choices: [Element]) -> Element { choices[below(choices.count)] }

    mutating func key() -> String { "\(tag)k\(below(Self.keyCount))" }

    mutating func counter(fetched: Bool) -> String {
        var index = below(Self.counterCount)
        if fetched {
            fetchedCounters.insert(index)
        } else if fetchedCounters.contains(index) {
            // One that is never fetched.
            index = Self.counterCount
        }
        return "\(tag)n\(index)"
    }

    /// A key of either kind, for a command that fetches.
    mutating func fetchedKey() -> String { below(4) == 0 ? counter(fetched: true) : key() }

    func line(_ words: [String]) -> [UInt8] { Array((words.joined(separator: " ") + "\r\n").utf8) }

    mutating func value() -> [UInt8] {
        let count =
            switch below(1000) {
            case 0: 900_000
            case 1: 1_100_000
            case 2..<30: 5_000 + below(30_000)
            case 30..<100: below(3000)
            default: below(40)
            }
        let first = UInt8(ascii: "a") + UInt8(below(26))
        return [UInt8](repeating: first, count: count)
    }

    mutating func number() -> [UInt8] {
        Array(
            pick([
                "0", "1", "5", "9", "10", "99", "100", "18446744073709551615", "18446744073709551616", "12 ", " 3",
                "+4", "7\t", "8\0", "x1", "",
            ]).utf8)
    }

    func block(_ head: [UInt8], _ value: [UInt8]) -> Probe { Probe(bytes: head + value + [13, 10]) }
}
