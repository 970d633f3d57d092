import MartletStore

/// One possibility of what a key has.
struct KeyState: Equatable {
    var item: ModelItem?
    /// The highest token that the key is known to have had, below 2^63 if it was explicit.
    var floor: UInt64 = 0

    /// The state at `now`: what has expired is none.
    func living(now: UInt32) -> KeyState {
        guard let item, item.expiry != 0, item.expiry <= now else { return self }
        return without()
    }

    func without() -> KeyState {
        KeyState(item: nil, floor: floor)
    }

    func with(_ item: ModelItem) -> KeyState {
        KeyState(item: item, floor: floor)
    }

    /// The state with a new version of the item, whose token is `explicit` or issued; `shown` is what the answer says,
    /// nil if it says nothing. Returns nil if the answer cannot be true.
    func issuing(_ item: ModelItem, _ explicit: UInt64?, shown: UInt64?) -> KeyState? {
        var state = with(item)
        if let explicit {
            if let shown, shown != explicit { return nil }
            state.item?.token = .known(explicit)
            if explicit < 1 << 63 { state.floor = max(floor, explicit) }
        } else if let shown {
            if shown <= floor { return nil }
            state.item?.token = .known(shown)
            state.floor = shown
        } else {
            state.item?.token = .unknown(above: floor)
        }
        return state
    }

    /// The state whose item is `item`, as seen in a snapshot; nil if they differ.
    func seeing(_ item: ModelItem, _ snapshot: Event.Snapshot) -> KeyState? {
        guard item.value == snapshot.value, item.flags == snapshot.flags, item.expiry == snapshot.expiry,
            item.isStale == snapshot.isStale, item.isWinSent == snapshot.isWinSent
        else { return nil }
        var state = with(item)
        switch item.token {
        case .known(let token):
            if token != snapshot.token { return nil }
        case .unknown(let least):
            if snapshot.token <= least { return nil }
            state.item?.token = .known(snapshot.token)
            state.floor = max(floor, snapshot.token)
        }
        return state
    }
}

struct ModelItem: Equatable {
    var value: Value
    var flags: UInt32
    var token: ModelToken
    var expiry: UInt32
    var isStale = false
    var isWinSent = false

    init(value: Value, flags: UInt32, token: ModelToken, expiry: UInt32) {
        self.value = value
        self.flags = flags
        self.token = token
        self.expiry = expiry
    }

    enum Order {
        case below, equal, above
    }

    /// How `compare` may stand to the item's token, and the item as known then. Nothing to compare is equal.
    func comparisons(_ compare: ComparedToken?) -> [(Order, ModelItem)] {
        guard let compare else { return [(.equal, self)] }
        guard case .exactly(let compare) = compare else { return [(.above, self)] }
        switch token {
        case .known(let token):
            return [(compare == token ? .equal : compare < token ? .below : .above, self)]
        case .unknown(let least):
            if compare <= least { return [(.below, self)] }
            var equal = self
            equal.token = .known(compare)
            return [(.below, self), (.equal, equal), (.above, self)]
        }
    }
}

enum ModelToken: Equatable {
    case known(UInt64)
    case unknown(above: UInt64)
}
