/// One key of a memcached from which nothing vanishes: value, client flags and token, which belong together in every answer.
package enum ItemModel: SequentialModel {
    package struct State: Hashable, Sendable {
        var item: Item?
        /// The last token issued for the key: the next one is higher, also after a delete.
        var lastToken: UInt64 = 0
    }

    package struct Item: Hashable, Sendable, CustomStringConvertible {
        package var value: String
        package var flags: UInt32
        package var token: UInt64

        package init(value: String, flags: UInt32, token: UInt64) {
            self.value = value
            self.flags = flags
            self.token = token
        }

        package var description: String {
            "\"\(value.prefix(24))\" (\(value.utf8.count) B) flags \(flags) token \(token)"
        }
    }

    /// A command with its answer. A token of nil was not told.
    package enum Operation: Sendable {
        case get(Item?)
        case set(value: String, flags: UInt32, token: UInt64?)
        /// nil: there was an item already.
        case add(value: String, flags: UInt32, stored: Bool, token: UInt64?)
        case compareAndSet(token: UInt64, value: String, flags: UInt32, CompareResult)
        case append(String, stored: Bool, token: UInt64?)
        /// nil: there was no item. Values are numbers in this model.
        case increment(by: UInt64, result: UInt64?, token: UInt64?)
        case delete(found: Bool)
    }

    package enum CompareResult: Sendable, Equatable {
        case stored(token: UInt64?)
        case exists, notFound
    }

    package static var initial: State { State() }

    package static func apply(_ operation: Operation, to state: State) -> State? {
        switch operation {
        case .get(let seen):
            return seeing(seen, state)
        case .set(let value, let flags, let token):
            return storing(value, flags, token, state)
        case .add(let value, let flags, let stored, let token):
            if (state.item == nil) != stored { return nil }
            return stored ? storing(value, flags, token, state) : state
        case .compareAndSet(let compare, let value, let flags, let result):
            guard let item = state.item else { return result == .notFound ? state : nil }
            // The item's token may be one that was not told; then it is anybody's guess.
            let mayMatch = item.token == compare || item.token == 0
            let mayDiffer = item.token != compare || item.token == 0
            switch result {
            case .stored(let token): return mayMatch ? storing(value, flags, token, state) : nil
            case .exists: return mayDiffer ? state : nil
            case .notFound: return nil
            }
        case .append(let added, let stored, let token):
            guard let item = state.item else { return stored ? nil : state }
            return stored ? storing(item.value + added, item.flags, token, state) : nil
        case .increment(let delta, let result, let token):
            guard let item = state.item else { return result == nil ? state : nil }
            guard let number = UInt64(item.value.prefix { $0 != " " }), let result, number &+ delta == result else {
                return nil
            }
            let digits = "\(result)"
            let padding = String(repeating: " ", count: max(0, item.value.utf8.count - digits.utf8.count))
            return storing(digits + padding, item.flags, token, state)
        case .delete(let found):
            if (state.item != nil) != found { return nil }
            return State(item: nil, lastToken: state.lastToken)
        }
    }

    private static func seeing(_ seen: Item?, _ state: State) -> State? {
        guard let seen, var item = state.item else { return seen == nil && state.item == nil ? state : nil }
        guard item.value == seen.value, item.flags == seen.flags else { return nil }
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
}
