import ExecutionTesting
import LoadHistory
import ServerTesting
import StoreTesting

/// A connection of the binary protocol that asks about hot keys, one thing at a time, and notes what was answered.
///
/// Threads: one; what it noted is read when its thread has ended.
// Reason: whoever starts its thread waits for the end of it.
final class BinaryConnection: @unchecked Sendable {
    private let client: TestClient
    private let clock: HistoryClock
    private let number: Int
    private let keys: [String]
    private let size: HotSize
    private var random: SplitMix
    private var tokens: [UInt64]
    private var commandCount = 0
    private(set) var calls: [KeyedCall] = []
    /// Why it has stopped.
    private(set) var failure: (any Error)?

    struct UnexpectedReply: Error { let to: UInt8, reply: BinaryPacket? }

    init(_ client: TestClient, clock: HistoryClock, number: Int, keys: [String], size: HotSize, seed: UInt64) {
        self.client = client
        self.clock = clock
        self.number = number
        self.keys = keys
        self.size = size
        random = SplitMix(seed: seed &+ UInt64(number))
        tokens = [UInt64](repeating: 0, count: keys.count)
    }

    func act(_ count: Int) {
        do {
            for _ in 0..<count { try step(random.below(keys.count)) }
        } catch {
            failure = error
        }
    }

    private func step(_ key: Int) throws {
        commandCount += 1
        let unique = UInt32(commandCount * 64 + number)
        let life = random.below(3) == 0 ? 0 : 100_000 + 1000 * (Int(unique) % 2000)
        let value = newValue(unique)
        let text = HotValue.summary(value)
        let stored = BinaryPacket.bytes(unique) + BinaryPacket.bytes(UInt32(life))
        switch random.below(20) {
        case ..<6: try read(key, 0x00, []) { .get($0) }
        case 6: try read(key, 0x1D, BinaryPacket.bytes(UInt32(life))) { .getAndTouch($0, life: life) }
        case 7:
            try ask(key, 0x1C, extras: BinaryPacket.bytes(UInt32(life))) {
                Self.told($0, no: 1).map { .touch(life: life, found: $0) }
            }
        case ..<11:
            try ask(key, 0x01, value, extras: stored) {
                $0.status == 0 ? .set(value: text, flags: unique, token: $0.token, life: life) : nil
            }
        case 11:
            try ask(key, 0x02, value, extras: stored) { reply in
                Self.told(reply, no: 2).map {
                    .add(value: text, flags: unique, stored: $0, token: $0 ? reply.token : nil, life: life)
                }
            }
        case 12:
            try ask(key, 0x03, value, extras: stored) { reply in
                Self.told(reply, no: 1).map {
                    .replace(value: text, flags: unique, stored: $0, token: $0 ? reply.token : nil, life: life)
                }
            }
        case ..<15 where tokens[key] != 0:
            let token = tokens[key]
            try ask(key, 0x01, value, extras: stored, token: token) {
                Self.comparison($0).map {
                    .compareAndSet(token: token, value: text, flags: unique, $0, life: life)
                }
            }
        case ..<17: try change(key, life)
        case 17 where tokens[key] != 0:
            let token = tokens[key]
            try ask(key, 0x04, token: token) {
                Self.comparison($0).map {
                    .compareAndDelete(token: token, $0 == .stored(token: 0) ? .stored(token: nil) : $0)
                }
            }
        case 18:
            try ask(key, 0x11, value, extras: stored, isQuiet: true) {
                $0.status == 0 ? .set(value: text, flags: unique, token: nil, life: life) : nil
            }
        case 19:
            try ask(key, 0x14, isQuiet: true) { Self.told($0, no: 1).map { .delete(found: $0) } }
        default: try ask(key, 0x04) { Self.told($0, no: 1).map { .delete(found: $0) } }
        }
    }

