import LoadEngine

/// A call and the key it was about.
package struct KeyedCall: Sendable {
    package let key: Int
    package let call: Call<ItemModel.Operation>

    package init(key: Int, call: Call<ItemModel.Operation>) {
        self.key = key
        self.call = call
    }
}

/// One connection that sends commands about hot keys and notes what was answered, and when.
///
/// Commands sent together begin one after the other before they are sent; each ends when its own reply has been read.
/// Threads: one at a time; what it noted is read when its thread has ended.
// Reason: whoever starts its thread waits for the end of it.
package final class HotConnection: @unchecked Sendable {
    /// What no server may answer.
    package struct UnexpectedReply: Error { let to: String, reply: String }

    /// Why it has stopped.
    package enum Failure: Error {
        /// The server answers, but not in this protocol.
        case unexpected(UnexpectedReply)
        case load(LoadError)
    }

    private let socket: HotSocket
    private let clock: HistoryClock
    private var source: HotCommandSource
    package private(set) var calls: [KeyedCall] = []
    package private(set) var failure: Failure?
    /// From sending to the reply, in nanoseconds, one for each command.
    private(set) var latencies: [UInt64] = []
    private(set) var tally = Tally()
    /// CPU time of the threads that worked for it.
    private(set) var cpuNanoseconds: UInt64 = 0

    /// What was asked, and what it came to.
    struct Tally {
        var commands = 0
        var keysRead = 0
        var hits = 0
        var hitBytes = 0
        var stores = 0
        var stored = 0
        var refused = 0
    }

    package init(_ socket: HotSocket, clock: HistoryClock, source: HotCommandSource) {
        self.socket = socket
        self.clock = clock
        self.source = source
    }

    var bytes: (sent: Int, received: Int) { (socket.sentBytes, socket.receivedBytes) }

    /// Forgets the calls of a round that is over; tokens stay in mind.
    func beginRound() {
        calls.removeAll(keepingCapacity: true)
        latencies.removeAll(keepingCapacity: true)
    }

    /// Sends at least `count` commands; `failure` tells when it could not. False then.
    @discardableResult
    package func act(_ count: Int) -> Bool {
        noting {
            var left = count
            while left > 0 {
                let commands = (0..<source.pipelineLength()).map { _ in source.next() }
                left -= commands.count
                try exchange(commands)
            }
        }
    }

    /// Stores every key once, while nobody else is at work.
    @discardableResult
    package func storeAll() -> Bool {
        noting { for key in source.keys.indices { try exchange([source.store(key)]) } }
    }

    /// Deletes every key, without noting it.
    func deleteAll() {
        noting { for key in source.keys.indices { try exchange([source.delete(key)]) } }
        calls = []
    }

    @discardableResult
    private func noting(_ body: () throws -> Void) -> Bool {
        let cpuBefore = MonotonicTime.threadCPU()
        defer { cpuNanoseconds += MonotonicTime.threadCPU() - cpuBefore }
        do {
            try body()
            return true
        } catch let error as UnexpectedReply {
            failure = .unexpected(error)
        } catch let error as LoadError {
            failure = .load(error)
        } catch {
            preconditionFailure("\(error)")
        }
        return false
    }

    private func exchange(_ commands: [HotCommand]) throws {
        let begins = commands.map { _ in clock.next() }
        let sentAt = MonotonicTime.now()
        try socket.send(commands.flatMap(\.bytes))
        for (command, began) in zip(commands, begins) {
            let answers = try answers(command)
            let ended = clock.next()
            latencies.append(MonotonicTime.now() - sentAt)
            tally.commands += 1
            for (key, operation) in answers {
                if case .get(let item?) = operation, item.token != 0 { source.note(token: item.token, of: key) }
                calls.append(
                    KeyedCall(
                        key: key, call: Call(client: source.client, operation: operation, began: began, ended: ended)))
            }
        }
    }

    // MARK: Replies

    private func answers(_ command: HotCommand) throws -> [(Int, ItemModel.Operation)] {
        switch command.form {
        case .values(let keys, let hasTokens):
            guard let items = try values(command, hasTokens) else { return [] }
            tally.keysRead += keys.count
            tally.hits += items.count
            return try keys.map { key in
                let found = items.filter { $0.name == source.keys[key].name }
                if found.count > 1 { throw UnexpectedReply(to: command.text, reply: "a key twice") }
                return (key, .get(found.first?.item))
            }
        case .metaValue:
            guard let item = try metaValue(command) else { return [] }
            tally.keysRead += 1
            tally.hits += item == nil ? 0 : 1
            return [(command.key, .get(item))]
        case .number: return try number(command).map { [(command.key, $0)] } ?? []
        case .verdict: return try verdict(command).map { [(command.key, $0)] } ?? []
        }
    }

    /// Whether the server could not do it: then nothing has happened but, at most, that the item is gone.
    private func isRefusal(_ line: String, _ command: HotCommand) throws -> Bool {
        if line == "ERROR" || line.hasPrefix("CLIENT_ERROR") {
            let hint = command.isMeta ? "; --protocol classic sends no meta commands" : ""
            throw LoadError.circumstances("\(socket.address) answers '\(line)' to '\(command.text)'\(hint).")
        }
        guard line.hasPrefix("SERVER_ERROR") else { return false }
        tally.refused += 1
        return true
    }

    private func values(
        _ command: HotCommand, _ hasTokens: Bool
    ) throws -> [(name: String, item: ItemModel.Item)]? {
        var items: [(String, ItemModel.Item)] = []
        while true {
            let line = try line(command)
            if line == "END" { return items }
            if try isRefusal(line, command) { return nil }
            let words = line.split(separator: " ")
            guard words.first == "VALUE", words.count == (hasTokens ? 5 : 4), let flags = UInt32(words[2]),
                let count = Self.size(words[3]), let token = hasTokens ? UInt64(words[4]) : 0,
                source.keys.contains(where: { $0.name == words[1] })
            else { throw UnexpectedReply(to: command.text, reply: line) }
            let value = try value(count, command)
            items.append((String(words[1]), ItemModel.Item(value: value, flags: flags, token: token)))
        }
    }

    /// nil: refused. nil inside: a miss.
    private func metaValue(_ command: HotCommand) throws -> ItemModel.Item?? {
        let line = try line(command)
        if try isRefusal(line, command) { return nil }
        let words = line.split(separator: " ")
        if words.first == "EN" { return .some(nil) }
        guard words.first == "VA", words.count >= 2, let count = Self.size(words[1]), let token = token(words),
            let flags = words.first(where: { $0.first == "f" }).flatMap({ UInt32($0.dropFirst()) })
        else { throw UnexpectedReply(to: command.text, reply: line) }
        return ItemModel.Item(value: try value(count, command), flags: flags, token: token)
    }

    /// The answer of a counting command.
    private func number(_ command: HotCommand) throws -> ItemModel.Operation? {
        let line = try line(command)
        if try isRefusal(line, command) { return nil }
        let words = line.split(separator: " ")
        var result: UInt64?
        var told: UInt64?
        if words.first == "VA", words.count >= 2, let count = Self.size(words[1]) {
            result = UInt64(try value(count, command))
            told = token(words)
        } else {
            result = UInt64(line)
        }
        guard result != nil || line == "NOT_FOUND" || words.first == "NF" else {
            throw UnexpectedReply(to: command.text, reply: line)
        }
        if case .decrement(let delta) = command.intent { return .decrement(by: delta, result: result, token: told) }
        guard case .increment(let delta) = command.intent else { preconditionFailure("Numbers answer counting.") }
        return .increment(by: delta, result: result, token: told)
    }

    private func verdict(_ command: HotCommand) throws -> ItemModel.Operation? {
        let line = try line(command)
        if try isRefusal(line, command) { return nil }
        let words = line.split(separator: " ")
        let status = words.first.map(String.init) ?? ""
        tally.stores += 1
        if ["STORED", "HD"].contains(status) { tally.stored += 1 }
        if case .pressure = command.intent, status == "STORED" { return nil }
        guard let operation = HotVerdict(status: status, token: token(words)).operation(command.intent) else {
            throw UnexpectedReply(to: command.text, reply: line)
        }
        return operation
    }

    private func token(_ words: [Substring]) -> UInt64? {
        words.first { $0.first == "c" }.flatMap { UInt64($0.dropFirst()) }
    }

    // MARK: Bytes

    /// No value is larger than this.
    private static let valueBytesMax = 1 << 30

    private static func size(_ word: Substring) -> Int? {
        Int(word).flatMap { (0...valueBytesMax).contains($0) ? $0 : nil }
    }

    private func line(_ command: HotCommand) throws -> String {
        guard let line = try socket.line() else {
            throw UnexpectedReply(to: command.text, reply: "a line that does not end in CR LF")
        }
        return line
    }

    private func value(_ count: Int, _ command: HotCommand) throws -> String {
        guard let bytes = try socket.value(count) else {
            throw UnexpectedReply(to: command.text, reply: "a value without CR LF behind it")
        }
        tally.hitBytes += count
        return HotValue.summary(bytes)
    }
}
