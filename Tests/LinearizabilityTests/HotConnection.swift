import Linearizability
import ServerTesting

/// One blocking connection that sends commands about hot keys and notes what was answered, and when.
///
/// Commands sent together share their beginning: each ends when its own reply has been read.
struct HotConnection {
    struct UnexpectedReply: Error { let to: String, reply: String }

    private let socket: TestClient
    private let clock: HistoryClock
    private var source: HotCommandSource
    private(set) var calls: [KeyedCall] = []
    /// Received and not read yet, from `position` on.
    private var buffer: [UInt8] = []
    private var position = 0

    init(_ socket: TestClient, clock: HistoryClock, source: HotCommandSource) {
        self.socket = socket
        self.clock = clock
        self.source = source
    }

    /// Sends at least `count` commands.
    mutating func act(_ count: Int) throws {
        var left = count
        while left > 0 {
            let commands = (0..<source.pipelineLength()).map { _ in source.next() }
            left -= commands.count
            let began = clock.next()
            try socket.send(commands.flatMap(\.bytes))
            for command in commands { try note(command, began) }
        }
    }

    private mutating func note(_ command: HotCommand, _ began: Int) throws {
        let answers = try answers(command)
        let ended = clock.next()
        for (key, operation) in answers {
            if case .get(let item?) = operation, item.token != 0 { source.note(token: item.token, of: key) }
            calls.append(
                KeyedCall(
                    key: key, call: Call(client: source.client, operation: operation, began: began, ended: ended)))
        }
    }

    // MARK: Replies

    private mutating func answers(_ command: HotCommand) throws -> [(Int, ItemModel.Operation)] {
        switch command.form {
        case .values(let keys, let hasTokens):
            let items = try values(command, hasTokens)
            return try keys.map { key in
                let found = items.filter { $0.name == source.names[key] }
                if found.count > 1 { throw UnexpectedReply(to: text(command), reply: "a key twice") }
                return (key, .get(found.first?.item))
            }
        case .metaValue: return [(command.key, .get(try metaValue(command)))]
        case .number: return [(command.key, try number(command))]
        case .verdict: return [(command.key, try verdict(command))]
        }
    }

    private mutating func values(
        _ command: HotCommand, _ hasTokens: Bool
    ) throws -> [(name: String, item: ItemModel.Item)] {
        var items: [(String, ItemModel.Item)] = []
        while true {
            let line = try line()
            if line == "END" { return items }
            let words = line.split(separator: " ")
            guard words.first == "VALUE", words.count == (hasTokens ? 5 : 4), let flags = UInt32(words[2]),
                let count = Int(words[3]), let token = hasTokens ? UInt64(words[4]) : 0
            else { throw UnexpectedReply(to: text(command), reply: line) }
            items.append(
                (String(words[1]), ItemModel.Item(value: try value(count), flags: flags, token: token)))
        }
    }

    private mutating func metaValue(_ command: HotCommand) throws -> ItemModel.Item? {
        let line = try line()
        let words = line.split(separator: " ")
        if words.first == "EN" { return nil }
        guard words.first == "VA", words.count >= 2, let count = Int(words[1]), let token = token(words),
            let flags = words.first(where: { $0.first == "f" }).flatMap({ UInt32($0.dropFirst()) })
        else { throw UnexpectedReply(to: text(command), reply: line) }
        return ItemModel.Item(value: try value(count), flags: flags, token: token)
    }

    /// The answer of a counting command.
    private mutating func number(_ command: HotCommand) throws -> ItemModel.Operation {
        let line = try line()
        let words = line.split(separator: " ")
        var result: UInt64?
        var told: UInt64?
        if words.first == "VA", words.count >= 2, let count = Int(words[1]) {
            result = UInt64(try value(count))
            told = token(words)
        } else {
            result = UInt64(line)
        }
        guard result != nil || line == "NOT_FOUND" || words.first == "NF" else {
            throw UnexpectedReply(to: text(command), reply: line)
        }
        if case .decrement(let delta) = command.intent {
            return .decrement(by: delta, result: result, token: told)
        }
        guard case .increment(let delta) = command.intent else { preconditionFailure("Numbers answer counting.") }
        return .increment(by: delta, result: result, token: told)
    }

    private mutating func verdict(_ command: HotCommand) throws -> ItemModel.Operation {
        let line = try line()
        let words = line.split(separator: " ")
        let told = token(words)
        let status = words.first.map(String.init) ?? ""
        let isDone = ["STORED", "HD", "DELETED"].contains(status)
        switch (command.intent, status) {
        case (.set(let value, let flags), _) where isDone:
            return .set(value: value, flags: flags, token: told)
        case (.add(let value, let flags), "NS"), (.add(let value, let flags), "NOT_STORED"):
            return .add(value: value, flags: flags, stored: false, token: nil)
        case (.add(let value, let flags), _) where isDone:
            return .add(value: value, flags: flags, stored: true, token: told)
        case (.append(let added), "NS"), (.append(let added), "NOT_STORED"):
            return .append(added, stored: false, token: nil)
        case (.append(let added), _) where isDone:
            return .append(added, stored: true, token: told)
        case (.delete, "NF"), (.delete, "NOT_FOUND"): return .delete(found: false)
        case (.delete, _) where isDone: return .delete(found: true)
        default: break
        }
        let result: ItemModel.CompareResult
        switch status {
        case "EX", "EXISTS": result = .exists
        case "NF", "NOT_FOUND": result = .notFound
        case _ where isDone: result = .stored(token: told)
        default: throw UnexpectedReply(to: text(command), reply: line)
        }
        switch command.intent {
        case .compareAndSet(let token, let value, let flags):
            return .compareAndSet(token: token, value: value, flags: flags, result)
        case .compareAndDelete(let token): return .compareAndDelete(token: token, result)
        default: throw UnexpectedReply(to: text(command), reply: line)
        }
    }

    private func token(_ words: [Substring]) -> UInt64? {
        words.dropFirst().first { $0.first == "c" }.flatMap { UInt64($0.dropFirst()) }
    }

    private func text(_ command: HotCommand) -> String { String(decoding: command.bytes.prefix(80), as: UTF8.self) }

    // MARK: Bytes

    private mutating func line() throws -> String {
        while true {
            if let end = buffer[position...].firstIndex(of: 10) {
                guard end > position, buffer[end - 1] == 13 else {
                    throw UnexpectedReply(to: "", reply: "a line that ends without CR")
                }
                defer { position = end + 1 }
                return String(decoding: buffer[position..<end - 1], as: UTF8.self)
            }
            try receive()
        }
    }

    /// A value of so many bytes, and the line end behind it.
    private mutating func value(_ count: Int) throws -> String {
        while buffer.count - position < count + 2 { try receive() }
        let bytes = Array(buffer[position..<position + count])
        position += count + 2
        guard buffer[position - 2] == 13, buffer[position - 1] == 10 else {
            throw UnexpectedReply(to: "", reply: "a value without CR LF behind it")
        }
        return HotValue.summary(bytes)
    }

    private mutating func receive() throws {
        buffer.removeFirst(position)
        position = 0
        let some = try socket.receiveSome()
        if some.isEmpty { throw UnexpectedReply(to: "", reply: "the end of the stream") }
        buffer += some
    }
}
