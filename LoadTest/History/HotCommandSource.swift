import LoadEngine
import LoadWorkload

/// Makes the commands of one connection: a seed, a number, and the tokens it has seen.
package struct HotCommandSource: Sendable {
    let client: Int
    /// The hot keys, with the size of their values.
    let keys: [HotKey]
    /// nil: commands of both protocols in turns.
    var wire: WireProtocol?
    /// Commands sent at once, at most.
    var depthMax = 4
    /// Share of commands that store cold items.
    var pressure = 0.0
    /// The last token seen of each key.
    private var tokens: [UInt64]
    /// The key whose token was seen last, until it is used.
    private var freshKey: Int?
    private var random: RandomSource
    private var number = 0

    /// Bytes of a cold item, about.
    private static let coldLetterCount = 50_000

    package init(client: Int, keys: [HotKey], seed: UInt64) {
        self.client = client
        self.keys = keys
        tokens = [UInt64](repeating: 1, count: keys.count)
        random = RandomSource(seed: seed, stream: UInt64(client))
    }

    /// A reply told the token of a key.
    mutating func note(token: UInt64, of key: Int) {
        tokens[key] = token
        freshKey = key
    }

    /// How many commands to send at once.
    mutating func pipelineLength() -> Int { depthMax > 1 && below(3) == 0 ? 2 + below(depthMax - 1) : 1 }

    mutating func next() -> HotCommand {
        number += 1
        if pressure > 0, random.unit() < pressure { return cold() }
        // Old tokens match nothing: half of the new ones are used at once.
        if let key = freshKey, below(2) == 0 {
            freshKey = nil
            return below(8) == 0 ? compareAndDelete(key) : compareAndSet(key)
        }
        let key = below(keys.count)
        switch below(25) {
        case ..<10: return read(key)
        case ..<13: return store(key)
        case 13: return compareAndSet(key)
        case ..<21: return change(key)
        case 21: return conditional(key, "add", "ME") { .add(value: $0, flags: $1) }
        case 22: return conditional(key, "replace", "MR") { .replace(value: $0, flags: $1) }
        case 23: return compareAndDelete(key)
        default: return delete(key)
        }
    }

    /// A store that needs nothing and changes everything: with it a key's history may begin.
    mutating func store(_ key: Int) -> HotCommand {
        number += 1
        let (value, flags) = newValue(key)
        let intent = HotCommand.Intent.set(value: HotValue.summary(value), flags: flags)
        let line =
            isMeta(of: 5, classic: 1)
            ? "ms \(keys[key].name) \(value.count) F\(flags) c" : "set \(keys[key].name) \(flags) 0 \(value.count)"
        return HotCommand(key, .verdict, intent, line, value: value)
    }

    mutating func delete(_ key: Int) -> HotCommand {
        let line = isMeta(of: 2, classic: 1) ? "md \(keys[key].name) O7 k" : "delete \(keys[key].name)"
        return HotCommand(key, .verdict, .delete, line)
    }

    // MARK: Commands

    private mutating func below(_ bound: Int) -> Int { Int(random.next(below: UInt64(bound))) }

    /// Whether the next command is a meta command: `classic` in `count` are not, where both are wanted.
    private mutating func isMeta(of count: Int, classic: Int) -> Bool {
        wire.map { $0 == .meta } ?? (below(count) >= classic)
    }

    private mutating func read(_ key: Int) -> HotCommand {
        let name = keys[key].name
        if isMeta(of: 6, classic: 4) {
            return HotCommand(
                key, .metaValue, .get, below(2) == 0 ? "mg \(name) v f c" : "mg \(name) c t O\(number) v k f")
        }
        switch below(4) {
        case 0: return HotCommand(key, .values(keys: [key], hasTokens: false), .get, "get \(name)")
        case 1: return HotCommand(key, .values(keys: [key], hasTokens: true), .get, "gats 1000 \(name)")
        case 2:
            let all = keys.map(\.name).joined(separator: " ")
            return HotCommand(key, .values(keys: Array(keys.indices), hasTokens: true), .get, "gets \(all)")
        default: return HotCommand(key, .values(keys: [key], hasTokens: true), .get, "gets \(name)")
        }
    }

    private mutating func conditional(
        _ key: Int, _ verb: String, _ mode: String, _ intent: (String, UInt32) -> HotCommand.Intent
    ) -> HotCommand {
        let (value, flags) = newValue(key)
        let line =
            isMeta(of: 5, classic: 1)
            ? "ms \(keys[key].name) \(value.count) \(mode) c F\(flags)"
            : "\(verb) \(keys[key].name) \(flags) 0 \(value.count)"
        return HotCommand(key, .verdict, intent(HotValue.summary(value), flags), line, value: value)
    }

    private mutating func compareAndSet(_ key: Int) -> HotCommand {
        let (value, flags) = newValue(key)
        let token = tokens[key]
        let intent = HotCommand.Intent.compareAndSet(token: token, value: HotValue.summary(value), flags: flags)
        let line =
            isMeta(of: 2, classic: 1)
            ? "ms \(keys[key].name) \(value.count) C\(token) F\(flags) c"
            : "cas \(keys[key].name) \(flags) 0 \(value.count) \(token)"
        return HotCommand(key, .verdict, intent, line, value: value)
    }

    /// Counting where values are numbers, appending elsewhere.
    private mutating func change(_ key: Int) -> HotCommand {
        let name = keys[key].name
        let isCounter = keys[key].size == .counters
        let delta = UInt64(1 + below(isCounter ? 500_000 : 9))
        let isMeta = isMeta(of: 6, classic: isCounter ? 2 : 1)
        guard isCounter else {
            let added = "+\(delta)"
            let line = isMeta ? "ms \(name) \(added.utf8.count) MA c" : "append \(name) 0 0 \(added.utf8.count)"
            return HotCommand(key, .verdict, .append(added), line, value: Array(added.utf8))
        }
        if below(2) == 0 {
            let line = isMeta ? "ma \(name) D\(delta) c v" : "incr \(name) \(delta)"
            return HotCommand(key, .number, .increment(delta), line)
        }
        let line = isMeta ? "ma \(name) MD D\(delta) v c" : "decr \(name) \(delta)"
        return HotCommand(key, .number, .decrement(delta), line)
    }

    /// Only meta commands can.
    private mutating func compareAndDelete(_ key: Int) -> HotCommand {
        if wire == .classic { return delete(key) }
        let token = tokens[key]
        return HotCommand(
            key, .verdict, .compareAndDelete(token: token), "md \(keys[key].name) C\(token)")
    }

    private func cold() -> HotCommand {
        let value = HotValue.make(client: client, number: number, letterCount: Self.coldLetterCount)
        let line = "set \(keys[0].name).cold.\(client).\(number) 0 0 \(value.count)"
        return HotCommand(0, .verdict, .pressure, line, value: value)
    }

    /// A value that no other command stores, and flags that go with no other.
    private func newValue(_ key: Int) -> ([UInt8], UInt32) {
        let size = keys[key].size
        let value =
            size == .counters
            ? Array("\((number % 2 == 0 ? 100_000_000 : 1_000_000) + number * 64 + client)".utf8)
            : HotValue.make(client: client, number: number, letterCount: size.letterCount(number))
        return (value, UInt32(truncatingIfNeeded: number * 64 + client))
    }
}

/// A key for which all connections compete.
package struct HotKey: Sendable {
    package var name: String
    package var size: HotSize

    package init(name: String, size: HotSize) {
        self.name = name
        self.size = size
    }
}
