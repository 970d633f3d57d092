/// A server double for commands about hot keys, classic, meta and binary, whose items have flags and tokens; right, but
/// for one thing.
package struct HotBrain: ServerBrain {
    /// What goes wrong, once in so many reads or stores that could.
    package enum Fault: Sendable, Equatable {
        /// A read brings what was replaced `versions` stores ago.
        case stale(versions: Int, every: Int)
        /// A read brings the value with the token of the version before.
        case mixedToken(every: Int)
        /// A read brings the value with the flags of the version before.
        case mixedFlags(every: Int)
        /// Half of the value is the version's before.
        case torn(every: Int)
        /// A change is acknowledged and has no effect.
        case lostUpdate(every: Int)
        /// A stale token is accepted.
        case blindCompare(every: Int)
        /// `add` replaces what is there.
        case blindAdd(every: Int)
        /// What was missing is back.
        case resurrected(every: Int)
        /// Items vanish, as they may in a cache.
        case evicting(every: Int)
        /// A store is acknowledged, and nothing is there.
        case lostStore(every: Int)
        /// `delete` says that nothing was there, and leaves it.
        case blindDelete(every: Int)
        /// `replace` is refused, though something is there.
        case refusedReplace(every: Int)
        /// A new version's token is lower than the one before, and was nobody's.
        case fallenToken(every: Int)
        /// A new version has the token of one before.
        case sameToken(every: Int)
        /// A life is given and acknowledged, and stays as it was.
        case lostTouch(every: Int)
        /// What is stale, or was made of nothing, is won a second time.
        case wonTwice(every: Int)
        /// A command that asks for no reply is not carried out.
        case lostQuiet(every: Int)
        /// What `prepend` brings goes behind.
        case misplaced(every: Int)
        /// A read behind a change of the same packet sees what was there before the packet.
        case unordered(every: Int)
        /// A packet does not have the opaque of the one that it answers.
        case strangeOpaque(every: Int)

        /// Only meta commands show it.
        package var isMeta: Bool {
            switch self {
            case .lostTouch, .wonTwice: true
            default: false
            }
        }
    }

    struct Item {
        var value: [UInt8]
        var flags: String
        var token: UInt64
        var life = "0"
        var isStale = false
        var isWon = false
    }

    struct Key {
        var item: Item?
        /// Items that were replaced or removed, the last one first.
        var past: [Item] = []
    }

    private static let pastMax = 16

    let fault: Fault?
    private let isForBinaryOnly: Bool
    /// Whether the command is a packet of the binary protocol.
    private var isPacket = false
    private(set) var keys: [String: Key] = [:]
    private var token: UInt64 = 1 << 41
    private var countdown = 0
    /// For `fallenToken`: below all others.
    private var lowToken: UInt64 = 1 << 40
    /// The items before this packet, of keys that it has changed.
    private var before: [String: Item?] = [:]

    /// `isForBinaryOnly`: what goes wrong does so in the binary protocol alone.
    package init(_ fault: Fault? = nil, isForBinaryOnly: Bool = false) {
        self.fault = fault
        self.isForBinaryOnly = isForBinaryOnly
    }

    package mutating func answer(_ input: inout [UInt8], _ output: inout [UInt8]) -> Int {
        var position = 0
        var count = 0
        before = [:]
        while position < input.count {
            isPacket = input[position] == Self.requestMagic
            if isPacket {
                guard let end = Self.packetEnd(input, position) else { break }
                output += reply(packet: Array(input[position..<end]))
                position = end
                count += 1
                continue
            }
            guard let end = input[position...].firstIndex(of: 10) else { break }
            let words = String(decoding: input[position..<end], as: UTF8.self).split(whereSeparator: \.isWhitespace)
                .map(String.init)
            var next = end + 1
            var value: [UInt8] = []
            if let bytes = Self.valueBytes(words) {
                guard input.count >= next + bytes + 2 else { break }
                value = Array(input[next..<next + bytes])
                next += bytes + 2
            }
            position = next
            count += 1
            output += reply(words, value)
        }
        input.removeFirst(position)
        return count
    }

    private static func valueBytes(_ words: [String]) -> Int? {
        switch words.first {
        case "set", "add", "replace", "append", "prepend", "cas": words.count > 4 ? Int(words[4]) : nil
        case "ms": words.count > 2 ? Int(words[2]) : nil
        default: nil
        }
    }

    /// True once in `every` calls.
    mutating func strikes(_ every: Int) -> Bool {
        if isForBinaryOnly, !isPacket { return false }
        countdown += 1
        guard countdown >= every else { return false }
        countdown = 0
        return true
    }

    // MARK: Requests

    private mutating func reply(_ words: [String], _ value: [UInt8]) -> [UInt8] {
        let isMeta = words.first?.first == "m" && words.first?.count == 2
        let isQuiet = isMeta ? words.dropFirst(2).contains("q") : words.last == "noreply"
        if isQuiet, case .lostQuiet(let every) = fault, words.first != "mg", strikes(every) { return [] }
        var answer = carryOut(isMeta || !isQuiet ? words : Array(words.dropLast()), value)
        guard isMeta else { return isQuiet ? [] : answer }
        let status = String(decoding: answer.prefix(2), as: UTF8.self)
        if isQuiet, words[0] == "mg" ? status == "EN" : status == "HD" || status == "VA" { return [] }
        if let opaque = Self.flag("O", Array(words.dropFirst(2))) {
            answer.insert(contentsOf: Array(" O\(opaque)".utf8), at: answer.firstIndex(of: 13) ?? answer.count)
        }
        return answer
    }

    private mutating func carryOut(_ words: [String], _ value: [UInt8]) -> [UInt8] {
        let verb = words.first ?? ""
        let flags = Array(words.dropFirst(2))
        if words.count > 1 { evict(words[1]) }
        switch verb {
        case "version": return Array("VERSION double\r\n".utf8)
        case "flush_all": return Array("OK\r\n".utf8)
        case "stats": return Array("STAT double 1\r\nEND\r\n".utf8)
        case "get", "gets":
            return words.dropFirst().flatMap { classicValue($0, verb != "get") } + Array("END\r\n".utf8)
        case "gat", "gats":
            return words.dropFirst(2).flatMap { key in
                let text = classicValue(key, verb == "gats")
                touch(key, words[1])
                return text
            } + Array("END\r\n".utf8)
        case "touch": return Array((touch(words[1], words[2]) ? "TOUCHED\r\n" : "NOT_FOUND\r\n").utf8)
        case "mg": return metaValue(words[1], flags)
        case "set", "add", "replace", "append", "prepend", "cas":
            let answer = store(
                words[1], verb, value, words[2], life: words[3], compare: verb == "cas" ? UInt64(words[5]) : nil)
            return Array(
                ((["HD": "STORED", "NS": "NOT_STORED", "EX": "EXISTS", "NF": "NOT_FOUND"][answer] ?? "") + "\r\n").utf8)
        case "ms":
            let modes = ["ME": "add", "MR": "replace", "MA": "append", "MP": "prepend"]
            let answer = store(
                words[1], flags.lazy.compactMap { modes[$0] }.first ?? "set", value, Self.flag("F", flags) ?? "0",
                life: Self.flag("T", flags) ?? "0", compare: Self.flag("C", flags).flatMap { UInt64($0) })
            return Array("\(answer)\(tokenWord(words[1], flags, answer))\r\n".utf8)
        case "incr", "decr": return Array((count(words[1], verb, words[2]) ?? "NOT_FOUND").utf8) + [13, 10]
        case "ma":
            guard
                let number = count(words[1], flags.contains("MD") ? "decr" : "incr", Self.flag("D", flags) ?? "1")
                    ?? vivifyNumber(words[1], flags)
            else {
                return Array("NF\r\n".utf8)
            }
            return Array("VA \(number.utf8.count)\(tokenWord(words[1], flags, "HD"))\r\n\(number)\r\n".utf8)
        case "delete": return Array((remove(words[1], nil) == "HD" ? "DELETED\r\n" : "NOT_FOUND\r\n").utf8)
        case "md" where flags.contains("I"): return Array((invalidate(words[1], flags) + "\r\n").utf8)
        case "md": return Array("\(remove(words[1], Self.flag("C", flags).flatMap { UInt64($0) }))\r\n".utf8)
        default: return Array("ERROR\r\n".utf8)
        }
    }

    private static func flag(_ letter: Character, _ flags: [String]) -> String? {
        flags.first { $0.first == letter && $0.count > 1 }.map { String($0.dropFirst()) }
    }

    private func tokenWord(_ key: String, _ flags: [String], _ answer: String) -> String {
        guard answer == "HD", flags.contains("c"), let item = keys[key]?.item else { return "" }
        return " c\(item.token)"
    }

    // MARK: Changes

    mutating func evict(_ key: String) {
        guard case .evicting(let every) = fault, keys[key]?.item != nil, strikes(every) else { return }
        change(key, to: nil)
    }

    private mutating func change(_ key: String, to item: Item?) {
        var state = keys[key] ?? Key()
        if before[key] == nil { before[key] = .some(state.item) }
        if let old = state.item { state.past = [old] + state.past.prefix(Self.pastMax) }
        state.item = item
        keys[key] = state
    }

    /// The status in the words of meta commands.
    mutating func store(
        _ key: String, _ verb: String, _ value: [UInt8], _ flags: String, life: String, compare: UInt64?
    ) -> String {
        var item = Item(value: value, flags: flags, token: 0, life: life)
        let old = keys[key]?.item
        if let compare {
            guard let old else { return "NF" }
            if old.token != compare {
                guard case .blindCompare(let every) = fault, strikes(every) else { return "EX" }
            }
        }
        switch verb {
        case "add" where old != nil:
            guard case .blindAdd(let every) = fault, strikes(every) else { return "NS" }
        case "replace" where old == nil: return "NS"
        case "replace":
            if case .refusedReplace(let every) = fault, strikes(every) { return "NS" }
        case "append":
            guard let old else { return "NS" }
            item = Item(value: old.value + value, flags: old.flags, token: 0, life: old.life)
        case "prepend":
            guard let old else { return "NS" }
            item = Item(value: value + old.value, flags: old.flags, token: 0, life: old.life)
            if case .misplaced(let every) = fault, strikes(every) { item.value = old.value + value }
        default: break
        }
        item.token = nextToken(key)
        if case .lostUpdate(let every) = fault, old != nil, strikes(every) { return "HD" }
        if case .lostStore(let every) = fault, strikes(every) {
            change(key, to: nil)
            return "HD"
        }
        change(key, to: item)
        return "HD"
    }

    private mutating func nextToken(_ key: String) -> UInt64 {
        token += 1
        switch fault {
        case .fallenToken(let every):
            guard strikes(every) else { break }
            lowToken -= 1
            return lowToken
        case .sameToken(let every):
            guard let old = keys[key]?.past.first, keys[key]?.item == nil, strikes(every) else { break }
            return old.token
        default: break
        }
        return token
    }

    mutating func count(_ key: String, _ verb: String, _ delta: String) -> String? {
        guard var item = keys[key]?.item, let delta = UInt64(delta),
            let number = UInt64(String(decoding: item.value, as: UTF8.self))
        else { return nil }
        let result = verb == "incr" ? number &+ delta : number < delta ? 0 : number - delta
        item.token = nextToken(key)
        item.value = Array("\(result)".utf8)
        if case .lostUpdate(let every) = fault, strikes(every) { return "\(result)" }
        change(key, to: item)
        return "\(result)"
    }

    /// `ma` with N on a miss.
    mutating func vivifyNumber(_ key: String, _ flags: [String]) -> String? {
        guard keys[key]?.item == nil, let life = Self.flag("N", flags), let seed = Self.flag("J", flags) else {
            return nil
        }
        change(key, to: Item(value: Array(seed.utf8), flags: "0", token: nextToken(key), life: life))
        return seed
    }

    @discardableResult
    mutating func touch(_ key: String, _ life: String) -> Bool {
        guard keys[key]?.item != nil else { return false }
        if case .lostTouch(let every) = fault, strikes(every) { return true }
        keys[key]?.item?.life = life
        return true
    }

    private mutating func invalidate(_ key: String, _ flags: [String]) -> String {
        guard var item = keys[key]?.item else { return "NF" }
        item.token = nextToken(key)
        item.isStale = true
        item.isWon = false
        if let life = Self.flag("T", flags) { item.life = life }
        change(key, to: item)
        return "HD"
    }

    mutating func remove(_ key: String, _ compare: UInt64?) -> String {
        guard let item = keys[key]?.item else { return "NF" }
        if let compare, compare != item.token { return "EX" }
        if compare == nil, case .blindDelete(let every) = fault, strikes(every) { return "NF" }
        change(key, to: nil)
        return "HD"
    }

    // MARK: Reads

    private mutating func classicValue(_ key: String, _ hasToken: Bool) -> [UInt8] {
        guard let item = found(key) else { return [] }
        let token = hasToken ? " \(item.token)" : ""
        return Array("VALUE \(key) \(item.flags) \(item.value.count)\(token)\r\n".utf8) + item.value + [13, 10]
    }

    private mutating func metaValue(_ key: String, _ flags: [String]) -> [UInt8] {
        if keys[key]?.item == nil, let life = Self.flag("N", flags) {
            let item = Item(value: [], flags: "0", token: nextToken(key), life: life, isWon: true)
            change(key, to: item)
            return Self.metaValue(item, flags, "W")
        }
        guard let item = found(key) else { return Array("EN\r\n".utf8) }
        let text = Self.metaValue(item, flags, marks(key, item))
        if let life = Self.flag("T", flags) { touch(key, life) }
        return text
    }

    private mutating func marks(_ key: String, _ item: Item) -> String {
        if item.isWon {
            if case .wonTwice(let every) = fault, strikes(every) { return item.isStale ? "W X" : "W" }
            return item.isStale ? "Z X" : "Z"
        }
        if item.isStale { keys[key]?.item?.isWon = true }
        return item.isStale ? "W X" : ""
    }

    private static func metaValue(_ item: Item, _ flags: [String], _ marks: String) -> [UInt8] {
        var line = "VA \(item.value.count) f\(item.flags) c\(item.token)"
        if flags.contains("t") { line += " t\(item.life == "0" ? "-1" : item.life)" }
        if !marks.isEmpty { line += " " + marks }
        return Array((line + "\r\n").utf8) + item.value + [13, 10]
    }

    /// The item, or what a broken server takes for it.
    mutating func found(_ key: String) -> Item? {
        if case .unordered(let every) = fault, let old = before[key], strikes(every) { return old }
        let past = keys[key]?.past ?? []
        guard var item = keys[key]?.item else {
            if case .resurrected(let every) = fault, let dead = past.first, strikes(every) { return dead }
            return nil
        }
        guard let old = past.first else { return item }
        switch fault {
        case .stale(let versions, let every):
            if past.count >= versions, strikes(every) { return past[versions - 1] }
        case .mixedToken(let every):
            if strikes(every) { item.token = old.token }
        case .mixedFlags(let every):
            if old.flags != item.flags, strikes(every) { item.flags = old.flags }
        case .torn(let every):
            let half = min(old.value.count, item.value.count) / 2
            if half > 8, strikes(every) { item.value.replaceSubrange(half..., with: old.value[half...]) }
        default: break
        }
        return item
    }
}
