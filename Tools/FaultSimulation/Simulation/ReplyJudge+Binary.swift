import MartletServer

/// Looks at the answer to one command of the binary protocol.
///
/// 1. An answer bears the opcode and the opaque of its request. Where that of another one stands, a quiet request was
///    not answered: it is done, or, if it asks for a value, has found nothing.
/// 2. A quiet request that fails is answered; one that does not is not, unless it brings a value.
/// 3. Every byte of a reply means something: parts that do not belong to it are wrong, and so is another text.
/// 4. What may be is judged as for the text protocol.
extension ReplyJudge {
    mutating func judgePackets(
        _ command: SimulatedCommand, _ keys: [[UInt8]], _ beliefs: inout [KeyBelief]
    ) -> Verdict {
        if command.kind == .get, command.keyCount > 1 { return list(command, keys, &beliefs) }
        guard let packet = text.packet(at: text.place) else { return .incomplete }
        if packet.opaque != command.opaque {
            guard command.isQuiet else { return .wrong("opaque \(packet.opaque) in place of \(command.opaque)") }
            if let wrong = silent(command, &beliefs[command.key]) { return .wrong("no answer: \(wrong)") }
            return .right(end: text.place)
        }
        if let wrong = flaw(packet, command) { return .wrong(wrong) }
        if packet.end > text.bytes.count { return .incomplete }
        let wrong =
            packet.status == ReplyPacket.Status.success
            ? done(packet, command, keys, &beliefs[command.key])
            : refused(packet, command, keys, &beliefs[command.key])
        return wrong.map { .wrong($0) } ?? .right(end: packet.end)
    }

    /// What is wrong with the header, whatever was asked.
    private func flaw(_ packet: ReplyPacket, _ command: SimulatedCommand) -> String? {
        if packet.magic != 0x81 { return "not a reply's first byte" }
        if packet.opcode != command.opcode { return "opcode \(packet.opcode)" }
        return flawOfParts(packet)
    }

    private func flawOfParts(_ packet: ReplyPacket) -> String? {
        if packet.type != 0 { return "a type" }
        if packet.bodyBytes > facts.itemBytesMax || packet.valueBytes < 0 { return "parts that do not fit" }
        return nil
    }

    /// Nothing but a value of so many bytes, and no token.
    private func hasOnly(_ packet: ReplyPacket, _ word: StaticString) -> Bool {
        packet.token == 0 && packet.bodyBytes == packet.valueBytes && packet.bodyBytes == word.utf8CodeUnitCount
            && text.has(word, at: packet.valueStart)
    }

    // MARK: Many keys

    /// Replies to some of the keys, in order, and that to the `noop` behind them.
    private mutating func list(
        _ command: SimulatedCommand, _ keys: [[UInt8]], _ beliefs: inout [KeyBelief]
    ) -> Verdict {
        // First to its end, so that an answer is not judged in part.
        var place = text.place
        while true {
            guard let packet = text.packet(at: place) else { return .incomplete }
            if packet.magic != 0x81 { return .wrong("not a reply's first byte") }
            if let wrong = flawOfParts(packet) { return .wrong(wrong) }
            if packet.end > text.bytes.count { return .incomplete }
            place = packet.end
            if packet.opaque == command.opaque &+ UInt32(command.keyCount) { break }
        }
        let end = place
        place = text.place
        var index = 0
        while place < end, let packet = text.packet(at: place) {
            let number = Int(packet.opaque &- command.opaque)
            guard number >= index, number <= command.keyCount else { return .wrong("opaque \(packet.opaque)") }
            while index < number {
                if let wrong = miss(&beliefs[command.key + index], command) { return .wrong("no \(index): \(wrong)") }
                index += 1
            }
            if packet.status != 0 { return .wrong("status \(packet.status)") }
            if index < command.keyCount {
                let key = command.key + index
                if packet.opcode != command.opcode { return .wrong("opcode \(packet.opcode)") }
                if let wrong = found(packet, command, keys[key], &beliefs[key]) {
                    return .wrong("key \(key): \(wrong)")
                }
            } else if packet.opcode != PacketOpcode.noop.rawValue || !hasOnly(packet, "") {
                return .wrong("not the answer to a noop")
            }
            place = packet.end
            index += 1
        }
        return .right(end: end)
    }

