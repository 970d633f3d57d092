/// One key of a memcached from which nothing vanishes: value, client flags and token, which belong together in every
/// answer, and tokens that rise with every change.
package enum ItemModel: SequentialModel {
    package struct State: Hashable, Sendable {
        var item: Item?
        /// The last token issued for the key: the next one is higher, also after a delete.
        var lastToken: UInt64 = 0
    }

    package struct Item: Hashable, Sendable, CustomStringConvertible {
        package var value: String
        package var flags: UInt32
        /// 0: not told.
        package var token: UInt64

        package init(value: String, flags: UInt32, token: UInt64) {
            self.value = value
            self.flags = flags
            self.token = token
        }

        package var description: String {
            "\(ItemModel.quoted(value)), flags \(flags)" + (token == 0 ? "" : ", token \(token)")
        }
    }

    /// A command with its answer. A token of nil was not told.
    package enum Operation: Sendable {
        case get(Item?)
        case set(value: String, flags: UInt32, token: UInt64?)
        case add(value: String, flags: UInt32, stored: Bool, token: UInt64?)
        case replace(value: String, flags: UInt32, stored: Bool, token: UInt64?)
        case compareAndSet(token: UInt64, value: String, flags: UInt32, CompareResult)
        case append(String, stored: Bool, token: UInt64?)
        /// A result of nil: there was no item. Values are numbers then, and their right-hand padding is the server's
        /// affair.
        case increment(by: UInt64, result: UInt64?, token: UInt64?)
        case decrement(by: UInt64, result: UInt64?, token: UInt64?)
        case delete(found: Bool)
        /// `.stored`, without a token: the item had the token and is gone.
        case compareAndDelete(token: UInt64, CompareResult)
    }

    package enum CompareResult: Sendable, Equatable {
        case stored(token: UInt64?)
        case exists, notFound
    }

    package static var initial: State { State() }

    package static func apply(_ operation: Operation, to state: State) -> State? {
        apply(operation, to: state, tokensRise: true)
    }

    static func apply(_ operation: Operation, to state: State, tokensRise: Bool) -> State? {
        guard let after = follow(operation, state) else { return nil }
        // Any token is higher than none.
        return tokensRise ? after : State(item: after.item)
    }

    private static func follow(_ operation: Operation, _ state: State) -> State? {
        switch operation {
        case .get(let seen):
            return seeing(seen, state)
        case .set(let value, let flags, let token):
            return storing(value, flags, token, state)
        case .add(let value, let flags, let stored, let token):
            if (state.item == nil) != stored { return nil }
            return stored ? storing(value, flags, token, state) : state
        case .replace(let value, let flags, let stored, let token):
            if (state.item != nil) != stored { return nil }
            return stored ? storing(value, flags, token, state) : state
        case .compareAndSet(let compare, let value, let flags, let result):
            return comparing(compare, result, state) { storing(value, flags, $0, state) }
        case .append(let added, let stored, let token):
            guard let item = state.item else { return stored ? nil : state }
            return stored ? storing(item.value + added, item.flags, token, state) : nil
        case .increment(let delta, let result, let token):
            return counting(result, token, state) { $0 &+ delta }
        case .decrement(let delta, let result, let token):
            return counting(result, token, state) { $0 < delta ? 0 : $0 - delta }
        case .delete(let found):
            return (state.item != nil) == found ? removing(state) : nil
        case .compareAndDelete(let compare, let result):
            return comparing(compare, result, state) { _ in removing(state) }
        }
    }

    /// Tokens rise: the one that was told, or the one that was seen or found to be right.
    package static func rank(of operation: Operation) -> UInt64? {
        switch operation {
        case .get(let item): item.flatMap { $0.token == 0 ? nil : $0.token }
        case .set(_, _, let token), .add(_, _, true, let token), .replace(_, _, true, let token): token
        case .append(_, true, let token): token
        case .increment(_, _, let token), .decrement(_, _, let token): token
        case .compareAndSet(let compare, _, _, .stored(let token)): token ?? compare
        case .compareAndDelete(let compare, .stored): compare
        case .add, .replace, .append, .compareAndSet, .compareAndDelete, .delete: nil
        }
    }

    package static func isObservation(_ operation: Operation) -> Bool {
        switch operation {
        case .get, .add(_, _, false, _), .replace(_, _, false, _), .append(_, false, _): true
        case .increment(_, nil, _), .decrement(_, nil, _): true
        case .delete(found: false), .compareAndSet(_, _, _, .exists), .compareAndSet(_, _, _, .notFound): true
        case .compareAndDelete(_, .exists), .compareAndDelete(_, .notFound): true
        default: false
        }
    }

    /// `change` gets the token that was told.
    private static func comparing(
        _ compare: UInt64, _ result: CompareResult, _ state: State, _ change: (UInt64?) -> State?
    ) -> State? {
        guard let item = state.item else { return result == .notFound ? state : nil }
        // The item's token may be one that was not told; then it is anybody's guess, but not an old one.
        let isKnown = item.token != 0
        switch result {
        case .stored(let token):
            let isRight = isKnown ? item.token == compare : compare > state.lastToken
            guard isRight, let after = change(token) else { return nil }
            return State(item: after.item, lastToken: max(after.lastToken, compare))
        case .exists: return !isKnown || item.token != compare ? state : nil
        case .notFound: return nil
        }
    }

    private static func counting(
        _ result: UInt64?, _ token: UInt64?, _ state: State, _ change: (UInt64) -> UInt64
    ) -> State? {
        guard let item = state.item else { return result == nil ? state : nil }
        guard let number = UInt64(item.value), let result, change(number) == result else { return nil }
        return storing("\(result)", item.flags, token, state)
    }

    private static func removing(_ state: State) -> State { State(item: nil, lastToken: state.lastToken) }

    private static func seeing(_ seen: Item?, _ state: State) -> State? {
        guard let seen, var item = state.item else { return seen == nil && state.item == nil ? state : nil }
        guard item.value == unpadded(seen.value), item.flags == seen.flags else { return nil }
        if seen.token == 0 { return state }
        if item.token == 0 {
            guard seen.token > state.lastToken else { return nil }
            item.token = seen.token
            return State(item: item, lastToken: seen.token)
        }
        return item.token == seen.token ? state : nil
    }

    private static func storing(_ value: String, _ flags: UInt32, _ token: UInt64?, _ state: State) -> State? {
        guard let token else {
            return State(item: Item(value: value, flags: flags, token: 0), lastToken: state.lastToken)
        }
        guard token > state.lastToken else { return nil }
        return State(item: Item(value: value, flags: flags, token: token), lastToken: token)
    }

    /// A number without the blanks behind it; any other value as it is.
    static func unpadded(_ value: String) -> String {
        guard value.last == " ", let digits = value.split(separator: " ").first, UInt64(digits) != nil,
            value.utf8.dropFirst(digits.utf8.count).allSatisfy({ $0 == 0x20 })
        else { return value }
        return String(digits)
    }
}
