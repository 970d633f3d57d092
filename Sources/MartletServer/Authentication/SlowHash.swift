import MartletProtocol

/// PBKDF2 with HMAC-SHA256 (RFC 8018) and one block of output, computed a slice at a time: a worker that checks a
/// password serves its other connections between the slices.
struct SlowHash {
    private let keyed: KeyedDigest
    private var latest: SHA256.Words
    private var sum: SHA256.Words
    private(set) var roundsLeft: Int

    /// The first round is done here. `rounds` is at least 1.
    init(password: some Collection<UInt8>, salt: [UInt8], rounds: Int) {
        self.init(keyed: KeyedDigest(key: password), salt: salt, rounds: rounds)
    }

    /// The same with the password as a key.
    init(keyed: KeyedDigest, salt: [UInt8], rounds: Int) {
        self.keyed = keyed
        latest = keyed.digest(salt + [0, 0, 0, 1])
        sum = latest
        roundsLeft = rounds - 1
    }

    /// Does at most `rounds` further rounds.
    mutating func advance(_ rounds: Int) {
        let count = min(rounds, roundsLeft)
        for _ in 0..<count {
            latest = keyed.digest(of: latest)
            for index in 0..<8 { sum[index] ^= latest[index] }
        }
        roundsLeft -= count
    }

    /// The hash; nil while rounds are left.
    var result: SHA256.Words? { roundsLeft == 0 ? sum : nil }
}
