import LoadEngine

/// Replies of the binary protocol.
extension HotConnection {
    /// Whether the next reply is to another command than this quiet one.
    func isSilent(_ command: HotCommand, _ request: HotPacket) throws -> Bool {
        HotPacket.opaque(try header(command)) != request.opaque
    }

    func answers(_ command: HotCommand, _ request: HotPacket) throws -> [(Int, ItemModel.Operation)] {
        let reply = try reply(command)
        guard reply.opcode == request.opcode, reply.opaque == request.opaque else {
            throw UnexpectedReply(to: command.text, reply: "\(reply)")
        }
        if try isRefusal(reply, command) { return [] }
        let operation: ItemModel.Operation
        switch command.intent {
        case .get, .getAndTouch:
            let item = try item(reply, request, command)
            tally.keysRead += 1
            tally.hits += item == nil ? 0 : 1
            operation = try reading(command, item)
        case .increment, .decrement: operation = try count(reply, command)
        default:
            tally.stores += 1
            if reply.status == HotPacket.Status.success { tally.stored += 1 }
            if case .pressure = command.intent, reply.status == HotPacket.Status.success { return [] }
            operation = try verdict(reply, command)
        }
        if case .flush = operation { return source.keys.indices.map { ($0, operation) } }
        return [(command.key, operation)]
    }

    // MARK: What came of it

    /// Whether the server could not do it: then nothing has happened but, at most, that the item is gone.
    private func isRefusal(_ reply: HotPacket, _ command: HotCommand) throws -> Bool {
        switch reply.status {
        case HotPacket.Status.unknownCommand:
            throw LoadError.circumstances("\(socket.address) does not know '\(command.text)'.")
        case HotPacket.Status.outOfMemory:
            tally.refused += 1
            return true
        case HotPacket.Status.notStored where !source.isMartlet:
            switch command.intent {
            // memcached looks for a counter and adds one in two steps: another's may come between them.
            case .increment, .decrement: return true
            // And it says the same where there is no item and where there is no memory.
            case .append, .prepend: return source.pressure > 0
            default: return false
            }
        default: return false
        }
    }

    /// nil: a miss.
    private func item(_ reply: HotPacket, _ request: HotPacket, _ command: HotCommand) throws -> ItemModel.Item? {
        if reply.status == HotPacket.Status.notFound { return nil }
        guard reply.status == HotPacket.Status.success, reply.extras.count == 4,
            reply.key == (request.tellsKey ? request.key : [])
        else { throw UnexpectedReply(to: command.text, reply: "\(reply)") }
        tally.hitBytes += reply.value.count
        return ItemModel.Item(
            value: HotValue.summary(reply.value), flags: HotPacket.number(reply.extras, UInt32.self), token: reply.token
        )
    }

    private func count(_ reply: HotPacket, _ command: HotCommand) throws -> ItemModel.Operation {
        if reply.status == HotPacket.Status.notFound { return counting(command, result: nil, token: nil) }
        guard reply.status == HotPacket.Status.success, reply.extras.isEmpty, reply.key.isEmpty, reply.value.count == 8
        else { throw UnexpectedReply(to: command.text, reply: "\(reply)") }
        return counting(command, result: HotPacket.number(reply.value, UInt64.self), token: reply.token)
    }

    private func verdict(_ reply: HotPacket, _ command: HotCommand) throws -> ItemModel.Operation {
        let isDone = reply.status == HotPacket.Status.success
        var token: UInt64? = isDone ? reply.token : nil
        switch command.intent {
        // What is gone has none.
        case .delete, .compareAndDelete: token = nil
        default: break
        }
        // Only touch has something to tell besides.
        let isEmpty = reply.extras.isEmpty || reply.opcode == HotPacket.Opcode.touch.rawValue
        guard !isDone || isEmpty && reply.key.isEmpty && reply.value.isEmpty,
            let word = Self.word(reply.status, command.intent),
            let operation = HotVerdict(status: word, token: token).operation(command.intent)
        else { throw UnexpectedReply(to: command.text, reply: "\(reply)") }
        return operation
    }

    /// What a meta command would have been answered; nil for a status that no command of ours has.
    private static func word(_ status: UInt16, _ intent: HotCommand.Intent) -> String? {
        switch (status, intent) {
        case (HotPacket.Status.success, _): "HD"
        case (HotPacket.Status.notFound, .replace), (HotPacket.Status.exists, .add): "NS"
        case (HotPacket.Status.notFound, _): "NF"
        case (HotPacket.Status.exists, _): "EX"
        case (HotPacket.Status.notStored, .append), (HotPacket.Status.notStored, .prepend): "NS"
        default: nil
        }
    }

    // MARK: Bytes

    /// The next packet's, which stays.
    private func header(_ command: HotCommand) throws -> [UInt8] {
        let magic = try socket.peek(1)[0]
        // ERROR or CLIENT_ERROR, of a server that has no other protocol than text.
        if magic == UInt8(ascii: "E") || magic == UInt8(ascii: "C") {
            throw LoadError.circumstances("\(socket.address) does not speak the binary protocol.")
        }
        guard magic == HotPacket.replyMagic else {
            throw UnexpectedReply(to: command.text, reply: "no packet of the binary protocol")
        }
        return try socket.peek(HotPacket.headerBytes)
    }

    private func reply(_ command: HotCommand) throws -> HotPacket {
        let header = try header(command)
        guard let count = HotPacket.bodyBytes(header) else {
            throw UnexpectedReply(to: command.text, reply: "a packet that does not end")
        }
        let bytes = try socket.bytes(HotPacket.headerBytes + count)
        guard let reply = HotPacket(header: header, body: Array(bytes[HotPacket.headerBytes...])) else {
            throw UnexpectedReply(to: command.text, reply: "a packet whose lengths do not fit")
        }
        return reply
    }
}
