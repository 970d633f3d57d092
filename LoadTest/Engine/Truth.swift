import LoadWorkload

/// What values may be: between the loop and the workload's stamps and versions. Copies mean the same; any thread.
struct Truth: BitwiseCopyable, Sendable {
    let verification: Verification
    /// Only where versions are followed.
    private let versions: VersionTable?
    /// Whether items expire, so that a touch changes what may be read.
    private let followsLives: Bool
    /// Whether a miss of what was stored is a violation.
    let expectsHits: Bool

    init(verification: Verification, versions: VersionTable?, followsLives: Bool, expectsHits: Bool) {
        self.verification = verification
        self.versions = versions
        self.expectsHits = expectsHits && versions != nil
        self.followsLives = followsLives && versions != nil
    }

    /// Why a value cannot have come from a correct server.
    enum Finding: BitwiseCopyable {
        case good
        case foreign(key: UInt64)
        case torn(offset: UInt32)
        case length(written: UInt32)
        case version(VersionFinding)
    }

    /// What is known about `key` when a read of it is sent.
    @inline(__always)
    func known(_ key: UInt64) -> VersionWord { versions?.word(key) ?? VersionWord(raw: 0) }

    /// The version that a store or delete of `key` sent now has; nil while another one is under way.
    @inline(__always)
    func beginWrite(_ key: UInt64) -> UInt32? {
        guard let versions else { return 1 }
        return versions.beginWrite(key)
    }

    /// False while a write of the key is under way: a touch may not be sent then.
    func beginTouch(_ key: UInt64) -> Bool { followsLives ? beginWrite(key) != nil : true }

    @inline(__always)
    func endWrite(_ request: Outstanding, _ outcome: VersionTable.WriteOutcome, now: UInt64) {
        guard let versions else { return }
        var expiry: UInt32 = 0
        if followsLives {
            if outcome == .touched || outcome == .stored, request.secondsToLive > 0 {
                expiry = Self.seconds(now) &+ request.secondsToLive
            }
        } else if outcome == .touched {
            return
        }
        versions.endWrite(request.key, outcome, expiresAtSeconds: expiry)
    }

    /// A touch was answered.
    func endTouch(_ request: Outstanding, now: UInt64) {
        if followsLives { endWrite(request, .touched, now: now) }
    }

    func loseTouch(_ request: Outstanding) {
        if followsLives { endWrite(request, .lostOther, now: 0) }
    }

    @inline(__always)
    func writeValue(at address: UnsafeMutableRawPointer, count: Int, key: UInt64, version: UInt32) {
        ValueStamp.write(at: address, count: count, key: key, version: version)
    }

    /// Whether a value is `good` by the quick look that nearly all values stand; `finding` looks closely.
    @inline(__always)
    func isGood(_ bytes: UnsafeRawPointer, count: Int, key: UInt64, known: VersionWord) -> Bool {
        guard let versions, !followsLives else { return false }
        return versions.isGood(bytes, count: count, key: key, sent: known)
    }

    /// Whether a value of `key` is whole, its own and new enough for a read sent at `sentAt`, when `known` was known.
    func finding(_ value: UnsafeRawBufferPointer, key: UInt64, known: VersionWord, sentAt: UInt64) -> Finding {
        // A counter's value is a number. (The bit is `KeySpace.counterBit`, which another module can only ask for by a
        // call.)
        if key >> 63 != 0 { return .good }
        // Safe: an empty value stands in front of its CR LF.
        switch ValueStamp.verify(value.baseAddress.unsafelyUnwrapped, count: value.count, key: key) {
        case .good(let version, let bits):
            guard let versions else { return .good }
            let seconds = followsLives ? Self.seconds(sentAt) : 0
            let finding = versions.judge(
                key, sent: known, version: version, versionBits: bits, sentSeconds: seconds)
            if case .good = finding { return .good }
            return .version(finding)
        case .foreign(let other): return .foreign(key: other)
        case .torn(let offset): return .torn(offset: offset)
        case .length(let written): return .length(written: written)
        }
    }

    /// Whether a read of `key`, sent when `known` was known, may miss now where nothing is evicted.
    func mayMiss(_ key: UInt64, known: VersionWord, now: UInt64) -> Bool {
        guard let versions else { return true }
        return versions.judgeMiss(key, sent: known, nowSeconds: followsLives ? Self.seconds(now) : 0)
    }

    private static func seconds(_ nanoseconds: UInt64) -> UInt32 {
        UInt32(truncatingIfNeeded: nanoseconds / 1_000_000_000)
    }
}
