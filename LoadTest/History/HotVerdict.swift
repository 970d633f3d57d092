/// A reply of one word, as what it says about the command.
struct HotVerdict {
    let status: String
    let token: UInt64?

    private var isDone: Bool { ["STORED", "HD", "DELETED"].contains(status) }
    private var isNotStored: Bool { ["NS", "NOT_STORED"].contains(status) }
    private var isNotFound: Bool { ["NF", "NOT_FOUND"].contains(status) }

    /// The command with its answer; nil when it is none.
    func operation(_ intent: HotCommand.Intent) -> ItemModel.Operation? {
        switch intent {
        case .set(let value, let flags):
            return isDone ? .set(value: value, flags: flags, token: token) : nil
        case .add(let value, let flags):
            guard isDone || isNotStored else { return nil }
            return .add(value: value, flags: flags, stored: isDone, token: token)
        case .replace(let value, let flags):
            guard isDone || isNotStored else { return nil }
            return .replace(value: value, flags: flags, stored: isDone, token: token)
        case .append(let added):
            guard isDone || isNotStored else { return nil }
            return .append(added, stored: isDone, token: token)
        case .delete:
            return isDone || isNotFound ? .delete(found: isDone) : nil
        case .compareAndSet(let compare, let value, let flags):
            return comparison.map { .compareAndSet(token: compare, value: value, flags: flags, $0) }
        case .compareAndDelete(let compare):
            return comparison.map { .compareAndDelete(token: compare, $0) }
        case .get, .increment, .decrement, .pressure:
            return nil
        }
    }

    private var comparison: ItemModel.CompareResult? {
        switch status {
        case "EX", "EXISTS": .exists
        case _ where isNotFound: .notFound
        case _ where isDone: .stored(token: token)
        default: nil
        }
    }
}
