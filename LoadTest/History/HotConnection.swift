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

    let socket: HotSocket
    private let clock: HistoryClock
    private(set) var source: HotCommandSource
    /// No item that is asked for was given its life before.
    private var roundBeganAt = MonotonicTime.now()
    package private(set) var calls: [KeyedCall] = []
    package private(set) var failure: Failure?
    /// From sending to the reply, in nanoseconds, one for each command.
    private(set) var latencies: [UInt64] = []
    var tally = Tally()
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
        roundBeganAt = MonotonicTime.now()
    }

    /// Sends at least `count` commands; `failure` tells when it could not. False then.
    @discardableResult
    package func act(_ count: Int) -> Bool {
        noting {
            var left = count
            while left > 0 {
                var commands = (0..<source.pipelineLength()).map { _ in source.next() }
                // What follows tells that a command without a reply is done.
                if let last = commands.last, last.reply != .always { commands.append(source.read(last.key)) }
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
        var unheard: [(key: Int, operation: ItemModel.Operation, began: Int)] = []
        for (command, began) in zip(commands, begins) {
            tally.commands += 1
            if try isSilent(command) {
                if let operation = HotVerdict.silence(command) { unheard.append((command.key, operation, began)) }
                continue
            }
            let answers = try answers(command)
            for past in unheard { note(past.operation, of: past.key, began: past.began) }
            unheard = []
            latencies.append(MonotonicTime.now() - sentAt)
            for (key, operation) in answers { note(operation, of: key, began: began) }
        }
    }

    private func note(_ operation: ItemModel.Operation, of key: Int, began: Int) {
        if let token = TokenRule.seenToken(operation) { source.note(token: token, of: key) }
        calls.append(
            KeyedCall(
                key: key, call: Call(client: source.client, operation: operation, began: began, ended: clock.next())))
    }

    /// Whether there is no reply to the command; another one follows in any case.
    private func isSilent(_ command: HotCommand) throws -> Bool {
        switch command.reply {
        case .always: return false
        case .never: return true
        case .unusual(let opaque):
            if case .packet(let request) = command.form { return try isSilent(command, request) }
            guard let line = try socket.peek() else { return false }
            return !line.split(separator: " ").contains { $0 == "O\(opaque)" }
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
                return (key, try reading(command, found.first?.item))
            }
        case .metaValue:
            guard let item = try metaValue(command) else { return [] }
            tally.keysRead += 1
            tally.hits += item == nil ? 0 : 1
            return [(command.key, try reading(command, item))]
        case .number: return try number(command).map { [(command.key, $0)] } ?? []
        case .verdict:
            guard let operation = try verdict(command) else { return [] }
            if case .flush = operation { return source.keys.indices.map { ($0, operation) } }
            return [(command.key, operation)]
        case .packet(let request): return try answers(command, request)
        }
    }

    func reading(_ command: HotCommand, _ item: ItemModel.Item?) throws -> ItemModel.Operation {
        switch command.intent {
        case .getAndTouch(let life): return .getAndTouch(item, life: life)
        case .vivify(let life):
            guard let item else {
                // There was none, and no memory for one.
                if source.pressure > 0 { return .get(nil) }
                throw UnexpectedReply(to: command.text, reply: "a miss")
            }
            return .vivify(item, life: life)
        default: return .get(item)
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
        return ItemModel.Item(
            value: try value(count, command), flags: flags, token: token, life: life(words),
            marks: ItemModel.Marks(
                wins: words.contains("W"), isWon: words.contains("Z"), isStale: words.contains("X")))
    }

    /// The life that an item was given, by what is left of it. The server's clock may lag, and differ by worker.
    private func life(_ words: [Substring]) -> ItemModel.Life {
        guard let word = words.first(where: { $0.first == "t" }), let left = Int(word.dropFirst()) else {
            return .untold
        }
        if left == -1 { return .given(0) }
        let passed = Int((MonotonicTime.now() - roundBeganAt) / 1_000_000_000)
        return .within(max(0, left - Self.clockSecondsMax)...max(0, left) + passed + Self.clockSecondsMax)
    }

    private static let clockSecondsMax = 60

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
        return counting(command, result: result, token: told)
    }

    /// A result of nil: there was no item.
    func counting(_ command: HotCommand, result: UInt64?, token: UInt64?) -> ItemModel.Operation {
        switch command.intent {
        case .increment(let delta, let birth): .increment(by: delta, result: result, token: token, birth: birth)
        case .decrement(let delta, let birth): .decrement(by: delta, result: result, token: token, birth: birth)
        default: preconditionFailure("Numbers answer counting.")
        }
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
