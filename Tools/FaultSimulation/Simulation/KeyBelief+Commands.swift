/// What commands do to what is believed.
extension SimulatedCommand {
    /// What a store leaves that was carried out between its making and `now`.
    func item(by now: UInt32) -> KeyBelief.Item {
        var item = KeyBelief.Item(content: content, flags: flags)
        (item.expiresFrom, item.expiresBy) = end(by: now)
        return item
    }
}

extension KeyBelief {
    mutating func touch(_ command: SimulatedCommand, by now: UInt32) {
        let end = command.end(by: now)
        change { ($0.expiresFrom, $0.expiresBy) = end }
    }

    /// `incr` and `decr` of what may be there.
    mutating func count(_ command: SimulatedCommand, by now: UInt32) {
        change { item in
            guard let number = item.content.number else { return }
            let isDecrement = command.kind == .decrement
            let result = isDecrement ? number - min(number, command.delta) : number &+ command.delta
            item.content = .counter(result, lengthMin: item.content.length)
            item.token = 0
        }
    }

    mutating func extend(_ command: SimulatedCommand) {
        change { item in
            if command.kind == .append {
                item.content.more.append(command.content.first)
            } else {
                item.content.more.insert(item.content.first, at: 0)
                item.content.first = command.content.first
            }
            item.token = 0
        }
    }

    /// All that the key may have if the command was carried out, besides what it may have already.
    mutating func mayHaveDone(_ command: SimulatedCommand, by now: UInt32) {
        if command.isLocked { return }
        switch command.kind {
        case .get, .gets, .metaGet, .noop, .unknown, .flush, .login, .wrongLogin: return
        case .delete, .metaDelete, .tooLarge: mayBecome(nil)
        case .set, .metaSet, .add, .replace, .compareAndSet:
            mayBecome(command.item(by: now))
            // A refused store may have removed what was there.
            mayBecome(nil)
        case .append, .prepend, .increment, .decrement, .metaArithmetic, .touch, .getAndTouch:
            var done = self
            switch command.kind {
            case .append, .prepend: done.extend(command)
            case .touch, .getAndTouch: done.touch(command, by: now)
            default: done.count(command, by: now)
            }
            for item in done.items { mayBecome(item) }
            if let made = command.madeCounter(by: now) { mayBecome(made) }
            mayBecome(nil)
        }
    }
}
