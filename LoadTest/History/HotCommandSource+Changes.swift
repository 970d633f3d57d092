import LoadEngine

/// The commands that change an item.
extension HotCommandSource {
    // MARK: Storing

    /// A store that needs nothing and changes everything: with it a key's history may begin.
    mutating func store(_ key: Int, mayBeQuiet: Bool = false) -> HotCommand {
        number += 1
        let (value, flags) = newValue(key)
        let life = life()
        let name = keys[key].name
        let summary = HotValue.summary(value)
        if isBinary {
            let intent = HotCommand.Intent.set(value: summary, flags: flags, life: life)
            return packet(key, intent, value: value, isQuiet: mayBeQuiet ? nil : false)
        }
        // What begins a history tells its token: what clients have seen before is older.
        let isMeta = mayBeQuiet ? isMeta(of: 5, classic: 1) : wire != .classic
        let reply = mayBeQuiet ? reply(isMeta: isMeta, losesAlways: true) : .always
        let chosen = isMeta && isMartlet && mayBeQuiet && below(8) == 0 ? chosenToken() : nil
        let intent = HotCommand.Intent.set(value: summary, flags: flags, life: life, token: chosen)
        let line =
            isMeta
            ? "ms \(name) \(value.count) F\(flags)\(Self.flag("T", life: life)) c" + (chosen.map { " E\($0)" } ?? "")
            : "set \(name) \(flags) \(life) \(value.count)"
        return HotCommand(key, .verdict, intent, line, value: value, reply: reply)
    }

    /// A token that no other command chooses, and no server issues.
    private func chosenToken() -> UInt64 { ItemModel.chosenTokenMin + UInt64(number * 64 + client) }

    mutating func add(_ key: Int) -> HotCommand {
        let (value, flags) = newValue(key)
        let life = life()
        return conditional(
            key, "add", "ME", value, flags, life, .add(value: HotValue.summary(value), flags: flags, life: life),
            mayBeSilent: !mayEvict)
    }

    mutating func replace(_ key: Int) -> HotCommand {
        let (value, flags) = newValue(key)
        let life = life()
        return conditional(
            key, "replace", "MR", value, flags, life,
            .replace(value: HotValue.summary(value), flags: flags, life: life), mayBeSilent: true)
    }

    private mutating func conditional(
        _ key: Int, _ verb: String, _ mode: String, _ value: [UInt8], _ flags: UInt32, _ life: Int,
        _ intent: HotCommand.Intent, mayBeSilent: Bool
    ) -> HotCommand {
        if isBinary { return packet(key, intent, value: value) }
        let isMeta = isMeta(of: 5, classic: 1)
        let reply = isMeta || mayBeSilent ? reply(isMeta: isMeta) : .always
        let line =
            isMeta
            ? "ms \(keys[key].name) \(value.count) \(mode) c F\(flags)\(Self.flag("T", life: life))"
            : "\(verb) \(keys[key].name) \(flags) \(life) \(value.count)"
        return HotCommand(key, .verdict, intent, line, value: value, reply: reply)
    }

    mutating func compareAndSet(_ key: Int) -> HotCommand {
        let (value, flags) = newValue(key)
        let life = life()
        let token = tokens[key]
        if isBinary {
            let intent = HotCommand.Intent.compareAndSet(
                token: token, value: HotValue.summary(value), flags: flags, life: life)
            return packet(key, intent, value: value)
        }
        let isMeta = isMeta(of: 2, classic: 1)
        // A first token of 1 is nobody's: whether it is older than one not told cannot be said.
        let storesOld = isMeta && isMartlet && token > 1 && below(3) == 0
        // Without an answer, whether a token was right is anybody's guess.
        let reply = isMeta && !storesOld ? reply(isMeta: true) : .always
        let intent = HotCommand.Intent.compareAndSet(
            token: token, value: HotValue.summary(value), flags: flags, life: life, storesOld: storesOld)
        let line =
            isMeta
            ? "ms \(keys[key].name) \(value.count) C\(token) F\(flags)\(Self.flag("T", life: life)) c"
                + (storesOld ? " I" : "")
            : "cas \(keys[key].name) \(flags) \(life) \(value.count) \(token)"
        return HotCommand(key, .verdict, intent, line, value: value, reply: reply)
    }

    // MARK: Changing

    /// Counting where values are numbers; appending and prepending elsewhere.
    mutating func change(_ key: Int) -> HotCommand {
        keys[key].size == .counters ? count(key, makes: below(6) == 0) : join(key)
    }

