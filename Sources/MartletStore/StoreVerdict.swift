/// Whether a store may happen, judged under the stripe lock.
struct Verdict: BitwiseCopyable {
    /// `.stored` for yes, otherwise the answer.
    let result: StoreOutcome.Result
    /// The value is stored, but marked stale (meta `I` with an older token); expiry and win mark stay as they are.
    let isStale: Bool

    @inline(__always)
    init(_ result: StoreOutcome.Result, isStale: Bool = false) {
        self.result = result
        self.isStale = isStale
    }
}

/// What a rebuilt item takes the place of.
struct Succession: BitwiseCopyable {
    /// Issued sequence of the version it was built from.
    let sequence: UInt64
    let keepsExpiry: Bool
    /// Which of the stale and win marks pass on to the new version.
    let keptMarks: UInt8
    let marksStale: Bool
}

extension StoreSession {
    /// The key has a living item.
    @inline(__always)
    func judgeLocked(_ item: ItemPointer, _ request: StoreRequest) -> Verdict {
        if request.mode == .add { return Verdict(.notStored) }
        guard let compare = request.compareToken else { return Verdict(.stored) }
        let token = item.token
        if compare.matches(token) { return Verdict(.stored) }
        let replaces = request.mode == .set || request.mode == .replace
        if request.storesStaleWhenOlder, replaces, compare.isLower(than: token) {
            return Verdict(.stored, isStale: true)
        }
        return Verdict(.exists)
    }

    /// The key has none.
    @inline(__always)
    static func judgeAbsence(_ request: StoreRequest) -> StoreOutcome.Result {
        switch request.mode {
        case .set: return request.compareToken == nil ? .stored : .notFound
        case .add: return .stored
        case .replace: return request.compareToken == nil ? .notStored : .notFound
        case .append, .prepend: return .notStored
        }
    }

    /// An `add` that meets an item counts as an access to it, though nobody has fetched it.
    @inline(never)
    func refuseLocked(_ slot: Slot, _ item: ItemPointer, _ verdict: Verdict) -> StoreOutcome {
        if verdict.result == .notStored { countHitUnfetched(item) }
        return StoreOutcome(verdict.result, slabClass: slabClass(of: slot.handle))
    }
}
