import MartletStore

/// The model of one key: what the store may truthfully say about it next.
///
/// 1. A key has an item or none. Which is known up to what no answer has told yet, so the model holds a set of possible
///    states, and each answer prunes it. An empty set is a wrong answer.
/// 2. Where memory is tight an item may be gone before any operation.
/// 3. A token is issued above all that the key has had. What an invalidation issues is not told: it is unknown until
///    seen.
struct KeyModel {
    private(set) var states: [KeyState] = [KeyState()]
    let keyBytes: Int
    let itemBytesMax: Int
    /// What an item has besides key and value.
    var itemOverheadBytes = ItemPointer.headerBytes
    let mayVanish: Bool

    /// Takes in the events of one step: `nested` ones in order, and the outer one at any place among them. Returns
    /// false if no place explains all answers.
    mutating func accept(outer: Event?, nested: [Event], now: UInt32) -> Bool {
        var after: [KeyState] = []
        for place in 0...(outer == nil ? 0 : nested.count) {
            var sequence = nested
            if let outer { sequence.insert(outer, at: place) }
            for state in states(after: sequence, now: now) where !after.contains(state) { after.append(state) }
        }
        if after.isEmpty { return false }
        states = after
        return true
    }

    private func states(after sequence: [Event], now: UInt32) -> [KeyState] {
        var current = states
        for event in sequence {
            var next: [KeyState] = []
            for state in current {
                let living = state.living(now: now)
                var starts = [living]
                if mayVanish, living.item != nil { starts.append(living.without()) }
                for start in starts {
                    for successor in successors(start, event) where !next.contains(successor) { next.append(successor) }
                }
            }
            current = next
        }
        return current
    }

    private func successors(_ state: KeyState, _ event: Event) -> [KeyState] {
        if event.isRefusal { return mayVanish ? [state] : [] }
        switch (event.action, event.answer) {
        case (.store(let value, let request), .stored(let outcome)):
            return request.mode == .append || request.mode == .prepend
                ? extended(state, value, request, outcome) : stored(state, value, request, outcome)
        case (.hold(let newExpiry, let givesWin), .held(let snapshot)):
            return held(state, newExpiry, givesWin, snapshot)
        case (.vivify(let expiry, let explicit), .held(let snapshot?)):
            return vivified(state, expiry, explicit, snapshot)
        case (.delete(let compare), .deleted(let result)):
            return compared(state, compare, missing: result == .notFound, refused: result == .exists) { item in
                result == .done ? state.without() : nil
            }
        case (.invalidate(let request), .deleted(let result)):
            return invalidated(state, request, result)
        case (.arithmetic(let request), .counted(let outcome)):
            return counted(state, request, outcome)
        case (.flush, .none):
            return [state.without()]
        default:
            return []
        }
    }

    private func isTooLarge(_ length: Int) -> Bool {
        itemOverheadBytes + keyBytes + length > itemBytesMax
    }

    // MARK: What each answer says

    /// The common course of operations on an item that may compare its token. `change` gives the state of a key whose
    /// item passed the comparison.
    private func compared(
        _ state: KeyState, _ compare: ComparedToken?, missing: Bool, refused: Bool, _ change: (ModelItem) -> KeyState?
    ) -> [KeyState] {
        guard let item = state.item else { return missing ? [state] : [] }
        if missing { return [] }
        return item.comparisons(compare).compactMap { order, item in
            if order != .equal { return refused ? state.with(item) : nil }
            return refused ? nil : change(item)
        }
    }

    private func stored(
        _ state: KeyState, _ value: Value, _ request: StoreRequest, _ outcome: StoreOutcome
    ) -> [KeyState] {
        if isTooLarge(value.count) { return outcome.result == .tooLarge ? [state] : [] }
        func fresh(_ old: ModelItem?, isStale: Bool) -> KeyState? {
            guard outcome.valueLength == value.count else { return nil }
            let expiry = isStale ? old?.expiry ?? 0 : request.expiry
            guard outcome.expiry == expiry else { return nil }
            var item = ModelItem(value: value, flags: request.clientFlags, token: .known(0), expiry: expiry)
            item.isStale = isStale
            item.isWinSent = isStale && old?.isWinSent == true
            return state.issuing(item, request.explicitToken, shown: outcome.token)
        }
        guard let item = state.item else {
            let expected: StoreOutcome.Result =
                switch request.mode {
                case .set: request.compareToken == nil ? .stored : .notFound
                case .replace: request.compareToken == nil ? .notStored : .notFound
                default: .stored
                }
            if outcome.result != expected { return [] }
            return expected == .stored ? [fresh(nil, isStale: false)].compactMap { $0 } : [state]
        }
        if request.mode == .add { return outcome.result == .notStored ? [state] : [] }
        return item.comparisons(request.compareToken).compactMap { order, item in
            let isStale = order == .below && request.storesStaleWhenOlder
            if order == .equal || isStale { return outcome.result == .stored ? fresh(item, isStale: isStale) : nil }
            return outcome.result == .exists ? state.with(item) : nil
        }
    }

