import StoreTesting

/// One command about hot keys, as it is sent, and how its reply is to be read.
struct HotCommand {
    /// How the reply looks.
    enum Form {
        /// `VALUE` lines up to `END`, one key or several; with tokens or without.
        case values(keys: [Int], hasTokens: Bool)
        case metaValue
        /// A word, or for meta commands a status with flags.
        case verdict
        /// A number, or `VA` with one for a block.
        case number
    }

    /// What is asked for, without its answer.
    enum Intent {
        case get
        case set(value: String, flags: UInt32)
        case add(value: String, flags: UInt32)
        case compareAndSet(token: UInt64, value: String, flags: UInt32)
        case append(String)
        case increment(UInt64)
        case decrement(UInt64)
        case delete
        case compareAndDelete(token: UInt64)
    }

    let key: Int
    let form: Form
    let intent: Intent
    let bytes: [UInt8]

    init(_ key: Int, _ form: Form, _ intent: Intent, _ line: String, value: [UInt8]? = nil) {
        self.key = key
        self.form = form
        self.intent = intent
        bytes = Array((line + "\r\n").utf8) + (value.map { $0 + [13, 10] } ?? [])
    }
}

/// How large values are: in place, growing over their chunk now and then, sent in place, or received in place, too.
enum HotSize: Int, CaseIterable, Sendable {
    case counters, small, large, huge
}

/// Makes the commands of one connection: a seed, a number, and the tokens it has seen.
struct HotCommandSource {
    let client: Int
    let size: HotSize
    /// The names of the keys.
    let names: [String]
    /// The last token seen of each key.
    private var tokens: [UInt64]
    /// The key whose token was seen last, until it is used.
    private var freshKey: Int?
    private var random: SplitMix
    private var number = 0

    init(client: Int, size: HotSize, names: [String], seed: UInt64) {
        self.client = client
        self.size = size
        self.names = names
        tokens = [UInt64](repeating: 1, count: names.count)
        random = SplitMix(seed: seed &+ UInt64(client))
    }

    /// A reply told the token of a key.
    mutating func note(token: UInt64, of key: Int) {
        tokens[key] = token
        freshKey = key
    }

    /// How many commands to send at once.
    mutating func pipelineLength() -> Int { random.below(3) == 0 ? 2 + random.below(3) : 1 }

    mutating func next() -> HotCommand {
        number += 1
        // Old tokens match nothing: half of the new ones are used at once.
        if let key = freshKey, random.below(2) == 0 {
            freshKey = nil
            return random.below(8) == 0 ? compareAndDelete(key) : compareAndSet(key)
        }
        let key = random.below(names.count)
        switch random.below(24) {
        case ..<10: return read(key)
        case ..<13: return store(key)
        case 13: return compareAndSet(key)
        case ..<21: return change(key)
        case 21: return add(key)
        case 22: return compareAndDelete(key)
        default: return delete(key)
        }
    }

    private mutating func read(_ key: Int) -> HotCommand {
        let name = names[key]
        switch random.below(6) {
        case 0: return HotCommand(key, .values(keys: [key], hasTokens: false), .get, "get \(name)")
        case 1: return HotCommand(key, .values(keys: [key], hasTokens: true), .get, "gats 1000 \(name)")
        case 2:
            let all = names.joined(separator: " ")
            return HotCommand(key, .values(keys: Array(names.indices), hasTokens: true), .get, "gets \(all)")
        case 3: return HotCommand(key, .metaValue, .get, "mg \(name) v f c")
        case 4: return HotCommand(key, .metaValue, .get, "mg \(name) c t O\(number) v k f")
        default: return HotCommand(key, .values(keys: [key], hasTokens: true), .get, "gets \(name)")
        }
    }

    private mutating func store(_ key: Int) -> HotCommand {
        let (value, flags) = newValue()
        let intent = HotCommand.Intent.set(value: HotValue.summary(value), flags: flags)
        let line =
            random.below(5) == 0
            ? "set \(names[key]) \(flags) 0 \(value.count)" : "ms \(names[key]) \(value.count) F\(flags) c"
        return HotCommand(key, .verdict, intent, line, value: value)
    }

    private mutating func add(_ key: Int) -> HotCommand {
        let (value, flags) = newValue()
        let intent = HotCommand.Intent.add(value: HotValue.summary(value), flags: flags)
        let line =
            random.below(5) == 0
            ? "add \(names[key]) \(flags) 0 \(value.count)" : "ms \(names[key]) \(value.count) ME c F\(flags)"
        return HotCommand(key, .verdict, intent, line, value: value)
    }

    private mutating func compareAndSet(_ key: Int) -> HotCommand {
        let (value, flags) = newValue()
        let token = tokens[key]
        let intent = HotCommand.Intent.compareAndSet(token: token, value: HotValue.summary(value), flags: flags)
        let line =
            random.below(2) == 0
            ? "cas \(names[key]) \(flags) 0 \(value.count) \(token)"
            : "ms \(names[key]) \(value.count) C\(token) F\(flags) c"
        return HotCommand(key, .verdict, intent, line, value: value)
    }

    /// Counting where values are numbers, appending elsewhere.
    private mutating func change(_ key: Int) -> HotCommand {
        let delta = UInt64(1 + random.below(size == .counters ? 500_000 : 9))
        let style = random.below(6)
        guard size == .counters else {
            let added = "+\(delta)"
            let line =
                style == 0
                ? "append \(names[key]) 0 0 \(added.utf8.count)" : "ms \(names[key]) \(added.utf8.count) MA c"
            return HotCommand(key, .verdict, .append(added), line, value: Array(added.utf8))
        }
        switch style {
        case 0: return HotCommand(key, .number, .increment(delta), "incr \(names[key]) \(delta)")
        case 1: return HotCommand(key, .number, .decrement(delta), "decr \(names[key]) \(delta)")
        case ..<4: return HotCommand(key, .number, .increment(delta), "ma \(names[key]) D\(delta) c v")
        default: return HotCommand(key, .number, .decrement(delta), "ma \(names[key]) MD D\(delta) v c")
        }
    }

    private mutating func delete(_ key: Int) -> HotCommand {
        let line = random.below(2) == 0 ? "delete \(names[key])" : "md \(names[key]) O7 k"
        return HotCommand(key, .verdict, .delete, line)
    }

    private func compareAndDelete(_ key: Int) -> HotCommand {
        let token = tokens[key]
        return HotCommand(key, .verdict, .compareAndDelete(token: token), "md \(names[key]) C\(token)")
    }

    /// A value that no other command stores, and flags that go with no other.
    private mutating func newValue() -> ([UInt8], UInt32) {
        let value =
            switch size {
            // Numbers that get longer and shorter.
            case .counters: Array("\((number % 2 == 0 ? 100_000_000 : 1_000_000) + number * 64 + client)".utf8)
            case .small: HotValue.make(client: client, number: number, letterCount: number % 40)
            case .large: HotValue.make(client: client, number: number, letterCount: 4070 + number % 40)
            case .huge: HotValue.make(client: client, number: number, letterCount: 17_000 + number % 4000)
            }
        return (value, UInt32(number * 64 + client))
    }
}
