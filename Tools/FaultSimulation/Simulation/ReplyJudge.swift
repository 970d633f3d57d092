/// Looks at the answer to one command.
struct ReplyJudge {
    enum Verdict {
        case incomplete
        case wrong(String)
        /// The answer ends before this place.
        case right(end: Int)
    }

    let text: ReplyText
    let now: UInt32
    let facts: SimulatedClient.ServerFacts
    /// Memory is held by others, so that a small value may be refused, too.
    let mayRefuse: Bool
    /// Somebody waits for the answer to a flush.
    let mayBeFlushed: Bool
    private(set) var hits = 0, misses = 0, refusals = 0

    init(
        text: ReplyText, now: UInt32, facts: SimulatedClient.ServerFacts, mayRefuse: Bool, mayBeFlushed: Bool
    ) {
        self.text = text
        self.now = now
        self.facts = facts
        self.mayRefuse = mayRefuse
        self.mayBeFlushed = mayBeFlushed
    }

    mutating func judge(_ command: SimulatedCommand, _ keys: [[UInt8]], _ beliefs: inout [KeyBelief]) -> Verdict {
        if command.opcode != nil { return judgePackets(command, keys, &beliefs) }
        if command.isLocked { return judgeLocked(command) }
        switch command.kind {
        case .get, .gets, .getAndTouch: return values(command, keys, &beliefs)
        case .metaGet: return metaValue(command, &beliefs[command.key])
        default: break
        }
        guard let line = text.line(at: text.place) else { return .incomplete }
        var belief = beliefs[command.key]
        defer { beliefs[command.key] = belief }
        if text.has("SERVER_ERROR out of memory", at: line.lowerBound),
            command.stores || command.kind == .touch
                || command.kind == .increment || command.kind == .decrement || command.kind == .metaArithmetic
        {
            return refuse(command, &belief).map { .wrong($0) } ?? .right(end: line.upperBound + 2)
        }
        switch command.kind {
        case .noop: return expect("MN", line)
        case .unknown: return expect("ERROR", line)
        case .flush: return expect("OK", line)
        case .tooLarge:
            belief.become(nil)
            return expect("SERVER_ERROR object too large for cache", line)
        case .set, .metaSet, .add, .replace, .append, .prepend, .compareAndSet: return stored(command, &belief, line)
        case .increment, .decrement, .metaArithmetic: return counted(command, &belief, line)
        case .delete, .metaDelete, .touch: return changed(command, &belief, line)
        default: return .wrong("a command without a judge")
        }
    }

    func expect(_ word: StaticString, _ line: Range<Int>) -> Verdict {
        line.count == word.utf8CodeUnitCount && text.has(word, at: line.lowerBound)
            ? .right(end: line.upperBound + 2) : .wrong("not \(word)")
    }

    // MARK: What is possible

    func mayMiss(_ belief: KeyBelief, _ command: SimulatedCommand) -> Bool {
        facts.evicts || mayBeFlushed || belief.mayBeAbsent || belief.items.contains { $0.mayBeOver(by: now) }
            || mayBeDropped(belief, command)
    }

    /// An item that never ends has to move to be given an end, and goes if there is no memory for that: it may be lost,
    /// but not live too long.
    private func mayBeDropped(_ belief: KeyBelief, _ command: SimulatedCommand) -> Bool {
        (command.kind == .touch || command.kind == .getAndTouch) && command.exptime > 0
            && belief.items.contains { $0.expiresBy == 0 }
    }

    func mayBeThere(_ belief: KeyBelief, _ command: SimulatedCommand) -> Bool {
        belief.items.contains { !$0.isOver(by: command.second) }
    }

    /// What is joined to something may be too large together, which is answered as if nothing was there.
    func mayBeTooLargeJoined(_ belief: KeyBelief, _ command: SimulatedCommand) -> Bool {
        belief.items.contains { $0.content.length + command.content.length + 400 > facts.itemBytesMax }
    }

    /// Something is refused for want of memory. What is wrong with that, if something is.
    mutating func refuse(_ command: SimulatedCommand, _ belief: inout KeyBelief) -> String? {
        refusals += 1
        if facts.evicts, !mayRefuse, command.content.length <= 1000, command.kind != .append, command.kind != .prepend {
            return "refused although something could have gone"
        }
        belief.mayBecome(nil)
        return nil
    }

    // MARK: Values

    /// What a value's line says must be one of the items that the key may have; then it is that one. Without a length
    /// the value is not told.
    mutating func take(
        _ belief: inout KeyBelief, _ command: SimulatedCommand, flags: UInt64, length: Int?, token: UInt64?,
        at start: Int
    ) -> String? {
        let isKnown = belief.keep {
            UInt64($0.flags) == flags && !$0.isOver(by: command.second)
                && (token == nil || $0.token == 0 || $0.token == token)
                && (length == nil || $0.content.length == length && text.holds($0.content, at: start))
        }
        guard isKnown else { return "no value that the key may have: \(belief.items.map { $0.content.length })" }
        if length != nil { hits += 1 }
        if let token {
            if belief.only?.token == 0, token <= belief.tokenSeen {
                return "token \(token) is not above \(belief.tokenSeen), which an earlier value had"
            }
            belief.change { $0.token = token }
            belief.tokenSeen = max(belief.tokenSeen, token)
        }
        return nil
    }