    /// `makes`: a missing counter is made, where meta commands or those of the binary protocol are wanted.
    private mutating func count(_ key: Int, makes: Bool) -> HotCommand {
        let name = keys[key].name
        let delta = UInt64(1 + below(500_000))
        let isDecrement = below(2) == 0
        let isMeta = !isBinary && isMeta(of: 6, classic: 2)
        var birth: ItemModel.Birth?
        if isMeta || isBinary, makes {
            birth = ItemModel.Birth(number: 1_000_000_000 + UInt64(number * 64 + client), life: life())
        }
        let intent = isDecrement ? HotCommand.Intent.decrement(delta, birth: birth) : .increment(delta, birth: birth)
        // Without an answer, nobody can say whether it was made.
        if isBinary { return packet(key, intent, isQuiet: birth == nil ? nil : false) }
        let reply = birth == nil ? reply(isMeta: isMeta) : .always
        let line =
            isMeta
            ? "ma \(name)\(isDecrement ? " MD" : "") D\(delta) c v"
                + (birth.map { "\(Self.flag("N", life: $0.life)) J\($0.number)" } ?? "")
            : "\(isDecrement ? "decr" : "incr") \(name) \(delta)"
        return HotCommand(key, .number, intent, line, reply: reply)
    }

    private mutating func join(_ key: Int) -> HotCommand {
        let name = keys[key].name
        let isPrepend = below(3) == 0
        let added = "\(isPrepend ? "-" : "+")\(1 + below(9))"
        if isBinary {
            let intent = isPrepend ? HotCommand.Intent.prepend(added, birth: nil) : .append(added, birth: nil)
            return packet(key, intent, value: Array(added.utf8))
        }
        let isMeta = isMeta(of: 6, classic: 1)
        var birth: ItemModel.Birth?
        // Stored in either case: where the item may have been evicted, nobody can say what it is.
        if isMeta, isMartlet, !mayEvict, below(4) == 0 {
            birth = ItemModel.Birth(flags: UInt32(truncatingIfNeeded: number * 64 + client), life: life())
        }
        let line =
            isMeta
            ? "ms \(name) \(added.utf8.count) M\(isPrepend ? "P" : "A") c"
                + (birth.map { "\(Self.flag("N", life: $0.life)) F\($0.flags)" } ?? "")
            : "\(isPrepend ? "prepend" : "append") \(name) 0 0 \(added.utf8.count)"
        return HotCommand(
            key, .verdict, isPrepend ? .prepend(added, birth: birth) : .append(added, birth: birth), line,
            value: Array(added.utf8), reply: reply(isMeta: isMeta))
    }

    /// Makes an item where there is none.
    mutating func vivify(_ key: Int) -> HotCommand {
        if wire == .classic, !isBinary { return read(key) }
        // A counter without a number is none.
        if keys[key].size == .counters { return count(key, makes: true) }
        if isBinary { return read(key) }
        let life = life()
        return HotCommand(
            key, .metaValue, .vivify(life: life), "mg \(keys[key].name)\(Self.flag("N", life: life)) v f c t")
    }

    // MARK: Taking away

    mutating func delete(_ key: Int, mayBeQuiet: Bool = false) -> HotCommand {
        if isBinary { return packet(key, .delete, isQuiet: mayBeQuiet ? nil : false) }
        let isMeta = isMeta(of: 2, classic: 1)
        let reply = mayBeQuiet ? reply(isMeta: isMeta, losesAlways: true) : .always
        let line = isMeta ? "md \(keys[key].name) k" : "delete \(keys[key].name)"
        return HotCommand(key, .verdict, .delete, line, reply: reply)
    }

    /// Classic commands cannot.
    mutating func compareAndDelete(_ key: Int) -> HotCommand {
        let token = tokens[key]
        if isBinary { return packet(key, .compareAndDelete(token: token)) }
        if wire == .classic { return delete(key) }
        return HotCommand(
            key, .verdict, .compareAndDelete(token: token), "md \(keys[key].name) C\(token)", reply: reply(isMeta: true)
        )
    }

    /// Marks an item stale, empties it, or both.
    mutating func invalidate(_ key: Int) -> HotCommand {
        let isCounter = keys[key].size == .counters
        if wire == .classic || isBinary || isCounter && !isMartlet { return delete(key) }
        // An empty counter could not be counted with.
        let dropsValue = isMartlet && !isCounter && below(3) == 0
        let marksStale = !dropsValue || below(2) == 0
        let life = below(2) == 0 ? life() : nil
        let line =
            "md \(keys[key].name)" + (marksStale ? " I" : "") + (dropsValue ? " x" : "")
            + (life.map { Self.flag("T", life: $0) } ?? "")
        return HotCommand(
            key, .verdict, .invalidate(marksStale: marksStale, dropsValue: dropsValue, life: life), line,
            reply: reply(isMeta: true))
    }
}
