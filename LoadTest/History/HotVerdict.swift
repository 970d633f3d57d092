/// A reply of one word, as what it says about the command.
struct HotVerdict {
    let status: String
    let token: UInt64?

    private var isDone: Bool { ["STORED", "HD", "DELETED", "TOUCHED", "OK"].contains(status) }
    private var isNotStored: Bool { ["NS", "NOT_STORED"].contains(status) }
    private var isNotFound: Bool { ["NF", "NOT_FOUND"].contains(status) }
    private var isStored: Bool? { isDone ? true : isNotStored ? false : nil }
    private var isFound: Bool? { isDone ? true : isNotFound ? false : nil }

    /// The command with its answer; nil when it is none.
    func operation(_ intent: HotCommand.Intent) -> ItemModel.Operation? {
        switch intent {
        case .set(let value, let flags, let life, let chosen):
            // Whoever chooses a token is told that one, or none.
            guard isDone, chosen == nil || token == nil || token == chosen else { return nil }
            return .set(value: value, flags: flags, token: chosen ?? token, life: life)
        case .add(let value, let flags, let life):
            return isStored.map { .add(value: value, flags: flags, stored: $0, token: token, life: life) }
        case .replace(let value, let flags, let life):
            return isStored.map { .replace(value: value, flags: flags, stored: $0, token: token, life: life) }
        case .append(let added, let birth):
            return isStored.map { .append(added, stored: $0, token: token, birth: birth) }
        case .prepend(let added, let birth):
            return isStored.map { .prepend(added, stored: $0, token: token, birth: birth) }
        case .touch(let life): return isFound.map { .touch(life: life, found: $0) }
        case .delete: return isFound.map { .delete(found: $0) }
        case .compareAndSet(let compare, let value, let flags, let life, let storesOld):
            return comparison.map {
                .compareAndSet(token: compare, value: value, flags: flags, $0, life: life, storesOld: storesOld)
            }
        case .compareAndDelete(let compare):
            return comparison.map { .compareAndDelete(token: compare, $0) }
        case .invalidate(let marksStale, let dropsValue, let life):
            return isFound.map { .invalidate(found: $0, marksStale: marksStale, dropsValue: dropsValue, life: life) }
        case .flush: return isDone ? .flush : nil
        case .get, .getAndTouch, .vivify, .increment, .decrement, .pressure: return nil
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

    /// What is known of a command that was not answered: of one with `noreply`, that it was carried out as it could
    /// be; of one with `q`, that its answer was the usual one.
    static func silence(_ command: HotCommand) -> ItemModel.Operation? {
        let isTold = command.reply != .never
        switch command.intent {
        case .get: return .get(nil)
        case .getAndTouch(let life): return .getAndTouch(nil, life: life)
        case .touch(let life): return .touch(life: life, found: isTold ? true : nil)
        case .add(let value, let flags, let life):
            return .add(value: value, flags: flags, stored: isTold ? true : nil, token: nil, life: life)
        case .replace(let value, let flags, let life):
            return .replace(value: value, flags: flags, stored: isTold ? true : nil, token: nil, life: life)
        case .append(let added, let birth):
            return .append(added, stored: isTold ? true : nil, token: nil, birth: birth)
        case .prepend(let added, let birth):
            return .prepend(added, stored: isTold ? true : nil, token: nil, birth: birth)
        case .increment(let delta, _): return .count(by: delta, isDecrement: false, found: isTold ? true : nil)
        case .decrement(let delta, _): return .count(by: delta, isDecrement: true, found: isTold ? true : nil)
        case .delete: return .delete(found: isTold ? true : nil)
        case .set, .compareAndSet, .compareAndDelete, .invalidate, .flush:
            return HotVerdict(status: "HD", token: nil).operation(command.intent)
        case .vivify, .pressure: return nil
        }
    }
}