    mutating func miss(_ belief: inout KeyBelief, _ command: SimulatedCommand) -> String? {
        guard mayMiss(belief, command) else { return "missing, but nothing is evicted and it has not ended" }
        misses += 1
        belief.become(nil)
        return nil
    }

    /// `VALUE` lines for some of the keys, in order, and `END`.
    private mutating func values(
        _ command: SimulatedCommand, _ keys: [[UInt8]], _ beliefs: inout [KeyBelief]
    ) -> Verdict {
        // First to its end, so that an answer is not judged in part.
        guard let end = endOfValues() else { return .incomplete }
        if end < 0 { return .wrong("neither VALUE nor END") }
        var place = text.place
        var key = command.key
        let keyEnd = command.key + command.keyCount
        while text.has("VALUE ", at: place) {
            place += 6
            while key < keyEnd, !(text.has(keys[key], at: place) && text.bytes[place + keys[key].count] == 32) {
                if let wrong = miss(&beliefs[key], command) { return .wrong("key \(key): \(wrong)") }
                key += 1
            }
            guard key < keyEnd else { return .wrong("a key that was not asked for") }
            place += keys[key].count + 1
            guard let flags = text.number(at: &place) else { return .wrong("no flags") }
            place += 1
            guard let length = text.number(at: &place).flatMap({ Int(exactly: $0) }) else { return .wrong("no length") }
            var token: UInt64?
            if command.kind == .gets {
                place += 1
                token = text.number(at: &place)
            }
            place += 2
            let wrong = take(&beliefs[key], command, flags: flags, length: length, token: token, at: place)
            if let wrong { return .wrong("key \(key): \(wrong)") }
            if command.kind == .getAndTouch { beliefs[key].touch(command, by: now) }
            place += length + 2
            key += 1
        }
        while key < keyEnd {
            if let wrong = miss(&beliefs[key], command) { return .wrong("key \(key): \(wrong)") }
            key += 1
        }
        return .right(end: end)
    }

    /// Behind `END`; nil if it is not there yet, negative if something else is.
    private func endOfValues() -> Int? {
        var place = text.place
        while true {
            guard let line = text.line(at: place) else { return nil }
            if text.has("END\r\n", at: place) { return place + 5 }
            guard text.has("VALUE ", at: place) else { return -1 }
            // Behind the key and the flags.
            var rest = place + 6
            for _ in 0..<2 {
                while rest < line.upperBound, text.bytes[rest] != 32 { rest += 1 }
                rest += 1
            }
            guard let length = text.number(at: &rest).flatMap({ Int(exactly: $0) }), length <= facts.itemBytesMax else {
                return -1
            }
            place = line.upperBound + 2 + length + 2
            if place > text.bytes.count { return nil }
        }
    }

    /// `VA <length> f<flags> c<token> t<seconds>`, or `EN`.
    private mutating func metaValue(_ command: SimulatedCommand, _ belief: inout KeyBelief) -> Verdict {
        guard let line = text.line(at: text.place) else { return .incomplete }
        if text.has("EN\r\n", at: text.place) {
            if let wrong = miss(&belief, command) { return .wrong(wrong) }
            return .right(end: line.upperBound + 2)
        }
        guard text.has("VA ", at: text.place) else { return .wrong("neither VA nor EN") }
        var place = text.place + 3
        guard let length = text.number(at: &place).flatMap({ Int(exactly: $0) }) else { return .wrong("no length") }
        let end = line.upperBound + 2 + length + 2
        if end > text.bytes.count { return .incomplete }
        place += 2
        guard let flags = text.number(at: &place) else { return .wrong("no flags") }
        place += 2
        guard let token = text.number(at: &place) else { return .wrong("no token") }
        place += 2
        let isForEver = text.has("-1", at: place)
        let seconds = text.number(at: &place)
        let wrong = take(&belief, command, flags: flags, length: length, token: token, at: line.upperBound + 2)
        if let wrong { return .wrong(wrong) }
        if let item = belief.only {
            if isForEver != (item.expiresBy == 0) { return .wrong("another life than it was given") }
            if let seconds,
                now + UInt32(clamping: seconds) < item.expiresFrom
                    || command.second + UInt32(clamping: seconds) > item.expiresBy
            {
                return .wrong("\(seconds) seconds to live, not those it has")
            }
        }
        return .right(end: end)
    }

    // MARK: Changes

