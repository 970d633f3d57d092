import LoadEngine
import LoadWorkload

/// Makes the commands of one connection: a seed, a number, and the tokens it has seen.
package struct HotCommandSource: Sendable {
    let client: Int
    /// The hot keys, with the size of their values.
    let keys: [HotKey]
    /// nil: classic and meta commands in turns.
    var wire: WireProtocol?
    /// Whether it speaks the binary protocol, whatever `wire` is.
    package var isBinary = false
    /// Commands sent at once, at most.
    var depthMax = 4
    /// Share of commands that store cold items.
    var pressure = 0.0
    /// Whether the server may evict: then what a command without a full answer did can be anybody's guess.
    package var mayEvict = false
    /// Whether to ask what other servers do not know, or do otherwise: E, ms with I or N, md with x, marks on counters.
    package var isMartlet = false
    /// Whether to flush everything now and then, exactly.
    package var flushes = false
    /// The last token seen of each key.
    var tokens: [UInt64]
    /// The key whose token was seen last, until it is used.
    private var freshKey: Int?
    private var random: RandomSource
    var number = 0
    /// Commands of the binary protocol that were made.
    var packetCount: UInt32 = 0

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
        if flushes, below(400) == 0 {
            return isBinary ? packet(0, .flush, isQuiet: false) : HotCommand(0, .verdict, .flush, "flush_all")
        }
        // Old tokens match nothing: half of the new ones are used at once.
        if let key = freshKey, below(2) == 0 {
            freshKey = nil
            return below(8) == 0 ? compareAndDelete(key) : compareAndSet(key)
        }
        let key = below(keys.count)
        switch below(50) {
        case ..<17: return below(8) == 0 ? quietRead(key) : read(key)
        case ..<22: return store(key, mayBeQuiet: true)
        case ..<24: return compareAndSet(key)
        case ..<35: return change(key)
        case 35, 36: return add(key)
        case 37, 38: return replace(key)
        case 39: return compareAndDelete(key)
        case ..<42: return delete(key, mayBeQuiet: true)
        case ..<46: return touch(key)
        case ..<48: return invalidate(key)
        default: return vivify(key)
        }
    }

    // MARK: Choices

    mutating func below(_ bound: Int) -> Int { Int(random.next(below: UInt64(bound))) }

    /// Whether the next command is a meta command: `classic` in `count` are not, where both are wanted.
    mutating func isMeta(of count: Int, classic: Int) -> Bool {
        wire.map { $0 == .meta } ?? (below(count) >= classic)
    }

    /// Now and then a command that is quiet, as its protocol has it.
    ///
    /// Under pressure the server may have to refuse, unheard: then only what does not leave the old value is quiet
    /// (`losesAlways`), and nothing whose refusal would be taken for another command's.
    mutating func reply(isMeta: Bool, losesAlways: Bool = false) -> HotCommand.Reply {
        guard below(5) == 0, pressure == 0 || losesAlways && !isMeta else { return .always }
        return isMeta ? .unusual(opaque: "q\(number)") : .never
    }

    /// A life in seconds that hardly any other command gives, or for ever; more than a history lasts.
    mutating func life() -> Int {
        below(3) == 0 ? 0 : 100_000 + 1000 * ((number * 64 + client) % 2000)
    }

    /// The flag of a meta command for that.
    static func flag(_ letter: Character, life: Int) -> String { " \(letter)\(life)" }

    /// A value that no other command stores, and flags that go with no other.
    mutating func newValue(_ key: Int) -> ([UInt8], UInt32) {
        let size = keys[key].size
        let value =
            size == .counters
            ? Array("\((number % 2 == 0 ? 100_000_000 : 1_000_000) + number * 64 + client)".utf8)
            : HotValue.make(client: client, number: number, letterCount: size.letterCount(number))
        return (value, UInt32(truncatingIfNeeded: number * 64 + client))
    }

    // MARK: Reads

    /// Has an answer in any case.
    mutating func read(_ key: Int) -> HotCommand {
        if isBinary { return readPacket(key) }
        let name = keys[key].name
        if isMeta(of: 6, classic: 4) {
            return HotCommand(
                key, .metaValue, .get, below(2) == 0 ? "mg \(name) v f c" : "mg \(name) c t O\(number) v k f")
        }
        switch below(4) {
        case 0: return HotCommand(key, .values(keys: [key], hasTokens: false), .get, "get \(name)")
        case 1:
            let life = life()
            return HotCommand(
                key, .values(keys: [key], hasTokens: true), .getAndTouch(life: life), "gats \(life) \(name)")
        case 2:
            let all = keys.map(\.name).joined(separator: " ")
            return HotCommand(key, .values(keys: Array(keys.indices), hasTokens: true), .get, "gets \(all)")
        default: return HotCommand(key, .values(keys: [key], hasTokens: true), .get, "gets \(name)")
        }
    }

    /// A miss is not answered.
    private mutating func quietRead(_ key: Int) -> HotCommand {
        if isBinary { return packet(key, .get, isQuiet: true) }
        if wire == .classic { return read(key) }
        return HotCommand(
            key, .metaValue, .get, "mg \(keys[key].name) t v f c", reply: .unusual(opaque: "q\(number)"))
    }

    private mutating func touch(_ key: Int) -> HotCommand {
        if isBinary { return touchPacket(key) }
        let name = keys[key].name
        let life = life()
        if isMeta(of: 3, classic: 2) {
            // In front of T, what was left of the life before is told.
            return HotCommand(
                key, .metaValue, .getAndTouch(life: life), "mg \(name) t\(Self.flag("T", life: life)) c v f")
        }
        if below(3) > 0 {
            return HotCommand(
                key, .verdict, .touch(life: life), "touch \(name) \(life)",
                reply: reply(isMeta: false, losesAlways: true))
        }
        if below(4) > 0 {
            return HotCommand(
                key, .values(keys: [key], hasTokens: false), .getAndTouch(life: life), "gat \(life) \(name)")
        }
        let all = keys.map(\.name).joined(separator: " ")
        return HotCommand(
            key, .values(keys: Array(keys.indices), hasTokens: true), .getAndTouch(life: life), "gats \(life) \(all)")
    }

    private mutating func cold() -> HotCommand {
        let value = HotValue.make(client: client, number: number, letterCount: Self.coldLetterCount)
        let name = "\(keys[0].name).cold.\(client).\(number)"
        if isBinary { return packet(0, .pressure, value: value, isQuiet: false, name: name) }
        return HotCommand(0, .verdict, .pressure, "set \(name) 0 0 \(value.count)", value: value)
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