    /// Counting where values are numbers, making the counter now and then; append and prepend elsewhere.
    private func change(_ key: Int, _ life: Int) throws {
        let isOther = random.below(2) == 0
        let delta = UInt64(1 + random.below(9))
        guard size == .counters else {
            let added = (isOther ? "-" : "+") + "\(delta)"
            return try ask(key, isOther ? 0x0F : 0x0E, Array(added.utf8)) { reply in
                Self.told(reply, no: 5).map {
                    isOther
                        ? .prepend(added, stored: $0, token: $0 ? reply.token : nil)
                        : .append(added, stored: $0, token: $0 ? reply.token : nil)
                }
            }
        }
        let birth =
            random.below(3) == 0
            ? ItemModel.Birth(number: 1_000_000_000 + UInt64(commandCount * 64 + number), life: life) : nil
        let extras =
            BinaryPacket.bytes(delta) + BinaryPacket.bytes(birth?.number ?? 0)
            + BinaryPacket.bytes(birth.map { UInt32($0.life) } ?? .max)
        try ask(key, isOther ? 0x06 : 0x05, extras: extras) { reply in
            guard reply.status <= 1 else { return nil }
            let result = reply.status == 0 ? reply.value.reduce(UInt64(0)) { $0 << 8 | UInt64($1) } : nil
            let token = result == nil ? nil : reply.token
            return isOther
                ? .decrement(by: delta, result: result, token: token, birth: birth)
                : .increment(by: delta, result: result, token: token, birth: birth)
        }
    }

    private func read(
        _ key: Int, _ opcode: UInt8, _ extras: [UInt8], _ operation: (ItemModel.Item?) -> ItemModel.Operation
    ) throws {
        try ask(key, opcode, extras: extras) { reply in
            guard let isThere = Self.told(reply, no: 1) else { return nil }
            guard isThere else { return operation(nil) }
            self.tokens[key] = reply.token
            let flags = reply.extras.reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
            return operation(
                ItemModel.Item(value: HotValue.summary(reply.value), flags: flags, token: reply.token))
        }
    }

    /// Whether what was asked for is done; nil for a status that says neither.
    private static func told(_ reply: BinaryPacket, no: UInt16) -> Bool? {
        reply.status == 0 ? true : reply.status == no ? false : nil
    }

    private static func comparison(_ reply: BinaryPacket) -> ItemModel.CompareResult? {
        switch reply.status {
        case 0: .stored(token: reply.token)
        case 1: .notFound
        case 2: .exists
        default: nil
        }
    }

    /// Sends a request, a noop behind it where it is quiet, and notes the answer; of a quiet one that is not answered,
    /// that it was done.
    private func ask(
        _ key: Int, _ opcode: UInt8, _ value: [UInt8] = [], extras: [UInt8] = [], token: UInt64 = 0,
        isQuiet: Bool = false, _ answer: (BinaryPacket) -> ItemModel.Operation?
    ) throws {
        let request = BinaryPacket(opcode, key: keys[key], value: value, extras: extras, token: token)
        let began = clock.next()
        try client.send(request.bytes + (isQuiet ? BinaryPacket(Self.noop).bytes : []))
        var reply = try receive()
        if isQuiet {
            if reply.opcode == Self.noop { reply = .reply(opcode) } else { _ = try receive() }
        }
        guard reply.opcode == opcode, let operation = answer(reply) else {
            throw UnexpectedReply(to: opcode, reply: reply)
        }
        calls.append(
            KeyedCall(key: key, call: Call(client: number, operation: operation, began: began, ended: clock.next())))
    }

    private static let noop: UInt8 = 0x0A

    private func receive() throws -> BinaryPacket {
        let header = try client.receive(24)
        guard header.count == 24 else { throw UnexpectedReply(to: 0, reply: nil) }
        let bodyCount = header[8..<12].reduce(0) { $0 << 8 | Int($1) }
        guard let packet = BinaryPacket.all(header + (try client.receive(bodyCount)))?.first else {
            throw UnexpectedReply(to: 0, reply: nil)
        }
        return packet
    }

    private func newValue(_ unique: UInt32) -> [UInt8] {
        switch size {
        case .counters: Array("\(1_000_000 + Int(unique))".utf8)
        case .large: HotValue.make(client: number, number: commandCount, letterCount: 4070 + commandCount % 40)
        default: HotValue.make(client: number, number: commandCount, letterCount: commandCount % 40)
        }
    }
}