    private func extended(
        _ state: KeyState, _ added: Value, _ request: StoreRequest, _ outcome: StoreOutcome
    ) -> [KeyState] {
        if isTooLarge(added.count) { return outcome.result == .tooLarge ? [state] : [] }
        guard state.item != nil else {
            guard let expiry = request.vivifyExpiry else { return outcome.result == .notStored ? [state] : [] }
            guard outcome.result == .stored, outcome.valueLength == added.count else { return [] }
            let item = ModelItem(value: added, flags: request.clientFlags, token: .known(0), expiry: expiry)
            return [state.issuing(item, request.explicitToken, shown: outcome.token)].compactMap { $0 }
        }
        return compared(state, request.compareToken, missing: false, refused: outcome.result == .exists) { old in
            let value = request.mode == .append ? old.value + added : added + old.value
            if isTooLarge(value.count) { return outcome.result == .tooLarge ? state.with(old) : nil }
            guard outcome.result == .stored, outcome.valueLength == value.count else { return nil }
            let item = ModelItem(value: value, flags: old.flags, token: .known(0), expiry: old.expiry)
            return state.issuing(item, request.explicitToken, shown: outcome.token)
        }
    }

    private func held(
        _ state: KeyState, _ newExpiry: UInt32?, _ givesWin: Bool, _ snapshot: Event.Snapshot?
    ) -> [KeyState] {
        guard let snapshot else { return state.item == nil ? [state] : [] }
        guard var item = state.item, item.expiry == snapshot.expiryBefore, !snapshot.isVivified else { return [] }
        if let newExpiry { item.expiry = newExpiry }
        guard var seen = state.seeing(item, snapshot) else { return [] }
        if givesWin { seen.item?.isWinSent = true }
        return [seen]
    }

    private func vivified(
        _ state: KeyState, _ expiry: UInt32, _ explicit: UInt64?, _ snapshot: Event.Snapshot
    ) -> [KeyState] {
        if !snapshot.isVivified { return held(state, nil, false, snapshot) }
        if state.item != nil { return [] }
        var item = ModelItem(value: .empty, flags: 0, token: .known(0), expiry: expiry)
        item.isWinSent = true
        guard let made = state.issuing(item, explicit, shown: snapshot.token), let all = made.item else { return [] }
        return made.seeing(all, snapshot).map { [$0] } ?? []
    }

    private func invalidated(
        _ state: KeyState, _ request: InvalidateRequest, _ result: DeleteOutcome.Result
    ) -> [KeyState] {
        compared(state, request.compareToken, missing: result == .notFound, refused: result == .exists) { old in
            guard result == .done else { return nil }
            var item = old
            item.isStale = request.marksStale
            item.isWinSent = false
            if request.dropsValue {
                item.value = .empty
                item.flags = request.clientFlags
            }
            if let newExpiry = request.newExpiry { item.expiry = newExpiry }
            return state.issuing(item, request.explicitToken, shown: nil)
        }
    }

    private func counted(
        _ state: KeyState, _ request: ArithmeticRequest, _ outcome: ArithmeticOutcome
    ) -> [KeyState] {
        if state.item == nil, let expiry = request.vivifyExpiry {
            guard outcome.result == .vivified, outcome.value == request.vivifySeed, outcome.expiry == expiry else {
                return []
            }
            let item = ModelItem(
                value: .counter(request.vivifySeed, atLeast: 0), flags: 0, token: .known(0), expiry: expiry)
            return [state.issuing(item, request.explicitToken, shown: outcome.token)].compactMap { $0 }
        }
        let refused = outcome.result == .exists
        return compared(state, request.compareToken, missing: outcome.result == .notFound, refused: refused) { old in
            guard let number = old.value.number else { return outcome.result == .nonNumeric ? state.with(old) : nil }
            let result =
                request.isDecrement
                ? (number > request.delta ? number - request.delta : 0) : number &+ request.delta
            var item = old
            item.value = .counter(result, atLeast: old.value.count)
            if let newExpiry = request.newExpiry { item.expiry = newExpiry }
            guard outcome.result == .changed, outcome.value == result, outcome.expiry == item.expiry else { return nil }
            return state.issuing(item, request.explicitToken, shown: outcome.token)
        }
    }
}
