import MartletStore

/// What was asked of the store about one key (or of all keys), in absolute terms, and what it answered.
struct Event {
    /// nil for all keys.
    let key: Int?
    let action: Action
    let answer: Answer

    enum Action {
        case store(Value, StoreRequest)
        case hold(newExpiry: UInt32?, givesWin: Bool)
        case vivify(expiry: UInt32, explicit: UInt64?)
        case delete(compare: ComparedToken?)
        case invalidate(InvalidateRequest)
        case arithmetic(ArithmeticRequest)
        case flush
    }

    enum Answer {
        case stored(StoreOutcome)
        case held(Snapshot?)
        case deleted(DeleteOutcome.Result)
        case counted(ArithmeticOutcome)
        case none
    }

    /// What a hold showed.
    struct Snapshot: Equatable {
        var value: Value
        var flags: UInt32
        var token: UInt64
        var expiry: UInt32
        var expiryBefore: UInt32
        var isStale: Bool
        var isWinSent: Bool
        var isVivified: Bool

        init(
            value: Value, flags: UInt32, token: UInt64, expiry: UInt32, expiryBefore: UInt32, isStale: Bool,
            isWinSent: Bool, isVivified: Bool
        ) {
            self.value = value
            self.flags = flags
            self.token = token
            self.expiry = expiry
            self.expiryBefore = expiryBefore
            self.isStale = isStale
            self.isWinSent = isWinSent
            self.isVivified = isVivified
        }

        init(_ hold: borrowing ItemHold) {
            let length = hold.valueLength
            value = Value(
                [UInt8](unsafeUninitializedCapacity: length) { buffer, count in
                    if let start = buffer.baseAddress, length > 0 { hold.copyValue(to: start) }
                    count = length
                })
            flags = hold.clientFlags
            token = hold.token
            expiry = hold.expiry
            expiryBefore = hold.expiryBefore
            isStale = hold.isStale
            isWinSent = hold.isWinSent
            isVivified = hold.isVivified
        }
    }

    /// The token that the answer shows the key to have, if any.
    var shownToken: UInt64? {
        switch answer {
        case .stored(let outcome): outcome.result == .stored ? outcome.token : nil
        case .held(let snapshot): snapshot?.token
        case .counted(let outcome): outcome.result == .changed || outcome.result == .vivified ? outcome.token : nil
        case .deleted, .none: nil
        }
    }

    /// The token that this very operation was given by the store.
    var issuedToken: UInt64? {
        switch action {
        case .store(_, let request): request.explicitToken == nil ? shownToken : nil
        case .arithmetic(let request): request.explicitToken == nil ? shownToken : nil
        case .vivify(_, let explicit):
            if case .held(let snapshot?) = answer, snapshot.isVivified, explicit == nil { snapshot.token } else { nil }
        default: nil
        }
    }

    /// How much was to be stored; more than any memory where a large item may have been built from another.
    var storedBytes: Int {
        switch action {
        case .store(let value, let request):
            request.mode == .append || request.mode == .prepend ? .max : value.count
        case .invalidate: .max
        default: 0
        }
    }

    /// Whether the store said that it has no memory.
    var isRefusal: Bool {
        switch (action, answer) {
        case (_, .stored(let outcome)): outcome.result == .noMemory
        case (_, .deleted(let result)): result == .noMemory
        case (_, .counted(let outcome)): outcome.result == .noMemory
        case (.vivify, .held(let snapshot)): snapshot == nil
        default: false
        }
    }
}
