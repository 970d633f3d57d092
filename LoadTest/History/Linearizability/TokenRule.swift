/// What a server says of a key's tokens.
package enum TokenRule: Sendable, CaseIterable {
    /// Each is higher than all before it, Martlet's.
    case rise
    /// Two versions never have the same.
    case differ

    typealias KeyCall = Call<ItemModel.Operation>

    /// Two calls that show two versions with one token; nil where all differ.
    ///
    /// The search cannot see that alone: to it a token that comes back behind a delete is as good as a new one.
    static func clash(in calls: [KeyCall]) -> [KeyCall]? {
        var issuers: [UInt64: KeyCall] = [:]
        var tellers: [UInt64: KeyCall] = [:]
        for call in calls {
            if let token = ItemModel.issuedToken(call.operation) {
                if let other = issuers.updateValue(call, forKey: token) { return [other, call] }
            }
            guard let told = ItemModel.told(call.operation) else { continue }
            if let other = tellers[told.token], let before = ItemModel.told(other.operation) {
                if before.value != told.value || before.flags != told.flags { return [other, call] }
            } else {
                tellers[told.token] = call
            }
        }
        return nil
    }
}

extension TokenRule {
    /// The token of an item that was read, for a client to compare with.
    static func seenToken(_ operation: ItemModel.Operation) -> UInt64? {
        switch operation {
        case .get(let item?), .getAndTouch(let item?, _), .vivify(let item, _): item.token == 0 ? nil : item.token
        default: nil
        }
    }
}

extension ItemModel {
    /// The token that the call has given out; nil for none, or one that was not told.
    static func issuedToken(_ operation: Operation) -> UInt64? {
        switch operation {
        case .set(_, _, let token, _), .add(_, _, true, let token, _), .replace(_, _, true, let token, _): token
        case .append(_, true, let token, _), .prepend(_, true, let token, _): token
        case .increment(_, _, let token, _), .decrement(_, _, let token, _): token
        case .compareAndSet(_, _, _, .stored(let token), _, _): token
        case .vivify(let item, _): item.marks == Marks(wins: true) && item.token != 0 ? item.token : nil
        default: nil
        }
    }

    /// A value and flags that were told to go with a token.
    static func told(_ operation: Operation) -> Item? {
        switch operation {
        case .get(let item?), .getAndTouch(let item?, _), .vivify(let item, _):
            return item.token == 0
                ? nil : Item(value: unpadded(item.value), flags: item.flags, token: item.token)
        case .set(let value, let flags, let token?, _), .add(let value, let flags, true, let token?, _),
            .replace(let value, let flags, true, let token?, _),
            .compareAndSet(_, let value, let flags, .stored(let token?), _, _):
            return Item(value: value, flags: flags, token: token)
        default: return nil
        }
    }
}
