/// Calls as people read them.
extension ItemModel.Operation: CustomStringConvertible {
    package var description: String {
        switch self {
        case .get(let item): "get: \(item.map { "\($0)" } ?? "a miss")"
        case .set(let value, let flags, let token):
            "set \(ItemModel.quoted(value)), flags \(flags): stored\(Self.told(token))"
        case .add(let value, let flags, let stored, let token):
            "add \(ItemModel.quoted(value)), flags \(flags): \(Self.verdict(stored, token))"
        case .replace(let value, let flags, let stored, let token):
            "replace \(ItemModel.quoted(value)), flags \(flags): \(Self.verdict(stored, token))"
        case .compareAndSet(let compare, let value, let flags, let result):
            "cas \(compare) \(ItemModel.quoted(value)), flags \(flags): \(result)"
        case .append(let added, let stored, let token):
            "append \(ItemModel.quoted(added)): \(Self.verdict(stored, token))"
        case .increment(let delta, let result, let token):
            "incr \(delta): \(result.map { "\($0)" } ?? "not found")\(Self.told(token))"
        case .decrement(let delta, let result, let token):
            "decr \(delta): \(result.map { "\($0)" } ?? "not found")\(Self.told(token))"
        case .delete(let found): "delete: \(found ? "deleted" : "not found")"
        case .compareAndDelete(let compare, let result): "delete if \(compare): \(result)"
        }
    }

    private static func verdict(_ stored: Bool, _ token: UInt64?) -> String {
        stored ? "stored\(told(token))" : "not stored"
    }

    fileprivate static func told(_ token: UInt64?) -> String { token.map { ", token \($0)" } ?? "" }
}

extension ItemModel.CompareResult: CustomStringConvertible {
    package var description: String {
        switch self {
        case .stored(let token): "done\(ItemModel.Operation.told(token))"
        case .exists: "another token"
        case .notFound: "not found"
        }
    }
}

extension ItemModel.State: CustomStringConvertible {
    package var description: String { item.map { "\($0)" } ?? "missing" }
}

extension ItemModel {
    /// A value's ends; the middle of a long one says nothing.
    static func quoted(_ value: String) -> String {
        let bytes = value.utf8.count
        if bytes <= textMax { return "\"\(value)\"" }
        return "\"\(value.prefix(textMax / 2))...\(value.suffix(textMax / 2))\" (\(bytes) B)"
    }

    private static let textMax = 40
}