    // MARK: Done

    private mutating func done(
        _ packet: ReplyPacket, _ command: SimulatedCommand, _ keys: [[UInt8]], _ belief: inout KeyBelief
    ) -> String? {
        switch command.kind {
        case .get, .getAndTouch, .touch: return found(packet, command, keys[command.key], &belief)
        case .noop:
            let isVersion = command.opcode == PacketOpcode.version.rawValue
            return hasOnly(packet, isVersion ? ServerVersion.wire : "") ? nil : "another body"
        case .unknown, .tooLarge: return "done, which cannot be"
        default: break
        }
        if command.isQuiet { return "an answer to a quiet command that is done" }
        if command.kind == .flush { return hasOnly(packet, "") ? nil : "another body" }
        let bodyBytes = command.kind == .increment || command.kind == .decrement ? 8 : 0
        guard packet.bodyBytes == bodyBytes, packet.valueBytes == bodyBytes else { return "another body" }
        switch command.kind {
        case .delete: return packet.token == 0 ? deleted(command, &belief) : "a token of nothing"
        case .increment, .decrement:
            if let wrong = counted(text.word(at: packet.valueStart, 8), command, &belief) { return wrong }
        default: if let wrong = stored(command, &belief) { return wrong }
        }
        guard packet.token > belief.tokenSeen else { return "no token above \(belief.tokenSeen)" }
        belief.tokenSeen = packet.token
        belief.change { $0.token = packet.token }
        return nil
    }

    /// A quiet command was not answered.
    private mutating func silent(_ command: SimulatedCommand, _ belief: inout KeyBelief) -> String? {
        switch command.kind {
        case .get, .getAndTouch: miss(&belief, command)
        case .delete: deleted(command, &belief)
        case .increment, .decrement: counted(nil, command, &belief)
        case .set, .add, .replace, .append, .prepend, .compareAndSet: stored(command, &belief)
        case .flush: nil
        default: "nothing was refused"
        }
    }

    /// Flags and, where they are wanted, key and value.
    private mutating func found(
        _ packet: ReplyPacket, _ command: SimulatedCommand, _ key: [UInt8], _ belief: inout KeyBelief
    ) -> String? {
        guard packet.extrasBytes == 4, packet.keyBytes == (command.tellsKey ? key.count : 0) else {
            return "other parts"
        }
        if command.tellsKey, !text.has(key, at: packet.keyStart) { return "another key" }
        let isTouch = command.kind == .touch
        if isTouch, packet.valueBytes != 0 { return "a value" }
        let wrong = take(
            &belief, command, flags: text.word(at: packet.extrasStart, 4), length: isTouch ? nil : packet.valueBytes,
            token: packet.token, at: packet.valueStart)
        if command.kind != .get { belief.touch(command, by: now) }
        return wrong
    }

    /// Whether an item may be there and have what the command compares.
    private func fits(_ item: KeyBelief.Item, _ command: SimulatedCommand) -> Bool {
        !item.isOver(by: command.second) && (command.token == 0 || item.token == command.token)
    }

    private func stored(_ command: SimulatedCommand, _ belief: inout KeyBelief) -> String? {
        switch command.kind {
        case .set: break
        case .add: if !mayMiss(belief, command) { return "added to what is there" }
        default:
            guard belief.items.contains(where: { fits($0, command) }) else {
                return "stored where nothing is, or another token than \(command.token)"
            }
        }
        if command.kind == .append || command.kind == .prepend {
            _ = belief.keep { fits($0, command) }
            belief.extend(command)
        } else {
            belief.become(command.item(by: now))
        }
        return nil
    }

    private func deleted(_ command: SimulatedCommand, _ belief: inout KeyBelief) -> String? {
        guard belief.items.contains(where: { fits($0, command) }) else {
            return "deleted what is not there, or has another token than \(command.token)"
        }
        belief.become(nil)
        return nil
    }

