/// Calls as people read them.
extension ItemModel.Operation: CustomStringConvertible {
    package var description: String {
        switch self {
        case .get(let item): "get: \(Self.seen(item))"
        case .getAndTouch(let item, let life): "get, life \(life): \(Self.seen(item))"
        case .vivify(let item, let life): "get or make, life \(life): \(item)"
        case .touch(let life, let found): "touch, life \(life): \(Self.verdict(found, "touched", "not found"))"
        case .set(let value, let flags, let token, let life):
            "set \(Self.stored(value, flags, life)): stored\(Self.told(token))"
        case .add(let value, let flags, let stored, let token, let life):
            "add \(Self.stored(value, flags, life)): \(Self.verdict(stored, token))"
        case .replace(let value, let flags, let stored, let token, let life):
            "replace \(Self.stored(value, flags, life)): \(Self.verdict(stored, token))"
        case .compareAndSet(let compare, let value, let flags, let result, let life, let storesOld):
            "cas \(compare)\(storesOld ? " or older" : "") \(Self.stored(value, flags, life)): \(result)"
        case .append(let added, let stored, let token, let birth):
            "append \(ItemModel.quoted(added))\(Self.birth(birth)): \(Self.verdict(stored, token))"
        case .prepend(let added, let stored, let token, let birth):
            "prepend \(ItemModel.quoted(added))\(Self.birth(birth)): \(Self.verdict(stored, token))"
        case .increment(let delta, let result, let token, let birth):
            "incr \(delta)\(Self.birth(birth)): \(result.map { "\($0)" } ?? "not found")\(Self.told(token))"
        case .decrement(let delta, let result, let token, let birth):
            "decr \(delta)\(Self.birth(birth)): \(result.map { "\($0)" } ?? "not found")\(Self.told(token))"
        case .count(let delta, let isDecrement, let found):
            "\(isDecrement ? "decr" : "incr") \(delta): \(Self.verdict(found, "done", "not found"))"
        case .delete(let found): "delete: \(Self.verdict(found, "deleted", "not found"))"
        case .compareAndDelete(let compare, let result): "delete if \(compare): \(result)"
        case .invalidate(let found, let marksStale, let dropsValue, let life):
            "\(marksStale ? "mark stale" : "")\(marksStale && dropsValue ? ", " : "")\(dropsValue ? "empty" : "")"
                + "\(life.map { ", life \($0)" } ?? ""): \(found ? "done" : "not found")"
        case .flush: "flush_all"
        }
    }

    private static func seen(_ item: ItemModel.Item?) -> String { item.map { "\($0)" } ?? "a miss" }

    private static func stored(_ value: String, _ flags: UInt32, _ life: Int) -> String {
        "\(ItemModel.quoted(value)), flags \(flags)" + (life == 0 ? "" : ", life \(life)")
    }

    private static func birth(_ birth: ItemModel.Birth?) -> String {
        birth.map { " or make \($0.number == 0 ? "" : "\($0.number), ")flags \($0.flags), life \($0.life)" } ?? ""
    }

    private static func verdict(_ stored: Bool?, _ token: UInt64?) -> String {
        verdict(stored, "stored", "not stored") + (stored == true ? told(token) : "")
    }

    private static func verdict(_ told: Bool?, _ yes: String, _ no: String) -> String {
        told.map { $0 ? yes : no } ?? "no reply"
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

extension ItemModel.Item: CustomStringConvertible {
    package var description: String {
        var text = "\(ItemModel.quoted(value)), flags \(flags)" + (token == 0 ? "" : ", token \(token)")
        switch life {
        case .untold, .given(0): break
        case .given(let seconds): text += ", life \(seconds)"
        case .within(let range): text += ", life \(range.lowerBound) to \(range.upperBound)"
        }
        if let marks {
            if marks.wins { text += ", W" }
            if marks.isWon { text += ", Z" }
            if marks.isStale { text += ", X" }
        }
        return text
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
