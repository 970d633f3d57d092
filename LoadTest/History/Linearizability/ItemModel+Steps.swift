/// What each command makes of the item, and which answers it can have given.
extension ItemModel {
    // MARK: Looking

    static func seeing(_ seen: Item?, _ state: State) -> State? {
        guard let seen, var item = state.item else { return seen == nil && state.item == nil ? state : nil }
        guard item.value == unpadded(seen.value), item.flags == seen.flags, seen.life.fits(item.life) else {
            return nil
        }
        var after = state
        if seen.token != 0, item.token == 0 {
            // One that was not told is neither an old one nor a client's choice.
            guard seen.token > state.lastToken, seen.token < chosenTokenMin else { return nil }
            item.token = seen.token
            after.lastToken = seen.token
        } else if seen.token != 0, seen.token != item.token {
            return nil
        }
        if let told = seen.marks {
            let kept = item.marks ?? Marks()
            let wins = kept.isStale && !kept.isWon
            guard told == Marks(wins: wins, isWon: kept.isWon, isStale: kept.isStale) else { return nil }
            if wins { item.marks?.isWon = true }
        }
        after.item = item
        return after
    }

    static func touching(_ life: Int, _ state: State) -> State {
        var after = state
        after.item?.life = .given(life)
        return after
    }

    static func vivifying(_ seen: Item, _ life: Int, _ state: State) -> State? {
        if state.item != nil { return seeing(seen, state) }
        guard seen.value.isEmpty, seen.flags == 0, seen.marks.map({ $0 == Marks(wins: true) }) ?? true,
            seen.life.fits(.given(life))
        else { return nil }
        var item = Item(value: "", flags: 0, life: life)
        item.marks = Marks(isWon: true)
        return storing(item, seen.token == 0 ? nil : seen.token, state)
    }

    // MARK: Storing

    /// `item` with the token that was told. Its marks are those it is to have.
    static func storing(_ item: Item, _ token: UInt64?, _ state: State) -> State? {
        var item = item
        item.token = token ?? 0
        guard let token, token < chosenTokenMin else { return State(item: item, lastToken: state.lastToken) }
        guard token > state.lastToken else { return nil }
        return State(item: item, lastToken: token)
    }

    static func storing(
        _ item: Item, _ token: UInt64?, if allowed: Bool, told: Bool?, _ state: State
    ) -> State? {
        guard told == nil || told == allowed else { return nil }
        return allowed ? storing(item, token, state) : state
    }

    static func joining(
        _ stored: Bool?, _ token: UInt64?, _ birth: Birth?, _ state: State, _ join: (String) -> String
    ) -> State? {
        var item = state.item
        if item == nil, let birth { item = Item(value: "", flags: birth.flags, life: birth.life) }
        guard var item else { return stored == true ? nil : state }
        if stored == false { return nil }
        item.value = join(item.value)
        item.marks = nil
        return storing(item, token, state)
    }

    /// `change` gets the token that was told, and whether the token compared was an older one.
    static func comparing(
        _ compare: UInt64, _ result: CompareResult, _ state: State, storesOld: Bool = false,
        _ change: (_ token: UInt64?, _ isOld: Bool) -> State?
    ) -> State? {
        guard let item = state.item else { return result == .notFound ? state : nil }
        // The item's token may be one that was not told; then it is anybody's guess, but neither an old one nor a
        // client's choice.
        let isKnown = item.token != 0
        let isOlder = isKnown ? compare < item.token : compare <= state.lastToken
        switch result {
        case .stored(let token):
            let isRight = isKnown ? item.token == compare : !isOlder && compare < chosenTokenMin
            guard isRight || storesOld && isOlder, let after = change(token, !isRight) else { return nil }
            let proved = isRight && compare < chosenTokenMin ? compare : 0
            return State(item: after.item, lastToken: max(after.lastToken, proved))
        case .exists:
            if storesOld, isOlder { return nil }
            return !isKnown || item.token != compare ? state : nil
        case .notFound: return nil
        }
    }

    // MARK: Counting

    static func sum(_ number: UInt64, _ delta: UInt64, isDecrement: Bool) -> UInt64 {
        isDecrement ? (number < delta ? 0 : number - delta) : number &+ delta
    }

    static func counting(
        _ result: UInt64?, _ token: UInt64?, _ birth: Birth?, _ state: State, _ change: (UInt64) -> UInt64
    ) -> State? {
        guard var item = state.item else {
            guard let birth else { return result == nil ? state : nil }
            return result == birth.number
                ? storing(Item(value: "\(birth.number)", flags: birth.flags, life: birth.life), token, state) : nil
        }
        guard let number = UInt64(item.value), let result, change(number) == result else { return nil }
        item.value = "\(result)"
        return storing(item, token, state)
    }

    static func counting(_ delta: UInt64, _ isDecrement: Bool, _ found: Bool?, _ state: State) -> State? {
        guard var item = state.item else { return found == true ? nil : state }
        guard found != false, let number = UInt64(item.value) else { return nil }
        item.value = "\(sum(number, delta, isDecrement: isDecrement))"
        return storing(item, nil, state)
    }

    // MARK: Taking away

    static func removing(_ state: State) -> State { State(item: nil, lastToken: state.lastToken) }

    static func invalidating(_ marksStale: Bool, _ dropsValue: Bool, _ life: Int?, _ state: State) -> State? {
        guard var item = state.item else { return state }
        if dropsValue {
            item.value = ""
            item.flags = 0
            item.life = .given(0)
        }
        if let life { item.life = .given(life) }
        // A win that was given out before is given out again.
        item.marks = marksStale ? Marks(isStale: true) : nil
        return storing(item, nil, state)
    }

    /// A number without the blanks behind it; any other value as it is.
    static func unpadded(_ value: String) -> String {
        guard value.last == " ", let digits = value.split(separator: " ").first, UInt64(digits) != nil,
            value.utf8.dropFirst(digits.utf8.count).allSatisfy({ $0 == 0x20 })
        else { return value }
        return String(digits)
    }
}

extension ItemModel.Item {
    /// An item as it is kept, before it has a token.
    init(value: String, flags: UInt32, life: Int) {
        self.init(value: value, flags: flags, token: 0, life: .given(life))
    }
}