    /// What was there was counted, or a counter made. `number` is what it has come to, if that was told.
    private func counted(_ number: UInt64?, _ command: SimulatedCommand, _ belief: inout KeyBelief) -> String? {
        var counted = belief
        var isCounted = counted.keep { fits($0, command) }
        if isCounted {
            counted.count(command, by: now)
            if let number { isCounted = counted.keep { $0.content.number == number } }
        }
        var made: KeyBelief.Item?
        if mayMiss(belief, command), number == nil || number == command.initial { made = command.madeCounter(by: now) }
        if isCounted {
            belief = counted
            if let made { belief.mayBecome(made) }
        } else if let made {
            belief.become(made)
        } else {
            let known = belief.items.compactMap(\.content.number)
            return "\(number.map { "\($0)" } ?? "a number") is not what comes of \(known)"
        }
        return nil
    }

    // MARK: Refused

    private mutating func refused(
        _ packet: ReplyPacket, _ command: SimulatedCommand, _ keys: [[UInt8]], _ belief: inout KeyBelief
    ) -> String? {
        switch packet.status {
        case ReplyPacket.Status.notFound: return notFound(packet, command, keys[command.key], &belief)
        case ReplyPacket.Status.exists:
            guard hasOnly(packet, "Data exists for key.") else { return "another text" }
            return exists(command, belief)
        case ReplyPacket.Status.tooLarge:
            guard command.kind == .tooLarge, hasOnly(packet, "Too large.") else { return "too large" }
            belief.become(nil)
            return nil
        case ReplyPacket.Status.notStored:
            guard command.kind == .append || command.kind == .prepend, hasOnly(packet, "Not stored.") else {
                return "not stored"
            }
            if mayBeTooLargeJoined(belief, command) {
                belief.mayBecome(nil)
                return nil
            }
            return absent(command, &belief)
        case ReplyPacket.Status.unknownCommand:
            return command.kind == .unknown && hasOnly(packet, "Unknown command") ? nil : "an unknown command"
        case ReplyPacket.Status.outOfMemory:
            guard command.stores || command.kind == .increment || command.kind == .decrement,
                hasOnly(packet, "Out of memory allocating item")
            else { return "out of memory" }
            return refuse(command, &belief)
        default: return "status \(packet.status)"
        }
    }

    private mutating func notFound(
        _ packet: ReplyPacket, _ command: SimulatedCommand, _ key: [UInt8], _ belief: inout KeyBelief
    ) -> String? {
        if command.tellsKey {
            guard packet.token == 0, packet.keyBytes == key.count, packet.bodyBytes == key.count,
                text.has(key, at: packet.keyStart)
            else { return "another key" }
        } else if !hasOnly(packet, "Not found") {
            return "another text"
        }
        switch command.kind {
        case .get, .getAndTouch:
            return command.isQuiet ? "a quiet miss that is answered" : miss(&belief, command)
        case .touch, .delete, .replace, .compareAndSet: return absent(command, &belief)
        case .increment, .decrement:
            return command.initial == nil ? absent(command, &belief) : "not found, in place of being made"
        default: return "not found"
        }
    }

    private func absent(_ command: SimulatedCommand, _ belief: inout KeyBelief) -> String? {
        if !mayMiss(belief, command) { return "not found, but nothing is evicted and it has not ended" }
        belief.become(nil)
        return nil
    }

    /// An `add` that has met an item, or a command that has met another token.
    private func exists(_ command: SimulatedCommand, _ belief: KeyBelief) -> String? {
        if command.kind == .add { return mayBeThere(belief, command) ? nil : "not added although nothing is there" }
        if command.token == 0 { return "another token, though none was compared" }
        switch command.kind {
        case .compareAndSet, .append, .prepend, .delete, .increment, .decrement:
            let differs = belief.items.contains { $0.token != command.token && !$0.isOver(by: command.second) }
            return differs ? nil : "refused although the token is the item's"
        default: return "a token, though none was compared"
        }
    }
}
