import MartletProtocol

/// One try to log in, worked at a slice at a time.
///
/// 1. The name is compared with that of every line, and the password with every plain one, in a time that depends on
///    nothing but their number.
/// 2. With hashed lines in the file, `slowLinesMax` slow hashes are computed, whatever the name: those of the user's
///    lines, and the decoy's for the rest. Neither a name nor its kind of password shows in the time a refusal takes.
/// 3. A password that was right for a hashed line is remembered by the worker (`RememberedPasswords`), so that a pool
///    of connections pays for one slow hash and not for one each. Whoever waits for a slice meanwhile profits, too. A
///    login that succeeds may be quick; a refusal never is.
/// 4. Neither the name nor the password is kept, however long they are: only what their digests need.
struct LoginCheck {
    private let credentials: Credentials
    private let digest: SHA256.Words
    /// What slow hashes of the password are made with.
    private let password: KeyedDigest
    private var isRight = false
    /// The hashed lines to check, decoys as nil.
    private var toCheck: [Int?] = []
    private var slow: SlowHash?
    /// Of what is remembered, as of the last look.
    private var changesSeen: Int

    /// Compares all that can be compared at once.
    init(
        user: some Collection<UInt8>, password: some Collection<UInt8>, _ credentials: Credentials,
        _ remembered: RememberedPasswords
    ) {
        self.credentials = credentials
        self.password = KeyedDigest(key: password)
        changesSeen = remembered.changeCount
        let name = credentials.keyed.digest(user)
        digest = credentials.keyed.digest(password)
        for (index, line) in credentials.lines.enumerated() {
            let isUser = SHA256.areEqual(name, line.user)
            let isKnown = SHA256.areEqual(digest, line.plain ?? remembered.digest(of: index, in: credentials))
            if isUser && isKnown { isRight = true }
            if isUser && line.slow != nil { toCheck.append(index) }
        }
        while toCheck.count < credentials.slowLinesMax { toCheck.append(nil) }
    }

    /// The verdict, if it takes no slow hash, or none any more; else nil.
    mutating func verdictAtOnce(_ remembered: RememberedPasswords) -> Bool? {
        if !isRight, changesSeen != remembered.changeCount {
            changesSeen = remembered.changeCount
            for line in toCheck {
                let known = remembered.digest(of: line ?? .max, in: credentials)
                if SHA256.areEqual(digest, known) { isRight = true }
            }
        }
        if isRight { return true }
        return toCheck.isEmpty ? false : nil
    }

    /// Goes on for at most `rounds` rounds of a slow hash. The verdict, nil while there is more to do.
    mutating func advance(_ rounds: Int, _ remembered: inout RememberedPasswords) -> Bool? {
        guard let line = toCheck.last else { return false }
        guard let hash = line.flatMap({ credentials.lines[$0].slow }) ?? credentials.decoy else { return false }
        var running = slow ?? SlowHash(keyed: password, salt: hash.salt, rounds: hash.rounds)
        running.advance(rounds)
        slow = running
        guard let result = running.result else { return nil }
        slow = nil
        toCheck.removeLast()
        let isEqual = SHA256.areEqual(result, hash.hash)
        if let line, isEqual {
            remembered.remember(digest, for: line, in: credentials)
            return true
        }
        return toCheck.isEmpty ? false : nil
    }
}

/// Of each hashed line, the keyed digest of the password that was right. Those of one worker; forgotten with the file's
/// next reading.
struct RememberedPasswords {
    private var digests: [SHA256.Words] = []
    private var generation = 0
    private(set) var changeCount = 0

    private static let none = SHA256.Words(repeating: 0)

    /// What was remembered for a line; a digest that nothing has otherwise.
    func digest(of line: Int, in credentials: Credentials) -> SHA256.Words {
        generation == credentials.generation && line < digests.count ? digests[line] : Self.none
    }

    mutating func remember(_ digest: SHA256.Words, for line: Int, in credentials: Credentials) {
        if generation != credentials.generation {
            generation = credentials.generation
            digests = credentials.lines.map { _ in Self.none }
        }
        digests[line] = digest
        changeCount += 1
    }
}