    private mutating func stored(
        _ command: SimulatedCommand, _ belief: inout KeyBelief, _ line: Range<Int>
    ) -> Verdict {
        let there = mayBeThere(belief, command)
        let absent = mayMiss(belief, command)
        if command.kind == .metaSet {
            guard text.has("HD c", at: line.lowerBound) else { return .wrong("not HD with a token") }
            var place = line.lowerBound + 4
            guard let token = text.number(at: &place), token > belief.tokenSeen else {
                return .wrong("no token above \(belief.tokenSeen)")
            }
            var item = command.item(by: now)
            item.token = token
            belief.tokenSeen = token
            belief.become(item)
            return .right(end: line.upperBound + 2)
        }
        if text.has("STORED\r\n", at: line.lowerBound) {
            switch command.kind {
            case .set: break
            case .add: if !absent { return .wrong("added to what is there") }
            case .compareAndSet:
                guard belief.items.contains(where: { $0.token == command.token }) else {
                    return .wrong("stored although token \(command.token) is none that it has")
                }
            default: if !there { return .wrong("stored where nothing is") }
            }
            if command.kind == .append || command.kind == .prepend {
                _ = belief.keep { !$0.isOver(by: command.second) }
                belief.extend(command)
            } else {
                belief.become(command.item(by: now))
            }
            return .right(end: line.upperBound + 2)
        }
        return notStored(command, &belief, line, there: there, absent: absent)
    }

    private mutating func notStored(
        _ command: SimulatedCommand, _ belief: inout KeyBelief, _ line: Range<Int>, there: Bool, absent: Bool
    ) -> Verdict {
        switch command.kind {
        case .add where text.has("NOT_STORED\r\n", at: line.lowerBound):
            return there ? .right(end: line.upperBound + 2) : .wrong("not added although nothing is there")
        case .replace where text.has("NOT_STORED\r\n", at: line.lowerBound),
            .append where text.has("NOT_STORED\r\n", at: line.lowerBound),
            .prepend where text.has("NOT_STORED\r\n", at: line.lowerBound),
            .compareAndSet where text.has("NOT_FOUND\r\n", at: line.lowerBound):
            // Then it stays.
            if command.kind == .append || command.kind == .prepend, mayBeTooLargeJoined(belief, command) {
                belief.mayBecome(nil)
                return .right(end: line.upperBound + 2)
            }
            if !absent { return .wrong("not stored although something is there") }
            belief.become(nil)
            return .right(end: line.upperBound + 2)
        case .compareAndSet where text.has("EXISTS\r\n", at: line.lowerBound):
            let differs = belief.items.contains { $0.token != command.token && !$0.isOver(by: command.second) }
            return differs ? .right(end: line.upperBound + 2) : .wrong("refused although the token is the item's")
        case .append where text.has("SERVER_ERROR object too large", at: line.lowerBound),
            .prepend where text.has("SERVER_ERROR object too large", at: line.lowerBound):
            return .right(end: line.upperBound + 2)
        default: return .wrong("no answer to a store")
        }
    }

    private mutating func counted(
        _ command: SimulatedCommand, _ belief: inout KeyBelief, _ line: Range<Int>
    ) -> Verdict {
        if text.has("NOT_FOUND\r\n", at: line.lowerBound) || text.has("NF\r\n", at: line.lowerBound) {
            if !mayMiss(belief, command) { return .wrong("not found, but nothing is evicted") }
            belief.become(nil)
            return .right(end: line.upperBound + 2)
        }
        var place = line.lowerBound
        var end = line.upperBound + 2
        if command.kind == .metaArithmetic {
            guard text.has("VA ", at: place), let value = text.line(at: end) else {
                return text.has("VA ", at: place) ? .incomplete : .wrong("neither VA nor NF")
            }
            place = end
            end = value.upperBound + 2
        }
        guard let number = text.number(at: &place) else { return .wrong("no number") }
        guard mayBeThere(belief, command) else { return .wrong("counted where nothing is") }
        belief.count(command, by: now)
        guard belief.keep(where: { $0.content.number == number }) else {
            return .wrong("\(number) is not what comes of \(belief.items.compactMap(\.content.number))")
        }
        return .right(end: end)
    }

    private mutating func changed(
        _ command: SimulatedCommand, _ belief: inout KeyBelief, _ line: Range<Int>
    ) -> Verdict {
        if text.has("NOT_FOUND\r\n", at: line.lowerBound) || text.has("NF\r\n", at: line.lowerBound) {
            if !mayMiss(belief, command) { return .wrong("not found, but nothing is evicted") }
            belief.become(nil)
            return .right(end: line.upperBound + 2)
        }
        let isDone =
            text.has("DELETED\r\n", at: line.lowerBound) || text.has("HD\r\n", at: line.lowerBound)
            || text.has("TOUCHED\r\n", at: line.lowerBound)
        guard isDone else { return .wrong("no answer to a change") }
        guard mayBeThere(belief, command) else { return .wrong("done to what is not there") }
        if command.kind == .touch { belief.touch(command, by: now) } else { belief.become(nil) }
        return .right(end: line.upperBound + 2)
    }
}
