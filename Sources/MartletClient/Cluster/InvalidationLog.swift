/// Keys whose change may not have reached their server: what is under them there may be out of date.
///
/// Hinted handoff in the form that fits a cache: what is handed over later is that a value is no longer good, never a
/// value.
///
/// Rules:
/// 1. A set, a removal or an invalidation that failed leaves its key here, and so does a generation that was to be
///    counted up, unless it was never due (too large, refused). `SERVER_ERROR` is no refusal: a proxy says so of a
///    server behind it that is away.
/// 2. What was to change one version only removes no other.
/// 3. Before a server that was down is used again, its keys are removed there, whichever process it is by now: a new
///    one may have its memory from before, or values that others have stored since.
/// 4. A key that was changed successfully since is removed all the same: that costs a miss, and nothing more.
/// 5. A removal that the server answers with `SERVER_ERROR` is postponed: it is tried again, and does not keep the
///    server out of use, which has other keys.
/// 6. Beyond `keysMax` the rest is not known by name, and the log says that it has overflowed.
struct InvalidationLog: Sendable {
    /// What is to be removed.
    struct Removal: Hashable, Sendable {
        let key: CacheKey
        /// The version that alone is to go; nil for whatever is there.
        var token: UInt64?
    }

    private var due: Set<Removal> = []
    /// Rule 5.
    private var postponed: Set<Removal> = []
    /// Of the round that is under way, not begun yet.
    private var waiting: [Removal] = []
    private var hasOverflowed = false
    private let keysMax: Int

    init(keysMax: Int) { self.keysMax = max(keysMax, 0) }

    var count: Int { due.count + postponed.count + waiting.count }
    /// There is something that must be removed before the server is used again.
    var isDue: Bool { !due.isEmpty || !waiting.isEmpty || hasOverflowed }
    var isEmpty: Bool { !isDue && postponed.isEmpty }

    mutating func append(_ removal: Removal) { insert(removal, into: \.due) }

    /// Rule 5.
    mutating func postpone(_ removal: Removal) { insert(removal, into: \.postponed) }

    private mutating func insert(_ removal: Removal, into place: WritableKeyPath<InvalidationLog, Set<Removal>>) {
        // All of it goes anyway.
        if removal.token != nil, due.contains(Removal(key: removal.key)) { return }
        if due.count + postponed.count < keysMax {
            self[keyPath: place].insert(removal)
        } else if !due.contains(removal), !postponed.contains(removal) {
            hasOverflowed = true
        }
    }

    /// Begins a round with what is due, and with `andPostponed` with everything. Says whether the log has overflowed.
    mutating func beginRound(andPostponed: Bool) -> Bool {
        waiting += andPostponed ? due.union(postponed) : due
        due = []
        if andPostponed { postponed = [] }
        defer { hasOverflowed = false }
        return hasOverflowed
    }

    /// Takes so many of the round's removals.
    mutating func take(_ count: Int) -> [Removal] {
        let piece = Array(waiting.suffix(count))
        waiting.removeLast(piece.count)
        return piece
    }

    /// The round goes no further: the rest is due as before.
    mutating func endRound() {
        let rest = waiting
        waiting = []
        for removal in rest { append(removal) }
    }

    /// Whether a request that ended with `error` belongs here: rule 1.
    static func concerns(_ request: CacheRequest, _ error: CacheError) -> Bool {
        switch request.verb {
        case .set, .delete, .invalidate: break
        default: return false
        }
        switch error.code {
        case .timeout, .cancelled, .connectionLost, .serverDown, .overloaded, .protocolViolation, .unauthorized:
            return true
        case .refused: return error.isServerFailure
        default: return false
        }
    }
}
